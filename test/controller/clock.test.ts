import { test } from 'tap';
import { sleep, systemClock } from '../../src/controller/clock.ts';
import { createFakeClock, quiet } from './fake-clock.ts';

/** Sleeps for a second; tells when it is over. */
function sleeping(signal: AbortSignal) {
  const clock = createFakeClock();
  let timers = 0;
  const counted = {
    ...clock,
    after(milliseconds: number, callback: () => void) {
      timers += 1;
      const stop = clock.after(milliseconds, callback);
      return () => {
        timers -= 1;
        stop();
      };
    },
  };
  let isOver = false;
  void sleep(counted, 1000, signal).then(() => {
    isOver = true;
  });
  return { clock, isOver: () => isOver, timers: () => timers };
}

test('sleeps for as long as it was told, and no moment less', async (t) => {
  const { clock, isOver } = sleeping(new AbortController().signal);
  await clock.advance(999);
  t.equal(isOver(), false);
  await clock.advance(1);
  t.equal(isOver(), true);
});

test('wakes when it is told to stop, and leaves no timer behind', async (t) => {
  const stop = new AbortController();
  const { isOver, timers } = sleeping(stop.signal);
  await quiet();
  t.equal(isOver(), false);
  t.equal(timers(), 1);
  stop.abort();
  await quiet();
  t.equal(isOver(), true);
  t.equal(timers(), 0);
});

test('does not sleep when it was told to stop before', async (t) => {
  const { isOver, timers } = sleeping(AbortSignal.abort());
  await quiet();
  t.equal(isOver(), true);
  t.equal(timers(), 0);
});

test("the machine's clock calls back, also for a time that has passed; not when it was stopped", async (t) => {
  const called: string[] = [];
  const stop = systemClock.after(0, () => called.push('stopped'));
  stop();
  await new Promise<void>((resolve) => {
    systemClock.after(-5, () => {
      called.push('passed');
      resolve();
    });
  });
  t.same(called, ['passed']);
});

test("a time that is too long for node's timers is not cut to none", async (t) => {
  // Node says so when it does that.
  const warnings: string[] = [];
  const listener = ({ name }: Error): void => {
    warnings.push(name);
  };
  process.on('warning', listener);
  systemClock.after(2 ** 40, () => undefined)();
  await quiet();
  process.off('warning', listener);
  t.same(warnings, []);
});

test("the machine's clock never goes back, and knows the time of day", (t) => {
  const [first, second] = [systemClock.now(), systemClock.now()];
  t.ok(second >= first);
  t.ok(systemClock.wall() > Date.parse('2026-01-01T00:00:00Z'));
  t.end();
});
