import fc from '../property.ts';
import { test } from 'tap';
import type { Settings } from '../../src/config/settings.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { existingOf, isSame, type Change } from '../../src/routing/changes.ts';
import { desiredOf } from '../../src/routing/desired.ts';
import { keyOf, type RouteObject } from '../../src/routing/istio.ts';
import { subsetsIn } from '../../src/routing/ledger.ts';
import { createPlanner, type Planner } from '../../src/routing/planner.ts';
import { referenceKey, referencesOf, type Reference } from '../../src/routing/reference.ts';
import { settingsWith } from '../admission/golden.ts';
import { fakeCluster, type FakeCluster } from '../cluster/fake.ts';
import { clusters } from './generated.ts';

const settle = 1000;
const settings = settingsWith({ settleMilliseconds: String(settle), flapSeconds: '0' });

/** A mesh of objects that holds the laws of time by itself: it knows when what was written, and says what was broken. */
class Mesh {
  readonly objects = new Map<string, RouteObject>();
  readonly faults: string[] = [];
  readonly #since = new Map<string, { labels: JsonObject; at: number }>();
  readonly #unnamed = new Map<string, number>();
  now = 0;

  write({ kind, namespace, name, after }: Change): void {
    const key = keyOf({ kind, metadata: { namespace, name, labels: {} } });
    const before = this.objects.get(key);
    const named = this.#named();
    if (after === undefined) this.objects.delete(key);
    else this.objects.set(key, after);
    if (kind === 'DestinationRule') this.#rule(before, after);
    else if (after !== undefined)
      for (const reference of referencesOf(after).values()) this.#route(reference, key);
    for (const reference of named) if (!this.#named().has(reference)) this.#unnamed.set(reference, this.now);
  }

  #named(): Set<string> {
    return new Set(
      [...this.objects.values()].flatMap((object) =>
        object.kind === 'VirtualService' ? [...referencesOf(object).keys()] : [],
      ),
    );
  }

