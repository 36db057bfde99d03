/** Everything that the controller would write until nothing is left to do, and when: its planner, on a clock that jumps to the next time that it asks for. */
import type { Settings } from '../config/settings.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Phase } from './changes.ts';
import { keyOf } from './desired.ts';
import type { RouteObject } from './istio.ts';
import { createPlanner } from './planner.ts';

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
  const phases: TimedPhase[] = [];
  for (let now: number | undefined = 0; now !== undefined;) {
    const due = planner.plan(now);
    for (const phase of due.phases) {
      phases.push({ ...phase, afterMilliseconds: now });
      for (const { kind, namespace, name, after } of phase.changes)
        planner.observe(keyOf({ kind, metadata: { namespace, name, labels: {} } }), after, now);
    }
    if (due.phases.length === 0) now = due.nextAt;
  }
  return { phases, objects: planner.ledger.objects };
}
