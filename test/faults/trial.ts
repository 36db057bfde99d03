/** What was tried, and what came of it. */
import type { LoadResult } from '../bench/load.ts';

/** One line of the final table. */
export interface Trial {
  readonly what: string;
  readonly requests: number;
  /** How many failed, by reason. */
  readonly failures: ReadonlyMap<string, number>;
  /** `none`: a failure fails the run. `counted`: some must fail whatever we do, and this says how many. */
  readonly expected: 'none' | 'counted';
  readonly notes: string;
  /** What else was not as it must be, in words. */
  readonly problems: readonly string[];
}

/** Makes a trial in which nothing may fail. */
export function expectNone(
  what: string,
  { requests, failures }: Pick<LoadResult, 'requests' | 'failures'>,
  notes: string,
  problems: readonly string[] = [],
): Trial {
  return {
    what,
    requests,
    failures,
    expected: 'none',
    notes,
    problems: requests === 0 ? [...problems, 'nothing was sent'] : problems,
  };
}

/** Makes a trial in which some must fail, and how many is what is of interest. */
export function counted(
  what: string,
  { requests, failures }: Pick<LoadResult, 'requests' | 'failures'>,
  notes: string,
  problems: readonly string[] = [],
): Trial {
  return {
    what,
    requests,
    failures,
    expected: 'counted',
    notes,
    problems: requests === 0 ? [...problems, 'nothing was sent'] : problems,
  };
}

/** Returns how many requests failed. */
export function failed({ failures }: Pick<Trial, 'failures'>): number {
  return [...failures.values()].reduce((sum, one) => sum + one, 0);
}

/** Tells whether a trial went as it must. */
export function isPassed(trial: Trial): boolean {
  return trial.problems.length === 0 && (trial.expected === 'counted' || failed(trial) === 0);
}
