/** Everything that the controller would write until nothing is left to do, and when: its planner, on a clock that jumps to the next time that it asks for. */
import type { Settings } from '../config/settings.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Phase } from './changes.ts';
import { keyOf, type RouteObject } from './istio.ts';
import { createPlanner, type Planner } from './planner.ts';

/** A phase, and how long after the first write could be made it is due. */
interface TimedPhase extends Phase {
  readonly afterMilliseconds: number;
}

/** Everything to do, in order. No phase is empty; a plan without phases writes nothing. */
export interface Plan {
  readonly phases: readonly TimedPhase[];
  /** What there is in the end, by key. */
  readonly objects: ReadonlyMap<string, RouteObject>;
}

/** Plans every write from what exists to what should, as if each succeeded at once. */
export function planOf(
  snapshot: Snapshot,
  settings: Settings,
  existing: ReadonlyMap<string, RouteObject>,
): Plan {
  const planner = createPlanner({ snapshot, settings, existing, backoffMilliseconds: [0, 0], now: 0 });
  return { phases: phasesOf(planner), objects: planner.ledger.objects };
}

/** More than any plan takes: what is written at one time is one step, and each object waits for a few times at most. */
const stepsMax = 1000;

/** Follows a planner until it rests. @throws Error when it does not, which is a bug of the planner's */
export function phasesOf(planner: Pick<Planner, 'plan' | 'observe'>): readonly TimedPhase[] {
  const phases: TimedPhase[] = [];
  let now = 0;
  for (let step = 0; step < stepsMax; step += 1) {
    const due = planner.plan(now);
    for (const phase of due.phases) {
      phases.push({ ...phase, afterMilliseconds: now });
      for (const { kind, namespace, name, after } of phase.changes)
        planner.observe(keyOf({ kind, metadata: { namespace, name, labels: {} } }), after, now);
    }
    if (due.phases.length > 0) continue;
    if (due.nextAt === undefined) return phases;
    now = due.nextAt;
  }
  // eslint-disable-next-line no-restricted-syntax -- a bug of the planner's, no problem of what was given
  throw new Error(
    `the plan has no end after ${stepsMax} steps, at ${now} ms: this is a bug of branchline, please report it`,
  );
}
