/** Laws of sweeps over generated clusters and clocks, held against rules that are written here a second time, on raw objects. */
import fc from '../property.ts';
import { test } from 'tap';
import { collectRevisions } from '../../src/lifecycle/revisions.ts';
import { planSweep, type Decision, type SweepOptions } from '../../src/lifecycle/sweep.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { parseTime, showTime } from '../../src/model/time.ts';
import { carriedOut, factsOf } from './world.ts';

const hour = 3_600_000;
const epoch = Date.UTC(2026, 10, 1);

interface Seed {
  readonly branch: string | undefined;
  readonly version: string | undefined;
  readonly namespace: string;
  readonly createdHours: number;
  readonly revisedHours: number | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly leaving: boolean;
}

const time = fc.integer({ min: -500, max: 700 }).map((hours) => showTime(epoch + hours * hour));
const annotations = fc.record(
  {
    'branchline.dev/keep': fc.constantFrom('true', 'false'),
    'branchline.dev/keep-until': time,
    'branchline.dev/ttl': fc.constantFrom('1h', '1d', '2w', 'never', ''),
    'branchline.dev/warned': time,
    'branchline.dev/retiring': time,
    'branchline.dev/asleep': time.map((since) => `2 since ${since}`),
  },
  { requiredKeys: [] },
);
const seed: fc.Arbitrary<Seed> = fc.record({
  branch: fc.constantFrom(undefined, 'OPS-1', 'OPS-2', 'master', 'v2', 'feature/x'),
  version: fc.constantFrom(undefined, 'master', 'OPS-1', 'v2', 'TS-9'),
  namespace: fc.constantFrom('on', 'by-label', 'off'),
  createdHours: fc.integer({ min: -400, max: 400 }),
  revisedHours: fc.option(fc.integer({ min: -400, max: 400 }), { nil: undefined }),
  annotations,
  replicas: fc.integer({ min: 0, max: 2 }),
  leaving: fc.boolean(),
});

function objectsOf(seeds: readonly Seed[]): readonly JsonObject[] {
  const namespaces = [
    ['on', {}],
    [
      'by-label',
      { 'branchline.dev/branches': 'by-label', 'branchline.dev/ttl': '5d', 'branchline.dev/max-ttl': '1w' },
    ],
    ['off', {}],
  ] as const;
  const fixed = namespaces.flatMap(([name, notes]): readonly JsonObject[] => [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        labels: name === 'off' ? {} : { 'branchline.dev/enabled': 'true' },
        annotations: notes,
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop', namespace: name, annotations: { 'branchline.dev/versions': 'v2' } },
      spec: { selector: { app: 'shop' } },
    },
    workload('shop', {
      branch: undefined,
      version: 'master',
      namespace: name,
      createdHours: -400,
      revisedHours: undefined,
      annotations: {},
      replicas: 1,
      leaving: false,
    }),
  ]);
  return [
    ...fixed,
    ...seeds.flatMap((one, index) => [workload(`w${index}`, one), ...revision(`w${index}`, one)]),
  ];
}

function workload(
  name: string,
  { branch, version, namespace, createdHours, annotations: notes, replicas, leaving }: Seed,
): JsonObject {
  const labels = { app: 'shop', ...(version === undefined ? {} : { version }) };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      uid: `u-${name}`,
      labels,
      creationTimestamp: showTime(epoch + createdHours * hour),
      annotations: { ...notes, ...(branch === undefined ? {} : { 'branchline.dev/branch': branch }) },
      ...(leaving ? { deletionTimestamp: showTime(epoch) } : {}),
    },
    spec: { replicas, template: { metadata: { labels } } },
  };
}

function revision(name: string, { namespace, revisedHours }: Seed): readonly JsonObject[] {
  return revisedHours === undefined
    ? []
    : [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: {
            name: `${name}-1`,
            namespace,
            creationTimestamp: showTime(epoch + revisedHours * hour),
            ownerReferences: [{ kind: 'Deployment', name, uid: `u-${name}`, controller: true }],
          },
        },
      ];
}

/** Why a workload may never be ended now, by the contract's words. */
function untouchable(
  { branch, version, namespace, createdHours, revisedHours, annotations: notes, leaving }: Seed,
  now: number,
): string | undefined {
  if (namespace === 'off') return 'outside enabled namespaces';
  if (leaving) return 'on its way out';
  if (branch === 'master' || version === 'master') return 'baseline';
  if (branch === 'v2' || version === 'v2') return 'long-lived version';
  if (branch === undefined && (namespace !== 'by-label' || version === undefined))
    return 'nobody declared it';
  if (notes['branchline.dev/keep'] === 'true') return 'kept';
  if ((parseTime(notes['branchline.dev/keep-until'] ?? '') ?? -Infinity) > now) return 'kept until later';
  const hours: Readonly<Record<string, number>> = { '1h': 1, '1d': 24, '2w': 336 };
  const wanted = hours[notes['branchline.dev/ttl'] ?? ''] ?? (namespace === 'by-label' ? 120 : 72);
  const lifetime = namespace === 'by-label' ? Math.min(wanted, 168) : wanted;
  const renewed = Math.max(createdHours, revisedHours ?? -Infinity);
  return epoch + (renewed + lifetime) * hour > now ? 'young' : undefined;
}

const ends = ({ action }: Decision): boolean => action === 'remove' || action === 'sleep';
const given: SweepOptions = { clock: 'given', force: true };
const world = {
  seeds: fc.array(seed, { maxLength: 12 }),
  hours: fc.integer({ min: -500, max: 900 }),
  settings: fc.record({
    warnFirst: fc.constantFrom('true', 'false'),
    expiryAction: fc.constantFrom('remove', 'sleep'),
    expiryWarning: fc.constantFrom('1m', '6h', '2w'),
  }),
};

