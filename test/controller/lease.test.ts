import fc from '../property.ts';
import { test, type Test } from 'tap';
import { takePart, type Held } from '../../src/controller/lease.ts';
import { retiredAnnotation } from '../../src/model/keys.ts';
import { numberAt, objectAt, type JsonObject } from '../../src/model/json.ts';
import { createFakeClock, quiet, type FakeClock } from './fake-clock.ts';
import { createFakeLeases, type FakeLeases } from './fake-leases.ts';

interface Contender {
  readonly name: string;
  readonly clock: FakeClock;
  held: Held | undefined;
  readonly said: string[];
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** Contenders on one Lease, each with a clock of its own. */
function contend(
  leases: FakeLeases,
  name: string,
  {
    clock = createFakeClock(),
    takesRetired = false,
  }: { readonly clock?: FakeClock; readonly takesRetired?: boolean } = {},
): Contender {
  const stop = new AbortController();
  const said: string[] = [];
  const site = {
    writes: leases.writes(name),
    clock,
    random: () => 0.5,
    identity: name,
    namespace: 'system',
    name: 'branchline',
    durationMilliseconds: 15_000,
    takesRetired,
    report: (outcome: string) => {
      said.push(outcome);
    },
  };
  const contender: Contender = { name, clock, held: undefined, said, stop, ended: Promise.resolve() };
  const ended = takePart(
    site,
    async (held) => {
      contender.held = held;
      await new Promise<void>((resolve) => {
        held.signal.addEventListener('abort', () => {
          resolve();
        });
      });
      contender.held = undefined;
    },
    stop.signal,
  );
  return Object.assign(contender, { ended });
}

const leads = ({ held }: Contender): boolean => held?.isHeld() === true;

async function advance(contenders: readonly Contender[], milliseconds: number, step = 500): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += step)
    for (const { clock } of contenders) await clock.advance(step);
}

function opened(t: Test, names: readonly string[]): { leases: FakeLeases; contenders: readonly Contender[] } {
  const leases = createFakeLeases();
  const contenders = names.map((name) => contend(leases, name));
  t.teardown(async () => {
    contenders.forEach(({ stop }) => {
      stop.abort();
    });
    await advance(contenders, 5000);
  });
  return { leases, contenders };
}

test('one of three leads, and stays leader', async (t) => {
  const { leases, contenders } = opened(t, ['a', 'b', 'c']);
  await advance(contenders, 60_000);
  t.equal(contenders.filter(leads).length, 1);
  t.equal(leases.holder(), contenders.find(leads)?.name);
  t.equal(numberAt(leases.lease(), 'spec', 'leaseTransitions'), 0);
  t.equal(numberAt(leases.lease(), 'spec', 'leaseDurationSeconds'), 15);
});

test('when the leader ends it gives the Lease back, and another leads within seconds', async (t) => {
  const { leases, contenders } = opened(t, ['a', 'b']);
  await advance(contenders, 1000);
  const first = contenders.find(leads);
  first?.stop.abort();
  await quiet();
  await first?.ended;
  t.equal(leases.holder(), '');
  await advance(contenders, 5000);
  t.ok(contenders.some((one) => one !== first && leads(one)));
  t.equal(numberAt(leases.lease(), 'spec', 'leaseTransitions'), 1);
});

test('a leader without the API server stops after 10 s, before anybody can take the Lease', async (t) => {
  const { leases, contenders } = opened(t, ['a', 'b']);
  await advance(contenders, 4000);
  const first = contenders.find(leads);
  const other = contenders.find((one) => one !== first);
  if (first === undefined || other === undefined) throw new Error('nobody leads');
  leases.cut.add(first.name);
  await advance(contenders, 8000, 100);
  t.ok(leads(first), 'it goes on for as long as it may');
  await advance(contenders, 2500, 100);
  t.notOk(leads(first), 'then it stops');
  t.notOk(leads(other), 'while the other waits');
  await advance(contenders, 10_000, 100);
  t.ok(leads(other));
  t.same(
    first.said.filter((word) => word !== 'unreachable'),
    ['won', 'lost'],
  );
});

