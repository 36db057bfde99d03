/** Two tenants with two services each, and what a controller does with their branches. */
import { labelsAt, numberAt, objectAt, textAt, type JsonObject } from '../../src/model/json.ts';
import type { ApiDouble, Write } from './api-double.ts';

const ago = (hours: number): string =>
  new Date(Date.now() - hours * 3_600_000).toISOString().replace(/\.\d+/, '');

function service(name: string, namespace: string): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, annotations: { 'branchline.dev/context': `/${name}` } },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
  };
}

export interface Told {
  readonly version?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hours?: number;
  readonly namespace?: string;
  readonly app?: string;
  readonly replicas?: number;
}

export function workload(
  name: string,
  {
    version = 'master',
    annotations = {},
    hours = 1000,
    namespace = 'ww-green',
    app = 'fact-find-ui',
    replicas = 1,
  }: Told = {},
): JsonObject {
  const labels = { app, version };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      creationTimestamp: ago(hours),
      labels: { ...labels, 'helm.sh/chart': 'x' },
      annotations: { 'meta.helm.sh/release-name': 'x', ...annotations },
    },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'app',
              image: `registry.example.io:5000/${app}:1.2.3@sha256:abc`,
              env: [{ name: 'LOG', value: 'info' }],
            },
            { name: 'istio-proxy', image: 'proxy:1' },
          ],
        },
      },
    },
    status: { readyReplicas: replicas, replicas, updatedReplicas: replicas, observedGeneration: 99 },
  };
}

/** A branch as it lives, `hours` old. */
export function branch(id: string, told: Told = {}): JsonObject {
  return workload(`${told.app ?? 'fact-find-ui'}-${id.toLowerCase()}`, {
    version: id,
    hours: 1,
    ...told,
    annotations: { 'branchline.dev/branch': id, ...told.annotations },
  });
}

export function tenants(): readonly JsonObject[] {
  return ['ww-green', 'ww-red'].flatMap((namespace) => [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
        annotations: { 'branchline.dev/domain': `${namespace}.example.io` },
      },
    },
    ...['fact-find-ui', 'fact-find'].flatMap((name) => [
      service(name, namespace),
      workload(name, { namespace, app: name, replicas: 2 }),
    ]),
  ]);
}

/** Makes pods ready and writes routes for whatever is a branch and does not retire; takes the routes of the others away. */
export function control(write: Write | undefined, api: ApiDouble): void {
  if (write !== undefined && !write.target.startsWith('deployments/')) return;
  const routed = new Map<string, string[]>();
  for (const [target, object] of [...api.objects]) {
    const name = textAt(object, 'metadata', 'annotations', 'branchline.dev/branch');
    if (!target.startsWith('deployments/') || name === undefined) continue;
    const namespace = textAt(object, 'metadata', 'namespace') ?? '';
    const replicas = numberAt(object, 'spec', 'replicas') ?? 1;
    api.objects.set(target, {
      ...object,
      status: { readyReplicas: replicas, replicas, updatedReplicas: replicas, observedGeneration: 1_000_000 },
    });
    const app = labelsAt(object, 'spec', 'template', 'metadata', 'labels')['app'] ?? '';
    if (objectAt(object, 'metadata', 'annotations')['branchline.dev/retiring'] === undefined && replicas > 0)
      routed.set(`${namespace}/${app}`, [...(routed.get(`${namespace}/${app}`) ?? []), name]);
  }
  for (const target of [...api.objects.keys()])
    if (/^(virtualservices|destinationrules)\//.test(target)) api.objects.delete(target);
  for (const [key, ids] of routed) {
    const [namespace = '', app = ''] = key.split('/');
    const host = `${app}.${namespace}.svc.cluster.local`;
    const labels = { 'app.kubernetes.io/managed-by': 'branchline' };
    api.put({
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: app, namespace, labels },
      spec: { host, subsets: ids.map((id) => ({ name: id.toLowerCase(), labels: { version: id } })) },
    });
    for (const entry of ['mesh', 'ingress'])
      api.put({
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: `${app}-${entry}`, namespace, labels },
        spec: {
          ...(entry === 'mesh' ? { hosts: [host] } : {}),
          http: ids.map((id) => ({ route: [{ destination: { host, subset: id.toLowerCase() } }] })),
        },
      });
  }
}
