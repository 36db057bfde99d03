/** What workloads and Services are told about their routes: an annotation, and whether a workload that is deleted has to wait. Decisions only; no writes. */
import { hostOfService } from '../model/hosts.ts';
import type { Service, Workload } from '../model/kubernetes.ts';
import { toText } from '../model/problem.ts';
import { inNamespace, workloadKey } from '../model/snapshot.ts';
import { isReadyForRoute } from '../routing/branch-state.ts';
import type { BranchLayout, RoutingProblem } from '../routing/layout.ts';
import { hostReference, subsetReference, type Ledger } from '../routing/ledger.ts';
import { statusText } from '../routing/messages.ts';
import {
  createStatusReader,
  objectKey,
  problemsByObject,
  type RouteFacts,
  type RouteStatus,
} from '../routing/route-status.ts';
import type { ServiceRoutes } from '../routing/routes.ts';

/** What is said about one branch workload. */
export interface WorkloadStatus {
  readonly workload: Workload;
  readonly branch: string;
  readonly service: string;
  readonly status: RouteStatus;
  /** The annotation: the status in words. */
  readonly text: string;
  /** Tells whether it has a ready pod and waits for nothing but its routes, or not even for those. */
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
export interface StatusFacts extends RouteFacts {
  readonly ledger: Pick<Ledger, 'namedSince' | 'labelsOf' | 'freeAt'>;
}

/** Decides the status of every branch workload in scope. */
export function workloadStatuses(facts: StatusFacts, now: number): readonly WorkloadStatus[] {
  const read = createStatusReader(facts);
  const inScope = [...facts.desired.namespaces.values()].filter(({ layout }) => layout.namespace.enabled);
  return inScope.flatMap(({ layout, decided }) =>
    [...decided.values()].flatMap((routes) => {
      const branches = layout.services.get(routes.layout.service.name)?.branches ?? [];
      return branches.flatMap((branch) => statusesOf(branch, routes, { facts, read, now }));
    }),
  );
}

interface Circumstances {
  readonly facts: StatusFacts;
  readonly read: ReturnType<typeof createStatusReader>;
  readonly now: number;
}

/** The statuses of the workloads of one branch of a service. */
function statusesOf(
  branch: BranchLayout,
  routes: ServiceRoutes,
  { facts, read, now }: Circumstances,
): readonly WorkloadStatus[] {
  const name = { id: branch.branch.id, service: routes.layout.service.name };
  const state = routes.branches.get(name.id);
  return branch.workloads.flatMap((workload) => {
    const status = read(workload, name.service, name.id);
    if (state === undefined || status === undefined) return [];
    const current =
      inNamespace(facts.snapshot.workloads, workload.namespace).get(
        workloadKey(workload.kind, workload.name),
      ) ?? workload;
    return [
      {
        workload: current,
        branch: name.id,
        service: name.service,
        status,
        text: statusText(status, name),
        isReady: isReadyForRoute(state),
        isHeld: isHeld(current, branch, routes, { facts, now }),
      },
    ];
  });
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
  const problems = problemsByObject(desired, settings);
  const statuses: ServiceStatus[] = [];
  for (const inside of snapshot.services.values()) {
    for (const service of inside.values()) {
      const own = problems.get(objectKey({ ...service, kind: 'Service' })) ?? [];
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
