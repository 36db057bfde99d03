import { test } from 'tap';
import { createTurns, type Turns, type TurnsSite } from '../../src/controller/turns.ts';
import { createFakeClock, quiet, type FakeClock } from './fake-clock.ts';

interface Running {
  readonly clock: FakeClock;
  readonly turns: Turns;
  readonly times: readonly number[];
  readonly abort: () => void;
}

function start(parts: Partial<TurnsSite> = {}): Running {
  const clock = createFakeClock(0);
  const aborting = new AbortController();
  const times: number[] = [];
  const turns = createTurns({
    clock,
    signal: aborting.signal,
    bug: () => undefined,
    ...parts,
    turn: () => {
      times.push(clock.now());
      return parts.turn?.() ?? Promise.resolve(undefined);
    },
  });
  return { clock, turns, times, abort: () => void aborting.abort() };
}

test('turns once, however often it is asked for before', async (t) => {
  const { clock, turns, times } = start();
  turns.soon();
  turns.soon();
  await clock.advance(60_000);
  t.same(times, [0]);
});

test('turns again at the time that the turn before asked for', async (t) => {
  const wants = [700, undefined];
  const { clock, turns, times } = start({ turn: () => Promise.resolve(wants.shift()) });
  turns.soon();
  await clock.advance(699);
  t.same(times, [0]);
  await clock.advance(1);
  t.same(times, [0, 700]);
});

test('what is asked for in a turn comes after it, never beside it', async (t) => {
  const open: (() => void)[] = [];
  const { clock, turns, times } = start({
    turn: () =>
      new Promise((resolve) => {
        open.push(() => {
          resolve(undefined);
        });
      }),
  });
  turns.soon();
  await clock.advance(0);
  turns.soon();
  await clock.advance(60_000);
  t.same(times, [0], 'the first still runs');
  open[0]?.();
  await quiet();
  await clock.advance(0);
  t.same(times, [0, 60_000]);
});

test('a turn that throws is reported and comes again after a pause, also where the report throws', async (t) => {
  const rows = [
    { name: 'the report returns', bug: () => undefined },
    {
      name: 'the report throws',
      bug: () => {
        throw new Error('the log is closed');
      },
    },
  ];
  for (const { name, bug } of rows) {
    const { clock, turns, times } = start({ turn: () => Promise.reject(new Error('a bug')), bug });
    turns.soon();
    await clock.advance(4999);
    t.same(times, [0], name);
    await clock.advance(1);
    t.same(times, [0, 5000], name);
    turns.soon();
    await clock.advance(0);
    t.same(times, [0, 5000, 5000], `${name}: it hears`);
  }
});

test('ends with the signal, and not before the turn that runs', async (t) => {
  const open: (() => void)[] = [];
  const { clock, turns, times, abort } = start({
    turn: () =>
      new Promise((resolve) => {
        open.push(() => {
          resolve(undefined);
        });
      }),
  });
  let hasEnded = false;
  void turns.ended.then(() => {
    hasEnded = true;
  });
  turns.soon();
  await clock.advance(0);
  abort();
  await quiet();
  t.notOk(hasEnded);
  open[0]?.();
  await quiet();
  t.ok(hasEnded);
  turns.soon();
  await clock.advance(60_000);
  t.same(times, [0]);
});
