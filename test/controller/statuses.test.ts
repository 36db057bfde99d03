import { test } from 'tap';
import { workloadStatuses, type WorkloadStatus } from '../../src/controller/statuses.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { createPlanner } from '../../src/routing/planner.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
const version = (id: string, annotations: Readonly<Record<string, string>> = {}): readonly JsonObject[] => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'green', name: `one-${id.toLowerCase()}`, annotations },
    spec: { template: { metadata: { labels: { app: 'one', version: id } } } },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'green', name: `one-${id.toLowerCase()}-1`, labels: { app: 'one', version: id } },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  },
];
const namespace: JsonObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'green', labels: { 'branchline.dev/enabled': 'true' } },
};
const service: JsonObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'green', name: 'one' },
  spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
};

/** The VirtualService in the mesh as it was written for some branches. */
const written = (...ids: readonly string[]): JsonObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: {
    namespace: 'green',
    name: 'one-mesh',
    labels: { 'app.kubernetes.io/managed-by': 'branchline' },
  },
  spec: {
    hosts: ['one.green.svc.cluster.local'],
    http: [...ids, 'master'].map((id) => ({
      route: [{ destination: { host: 'one.green.svc.cluster.local', subset: id.toLowerCase() } }],
    })),
  },
});
const rule: JsonObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: {
    namespace: 'green',
    name: 'one',
    labels: { 'app.kubernetes.io/managed-by': 'branchline' },
  },
  spec: {
    host: 'one.green.svc.cluster.local',
    subsets: ['A', 'B', 'master'].map((id) => ({ name: id.toLowerCase(), labels: { version: id } })),
  },
};

/** The statuses that a leader decides before it has written anything. */
function decided(
  objects: readonly JsonObject[],
  { now = 0, limit }: { readonly now?: number; readonly limit?: string } = {},
): readonly WorkloadStatus[] {
  const snapshot = snapshotOf(objects);
  const used = limit === undefined ? settings : settingsWith({ objectSizeLimitBytes: limit });
  const planner = createPlanner({
    snapshot,
    settings: used,
    existing: existingOf(snapshot),
    backoffMilliseconds: [1, 1],
    now: 0,
  });
  for (const time of new Set([0, now])) planner.plan(time);
  return workloadStatuses(
    { snapshot, settings: used, desired: planner.desired(), ledger: planner.ledger },
    now,
  );
}

/** Two ready branches. */
const two = (annotations: Readonly<Record<string, string>> = {}): readonly JsonObject[] => [
  namespace,
  service,
  ...version('master'),
  ...version('A', { 'branchline.dev/branch': 'A', ...annotations }),
  ...version('B', { 'branchline.dev/branch': 'B', ...annotations }),
];
const kinds = (statuses: readonly WorkloadStatus[]): readonly string[] =>
  statuses.map(({ branch, status }) => `${branch} ${status.kind}`);

test("a branch that is routed stays so while its service's routes are written anew for another one", (t) => {
  const settled = { now: 10_000 };
  t.same(kinds(decided([...two(), rule, written('A')], settled)), ['A routed', 'B waiting']);
  t.same(
    kinds(decided([...two(), rule, written()], settled)),
    ['A waiting', 'B waiting'],
    'not before it was',
  );
  t.same(kinds(decided([...two(), rule], settled)), ['A waiting', 'B waiting'], 'nor without such a route');
  t.end();
});

test('a status that somebody wrote is not believed', (t) => {
  const objects = [...two({ 'branchline.dev/status': 'routed' }), rule, written()];
  t.same(kinds(decided(objects, { now: 10_000 })), ['A waiting', 'B waiting']);
  t.end();
});

test('a new leader knows by the written routes which branches are routed, whatever their status says', (t) => {
  const objects = [...two({ 'branchline.dev/status': 'waiting: for ready pods' }), rule, written('A', 'B')];
  t.same(kinds(decided(objects)), ['A routed', 'B routed']);
  t.end();
});

/** A branch, its pod not ready. */
const unready = (id: string, annotations: Readonly<Record<string, string>> = {}): readonly JsonObject[] =>
  version(id, { 'branchline.dev/branch': id, ...annotations }).map((object) =>
    object['kind'] === 'Pod' ? { ...object, status: { conditions: [] } } : object,
  );

test('a branch without a ready pod is not ready, whatever else is the matter with it', (t) => {
  for (const annotations of [{}, { 'branchline.dev/retiring': '2026-01-01T00:00:00Z' }])
    t.same(
      decided([namespace, service, ...version('master'), ...unready('A', annotations)]).map(
        ({ isReady }) => isReady,
      ),
      [false],
    );
  t.end();
});

test('branches without a ready pod that have no room either are not ready', (t) => {
  const ids = Array.from({ length: 200 }, (_, index) => `branch-with-a-long-name-${index}`);
  const objects = [namespace, service, ...version('master'), ...ids.flatMap((id) => unready(id))];
  const all = decided(objects, { limit: '10000' });
  t.equal(all.length, 200);
  t.ok(all.some(({ status }) => status.kind === 'withheld' && status.by.kind === 'no-room'));
  t.same(
    all.filter(({ isReady }) => isReady),
    [],
  );
  t.end();
});
