/** How many pods of a branch are ready. */
import type { Life } from '../lifecycle/life.ts';

/** Ready pods, and wanted ones. */
export interface PodCount {
  readonly ready: number;
  readonly wanted: number;
}

/** Counts by the workload's status; a manifest, which has none, counts as ready. */
export function podsOf({ workload }: Life): PodCount {
  return { ready: workload.readyPods ?? workload.desired, wanted: workload.desired };
}
