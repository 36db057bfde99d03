/**
 * Whether requests reach a branch: what is decided about it, and what of that is written. One answer for the status of a workload, Events, `list` and
 * `deploy --wait`.
 *
 * | decided | written | status |
 * |---|---|---|
 * | nothing is routed: blocked, no room, or a problem of the workload's own | whatever | withheld |
 * | served by the baseline for now | whatever | waiting |
 * | routed | not every route of the branch | waiting, for writes |
 * | routed | every route of the branch | routed |
 */
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import type { Workload } from '../model/kubernetes.ts';
import { severityOf } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { BranchState } from './branch-state.ts';
import { nameFor } from './claims.ts';
import { keyOf, problemsOf, type Desired } from './desired.ts';
import type { RoutingProblem } from './layout.ts';
import { hostReference, subsetReference, versionOfLabels, type Ledger } from './ledger.ts';
import type { Route, ServiceRoutes } from './routes.ts';

type BaselineReason = Extract<BranchState, { readonly kind: 'baseline' }>['because'];

/** How a branch of a service is routed; see the head of the file. */
export type RouteStatus =
  | { readonly kind: 'routed' }
  | { readonly kind: 'waiting'; readonly for: 'writes' | Exclude<BaselineReason, 'no-room'> }
  | {
      readonly kind: 'withheld';
      readonly by:
        | Extract<BranchState, { readonly kind: 'blocked' }>['by']
        | { readonly kind: 'no-room' }
        | { readonly kind: 'problem'; readonly problem: RoutingProblem };
    };

/** What a status depends on. */
export interface RouteFacts {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly desired: Desired;
  /** What is written of ours. */
  readonly ledger: Pick<Ledger, 'namedSince' | 'labelsOf'>;
}

/** Combines what is decided with what is written. `problem` is one of the workload's own. */
export function routeStatus(state: BranchState, isWritten: boolean, problem?: RoutingProblem): RouteStatus {
  if (problem !== undefined) return { kind: 'withheld', by: { kind: 'problem', problem } };
  switch (state.kind) {
    case 'blocked':
      return { kind: 'withheld', by: state.by };
    case 'baseline':
      return state.because === 'no-room'
        ? { kind: 'withheld', by: { kind: 'no-room' } }
        : { kind: 'waiting', for: state.because };
    case 'routed':
      return isWritten ? { kind: 'routed' } : { kind: 'waiting', for: 'writes' };
  }
}

/** Tells whether every route that is decided for a branch is written, and leads to pods of the branch. */
function isWritten({ layout, routes }: ServiceRoutes, id: string, facts: RouteFacts): boolean {
  const own = routes.filter(({ branch, version }) => branch !== undefined && version === id);
  return own.length > 0 && own.every((route) => leadsThere(route, layout.service.name, facts));
}

function leadsThere(
  { namespace, entry, target, version }: Route,
  service: string,
  { snapshot, settings, ledger }: RouteFacts,
): boolean {
  if (target.kind === 'unavailable') return false;
  const name = nameFor(snapshot, 'VirtualService', namespace, `${service}-${entry}`);
  const key = keyOf({ kind: 'VirtualService', metadata: { namespace, name, labels: {} } });
  const host = hostOfService(target.service, namespace, settings);
  if (target.kind === 'service') return ledger.namedSince(key, hostReference(host)) !== undefined;
  const labels = ledger.labelsOf(host, target.subset);
  return (
    labels !== undefined &&
    versionOfLabels(labels, settings.versionLabel) === version &&
    ledger.namedSince(key, subsetReference(host, target.subset)) !== undefined
  );
}

/** Returns what tells how the branch of a workload is routed; undefined: the service has no such branch. */
export function createStatusReader(
  facts: RouteFacts,
): (workload: Workload, service: string, id: string) => RouteStatus | undefined {
  const problems = problemsByObject(facts.desired, facts.settings);
  return (workload, service, id) => {
    const routes = facts.desired.namespaces.get(workload.namespace)?.decided.get(service);
    const state = routes?.branches.get(id);
    if (routes === undefined || state === undefined) return undefined;
    return routeStatus(state, isWritten(routes, id, facts), problems.get(objectKey(workload))?.[0]);
  };
}

/** Tells two statuses apart, and nothing else: the time until which one lasts and the words for it do not count. */
export function statusKey(status: RouteStatus): string {
  switch (status.kind) {
    case 'routed':
      return 'routed';
    case 'waiting':
      return `waiting ${status.for}`;
    case 'withheld':
      return `withheld ${withheldKey(status.by)}`;
  }
}

function withheldKey(by: Extract<RouteStatus, { readonly kind: 'withheld' }>['by']): string {
  switch (by.kind) {
    case 'foreign-mesh-host':
      return `${by.kind} ${by.owner}`;
    case 'problem':
      return `${by.kind} ${by.problem.code}`;
    case 'no-http-port':
    case 'baseline-unlabelled':
    case 'no-room':
      return by.kind;
  }
}

/** Groups problems by the object that they are about, see {@link objectKey}; what is switched off is left out. */
export function problemsByObject(
  desired: Desired,
  { severities }: Settings,
): ReadonlyMap<string, readonly RoutingProblem[]> {
  const grouped = new Map<string, RoutingProblem[]>();
  for (const problem of problemsOf(desired)) {
    if (severityOf(problem.code, severities) === 'off') continue;
    const known = grouped.get(objectKey(problem));
    if (known === undefined) grouped.set(objectKey(problem), [problem]);
    else known.push(problem);
  }
  return grouped;
}

/** Names an object among those that have problems. */
export function objectKey({
  kind,
  namespace,
  name,
}: Pick<RoutingProblem, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name}`;
}
