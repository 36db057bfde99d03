import { test } from 'tap';
import { leftovers, leftToPods } from '../../src/controller/retire.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';

const ours = { 'app.kubernetes.io/managed-by': 'branchline' };
const pod = (
  name: string,
  more: { readonly agent?: string; readonly gate?: 'True' | 'False' } = {},
): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'green', name, uid: name },
  spec: {
    ...(more.agent === undefined
      ? {}
      : { volumes: [{ name: 'branchline-agent', configMap: { name: more.agent } }] }),
    ...(more.gate === undefined ? {} : { readinessGates: [{ conditionType: 'branchline.dev/routed' }] }),
  },
  status: { conditions: [{ type: 'branchline.dev/routed', status: more.gate ?? 'False' }] },
});
const map = (name: string, ...owners: readonly string[]): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    namespace: 'green',
    name,
    labels: ours,
    ownerReferences: owners.map((uid) => ({ kind: 'Pod', uid })),
  },
});
const routes = (kind: string, labels: JsonObject = ours): JsonObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: { namespace: 'green', name: 'shop', labels },
});
const workload = (metadata: JsonObject): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: 'green', name: 'shop-x', ...metadata },
});

const agent = 'branchline-agent-1';
const rows: readonly {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly left?: readonly string[];
  readonly toPods?: readonly string[];
}[] = [
  { name: 'nothing', objects: [pod('p'), workload({}), routes('VirtualService', {})] },
  {
    name: 'routes of ours',
    objects: [routes('VirtualService'), routes('DestinationRule')],
    left: ['DestinationRule green/shop', 'VirtualService green/shop'],
  },
  {
    name: 'a finalizer',
    objects: [
      workload({ finalizers: ['branchline.dev/routes'], annotations: { 'branchline.dev/status': 'routed' } }),
    ],
    left: ['Deployment green/shop-x (finalizer)'],
  },
  {
    name: 'a status',
    objects: [workload({ annotations: { 'branchline.dev/status': 'routed' } })],
    left: ['Deployment green/shop-x (branchline.dev/status)'],
  },
  {
    name: 'a gate that is open',
    objects: [pod('p', { gate: 'True' }), pod('q', { gate: 'False' })],
    left: ['Pod green/p (open gate)'],
  },
  { name: 'a ConfigMap that nobody uses', objects: [map(agent)], left: [`ConfigMap green/${agent}`] },
  {
    name: 'one that is used and not owned yet',
    objects: [map(agent), pod('p', { agent })],
    left: [`ConfigMap green/${agent}`],
  },
  {
    name: 'one that a pod uses which does not own it',
    objects: [map(agent, 'p'), pod('p', { agent }), pod('q', { agent })],
    left: [`ConfigMap green/${agent}`],
  },
  {
    name: 'one that all its users own goes by itself',
    objects: [map(agent, 'p', 'q'), pod('p', { agent }), pod('q', { agent }), pod('r')],
    toPods: [`ConfigMap green/${agent} (2 pods)`],
  },
  {
    name: 'so does one whose last user has just gone',
    objects: [map(agent, 'gone')],
    toPods: [`ConfigMap green/${agent} (1 pod)`],
  },
];

test('what uninstall finds', (t) => {
  for (const { name, objects, left = [], toPods = [] } of rows) {
    t.same(leftovers(snapshotOf(objects)), left, name);
    t.same(leftToPods(snapshotOf(objects)), toPods, name);
  }
  t.end();
});
