import { test } from 'tap';
import { ApiError } from '../../src/cluster/api-server.ts';
import { startSweeper } from '../../src/controller/sweeper.ts';
import { at, textAt, type JsonObject } from '../../src/model/json.ts';
import { settingsWith } from '../admission/golden.ts';
import { fakeCluster } from '../cluster/fake.ts';
import { mergePatch } from '../lifecycle/world.ts';
import { createFakeClock, quiet } from './fake-clock.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** The fake clock starts here. */
const start = Date.parse('2026-11-23T12:00:00Z');
const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('.000', '');

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
const deployment = (
  version: string,
  made: number,
  annotations: Readonly<Record<string, string>> = { 'branchline.dev/branch': version },
): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    namespace: 'green',
    name: `one-${version.toLowerCase()}`,
    uid: `uid-${version}`,
    resourceVersion: '1',
    creationTimestamp: timeOf(made),
    annotations,
  },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'one', version } },
    template: { metadata: { labels: { app: 'one', version } } },
  },
});
const replicaSet = (version: string, made: number): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    namespace: 'green',
    name: `one-${version.toLowerCase()}-1`,
    creationTimestamp: timeOf(made),
    ownerReferences: [
      { kind: 'Deployment', name: `one-${version.toLowerCase()}`, uid: `uid-${version}`, controller: true },
    ],
  },
});
const baseline = deployment('master', start - 300 * day, {});

/** A leader's sweeper over objects in memory; its API server's clock is right, whatever ours shows. */
function sweeperOf(objects: readonly JsonObject[], given: Readonly<Record<string, string>> = {}) {
  const clock = createFakeClock();
  const settings = settingsWith({
    sweepSeconds: '60',
    settleMilliseconds: '1000',
    retireSeconds: '20',
    ...given,
  });
  const stored = new Map<string, JsonObject>();
  const cluster = fakeCluster([]);
  const keyOf = (kind: string, inside: string, name: string): string => `${kind}/${inside}/${name}`;
  const put = (object: JsonObject): void => {
    stored.set(
      keyOf(
        textAt(object, 'kind') ?? '',
        textAt(object, 'metadata', 'namespace') ?? '',
        textAt(object, 'metadata', 'name') ?? '',
      ),
      object,
    );
    cluster.put(object);
  };
  objects.forEach(put);
  const writes: string[] = [];
  const reports: string[] = [];
  const stop = new AbortController();
  let interfere: (name: string) => ((object: JsonObject) => JsonObject) | undefined = () => undefined;
  let server: (() => number | undefined) | undefined;
  const sweeper = startSweeper({
    cluster,
    clock,
    settings,
    held: { signal: stop.signal, isHeld: () => !stop.signal.aborted },
    client: {
      read: ({ kind, namespace: inside, name }) => Promise.resolve(stored.get(keyOf(kind, inside, name))),
      patch({ kind, namespace: inside, name }, body) {
        const before = stored.get(keyOf(kind, inside, name)) ?? {};
        writes.push(`patch ${name}`);
        put(
          mergePatch(
            before,
            mergePatch(body, {
              metadata: {
                resourceVersion: String((Number(textAt(before, 'metadata', 'resourceVersion')) || 0) + 1),
              },
            }),
          ) as JsonObject,
        );
        return Promise.resolve({});
      },
      remove({ kind, namespace: inside, name }, precondition) {
        const key = keyOf(kind, inside, name);
        const conflict = interfere(name);
        if (conflict !== undefined) put(conflict(stored.get(key) ?? {}));
        if (precondition?.resourceVersion !== textAt(stored.get(key), 'metadata', 'resourceVersion'))
          return Promise.reject(new ApiError(409, 'the object has been modified'));
        writes.push(`remove ${name}`);
        cluster.remove(stored.get(key));
        stored.delete(key);
        return Promise.resolve();
      },
      list: ({ kind }, each) =>
        Promise.resolve([...stored.values()].filter((object) => at(object, 'kind') === kind).forEach(each)),
      serverTime: () => (server === undefined ? clock.wall() : server()),
    },
    events: {
      add: ({ reason, name }) => {
        writes.push(`event ${reason} ${name}`);
      },
    },
    bug: (error) => {
      throw error;
    },
    report: (did, workload, reason) => {
      reports.push(`${did} ${workload}`.trim() + (did === 'held back' ? `: ${reason}` : ''));
    },
  });
  return {
    clock,
    writes,
    reports,
    put,
    /** Somebody writes just before a removal. */
    interfereWith: (how: typeof interfere) => {
      interfere = how;
    },
    /** What the API server's clock shows. */
    serverShows: (time: () => number | undefined) => {
      server = time;
    },
    names: () =>
      [...stored.values()]
        .filter((object) => at(object, 'kind') === 'Deployment')
        .map((object) => textAt(object, 'metadata', 'name'))
        .sort(),
    async end() {
      stop.abort();
      await sweeper.ended;
    },
  };
}

const old = [
  namespace,
  service,
  baseline,
  deployment('OLD', start - 4 * day),
  replicaSet('OLD', start - 4 * day),
];

