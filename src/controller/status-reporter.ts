/** Says changes of statuses in Events and metrics. */
import type { Metrics } from '../telemetry/metrics.ts';
import { statusKey } from '../routing/route-status.ts';
import type { Clock } from './clock.ts';
import type { EventQueue } from './events.ts';
import type { ServiceStatus, WorkloadStatus } from './statuses.ts';

/** Where changes are said. */
export interface StatusReporterSite {
  readonly clock: Pick<Clock, 'now'>;
  readonly metrics: Pick<Metrics['controller'], 'routed' | 'branches'>;
  readonly events: Pick<EventQueue, 'add'>;
}

/**
 * Makes a reporter that has said nothing yet. It is told all statuses again and again, and compares them, never their words. At the first look a workload
 * that carries any status was told by an earlier leader; what it says does not matter.
 */
export function createStatusReporter({
  clock,
  metrics,
  events,
}: StatusReporterSite): (workloads: readonly WorkloadStatus[], services: readonly ServiceStatus[]) => void {
  const said = new Map<string, string>();
  const readySince = new Map<string, number>();
  return (workloads, services) => {
    for (const one of workloads) {
      const { workload, status } = one;
      const key = keyOf(one);
      timeRouted(key, one, { readySince, now: clock.now(), routed: metrics.routed });
      const known = said.get(key);
      const isNews =
        known === undefined ? workload.declared['status'] === undefined : known !== statusKey(status);
      if (isNews && !workload.leaving) recordStatusEvent(one, events);
      said.set(key, statusKey(status));
    }
    for (const status of services) recordProblemEvents(status, events);
    forgetGone(workloads, [said, readySince]);
    metrics.branches(workloads.map(({ status }) => status.kind));
  };
}

/** A workload may be a branch of several services. */
function keyOf({ workload: { kind, namespace, name }, service }: WorkloadStatus): string {
  return `${kind} ${namespace}/${name} ${service}`;
}

function forgetGone(workloads: readonly WorkloadStatus[], maps: readonly Map<string, unknown>[]): void {
  const known = new Set(workloads.map(keyOf));
  for (const map of maps) for (const key of map.keys()) if (!known.has(key)) map.delete(key);
}

interface Timing {
  readonly readySince: Map<string, number>;
  readonly now: number;
  readonly routed: (milliseconds: number) => void;
}

/** From when a branch is seen to be ready until its routes are written. What was routed when we began is not timed. */
function timeRouted(
  key: string,
  { isReady, status }: WorkloadStatus,
  { readySince, now, routed }: Timing,
): void {
  const since = readySince.get(key);
  const isRouted = status.kind === 'routed';
  if (!isReady) readySince.delete(key);
  else if (since === undefined) readySince.set(key, isRouted ? Infinity : now);
  else if (isRouted && since !== Infinity) {
    routed(now - since);
    readySince.set(key, Infinity);
  }
}

function recordStatusEvent(
  { workload, branch, service, status, text }: WorkloadStatus,
  events: Pick<EventQueue, 'add'>,
): void {
  const { kind, namespace, name, uid, declared } = workload;
  const where = declared['url'] ?? `header ${declared['header'] ?? branch}`;
  const words = {
    routed: { type: 'Normal', reason: 'Routed', note: `${branch} of ${service} is reached by ${where}` },
    waiting: {
      type: 'Normal',
      reason: 'Waiting',
      note: `${branch} of ${service} is ${text}; the baseline serves its requests`,
    },
    withheld: { type: 'Warning', reason: 'Withheld', note: `${branch} of ${service} is ${text}` },
  } as const;
  events.add({
    kind,
    apiVersion: kind === 'Rollout' ? 'argoproj.io/v1alpha1' : 'apps/v1',
    namespace,
    name,
    uid,
    ...words[status.kind],
  });
}

function recordProblemEvents(
  { service: { namespace, name, uid }, problems }: ServiceStatus,
  events: Pick<EventQueue, 'add'>,
): void {
  for (const { code, message } of problems)
    events.add({
      kind: 'Service',
      apiVersion: 'v1',
      namespace,
      name,
      uid,
      type: 'Warning',
      reason: 'RoutingProblem',
      note: `${message} [${code}]`,
    });
}
