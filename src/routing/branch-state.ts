/** How one branch of one service is decided to be served, as a value: what asks "is it routed, and if not, why?" reads this and never a sentence. */
import type { Workload } from '../model/kubernetes.ts';
import type { BranchLayout, ServiceLayout } from './layout.ts';
import type { Pace } from './pace.ts';
import { isRetiring, type Readiness } from './readiness.ts';

/** Where a route leads. `unavailable` answers 503. */
export type Target =
  | { readonly kind: 'subset'; readonly service: string; readonly subset: string }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'unavailable' };

/** Why a service has no routes for any of its versions. */
export type Blocked =
  | { readonly kind: 'no-http-port' }
  /** Its ready pods carry these versions, and not the baseline's; sorted. */
  | { readonly kind: 'baseline-unlabelled'; readonly versions: readonly string[] };

/** The foreign VirtualService `owner`, as `namespace/name`, has the service's host in the mesh, and from outside the service is not reached. */
interface ForeignMeshHost {
  readonly kind: 'foreign-mesh-host';
  readonly owner: string;
}

/** A ready version that gets its route later. `until` is in milliseconds on the planner's clock; undefined: when something happens. */
export interface Pending {
  readonly kind: 'baseline';
  readonly because: 'subset-not-propagated' | 'flapping';
  readonly until: number | undefined;
}

/** How one branch of a service is served: by itself, by the baseline for now, or nothing of the service is routed. */
export type BranchState =
  | { readonly kind: 'routed'; readonly target: Target }
  | { readonly kind: 'baseline'; readonly because: 'no-ready-pod' | 'retiring' | 'deleting' | 'no-room' }
  | Pending
  | { readonly kind: 'blocked'; readonly by: Blocked | ForeignMeshHost };

/** Why a branch is not routed. */
export type NotRouted = Exclude<BranchState, { readonly kind: 'routed' }>;

/** Tells whether a branch has a ready pod and nothing but a route is missing, or not even that. */
export function isReadyForRoute(state: BranchState): boolean {
  return state.kind === 'routed' || (state.kind === 'baseline' && 'until' in state);
}

/** Decides the state of one branch of a service that may have routes. `pending` are the ready versions that get theirs later. */
export function branchStateOf(
  layout: ServiceLayout,
  branch: BranchLayout,
  { ready }: Readiness,
  pending: ReadonlyMap<string, Pending>,
): BranchState {
  const { id } = branch.branch;
  if (isRetiring(branch.workloads)) return { kind: 'baseline', because: 'retiring' };
  if (!ready.has(id)) return { kind: 'baseline', because: 'no-ready-pod' };
  if (isDeleting(branch.workloads)) return { kind: 'baseline', because: 'deleting' };
  return pending.get(id) ?? { kind: 'routed', target: targetOf(layout, branch) };
}

function isDeleting(workloads: readonly Workload[]): boolean {
  return workloads.every(({ leaving }) => leaving);
}

function targetOf({ service }: ServiceLayout, { own, subset }: BranchLayout): Target {
  return own === undefined
    ? { kind: 'subset', service: service.name, subset }
    : { kind: 'service', service: own.name };
}

/** Returns the ready versions of a service that get their route later: version → why, and until when. */
export function pendingOf(
  layout: ServiceLayout,
  { ready }: Readiness,
  host: string,
  pace: Pace,
): ReadonlyMap<string, Pending> {
  const { namespace, name: service } = layout.service;
  const pending = new Map<string, Pending>();
  const ask = (version: string, subset: string | undefined): void => {
    if (!ready.has(version)) return;
    if (subset !== undefined && !pace.isKnown(host, subset, version))
      pending.set(version, { kind: 'baseline', because: 'subset-not-propagated', until: undefined });
    else if (!pace.mayAppear({ namespace, service, version }))
      pending.set(version, { kind: 'baseline', because: 'flapping', until: undefined });
  };
  for (const { version, subset } of layout.versions) ask(version, subset);
  for (const { branch, subset, own, workloads } of layout.branches)
    if (!isDeleting(workloads)) ask(branch.id, own === undefined ? subset : undefined);
  return pending;
}
