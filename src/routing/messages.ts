/** What people are told about routes: states as sentences, made last. Nothing reads them back. */
import { toText } from '../model/problem.ts';
import type { BranchState, NotRouted } from './branch-state.ts';
import type { RouteStatus } from './route-status.ts';
import type { Route } from './routes.ts';

/** A branch of a service. */
export interface BranchName {
  readonly id: string;
  readonly service: string;
}

type BecauseOf = Extract<BranchState, { readonly kind: 'baseline' }>['because'];

const baselineReasons = {
  'no-ready-pod': ({ id }) => `no ready pod of ${id}`,
  retiring: ({ id }) => `${id} is being retired`,
  deleting: ({ id }) => `${id} is being deleted`,
  'no-room': ({ id, service }) => `too many branches of ${service} for ${id}`,
  'subset-not-propagated': ({ id }) => `the proxies do not know ${id} yet`,
  flapping: ({ id }) => `${id} came and went too often, and waits`,
} as const satisfies Readonly<Record<BecauseOf, (branch: BranchName) => string>>;

/** Says why nothing of a service is routed. */
export function blockedReason(
  by: Extract<BranchState, { readonly kind: 'blocked' }>['by'],
  service: string,
): string {
  switch (by.kind) {
    case 'no-http-port':
      return `${service} has no HTTP port: no routes`;
    case 'baseline-unlabelled':
      return `ready pods of ${service} are not labelled as its baseline: no routes`;
    case 'foreign-mesh-host':
      return `VirtualService ${by.owner} has the host of ${service} in the mesh`;
  }
}

/** Says why a branch is not routed. */
export function notRoutedReason(state: NotRouted, branch: BranchName): string {
  return state.kind === 'blocked'
    ? blockedReason(state.by, branch.service)
    : baselineReasons[state.because](branch);
}

/** Says why a branch is not routed, and what serves its requests in place of it. */
export function servedReason(state: NotRouted, branch: BranchName): string {
  const reason = notRoutedReason(state, branch);
  return state.kind === 'baseline' ? `${reason}: baseline` : reason;
}

/** Says why a route is there. */
export function routeReason({ branch, version, path, target, service }: Route): string {
  if (target.kind === 'unavailable') return `no baseline of ${service}: 503`;
  if (branch !== undefined) return `${version} is ready`;
  return path === undefined ? 'baseline' : `long-lived version ${version} by path`;
}

/** Says what a proxy answers for a service without a baseline. */
export function unavailableAnswer({ service, version }: Pick<Route, 'service' | 'version'>): string {
  return `branchline: ${service} has no baseline (${version}); only its branches can be reached`;
}

/** Says how a branch is routed: the word of its kind, and why it is not `routed`. */
export function statusText(status: RouteStatus, branch: BranchName): string {
  switch (status.kind) {
    case 'routed':
      return 'routed';
    case 'waiting':
      return `waiting: ${waitingReason(status.for, branch)}`;
    case 'withheld':
      return toText(`withheld: ${withheldReason(status.by, branch)}`);
  }
}

function waitingReason(
  what: Extract<RouteStatus, { readonly kind: 'waiting' }>['for'],
  branch: BranchName,
): string {
  if (what === 'writes') return 'for the routes to be written';
  return what === 'no-ready-pod' ? 'for ready pods' : baselineReasons[what](branch);
}

function withheldReason(
  by: Extract<RouteStatus, { readonly kind: 'withheld' }>['by'],
  branch: BranchName,
): string {
  if (by.kind === 'problem') return by.problem.message;
  return by.kind === 'no-room'
    ? `${baselineReasons['no-room'](branch)}: baseline`
    : blockedReason(by, branch.service);
}

/** Says how a branch is routed, for a list. `isLeft`: although it is not to be routed, written routes still lead to it. */
export function listReason(status: RouteStatus, branch: BranchName, isLeft: boolean): string {
  if (status.kind === 'routed') return 'routed';
  const reason = reasonInList(status, branch);
  return isLeft ? `${reason}; routes still lead to it` : reason;
}

function reasonInList(status: Exclude<RouteStatus, { readonly kind: 'routed' }>, branch: BranchName): string {
  if (status.kind === 'withheld')
    return status.by.kind === 'no-room'
      ? baselineReasons['no-room'](branch)
      : withheldReason(status.by, branch);
  return status.for === 'writes'
    ? 'ready; its routes are not written yet'
    : baselineReasons[status.for](branch);
}
