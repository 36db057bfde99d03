/** How branches are routed, for who reads a cluster once, and maybe not all of it. */
import type { Settings } from '../config/settings.ts';
import type { Life } from '../lifecycle/life.ts';
import { routesTo } from '../lifecycle/routed.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { existingOf } from '../routing/changes.ts';
import { desiredOf } from '../routing/desired.ts';
import { createLedger } from '../routing/ledger.ts';
import { createStatusReader, type RouteStatus } from '../routing/route-status.ts';

/** A status, and whether written routes lead to the branch, whatever is decided. */
export interface SeenStatus {
  readonly status: RouteStatus;
  readonly isLedTo: boolean;
}

/**
 * Returns what tells how a branch is routed, by the routes that should be and those that are written; undefined where its Service does not know it.
 * A VirtualService of a namespace that was not read may have the mesh host, so that one of ours is missing by right: there the controller's word counts.
 */
export function seenStatuses(
  snapshot: Snapshot,
  settings: Settings,
): (life: Pick<Life, 'workload' | 'branch' | 'service'>) => SeenStatus | undefined {
  const read = createStatusReader({
    snapshot,
    settings,
    desired: desiredOf(snapshot, settings),
    ledger: createLedger(existingOf(snapshot), 0, 0),
  });
  return (life) => {
    const { workload, branch, service } = life;
    const status = service === undefined ? undefined : read(workload, service, branch.id);
    if (status === undefined) return undefined;
    const isLedTo = routesTo(life, snapshot, settings).length > 0;
    const isSaid = isLedTo && workload.declared['status'] === 'routed';
    return {
      status: isSaid && status.kind === 'waiting' && status.for === 'writes' ? { kind: 'routed' } : status,
      isLedTo,
    };
  };
}