function law(
  name: string,
  check: (seeds: readonly Seed[], now: number, settings: Readonly<Record<string, string>>) => boolean,
): void {
  test(name, (t) => {
    fc.assert(
      fc.property(world.seeds, world.hours, world.settings, (seeds, hours, settings) =>
        check(seeds, epoch + hours * hour, settings),
      ),
      { numRuns: 400 },
    );
    t.end();
  });
}

law(
  'nothing kept, young, baseline, long-lived or foreign is ever ended, by force or not',
  (seeds, now, settings) =>
    planSweep(factsOf(objectsOf(seeds), now, settings), given)
      .decisions.filter(ends)
      .every(({ life }) => {
        const self = seeds[Number(life.workload.name.slice(1))];
        return self !== undefined && untouchable(self, now) === undefined;
      }),
);

law('whatever is due is ended, warned about, or asleep', (seeds, now, settings) => {
  const { decisions } = planSweep(
    factsOf(objectsOf(seeds), now, { ...settings, warnFirst: 'false', expiryAction: 'remove' }),
    given,
  );
  return seeds.every(
    (one, index) =>
      untouchable(one, now) !== undefined ||
      decisions.some(
        ({ life, action, reason }) =>
          life.workload.name === `w${index}` &&
          (action === 'remove' ||
            action === 'wake' ||
            reason === 'asleep' ||
            reason.startsWith('warned; goes in')),
      ),
  );
});

law('every decision has a reason, and every end a time that has passed', (seeds, now, settings) =>
  planSweep(factsOf(objectsOf(seeds), now, settings), given).decisions.every(
    (decision) =>
      decision.reason !== '' && (!ends(decision) || (decision.at !== undefined && decision.at <= now)),
  ),
);

law('running twice ends nothing more and warns nobody twice', (seeds, now, settings) => {
  const objects = objectsOf(seeds);
  const { decisions } = planSweep(factsOf(objects, now, settings), given);
  const second = planSweep(factsOf(carriedOut(objects, decisions, now), now, settings), given).decisions;
  return second.every((decision) => !ends(decision) && decision.action !== 'warn');
});

law('the order of objects does not matter', (seeds, now, settings) => {
  const show = (objects: readonly JsonObject[]): string =>
    JSON.stringify(planSweep(factsOf(objects, now, settings), given));
  const objects = objectsOf(seeds);
  return show([...objects].reverse()) === show(objects);
});

law('with warnFirst nobody goes who was not warned', (seeds, now, settings) => {
  const { decisions } = planSweep(factsOf(objectsOf(seeds), now, { ...settings, warnFirst: 'true' }), given);
  return decisions.filter(ends).every(({ life }) => life.workload.declared['warned'] !== undefined);
});

law('without force never more than the stated share', (seeds, now, settings) => {
  const { decisions } = planSweep(
    factsOf(objectsOf(seeds), now, {
      ...settings,
      warnFirst: 'false',
      maxRemovalsPerSweep: '30%',
    }),
    { clock: 'given' },
  );
  return decisions.filter(ends).length <= Math.max(5, Math.floor(decisions.length * 0.3));
});

test("a clock that jumped, or is not the API server's, ends nothing and warns nobody", (t) => {
  const off = fc
    .integer({ min: 301, max: 1_000_000 })
    .chain((seconds) => fc.constantFrom(seconds * 1000, -seconds * 1000));
  fc.assert(
    fc.property(world.seeds, world.hours, off, fc.boolean(), (seeds, hours, error, isServer) => {
      const now = epoch + hours * hour;
      const clock = isServer
        ? { now, server: now - error }
        : { now, before: { now: now - 60_000 - error, elapsed: 60_000 } };
      return planSweep(factsOf(objectsOf(seeds), now, { warnFirst: 'false' }), { clock }).decisions.every(
        (decision) => !ends(decision) && decision.action !== 'warn',
      );
    }),
  );
  t.end();
});

test('a clock that is right within the tolerance is believed', (t) => {
  const objects = objectsOf([
    {
      branch: 'OPS-1',
      version: 'OPS-1',
      namespace: 'on',
      createdHours: 0,
      revisedHours: undefined,
      annotations: {},
      replicas: 1,
      leaving: false,
    },
  ]);
  const now = epoch + 100 * hour;
  const clock = { now, server: now - 299_000, before: { now: now - 60_000, elapsed: 61_000 } };
  t.equal(
    planSweep(factsOf(objects, now, { warnFirst: 'false' }), { clock }).decisions.filter(ends).length,
    1,
  );
  t.end();
});

test('times are read and written as Date does', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (seconds) => {
      const text = new Date(seconds * 1000).toISOString();
      return parseTime(text) === seconds * 1000 && showTime(seconds * 1000) === text.replace('.000', '');
    }),
  );
  for (const text of [
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01',
    '2026-01-01T24:00:00Z',
    'now',
    '',
  ])
    t.equal(parseTime(text), undefined, text);
  t.equal(parseTime('2024-02-29T23:30:00.5+01:30'), Date.UTC(2024, 1, 29, 22, 0, 0, 500));
  t.end();
});

test('revisions are one time a workload, whatever their number', (t) => {
  const collector = collectRevisions();
  for (let index = 0; index < 1000; index += 1)
    collector.add({
      kind: 'ReplicaSet',
      metadata: {
        name: `a-${index}`,
        namespace: 'on',
        creationTimestamp: showTime(epoch + index * 1000),
        ownerReferences: [{ kind: 'Deployment', name: 'a', uid: 'u', controller: true }],
      },
    });
  t.same([...collector.revisions], [['Deployment/on/a/u', epoch + 999_000]]);
  t.end();
});
