import { test } from 'tap';
import { ClusterError } from '../../src/cluster/port.ts';
import { Conflict } from '../../src/cluster/writes.ts';
import { createObjects, type RouteReport } from '../../src/controller/objects.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { changeOf, existingOf } from '../../src/routing/changes.ts';
import { keyOf, routeObject } from '../../src/routing/istio.ts';
import { createPlanner } from '../../src/routing/planner.ts';
import { settingsWith } from '../admission/golden.ts';
import { destinationRule, managed, mergePatch, namespace, virtualService } from '../builders.ts';
import { fakeCluster } from '../cluster/fake.ts';
import { createFakeClock } from './fake-clock.ts';

const settings = settingsWith();
const wanted = { hosts: ['one'], http: [{ name: 'a' }] };
const foreign = { hosts: ['one'], http: [{ name: 'b' }] };
const stored = (revision: string, spec: JsonObject, more: JsonObject = managed): JsonObject =>
  virtualService(
    'one-mesh',
    spec,
    mergePatch({ metadata: { uid: 'u', resourceVersion: revision } }, more) as JsonObject,
  );
const route = routeObject('VirtualService', 'green', 'one-mesh', wanted);
const key = keyOf(route);

/** The keeper of the objects that exist at the start, and an API server that answers with revision 10. */
function open(
  objects: readonly JsonObject[] = [],
  {
    answer,
    fault,
    during,
  }: { readonly answer?: JsonObject; readonly fault?: Error; readonly during?: JsonObject } = {},
) {
  const cluster = fakeCluster([namespace(), ...objects]);
  const clock = createFakeClock();
  const planner = createPlanner({
    snapshot: cluster.snapshot,
    settings,
    existing: existingOf(cluster.snapshot),
    backoffMilliseconds: [500, 1000],
    now: clock.now(),
  });
  const reports: string[] = [];
  const sent: unknown[] = [];
  const kept = createObjects(
    {
      cluster,
      clock,
      report: ({ outcome, uid }: RouteReport) => reports.push(`${outcome} ${uid}`),
      writes: {
        async apply(object, { force }) {
          await Promise.resolve();
          if (fault !== undefined) throw fault;
          sent.push([force, (object['metadata'] as JsonObject)['uid']]);
          if (during !== undefined) cluster.put(during);
          return { uid: 'u', revision: '10', object: answer ?? object };
        },
        async remove(_target, precondition) {
          await Promise.resolve();
          if (fault !== undefined) throw fault;
          sent.push(precondition);
        },
      },
    },
    planner,
  );
  const taken: boolean[] = [];
  cluster.onChange((change) => taken.push(kept.take(change)));
  return {
    cluster,
    clock,
    planner,
    kept,
    reports,
    sent,
    taken,
    spec: () => planner.ledger.objects.get(key)?.spec,
  };
}

test('one that is new is not forced; one that is ours is, and only that very one; a removal names its state', async (t) => {
  const fresh = open();
  await fresh.kept.write(changeOf(undefined, route));
  t.same(fresh.sent, [[false, undefined]]);
  t.same(fresh.spec(), wanted);
  const known = open([stored('9', foreign)]);
  await known.kept.write(changeOf(route, route));
  await known.kept.write(changeOf(route, undefined));
  t.same(known.sent, [[true, 'u'], { uid: 'u', revision: '10' }]);
  t.equal(known.spec(), undefined);
  t.same(known.reports, ['written u', 'written u']);
});

for (const [what, fault, outcome] of [
  ["somebody else's", new Conflict('theirs'), 'conflict '],
  ['any other', new ClusterError('no answer', true), 'failed '],
] as const) {
  test(`a write that fails for ${what} reason is told as that and changes nothing that is known`, async (t) => {
    const { kept, reports, spec } = open([], { fault });
    await kept.write(changeOf(undefined, route));
    t.same(reports, [outcome]);
    t.equal(spec(), undefined);
  });
}

const rows: readonly {
  readonly name: string;
  /** What the API server made of our write. */
  readonly answer?: JsonObject;
  /** What the watch shows while the write is under way, and afterwards. */
  readonly during?: JsonObject;
  readonly watch?: readonly JsonObject[];
  readonly gone?: true;
  readonly reports: readonly string[];
  readonly spec: JsonObject | undefined;
}[] = [
  { name: 'our write as the watch shows it', watch: [stored('10', wanted)], reports: [], spec: wanted },
  { name: 'our write, shown before it is answered', during: stored('10', wanted), reports: [], spec: wanted },
  {
    name: 'our write as admission of others changed it',
    answer: stored('10', foreign),
    watch: [stored('11', foreign)],
    reports: [],
    spec: wanted,
  },
  {
    name: 'what the watch says of an earlier state',
    watch: [stored('9', foreign)],
    reports: [],
    spec: wanted,
  },
  {
    name: 'an edit of somebody else',
    watch: [stored('11', foreign)],
    reports: ['put back u'],
    spec: foreign,
  },
  {
    name: 'our label taken off',
    watch: [stored('10', wanted), stored('11', wanted, {})],
    reports: ['put back '],
    spec: undefined,
  },
  { name: 'a removal', watch: [stored('10', wanted)], gone: true, reports: ['put back '], spec: undefined },
];

for (const { name, answer, during, watch = [], gone, reports, spec } of rows) {
  test(`${name} is ${reports.length === 0 ? 'nothing new' : 'undone and told'}`, async (t) => {
    const world = open([], {
      ...(answer === undefined ? {} : { answer }),
      ...(during === undefined ? {} : { during }),
    });
    await world.kept.write(changeOf(undefined, route));
    for (const object of watch) world.cluster.put(object);
    if (gone) world.cluster.remove(stored('10', wanted));
    t.same(world.reports.slice(1), reports);
    t.same(world.spec(), spec);
  });
}

test('a fourth edit within ten minutes is left alone, and a later one is put back again', async (t) => {
  const world = open();
  await world.kept.write(changeOf(undefined, route));
  for (let revision = 11; revision <= 14; revision += 1)
    world.cluster.put(stored(String(revision), { ...foreign, gateways: [String(revision)] }));
  t.same(world.reports.slice(1), ['put back u', 'put back u', 'put back u', 'left alone u']);
  t.same(world.planner.plan(world.clock.now()).phases, [], 'nothing is written to it');
  await world.clock.advance(10 * 60_000);
  t.equal(world.planner.plan(world.clock.now()).phases.length, 1, 'until the time is over');
  world.cluster.put(stored('15', foreign));
  t.equal(world.reports.at(-1), 'put back u');
});

test('only what is about an object of ours and no more is taken', (t) => {
  const { cluster, taken } = open([stored('9', wanted)]);
  cluster.put(stored('10', wanted));
  cluster.put(virtualService('theirs', foreign));
  cluster.put(destinationRule('theirs', { host: 'one' }));
  cluster.put(namespace({ metadata: { labels: { a: 'b' } } }));
  cluster.remove(stored('10', wanted));
  t.same(taken, [true, false, false, ...taken.slice(3, -1), true]);
  t.notOk(taken.slice(3, -1).includes(true));
  t.end();
});
