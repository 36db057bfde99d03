/** Long work, one piece at a time, with the event loop's other work between two pieces. */

/** Runs pieces of work in order. */
export interface Turns {
  /** Runs `work` on a later turn of the event loop, after the work taken before it. `work` must not throw. */
  take(work: () => void): void;
}

/** Makes an empty queue. `setImmediate` lets everything that has arrived on sockets be handled first. */
export function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  let scheduled = false;
  const schedule = (): void => {
    scheduled = true;
    setImmediate(runNext);
  };
  const runNext = (): void => {
    scheduled = false;
    waiting.shift()?.();
    if (waiting.length > 0 && !scheduled) schedule();
  };
  return {
    take(work) {
      waiting.push(work);
      if (!scheduled) schedule();
    },
  };
}
