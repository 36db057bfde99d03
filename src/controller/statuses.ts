/** What workloads and Services are told about their routes: an annotation, and whether a workload that is deleted has to wait. Decisions only; no writes. */
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import type { Service, Workload } from '../model/kubernetes.ts';
import { severityOf, toText } from '../model/problem.ts';
import { inNamespace, workloadKey, type Snapshot } from '../model/snapshot.ts';
import { nameFor } from '../routing/claims.ts';
import { keyOf, problemsOf, type Desired } from '../routing/desired.ts';
import type { BranchLayout, RoutingProblem } from '../routing/layout.ts';
import { hostReference, subsetReference, type Ledger } from '../routing/ledger.ts';
import type { ServiceRoutes } from '../routing/routes.ts';

/** How a branch is routed. */
type RouteState = 'routed' | 'waiting' | 'withheld';

/** What is said about one branch workload. */
export interface WorkloadStatus {
  readonly workload: Workload;
  readonly branch: string;
  readonly service: string;
  readonly state: RouteState;
  /** The annotation: the state, and why it is not `routed`. */
  readonly text: string;
  /** Tells whether it has a ready pod. */
  readonly isReady: boolean;
  /** Tells whether its deletion has to wait for its routes. */
  readonly isHeld: boolean;
}

/** What is said about a Service: its worst problem and how many there are; empty when there is none. */
export interface ServiceStatus {
  readonly service: Service;
  readonly text: string;
  readonly problems: readonly RoutingProblem[];
}

/** What statuses depend on. */
export interface StatusFacts {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly desired: Desired;
  readonly ledger: Ledger;
  /** Tells whether an object is as it should be. */
  readonly isDone: (key: string) => boolean;
}

/** Decides the status of every branch workload in scope. */
export function workloadStatuses(facts: StatusFacts, now: number): readonly WorkloadStatus[] {
  const problems = byObject(problemsOf(facts.desired), facts.settings);
  const inScope = [...facts.desired.namespaces.values()].filter(({ layout }) => layout.namespace.enabled);
  return inScope.flatMap(({ layout, decided }) =>
    [...decided.values()].flatMap((routes) => {
      const branches = layout.services.get(routes.layout.service.name)?.branches ?? [];
      return branches.flatMap((branch) =>
        branch.workloads.map((workload) => statusOf(workload, branch, { routes, facts, problems, now })),
      );
    }),
  );
}

interface Circumstances {
  readonly routes: ServiceRoutes;
  readonly facts: StatusFacts;
  readonly problems: ReadonlyMap<string, readonly RoutingProblem[]>;
  readonly now: number;
}

function statusOf(
  workload: Workload,
  branch: BranchLayout,
  { routes, facts, problems, now }: Circumstances,
): WorkloadStatus {
  const service = routes.layout.service.name;
  const current =
    inNamespace(facts.snapshot.workloads, workload.namespace).get(
      workloadKey(workload.kind, workload.name),
    ) ?? workload;
  const isShown = routes.routes.some(
    (route) => route.branch !== undefined && route.version === branch.branch.id,
  );
  const reason = withheldBecause(problems.get(objectOf(workload))?.[0], routes, facts);
  const decision = routes.reasons.get(branch.branch.id) ?? '';
  const [state, why] = stateOf(
    isShown && (isOut(routes, facts) || staysRouted(current, routes, facts)),
    reason,
    decision,
  );
  const isReady = routes.blocked === undefined && !decision.startsWith('no ready pod');
  return {
    workload: current,
    branch: branch.branch.id,
    service,
    state,
    text: toText(why === '' ? state : `${state}: ${why}`),
    isReady,
    isHeld: isHeld(current, branch, routes, { facts, now }),
  };
}

function stateOf(
  isOutNow: boolean,
  reason: string | undefined,
  decision: string,
): readonly [RouteState, string] {
  if (reason !== undefined) return ['withheld', reason];
  if (isOutNow) return ['routed', ''];
  if (decision.startsWith('no ready pod')) return ['waiting', 'for ready pods'];
  if (decision.startsWith('too many')) return ['withheld', decision];
  return [
    'waiting',
    decision.endsWith('is ready') ? 'for the routes to be written' : decision.replace(/: baseline$/, ''),
  ];
}

