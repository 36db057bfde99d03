import { test } from 'tap';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { isReadyForRoute, type BranchState } from '../../src/routing/branch-state.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { desiredOf, keyOf } from '../../src/routing/desired.ts';
import type { RouteObject } from '../../src/routing/istio.ts';
import type { RoutingProblem } from '../../src/routing/layout.ts';
import { createLedger } from '../../src/routing/ledger.ts';
import { listReason, notRoutedReason, servedReason, statusText } from '../../src/routing/messages.ts';
import {
  createStatusReader,
  routeStatus,
  statusKey,
  type RouteStatus,
} from '../../src/routing/route-status.ts';
import { settingsWith } from '../admission/golden.ts';

const name = { id: 'X', service: 'one' };
const problem: RoutingProblem = {
  code: 'BL410',
  path: '',
  kind: 'Deployment',
  namespace: 'green',
  name: 'one-x',
  message: 'its pods do not carry the label',
};
const foreign = { kind: 'foreign-mesh-host', owner: 'red/theirs' } as const;
const unlabelled = { kind: 'baseline-unlabelled', versions: ['none'] } as const;

/** Every kind of state: its status when it is written everywhere and when it is not, and whether it counts as ready. */
const rows: readonly {
  readonly state: BranchState;
  readonly written: RouteStatus;
  readonly unwritten?: RouteStatus;
  readonly isReady: boolean;
  readonly text: string;
  readonly list: string;
}[] = [
  {
    state: { kind: 'routed', target: { kind: 'subset', service: 'one', subset: 'x' } },
    written: { kind: 'routed' },
    unwritten: { kind: 'waiting', for: 'writes' },
    isReady: true,
    text: 'routed',
    list: 'routed',
  },
  {
    state: { kind: 'baseline', because: 'no-ready-pod' },
    written: { kind: 'waiting', for: 'no-ready-pod' },
    isReady: false,
    text: 'waiting: for ready pods',
    list: 'no ready pod of X',
  },
  {
    state: { kind: 'baseline', because: 'retiring' },
    written: { kind: 'waiting', for: 'retiring' },
    isReady: false,
    text: 'waiting: X is being retired',
    list: 'X is being retired',
  },
  {
    state: { kind: 'baseline', because: 'deleting' },
    written: { kind: 'waiting', for: 'deleting' },
    isReady: false,
    text: 'waiting: X is being deleted',
    list: 'X is being deleted',
  },
  {
    state: { kind: 'baseline', because: 'no-room' },
    written: { kind: 'withheld', by: { kind: 'no-room' } },
    isReady: false,
    text: 'withheld: too many branches of one for X: baseline',
    list: 'too many branches of one for X',
  },
  {
    state: { kind: 'baseline', because: 'subset-not-propagated', until: 5000 },
    written: { kind: 'waiting', for: 'subset-not-propagated' },
    isReady: true,
    text: 'waiting: the proxies do not know X yet',
    list: 'the proxies do not know X yet',
  },
  {
    state: { kind: 'baseline', because: 'flapping', until: undefined },
    written: { kind: 'waiting', for: 'flapping' },
    isReady: true,
    text: 'waiting: X came and went too often, and waits',
    list: 'X came and went too often, and waits',
  },
  {
    state: { kind: 'blocked', by: { kind: 'no-http-port' } },
    written: { kind: 'withheld', by: { kind: 'no-http-port' } },
    isReady: false,
    text: 'withheld: one has no HTTP port: no routes',
    list: 'one has no HTTP port: no routes',
  },
  {
    state: { kind: 'blocked', by: unlabelled },
    written: { kind: 'withheld', by: unlabelled },
    isReady: false,
    text: 'withheld: ready pods of one are not labelled as its baseline: no routes',
    list: 'ready pods of one are not labelled as its baseline: no routes',
  },
  {
    state: { kind: 'blocked', by: foreign },
    written: { kind: 'withheld', by: foreign },
    isReady: false,
    text: 'withheld: VirtualService red/theirs has the host of one in the mesh',
    list: 'VirtualService red/theirs has the host of one in the mesh',
  },
];
for (const { state, written, unwritten = written, isReady, text, list } of rows) {
  test(`the status of a branch that is ${JSON.stringify(state)}`, (t) => {
    t.same(routeStatus(state, true), written);
    t.same(routeStatus(state, false), unwritten);
    t.equal(isReadyForRoute(state), isReady);
    t.equal(statusText(written, name), text);
    t.equal(listReason(written, name, false), list);
    for (const isWritten of [true, false])
      t.equal(
        statusText(routeStatus(state, isWritten, problem), name),
        'withheld: its pods do not carry the label',
        'its own problem is told first',
      );
    if (state.kind !== 'routed')
      t.ok(servedReason(state, name).startsWith(notRoutedReason(state, name)), 'one reason everywhere');
    t.end();
  });
}