  #route(reference: Reference, key: string): void {
    if (reference.kind !== 'subset') return;
    const name = referenceKey(reference);
    const since = this.#since.get(name);
    if (since === undefined) this.faults.push(`${key} names ${name}, which is not there`);
    else if (since.at + settle > this.now)
      this.faults.push(`${key} names ${name}, ${this.now - since.at} ms old`);
  }

  #rule(before: RouteObject | undefined, after: RouteObject | undefined): void {
    const subsetKey = (object: RouteObject, subset: string): string =>
      referenceKey({ kind: 'subset', host: textAt(object.spec, 'host') ?? '', subset });
    const [old, now] = [before, after].map(
      (object) =>
        new Map(
          object === undefined
            ? []
            : [...subsetsIn(object)].map(([name, labels]) => [subsetKey(object, name), labels]),
        ),
    );
    const elsewhere = new Set(
      [...this.objects.values()]
        .filter((object) => object.kind === 'DestinationRule' && object !== after)
        .flatMap((object) => [...subsetsIn(object).keys()].map((name) => subsetKey(object, name))),
    );
    for (const [reference, labels] of old ?? []) {
      if (isSame(now?.get(reference), labels) || elsewhere.has(reference)) continue;
      this.#since.delete(reference);
      // A baseline may take over the name of a branch: whoever is still routed there meets the baseline.
      if (['master', 'main', 'v1'].includes(String(now?.get(reference)?.['version']))) continue;
      if (this.#named().has(reference)) this.faults.push(`${reference} goes while it is routed to`);
      else if ((this.#unnamed.get(reference) ?? -Infinity) + settle > this.now)
        this.faults.push(`${reference} goes too soon after its last route`);
    }
    for (const [reference, labels] of now ?? [])
      if (!this.#since.has(reference)) this.#since.set(reference, { labels, at: this.now });
  }
}

interface World {
  readonly mesh: Mesh;
  readonly cluster: FakeCluster;
  readonly planner: Planner;
}

const isRoute = (object: unknown): boolean =>
  ['VirtualService', 'DestinationRule'].includes(textAt(object, 'kind') ?? '');
const identity = (object: unknown): string =>
  ['kind', 'namespace', 'name']
    .map((part) => (part === 'kind' ? textAt(object, 'kind') : textAt(object, 'metadata', part)) ?? '')
    .join('/');

function openWorld(chosen: Settings): World {
  const cluster = fakeCluster([]);
  const planner = createPlanner({
    snapshot: cluster.snapshot,
    settings: chosen,
    existing: new Map(),
    backoffMilliseconds: [100, 400],
    now: 0,
  });
  return { mesh: new Mesh(), cluster, planner };
}

/** Makes the cluster these objects; ours stay, and a foreign one never has a name that ours has. */
function become(
  { cluster, mesh, planner }: World,
  before: readonly JsonObject[],
  after: readonly JsonObject[],
): readonly JsonObject[] {
  const wanted = after.filter((object) => !isRoute(object) || !mesh.objects.has(keyOf(object as never)));
  const kept = new Set(wanted.map(identity));
  for (const object of before) if (!kept.has(identity(object))) cluster.remove(object);
  for (const object of wanted) cluster.put(object);
  planner.touchAll();
  return wanted;
}

/** One pass; `fails` says of each write whether it fails. */
function pass({ planner, mesh, cluster }: World, fails: () => boolean): number {
  const { phases } = planner.plan(mesh.now);
  for (const change of phases.flatMap(({ changes }) => changes)) {
    const key = keyOf({
      kind: change.kind,
      metadata: { namespace: change.namespace, name: change.name, labels: {} },
    });
    if (fails()) {
      planner.failed(key, mesh.now);
      continue;
    }
    mesh.write(change);
    planner.observe(key, change.after, mesh.now);
    if (change.after === undefined) cluster.remove(change.before);
    else cluster.put(change.after);
  }
  return phases.flatMap(({ changes }) => changes).length;
}

/** Passes as the planner asks for them, until it asks for none. */
function settleDown(world: World): number {
  let writes = 0;
  for (let count = 0; count < 200; count += 1) {
    const done = pass(world, () => false);
    writes += done;
    const { nextAt } = world.planner.plan(world.mesh.now);
    if (done === 0 && nextAt === undefined) return writes;
    if (done === 0) world.mesh.now = Math.max(world.mesh.now, nextAt ?? 0);
  }
  world.mesh.faults.push('it never comes to rest');
  return writes;
}

/** What is left to do, as a whole pass without any past sees it. */
function differences(
  { mesh, cluster }: World,
  objects: readonly JsonObject[],
  chosen: Settings,
): readonly string[] {
  const desired = desiredOf(snapshotOf([...objects, ...mesh.objects.values()]), chosen);
  const keys = new Set([...desired.objects.keys(), ...mesh.objects.keys()]);
  const shown = existingOf(cluster.snapshot);
  return [...keys].filter(
    (key) =>
      !desired.withheld.has(key) &&
      (!isSame(desired.objects.get(key)?.spec, mesh.objects.get(key)?.spec) ||
        !isSame(shown.get(key)?.spec, mesh.objects.get(key)?.spec)),
  );
}

const steps = fc.array(
  fc.record({
    objects: fc.option(clusters, { nil: undefined }),
    milliseconds: fc.constantFrom(0, 1, 50, 400, 1000, 3000),
    failures: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 6 },
);

for (const [name, chosen] of [
  ['at once', settings],
  ['damped', settingsWith({ settleMilliseconds: String(settle), flapSeconds: '3' })],
] as const) {
  test(`whatever happens, in whatever order, and whatever fails in between: no route to a young or missing subset, no subset goes while it is routed to, and all ends as it should be (${name})`, (t) => {
    const details = fc.check(
      fc.property(steps, (given) => {
        const world = openWorld(chosen);
        let objects: readonly JsonObject[] = [];
        for (const { objects: next, milliseconds, failures } of given) {
          if (next !== undefined) objects = become(world, objects, next);
          let index = 0;
          pass(world, () => failures[(index += 1) % failures.length] ?? false);
          world.mesh.now += milliseconds;
          pass(world, () => failures[(index += 1) % failures.length] ?? false);
        }
        settleDown(world);
        const left = differences(world, objects, chosen);
        if (world.mesh.faults.length > 0 || left.length > 0)
          throw new Error(
            [...world.mesh.faults, ...left.map((key) => `not as it should be: ${key}`)].join('\n'),
          );
        world.mesh.now += 100_000;
        world.planner.touchAll();
        if (pass(world, () => false) > 0) throw new Error('it writes in quiet');
      }),
      { numRuns: 150 },
    );
    t.notOk(
      details.failed,
      details.failed
        ? `${String(details.errorInstance)}\n${fc.defaultReportMessage(details) ?? ''}`
        : '150 runs',
    );
    t.end();
  });
}