/** Its own problem, its service's, or somebody else has the service in the mesh and from outside it is not reached either. */
function withheldBecause(
  own: RoutingProblem | undefined,
  { layout, isPublic, blocked }: ServiceRoutes,
  { desired, settings }: StatusFacts,
): string | undefined {
  if (own !== undefined) return own.message;
  if (blocked !== undefined) return blocked;
  const owner = desired.claims.mesh.get(
    hostOfService(layout.service.name, layout.service.namespace, settings),
  );
  return owner === undefined || isPublic
    ? undefined
    : `VirtualService ${owner} has the host of ${layout.service.name} in the mesh`;
}

/** Tells whether what was decided about a service is written. */
function isOut(routes: ServiceRoutes, { snapshot, isDone }: StatusFacts): boolean {
  const { namespace } = routes.layout.service;
  return namesOf(routes, snapshot).every((name) =>
    isDone(keyOf({ kind: 'VirtualService', metadata: { namespace, name, labels: {} } })),
  );
}

/** Tells whether a branch that was routed still is, while its service's objects are written anew for the sake of another branch. */
function staysRouted(workload: Workload, routes: ServiceRoutes, { snapshot }: StatusFacts): boolean {
  const there = inNamespace(snapshot.virtualServices, routes.layout.service.namespace);
  return (
    workload.declared['status'] === 'routed' && namesOf(routes, snapshot).every((name) => there.has(name))
  );
}

/** The VirtualServices of a service's routes. */
function namesOf({ layout, routes }: ServiceRoutes, snapshot: Snapshot): readonly string[] {
  const { namespace, name } = layout.service;
  return [...new Set(routes.map(({ entry }) => entry))].map((entry) =>
    nameFor(snapshot, 'VirtualService', namespace, `${name}-${entry}`),
  );
}

/** With graceful end every branch workload is held; one that is told to go until the proxies have forgotten its routes. */
function isHeld(
  workload: Workload,
  { own, subset }: BranchLayout,
  { layout }: ServiceRoutes,
  { facts, now }: { readonly facts: StatusFacts; readonly now: number },
): boolean {
  const { settings, ledger } = facts;
  if (!settings.gracefulEnd) return false;
  if (!workload.leaving) return true;
  if (!workload.held) return false;
  const { namespace, name } = layout.service;
  const freeAt = ledger.freeAt(
    own === undefined
      ? subsetReference(hostOfService(name, namespace, settings), subset)
      : hostReference(hostOfService(own.name, namespace, settings)),
  );
  return freeAt === undefined || freeAt > now;
}

/** Decides the status of every Service that has problems, or is said to. */
export function serviceStatuses({
  snapshot,
  settings,
  desired,
}: Pick<StatusFacts, 'snapshot' | 'settings' | 'desired'>): readonly ServiceStatus[] {
  const problems = byObject(problemsOf(desired), settings);
  const statuses: ServiceStatus[] = [];
  for (const inside of snapshot.services.values()) {
    for (const service of inside.values()) {
      const own = problems.get(`Service ${service.namespace}/${service.name}`) ?? [];
      const [first] = own;
      if (first === undefined && service.declared['status'] === undefined) continue;
      const more = own.length > 1 ? ` (and ${own.length - 1} more)` : '';
      statuses.push({
        service,
        problems: own,
        text: first === undefined ? '' : toText(`${first.message} [${first.code}]${more}`),
      });
    }
  }
  return statuses;
}

function byObject(
  problems: readonly RoutingProblem[],
  { severities }: Settings,
): ReadonlyMap<string, readonly RoutingProblem[]> {
  const grouped = new Map<string, RoutingProblem[]>();
  for (const problem of problems) {
    if (severityOf(problem.code, severities) === 'off') continue;
    const key = objectOf(problem);
    grouped.set(key, [...(grouped.get(key) ?? []), problem]);
  }
  return grouped;
}

function objectOf({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${kind} ${namespace}/${name}`;
}
