/** Generated clusters for properties: a few namespaces, services that overlap, branches in every state, foreign routes. */
import fc from '../property.ts';
import type { JsonObject } from '../../src/model/json.ts';

const key = (name: string): string => `branchline.dev/${name}`;

function annotations(declared: Readonly<Record<string, string | undefined>>): JsonObject {
  return {
    annotations: Object.fromEntries(
      Object.entries(declared)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [key(name), value]),
    ),
  };
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

export const branchNames = ['OPS-1', 'ops-1', 'OPS-12', 'a.b', 'a_b', 'feature/x', 'Master', 'v1'];
export const serviceNames = ['one', 'two', 'three'];
const namespaceNames = ['green', 'red'];

const workload = fc.record({
  version: fc.constantFrom('master', 'v1', 'v2', undefined, ...branchNames),
  branch: optional(fc.constantFrom(...branchNames)),
  admitted: fc.boolean(),
  named: fc.boolean(),
  replicas: fc.constantFrom(0, 1, 2),
  ready: optional(fc.constantFrom(0, 1)),
});

const service = fc.record({
  context: optional(fc.constantFrom('/', '/a', '/a/b', '/a/v1', '/c,/a/b/c')),
  versions: optional(fc.constantFrom('v1', 'v1,v2')),
  hostname: optional(fc.constantFrom('shop.example.org', 'green.example.io')),
  ingress: optional(fc.constant('false')),
  gateways: optional(fc.constantFrom('x/y', 'inner,x/y')),
  baseline: optional(fc.constantFrom('main', 'v1')),
  http: optional(
    fc.constantFrom('timeout: 1s', 'headers: { response: { remove: [server] } }', 'route: []', '{'),
  ),
  ports: fc.constantFrom(
    [{ name: 'http', port: 80 }],
    [
      { name: 'http', port: 80 },
      { name: 'grpc', port: 90 },
    ],
    [{ name: 'tcp', port: 80 }],
  ),
  hasBaseline: fc.boolean(),
  workloads: fc.array(workload, { maxLength: 4 }),
});

const foreign = fc.record({
  host: fc.constantFrom('one', 'green.example.io', '*.green.example.io', 'ops-1.green.example.io'),
  name: fc.constantFrom('theirs', 'one-mesh', 'green.example.io'),
  gateway: fc.boolean(),
});

const cluster = fc.record({
  namespaces: fc.tuple(
    ...namespaceNames.map(() =>
      fc.record({
        enabled: fc.constantFrom(true, true, true, false),
        byLabel: fc.boolean(),
        all: fc.boolean(),
        secondary: fc.boolean(),
        services: fc.tuple(...serviceNames.map(() => optional(service))),
      }),
    ),
  ),
  foreign: fc.uniqueArray(foreign, { maxLength: 2, selector: ({ name }) => name }),
});

/** Raw objects of a cluster. */
export const clusters: fc.Arbitrary<readonly JsonObject[]> = cluster.map((given) => [
  ...given.namespaces.flatMap((one, index) => namespaceObjects(namespaceNames[index] ?? '', one)),
  ...given.foreign.map(({ host, name, gateway }) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { namespace: 'green', name },
    spec: {
      hosts: [host],
      ...(gateway ? { gateways: ['x/y'] } : {}),
      http: [{ route: [{ destination: { host: 'one' } }] }],
    },
  })),
]);

type Given = typeof cluster extends fc.Arbitrary<infer T> ? T : never;

function namespaceObjects(
  name: string,
  { enabled, byLabel, all, secondary, services }: Given['namespaces'][number],
): readonly JsonObject[] {
  const declared = {
    domain: `${name}.example.io`,
    branches: byLabel ? 'by-label' : undefined,
    ingress: all ? 'all' : undefined,
    'secondary-domains': secondary ? 'shared.example.io' : undefined,
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'branchline.dev/enabled': String(enabled) }, ...annotations(declared) },
    },
    ...services.flatMap((one, index) =>
      one === undefined ? [] : serviceObjects(name, serviceNames[index] ?? '', one),
    ),
  ];
}

function serviceObjects(
  namespace: string,
  name: string,
  {
    ports,
    hasBaseline,
    workloads,
    ...declared
  }: NonNullable<Given['namespaces'][number]['services'][number]>,
): readonly JsonObject[] {
  const baseline = hasBaseline
    ? [deployment(namespace, name, { app: name, version: declared.baseline ?? 'master' }, { replicas: 1 })]
    : [];
  const others = workloads.map((one, index) => {
    const version = one.branch !== undefined && one.admitted ? one.branch.replace('/', '-') : one.version;
    const labels = {
      app: one.named ? `${name}-${index}` : name,
      ...(version === undefined ? {} : { version }),
    };
    return deployment(namespace, `${name}-${index}`, labels, {
      replicas: one.replicas,
      ready: one.ready,
      ...annotations({
        branch: one.branch,
        service: one.branch !== undefined && one.named ? name : undefined,
      }),
    });
  });
  const own = workloads.flatMap((one, index) =>
    one.named ? [serviceObject(namespace, `${name}-${index}`, ports, {})] : [],
  );
  return [serviceObject(namespace, name, ports, declared), ...own, ...baseline, ...others];
}

function serviceObject(
  namespace: string,
  name: string,
  ports: readonly JsonObject[],
  declared: Readonly<Record<string, string | undefined>>,
): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, ...annotations(declared) },
    spec: { selector: { app: name }, ports },
  };
}

function deployment(
  namespace: string,
  name: string,
  labels: JsonObject,
  {
    replicas,
    ready,
    annotations: declared = {},
  }: { readonly replicas: number; readonly ready?: number | undefined; readonly annotations?: unknown },
): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name, annotations: declared },
    spec: { replicas, template: { metadata: { labels } } },
    ...(ready === undefined ? {} : { status: { replicas, readyReplicas: ready } }),
  };
}
