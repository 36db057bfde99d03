/** What time it is, as an argument. */

/** Two clocks: one for dates, one for durations (it never jumps). */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  epochMilliseconds(): number;
  /** Milliseconds since some fixed moment; only differences mean anything. */
  monotonicMilliseconds(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  epochMilliseconds: () => Date.now(),
  monotonicMilliseconds: () => performance.now(),
};
