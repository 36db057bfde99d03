import { test } from 'tap';
import { decide } from '../../src/admission/decide.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { desiredOf, problemsOf } from '../../src/routing/desired.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
const meta = (name: string, annotations: Record<string, string> = {}): Record<string, unknown> => ({
  namespace: 'green',
  name,
  annotations,
});
const deployment = (name: string, version?: string, annotations: Record<string, string> = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(name, annotations),
  spec: {
    selector: { matchLabels: { app: 'one' } },
    template: {
      metadata: { labels: { app: 'one', ...(version === undefined ? {} : { version }) } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    },
  },
});
const pod = (name: string, version: string | undefined, ready: boolean): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...meta(name), labels: { app: 'one', ...(version === undefined ? {} : { version }) } },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const slice = (pods: Readonly<Record<string, boolean>>): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { ...meta('one-1'), labels: { 'kubernetes.io/service-name': 'one' } },
  endpoints: Object.entries(pods).map(([name, ready]) => ({
    targetRef: { kind: 'Pod', name },
    conditions: { ready },
  })),
});
const branch = deployment('one-x', 'X', { 'branchline.dev/branch': 'X' });

/** Beside the labelled baseline `m` stands an unlabelled pod `o`. */
const rows: readonly {
  readonly name: string;
  readonly publish?: boolean;
  readonly ready: boolean;
  readonly endpoint?: boolean;
  readonly blocked: boolean;
}[] = [
  { name: 'a ready pod without slices', ready: true, blocked: true },
  { name: 'an unready pod without slices', ready: false, blocked: false },
  { name: 'an unready pod that is published, without slices', publish: true, ready: false, blocked: true },
  { name: 'a ready endpoint', ready: true, endpoint: true, blocked: true },
  { name: 'an endpoint that is not ready', ready: false, endpoint: false, blocked: false },
  { name: 'an unready pod that is published', publish: true, ready: false, endpoint: true, blocked: true },
  { name: 'a pod whose endpoint is not ready yet', ready: true, endpoint: false, blocked: false },
];
for (const { name, publish = false, ready, endpoint, blocked } of rows) {
  test(`admission and routing ${blocked ? 'both stop' : 'both allow'} a branch beside ${name} without the label`, (t) => {
    const cluster = [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: 'green',
          labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: meta('one'),
        spec: {
          selector: { app: 'one' },
          ports: [{ name: 'http', port: 80 }],
          publishNotReadyAddresses: publish,
        },
      },
      deployment('one', 'master'),
      deployment('old'),
      pod('m', 'master', true),
      pod('o', undefined, ready),
      ...(endpoint === undefined ? [] : [slice({ m: true, o: endpoint })]),
    ];
    const decision = decide(
      '/validate/declarations',
      {
        apiVersion: 'admission.k8s.io/v1',
        uid: 'u',
        operation: 'CREATE',
        group: 'apps',
        kind: 'Deployment',
        namespace: 'green',
        name: 'one-x',
        subResource: '',
        dryRun: false,
        object: structuredClone(branch) as never,
        oldObject: undefined,
      },
      { settings, snapshot: snapshotOf(cluster) },
    );
    t.equal(JSON.stringify(decision).includes('BL113'), blocked, 'admission');
    const problems = problemsOf(desiredOf(snapshotOf([...cluster, branch]), settings));
    t.equal(
      problems.some(({ code }) => code === 'BL401'),
      blocked,
      'routing',
    );
    t.end();
  });
}
