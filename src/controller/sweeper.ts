/** The leader's housekeeping: every so often a sweep over the branches, carried out at once. */
import type { Client } from '../cluster/client.ts';
import type { Cluster } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { parseLabelFilter } from '../lifecycle/label-filter.ts';
import { routesTo } from '../lifecycle/routed.ts';
import { planSweep, type Decision, type Sweep } from '../lifecycle/sweep.ts';
import { sleep, type Clock } from './clock.ts';
import { carryOut, type EndingSite, type Hands, type Outcome } from './ending.ts';
import type { EventQueue } from './events.ts';
import type { Held } from './lease.ts';
import { readRevisions } from './revisions.ts';
import { createTurns } from './turns.ts';

/** What the sweeper works with. */
export interface SweeperSite {
  readonly cluster: Cluster;
  readonly client: Pick<Client, 'read' | 'patch' | 'remove' | 'list' | 'serverTime'>;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly held: Held;
  readonly events: Pick<EventQueue, 'add'>;
  readonly bug: (error: unknown) => void;
  /** Told of what became of a decision that was more than to do nothing, and of a sweep that was held back. */
  readonly report: (
    outcome: Outcome['did'] | 'failed' | 'held back',
    workload: string,
    reason: string,
  ) => void;
}

/** Endings that are carried out at one time. */
const atOnce = 8;

/** Sweeps until the Lease is lost. @returns the end, when nothing is being carried out any more. */
export function startSweeper(site: SweeperSite): { readonly ended: Promise<void> } {
  const { clock, held, settings, bug, report } = site;
  let before: { readonly wall: number; readonly now: number } | undefined;
  const turns = createTurns({
    clock,
    signal: held.signal,
    bug,
    async turn() {
      const sweep = await decide(site, before);
      before = { wall: clock.wall(), now: clock.now() };
      if (sweep.held !== undefined) report('held back', '', sweep.held);
      await act(
        site,
        sweep.decisions.filter(({ action }) => action !== 'none'),
      );
      return clock.now() + settings.sweepSeconds * 1000;
    },
  });
  turns.soon();
  return { ended: turns.ended };
}

async function decide(
  { cluster, client, settings, clock }: SweeperSite,
  before: { readonly wall: number; readonly now: number } | undefined,
): Promise<Sweep> {
  const { snapshot } = cluster;
  const now = clock.wall();
  const elapsed = before === undefined ? undefined : { now: before.wall, elapsed: clock.now() - before.now };
  const revisions = await readRevisions(client, { snapshot, settings, now });
  // Where nothing was asked for, nothing is due, and an old answer says nothing about the clock.
  const server = revisions.size === 0 ? undefined : client.serverTime();
  return planSweep(
    { snapshot, revisions, settings, now },
    { filter: parseLabelFilter(settings.labelFilter) ?? [], clock: { now, server, before: elapsed } },
  );
}

async function act(site: SweeperSite, decisions: readonly Decision[]): Promise<void> {
  const ending = endingSite(site);
  for (let start = 0; start < decisions.length && site.held.isHeld(); start += atOnce) {
    await Promise.all(
      decisions.slice(start, start + atOnce).map(async (decision) => {
        const { kind, namespace, name } = decision.life.workload;
        const { did, note } = await carryOut(decision, ending).catch((error: unknown) => ({
          did: 'failed' as const,
          note: error instanceof Error ? error.message : String(error),
        }));
        site.report(did, `${kind} ${namespace}/${name}`, note);
      }),
    );
  }
}

function endingSite({ cluster, client, settings, clock, held, events }: SweeperSite): EndingSite {
  const hands: Hands = {
    read: client.read,
    patch: client.patch,
    remove: client.remove,
    tell({ workload: { kind, namespace, name, uid } }, telling) {
      events.add({
        kind,
        apiVersion: kind === 'Rollout' ? 'argoproj.io/v1alpha1' : 'apps/v1',
        namespace,
        name,
        uid,
        ...telling,
      });
      return Promise.resolve();
    },
    isRouted: (life) => Promise.resolve(routesTo(life, cluster.snapshot, settings).length > 0),
  };
  return {
    hands,
    settings,
    now: () => clock.wall(),
    sleep: (milliseconds) => sleep(clock, milliseconds, held.signal),
    stopped: () => !held.isHeld(),
  };
}