test('a leader that was stopped for a while writes nothing when it goes on', async (t) => {
  const { contenders } = opened(t, ['a', 'b']);
  await advance(contenders, 4000);
  const first = contenders.find(leads);
  const other = contenders.find((one) => one !== first);
  if (first === undefined || other === undefined) throw new Error('nobody leads');
  const { held } = first;
  first.clock.freeze(30_000);
  t.notOk(held?.isHeld(), 'before any timer of its own has rung');
  await advance([other], 30_000);
  t.ok(leads(other));
  await advance([first, other], 20_000);
  t.equal(contenders.filter(leads).length, 1);
});

const jumps: readonly (readonly [string, number])[] = [
  ['forward', 3_600_000],
  ['back', -3_600_000],
];
for (const [name, change] of jumps) {
  test(`the time of day jumps ${name} for one or all: never two leaders, and one again soon`, async (t) => {
    const { contenders } = opened(t, ['a', 'b', 'c']);
    await advance(contenders, 4000);
    contenders.find(leads)?.clock.setWall(change);
    let most = 0;
    for (let step = 0; step < 100; step += 1) {
      await advance(contenders, 500);
      most = Math.max(most, contenders.filter(leads).length);
    }
    t.equal(most, 1);
    t.equal(contenders.filter(leads).length, 1);
  });
}

test('a marked Lease is left by its holder and taken by nobody who saw the mark, save who is to', async (t) => {
  const { leases, contenders } = opened(t, ['a', 'b']);
  await advance(contenders, 4000);
  const lease = leases.lease() as JsonObject;
  leases.put({
    ...lease,
    metadata: { ...objectAt(lease, 'metadata'), annotations: { [retiredAnnotation]: 'now' } },
  });
  await advance(contenders, 20_000);
  t.notOk(contenders.some(leads));
  await Promise.all(contenders.map(({ ended }) => ended));
  const last = contend(leases, 'uninstall', { takesRetired: true });
  await advance([last], 20_000);
  t.ok(leads(last));
  last.stop.abort();
  await last.ended;
});

/** Faults that come and go, in any order: at no time do two lead. */
test('whatever happens to clocks and connections, no two ever lead at once, and in the end one does', async (t) => {
  const events = fc.array(
    fc.record({
      who: fc.integer({ min: 0, max: 2 }),
      what: fc.constantFrom('cut', 'mend', 'freeze', 'wall', 'none'),
      by: fc.integer({ min: -20_000, max: 20_000 }),
      then: fc.integer({ min: 100, max: 12_000 }),
    }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(events, async (given) => {
      const leases = createFakeLeases();
      const contenders = ['a', 'b', 'c'].map((name) => contend(leases, name));
      const look = (): void => {
        if (contenders.filter(leads).length > 1) throw new Error('two lead');
      };
      /** Time goes by for these together: no clock is ever more than a step ahead of another. */
      const go = async (milliseconds: number, those: readonly Contender[] = contenders): Promise<void> => {
        for (let passed = 0; passed < milliseconds; passed += 500) {
          for (const { clock } of those) {
            await clock.advance(Math.min(500, milliseconds - passed));
            look();
          }
        }
      };
      await go(3000);
      for (const { who, what, by, then } of given) {
        const contender = contenders[who] as Contender;
        if (what === 'cut') leases.cut.add(contender.name);
        if (what === 'mend') leases.cut.delete(contender.name);
        // All machines' time goes by, and one of them does not notice.
        if (what === 'freeze') {
          contender.clock.freeze(Math.abs(by));
          await go(
            Math.abs(by),
            contenders.filter((one) => one !== contender),
          );
        }
        if (what === 'wall') contender.clock.setWall(by);
        look();
        await go(then);
      }
      leases.cut.clear();
      await go(60_000);
      if (contenders.filter(leads).length !== 1) throw new Error('nobody leads in the end');
      contenders.forEach(({ stop }) => {
        stop.abort();
      });
      await Promise.all(contenders.map(({ ended }) => ended));
    }),
    { numRuns: 15 },
  );
  t.pass('15 runs');
});