test('a branch whose time is up is warned about, and goes when the notice is over; nothing else does', async (t) => {
  const box = sweeperOf([
    ...old,
    deployment('YOUNG', start - hour),
    replicaSet('YOUNG', start - hour),
    deployment('KEPT', start - 90 * day, { 'branchline.dev/branch': 'KEPT', 'branchline.dev/keep': 'true' }),
  ]);
  await box.clock.advance(1000);
  t.same(box.writes, ['event BranchExpiring one-old', 'patch one-old']);
  await box.clock.advance(10 * 60_000);
  t.same(box.writes.length, 2, 'one warning is enough');
  await box.clock.advance(day);
  t.same(box.names(), ['one-kept', 'one-master', 'one-young']);
  t.same(box.reports, ['warned Deployment green/one-old', 'removed Deployment green/one-old']);
  await box.clock.advance(day);
  t.same(box.reports.length, 2, 'another day of sweeps does nothing more');
  await box.end();
});

test('a sweep that comes again does nothing again', async (t) => {
  const box = sweeperOf(old, { warnFirst: 'false' });
  await box.clock.advance(1000);
  const after = [...box.writes];
  t.same(after, ['remove one-old']);
  await box.clock.advance(hour);
  t.same(box.writes, after);
  await box.end();
});

/** A write of somebody's. */
const written = (object: JsonObject, patch: JsonObject): JsonObject =>
  mergePatch(
    object,
    mergePatch(patch, {
      metadata: { resourceVersion: String((Number(textAt(object, 'metadata', 'resourceVersion')) || 0) + 1) },
    }),
  ) as JsonObject;

test('a status that is written just before the removal does not keep a branch', async (t) => {
  const box = sweeperOf(old, { warnFirst: 'false' });
  let times = 3;
  box.interfereWith(() =>
    times-- > 0 ? (object) => written(object, { status: { readyReplicas: times } }) : undefined,
  );
  await box.clock.advance(1000);
  t.same(box.names(), ['one-master']);
  t.same(box.reports, ['removed Deployment green/one-old']);
  await box.end();
});

test('a deployment, or a wish to keep it, just before the removal keeps a branch', async (t) => {
  for (const [patch, why] of [
    [{ spec: { replicas: 2 } }, 'deployed'],
    [{ metadata: { annotations: { 'branchline.dev/keep': 'true' } } }, 'kept'],
  ] as const) {
    const box = sweeperOf(old, { warnFirst: 'false' });
    let times = 1;
    box.interfereWith(() => (times-- > 0 ? (object) => written(object, patch) : undefined));
    await box.clock.advance(1000);
    t.same(box.names(), ['one-master', 'one-old'], why);
    t.same(box.reports, ['skipped Deployment green/one-old'], why);
    await box.end();
  }
});

const jumps: readonly { readonly name: string; readonly change: number; readonly held: RegExp }[] = [
  { name: 'forwards', change: 30 * day, held: /our clock jumped: it is 30d ahead of where it should be/ },
  // Back beyond the age of everything: without the guard it would be the next step forwards that ends them.
  { name: 'back, and forwards again', change: -30 * day, held: /our clock jumped: it is 30d ahead/ },
];
for (const { name, change, held } of jumps) {
  test(`a clock that jumps ${name} ends nothing, and is said`, async (t) => {
    const box = sweeperOf(
      [
        namespace,
        service,
        baseline,
        deployment('YOUNG', start - hour),
        replicaSet('YOUNG', start - hour),
        ...(change < 0 ? [deployment('OLD', start - 4 * day), replicaSet('OLD', start - 4 * day)] : []),
      ],
      { warnFirst: 'false' },
    );
    // No API server tells the time here: the jump alone has to be noticed.
    box.serverShows(() => undefined);
    if (change < 0) {
      box.clock.setWall(change);
      await box.clock.advance(1000);
      t.same(box.writes, [], 'nothing is old to a clock that is behind');
      box.clock.setWall(-change);
    } else {
      await box.clock.advance(1000);
      box.clock.setWall(change);
    }
    await box.clock.advance(60_000);
    t.same(box.writes, []);
    t.match(box.reports.join('\n'), held);
    await box.end();
  });
}

test("a clock that is not the API server's ends nothing for as long as it is not", async (t) => {
  const box = sweeperOf(old, { warnFirst: 'false' });
  box.serverShows(() => box.clock.wall() - 2 * hour);
  await box.clock.advance(hour);
  t.same(box.writes, []);
  t.match(box.reports[0], /held back: our clock is 2h ahead of the API server's/);
  box.serverShows(() => box.clock.wall());
  await box.clock.advance(61_000);
  t.same(box.writes, ['remove one-old']);
  await box.end();
});

test('more than a share at once is held back whole, and goes when it is less', async (t) => {
  const many = Array.from({ length: 9 }, (_, index) => `OLD${index}`);
  const box = sweeperOf(
    [
      namespace,
      service,
      baseline,
      ...many.flatMap((version) => [
        deployment(version, start - 4 * day),
        replicaSet(version, start - 4 * day),
      ]),
    ],
    { warnFirst: 'false', maxRemovalsPerSweep: '4' },
  );
  await box.clock.advance(1000);
  t.same(box.writes, []);
  t.match(box.reports, [/^held back: 9 of 9 branches would end at once, more than 4/]);
  // Six of them are deployed anew.
  for (const version of many.slice(3)) box.put(replicaSet(version, box.clock.wall()));
  await box.clock.advance(61_000);
  t.same(box.writes, ['remove one-old0', 'remove one-old1', 'remove one-old2']);
  await box.end();
});

test('nothing is done by who does not hold the Lease any more', async (t) => {
  const box = sweeperOf(old, { warnFirst: 'false' });
  await box.end();
  await box.clock.advance(day);
  await quiet();
  t.same(box.writes, []);
});
