/**
 * The controller: takes part in the election, and while it holds the Lease, passes write routes and upkeep writes the rest. Followers do nothing but follow the
 * cluster, so that they can go on at once.
 */
import type { Cluster } from '../cluster/port.ts';
import type { Writes } from '../cluster/writes.ts';
import { installationName, type Settings } from '../config/settings.ts';
import { inNamespace } from '../model/snapshot.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { AgentBundle } from './agent-config-maps.ts';
import { tellAgentless } from './agentless.ts';
import type { Clock } from './clock.ts';
import { createEventQueue, type EventQueue } from './events.ts';
import { takePart, type Held } from './lease.ts';
import type { RouteReport } from './objects.ts';
import { startPasses } from './passes.ts';
import { createStatusReporter } from './status-reporter.ts';
import { startSweeper, type SweeperSite } from './sweeper.ts';
import { startUpkeep } from './upkeep.ts';

/** What the controller works with. */
export interface ControllerSite {
  readonly cluster: Cluster;
  readonly writes: Writes;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'controller'>;
  /** Names this process among the replicas; never used before. */
  readonly identity: string;
  /** The header agent to deliver, if there is one. */
  readonly agent: AgentBundle | undefined;
  /** Writes without an election: nobody else can (a folder). */
  readonly isAlone?: boolean;
  /** Ends branches whose time is up by these requests; undefined: never. */
  readonly sweeping?: SweeperSite['client'] | undefined;
  /** Takes the Lease also when it is marked as retired: `uninstall`. */
  readonly takesRetired?: boolean;
}

/** A running controller. */
export interface Controller {
  /** Stops writing, gives the Lease back; resolves when that is done. Idempotent. */
  close(): Promise<void>;
}

/** Starts the controller once the cluster is read. */
export function startController(site: ControllerSite): Controller {
  const { settings, clock, log, metrics, random, identity } = site;
  const stop = new AbortController();
  const report = (outcome: 'won' | 'lost' | 'retired' | 'unreachable', reason: string): void => {
    if (outcome !== 'unreachable') metrics.controller.leads(outcome === 'won');
    log[outcome === 'won' ? 'info' : 'warn'](
      { lease: installationName(settings), outcome, reason },
      'leader election',
    );
  };
  const running = site.cluster.synced
    .then(async () => {
      if (site.isAlone === true)
        return lead(site, { signal: stop.signal, isHeld: () => !stop.signal.aborted });
      const durationMilliseconds = settings.leaseSeconds * 1000;
      const lease = {
        writes: site.writes,
        clock,
        random,
        identity,
        namespace: settings.systemNamespace,
        name: installationName(settings),
        durationMilliseconds,
        report,
        takesRetired: site.takesRetired === true,
      };
      return takePart(lease, (held) => lead(site, held), stop.signal);
    })
    .catch((error: unknown) => {
      if (!stop.signal.aborted) log.error({ reason: describe(error) }, 'the controller ended');
    });
  return {
    async close() {
      stop.abort();
      await running;
      site.writes.close();
      metrics.controller.leads(false);
    },
  };
}

/** Writes until the Lease is lost; resolves when the last write is answered. */
async function lead(site: ControllerSite, held: Held): Promise<void> {
  const { cluster, writes, settings, clock, log, metrics, identity } = site;
  const events = createEventQueue(clock, identity);
  const bug = (error: unknown): void => {
    log.error({ reason: describe(error) }, 'this is a bug: a turn of the controller failed');
  };
  const passes = startPasses({
    cluster,
    writes,
    settings,
    clock,
    held,
    bug,
    report: (one) => {
      reportRoute(one, site, events);
    },
    passed: (milliseconds) => {
      metrics.controller.passed(milliseconds);
      upkeep.soon();
    },
  });
  const upkeep = startUpkeep({
    cluster,
    writes,
    settings,
    clock,
    held,
    bug,
    events,
    agent: site.agent,
    planner: passes.planner,
    decided: createStatusReporter({ clock, metrics: metrics.controller, events }),
    report: (outcome, kind, object, reason) => {
      metrics.controller.wrote(kind, outcome);
      log[outcome === 'failed' ? 'warn' : 'debug']({ kind, object, outcome, reason }, 'upkeep');
    },
  });
  const leave = cluster.onChange(({ collection, namespace, key }) => {
    const pod = collection === 'pods' ? inNamespace(cluster.snapshot.pods, namespace).get(key) : undefined;
    if (pod !== undefined)
      tellAgentless(pod).forEach((one) => {
        events.add(one);
      });
    if (
      collection === 'pods' ||
      collection === 'workloads' ||
      collection === 'agentConfigMaps' ||
      collection === 'services'
    )
      upkeep.soon();
  });
  const sweeper =
    site.sweeping === undefined
      ? undefined
      : startSweeper({
          cluster,
          client: site.sweeping,
          settings,
          clock,
          held,
          events,
          bug,
          report: (outcome, workload, reason) => {
            log[outcome === 'failed' || outcome === 'held back' ? 'warn' : 'info'](
              { workload, outcome, reason },
              'sweep',
            );
            upkeep.soon();
          },
        });
  await Promise.all([passes.ended, upkeep.ended, sweeper?.ended]).finally(leave);
}

function reportRoute(
  { outcome, action, kind, namespace, name, uid, reason }: RouteReport,
  { metrics, log }: ControllerSite,
  events: EventQueue,
): void {
  const foreign = {
    'put back': putBack,
    'left alone': leftAlone,
    conflict: conflicted,
    written: undefined,
    failed: undefined,
  }[outcome];
  if (foreign !== undefined) metrics.controller.conflicted(kind);
  if (['written', 'failed', 'conflict'].includes(outcome))
    metrics.controller.wrote(kind, outcome === 'written' ? 'written' : 'failed');
  log[outcome === 'written' ? 'info' : 'warn']({ action, kind, namespace, name, outcome, reason }, 'route');
  if (foreign !== undefined)
    events.add({
      apiVersion: 'networking.istio.io/v1',
      kind,
      namespace,
      name,
      uid,
      type: 'Warning',
      reason: foreign.reason,
      note: `${reason}${foreign.advice}`,
    });
}

const putBack = {
  reason: 'PutBack',
  advice: '; branchline puts it back: change the workload or Service in place of it',
};
const leftAlone = {
  reason: 'LeftAlone',
  advice: ', again and again; branchline leaves it alone for a while: find out who does',
};
const conflicted = { reason: 'Conflict', advice: '' };

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
