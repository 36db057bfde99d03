/** One service: its routes, and its objects as far as they fit and may be written. */
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { pendingOf, type BranchState, type Pending } from './branch-state.ts';
import type { Claims } from './claims.ts';
import { keyOf, type RouteObject } from './istio.ts';
import type { ServiceLayout } from './layout.ts';
import { hasExposedBranches, withLeaving } from './leaving.ts';
import { isTooLarge, manifestsOf, sizeOf, type Manifests, type Naming } from './manifests.ts';
import type { Pace } from './pace.ts';
import { readinessOf, type Readiness, type SlicesByService } from './readiness.ts';
import { routesOf, type Circumstances, type ServiceRoutes } from './routes.ts';
import { serviceObjects } from './service-manifests.ts';

/** What decisions depend on besides what they are about. */
export interface DecisionContext {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly pace: Pace;
  readonly claims: Claims;
  /** Domain → namespace of the site that has it. */
  readonly domains: ReadonlyMap<string, string>;
  readonly naming: Naming;
}

/** What is decided about one service. */
export interface ServiceDecision {
  readonly routes: ServiceRoutes;
  readonly manifests: Manifests;
}

/** Decides one service. */
export function decideService(
  declared: ServiceLayout,
  endpoints: SlicesByService,
  context: DecisionContext,
): ServiceDecision {
  const { snapshot, settings, claims, naming, pace } = context;
  const { name, namespace } = declared.service;
  const host = hostOfService(name, namespace, settings);
  const service = withLeaving(declared, snapshot, pace, settings);
  const readiness = readinessOf(snapshot, service, endpoints, settings);
  const circumstances = {
    meshOwner: claims.mesh.get(host),
    versionLabel: settings.versionLabel,
    pending: pendingOf(service, readiness, host, pace),
    isBaselineKnown:
      !readiness.hasBaseline ||
      pace.isKnown(host, service.baseline.subset, service.baseline.version) ||
      pace.isRouted(host),
  };
  const { kept, large, routes: settled } = roomFor(service, readiness, circumstances, context);
  const isSettled = circumstances.pending.size === 0 && circumstances.isBaselineKnown;
  const paced = isSettled ? settled : routesOf(firstBranches(service, kept), readiness, circumstances);
  const whole = large === undefined ? paced : routesOf(service, readiness, circumstances);
  const routes = large === undefined ? paced : truncateToFit(kept, { whole, decided: paced, large });
  const manifests = manifestsOf(serviceObjects(routes, naming, settings));
  return { routes, manifests: keepLiveObjects(manifests, routes, readiness.ready, context) };
}

/**
 * Without its default route the branches of a service would take everybody's traffic. So a blocked one keeps the routes that it has while branches are
 * exposed and its baseline, as far as it is labelled, serves.
 */
function keepLiveObjects(
  manifests: Manifests,
  { layout, blocked }: ServiceRoutes,
  ready: ReadonlySet<string>,
  { snapshot, settings, naming, pace }: DecisionContext,
): Manifests {
  const { name, namespace } = layout.service;
  const stays =
    blocked !== undefined &&
    pace.isRouted(hostOfService(name, namespace, settings)) &&
    ready.has(layout.baseline.version) &&
    hasExposedBranches(layout, snapshot, settings);
  if (!stays) return manifests;
  const wanted = [
    ['DestinationRule', name],
    ['VirtualService', `${name}-mesh`],
    ['VirtualService', `${name}-ingress`],
  ] as const;
  const withheld = wanted.map(([kind, object]) =>
    keyOf({ kind, metadata: { namespace, name: naming(kind, namespace, object).name, labels: {} } }),
  );
  return {
    ...manifests,
    objects: manifests.objects.filter((object) => !withheld.includes(keyOf(object))),
    withheld,
  };
}

/**
 * Tells how many branches fit, their routes once nothing waits, and what would be too large with all of them. What waits for its turn has its room already: else it would lose its subset
 * as soon as its route is due, and get it back without the route, for ever.
 */
function roomFor(
  service: ServiceLayout,
  readiness: Readiness,
  circumstances: Circumstances,
  { naming, settings }: DecisionContext,
): { readonly kept: number; readonly large: RouteObject | undefined; readonly routes: ServiceRoutes } {
  const settled = { ...circumstances, pending: new Map<string, Pending>(), isBaselineKnown: true };
  let kept = service.branches.length;
  let first: RouteObject | undefined;
  for (;;) {
    const routes = routesOf(firstBranches(service, kept), readiness, settled);
    const large = serviceObjects(routes, naming, settings)
      .map(({ object }) => object)
      .find((object) => isTooLarge(object, settings));
    if (large === undefined || kept === 0) return { kept, large: first, routes };
    first = large;
    kept = Math.floor(kept * Math.min(0.95, (0.98 * settings.objectSizeLimitBytes) / sizeOf(large)));
  }
}

function firstBranches(service: ServiceLayout, count: number): ServiceLayout {
  return count === service.branches.length
    ? service
    : { ...service, branches: service.branches.slice(0, count) };
}

/** What is too large for one object is written as far as it fits: the branches that come first by id. The others are reported, and served by the baseline. */
function truncateToFit(
  kept: number,
  {
    whole,
    decided,
    large,
  }: { readonly whole: ServiceRoutes; readonly decided: ServiceRoutes; readonly large: RouteObject },
): ServiceRoutes {
  const { service, branches } = whole.layout;
  const { name, namespace } = service;
  const left = branches.slice(kept).map(({ branch }) => branch.id);
  const message = `${large.kind} ${large.metadata.name} would be too large with ${branches.length} branches of ${name}: ${left.length} of them (from ${left[0] ?? ''} on) have no routes; remove branches`;
  return {
    ...decided,
    layout: { ...decided.layout, branches: branches.slice(0, kept) },
    branches: new Map([
      ...decided.branches,
      ...left.map((id) => [id, withoutRoom(whole.branches.get(id))] as const),
    ]),
    problems: [...decided.problems, { code: 'BL407', path: '', kind: 'Service', namespace, name, message }],
  };
}

function withoutRoom(state: BranchState | undefined): BranchState {
  return state?.kind === 'blocked' ? state : { kind: 'baseline', because: 'no-room' };
}
