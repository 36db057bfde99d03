/** Time as the controller knows it. Tests have one that they move themselves. */

/** Times in milliseconds. */
export interface Clock {
  /** Never goes back; begins anywhere. */
  now(): number;
  /** Since 1970, as people set it: it may jump. */
  wall(): number;
  /** Calls back once, after so long; returns the way to stop it. */
  after(milliseconds: number, callback: () => void): () => void;
}

/** Longest time that node can wait for in one go. */
const timerLimitMilliseconds = 2 ** 31 - 1;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(
      callback,
      Math.min(timerLimitMilliseconds, Math.max(0, Math.ceil(milliseconds))),
    );
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after so long, or at once when told to stop. */
export function sleep(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = clock.after(milliseconds, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
