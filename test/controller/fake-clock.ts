/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/controller/clock.ts';

export interface FakeClock extends Clock {
  /** Moves on, calling back whatever is due on the way, each with what it set off done. */
  advance(milliseconds: number): Promise<void>;
  /** Moves the time of day alone, as people and NTP do. */
  setWall(change: number): void;
  /** Time goes by and nobody is called back: the process was stopped. What is due comes when the clock moves on. */
  freeze(milliseconds: number): void;
}

/** Resolves when everything that was set off is done, as far as it needs no time. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
}

export function createFakeClock(start = 1_000): FakeClock {
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  let now = start;
  let wall = Date.parse('2026-11-23T12:00:00Z');
  const next = (until: number) => [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
  const move = (to: number): void => {
    wall += Math.max(0, to - now);
    now = Math.max(now, to);
  };
  return {
    now: () => now,
    wall: () => wall,
    after(milliseconds, callback) {
      const timer = { at: now + Math.max(0, milliseconds), callback };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    async advance(milliseconds) {
      const until = now + milliseconds;
      await quiet();
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer);
        move(timer.at);
        timer.callback();
        await quiet();
      }
      move(until);
    },
    setWall(change) {
      wall += change;
    },
    freeze(milliseconds) {
      move(now + milliseconds);
    },
  };
}
