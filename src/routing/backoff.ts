/** Pauses after failures, by key. Times are milliseconds on the caller's clock. */

/** How often what failed, and when it may be tried again. */
export interface Backoff {
  failed(key: string, now: number): void;
  /** Leaves a key alone until then. */
  hold(key: string, until: number): void;
  /** -Infinity for what did not fail. */
  readonly notBefore: (key: string) => number;
  succeeded(key: string): void;
}

/** Makes a backoff whose pauses double, from the first to the longest. */
export function createBackoff([first, longest]: readonly [number, number]): Backoff {
  const failures = new Map<string, { readonly count: number; readonly notBefore: number }>();
  return {
    failed(key, now) {
      const count = (failures.get(key)?.count ?? 0) + 1;
      failures.set(key, { count, notBefore: now + Math.min(longest, first * 2 ** (count - 1)) });
    },
    hold(key, until) {
      failures.set(key, { count: failures.get(key)?.count ?? 0, notBefore: until });
    },
    notBefore: (key) => failures.get(key)?.notBefore ?? -Infinity,
    succeeded(key) {
      failures.delete(key);
    },
  };
}