test('every state has a status of its own, and the time until which it lasts does not make another', (t) => {
  const keys = rows.flatMap(({ state }) => [routeStatus(state, true), routeStatus(state, true, problem)]);
  t.equal(new Set(keys.map(statusKey)).size, rows.length + 1);
  t.equal(statusKey({ kind: 'waiting', for: 'writes' }), 'waiting writes');
  const later = (until: number): string =>
    statusKey(routeStatus({ kind: 'baseline', because: 'flapping', until }, false));
  t.equal(later(1), later(2));
  const owned = (owner: string): string =>
    statusKey(routeStatus({ kind: 'blocked', by: { ...foreign, owner } }, false));
  t.not(owned('red/a'), owned('red/b'));
  t.end();
});

const settings = settingsWith();
const labelled = (version: string): JsonObject => ({ metadata: { labels: { app: 'one', version } } });
const world: readonly JsonObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: 'green',
      labels: { 'branchline.dev/enabled': 'true' },
      annotations: { 'branchline.dev/domain': 'green.example.io' },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'green', name: 'one', annotations: { 'branchline.dev/context': '/one' } },
    spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
  },
  ...['master', 'X'].map((version) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      namespace: 'green',
      name: `one-${version.toLowerCase()}`,
      annotations: version === 'X' ? { 'branchline.dev/branch': 'X' } : {},
    },
    spec: { template: labelled(version) },
  })),
];

/** The status of the branch when its routes are written after `change`. */
function statusWhen(
  change: (written: Map<string, RouteObject>) => void,
  more: readonly JsonObject[] = [],
): string | undefined {
  const snapshot = snapshotOf([...world, ...more]);
  const desired = desiredOf(snapshot, settings);
  const written = new Map(more.length === 0 ? desired.objects : existingOf(snapshot));
  change(written);
  const read = createStatusReader({ snapshot, settings, desired, ledger: createLedger(written, 0, 0) });
  const workload = snapshot.workloads.get('green')?.get('Deployment/one-x');
  const status = workload === undefined ? undefined : read(workload, 'one', 'X');
  return status === undefined ? undefined : statusKey(status);
}
const keyOfRoute = (kind: RouteObject['kind'], object: string): string =>
  keyOf({ kind, metadata: { namespace: 'green', name: object, labels: {} } });
const replaced =
  (from: string, to: string) =>
  (written: Map<string, RouteObject>): void => {
    for (const [key, object] of written)
      written.set(key, JSON.parse(JSON.stringify(object).replaceAll(from, to)) as RouteObject);
  };

const writes: readonly {
  readonly name: string;
  readonly change: (written: Map<string, RouteObject>) => void;
  readonly want: string;
  readonly why?: string;
}[] = [
  { name: 'everything is written', change: () => undefined, want: 'routed' },
  {
    name: 'nothing is written',
    change: (all) => {
      all.clear();
    },
    want: 'waiting writes',
  },
  {
    name: 'the route in the mesh is not written',
    change: (all) => void all.delete(keyOfRoute('VirtualService', 'one-mesh')),
    want: 'waiting writes',
  },
  {
    name: 'the route from outside is not written',
    change: (all) => void all.delete(keyOfRoute('VirtualService', 'one-ingress')),
    want: 'waiting writes',
  },
  {
    name: 'the subset is not written',
    change: (all) => void all.delete(keyOfRoute('DestinationRule', 'one')),
    want: 'waiting writes',
  },
  {
    name: 'the subset means other pods',
    change: replaced('"version":"X"', '"version":"Y"'),
    want: 'waiting writes',
  },
  {
    name: 'the routes are written without the branch',
    change: replaced('"subset":"x"', '"subset":"y"'),
    want: 'waiting writes',
  },
  {
    name: 'something else of the objects is to be written anew',
    change: replaced('"attempts":2', '"attempts":3'),
    want: 'routed',
    why: 'requests reach the branch all the while',
  },
];
for (const { name: title, change, want, why } of writes) {
  test(`a branch that may be routed, when ${title}`, (t) => {
    t.equal(statusWhen(change), want, why ?? want);
    t.end();
  });
}

test('a VirtualService of somebody else with the name of ours is not taken for ours', (t) => {
  const theirs = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { namespace: 'green', name: 'one-mesh' },
    spec: { hosts: ['elsewhere.example.io'], http: [] },
  };
  t.equal(
    statusWhen(() => undefined, [theirs]),
    'waiting writes',
  );
  t.end();
});

test('a branch that its Service does not know has no status', (t) => {
  const snapshot = snapshotOf(world);
  const read = createStatusReader({
    snapshot,
    settings,
    desired: desiredOf(snapshot, settings),
    ledger: createLedger(new Map(), 0, 0),
  });
  const [workload] = snapshot.workloads.get('green')?.values() ?? [];
  t.ok(workload);
  for (const [service, id] of [
    ['one', 'Y'],
    ['two', 'X'],
  ] as const)
    if (workload !== undefined) t.equal(read(workload, service, id), undefined);
  t.end();
});
