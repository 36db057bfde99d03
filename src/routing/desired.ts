/**
 * Everything that should exist: Snapshot → routes of every service → objects. Total, and the same for the same facts in any order. After a change of
 * endpoints only the services behind them are decided anew.
 */
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { aside, claimsOf, isForeign, nameFor, type Claims } from './claims.ts';
import { branchRoot, domainRoots, hostLengthMax, restObject, type SiteParts } from './host-manifests.ts';
import { pendingOf, type BranchState, type Pending } from './branch-state.ts';
import { hasHeaders, type RouteObject } from './istio.ts';
import {
  byCodeUnit,
  layOut,
  type NamespaceLayout,
  type RoutingProblem,
  type ServiceLayout,
} from './layout.ts';
import { hasExposedBranches, layOutLeaving, withLeaving } from './leaving.ts';
import { unpaced, type Pace } from './pace.ts';
import {
  endpointsByService,
  readinessOf,
  servicesBehind,
  type Readiness,
  type SlicesByService,
} from './readiness.ts';
import { routesOf, type Circumstances, type Route, type ServiceRoutes } from './routes.ts';
import { serviceObjects, type Naming } from './service-manifests.ts';
import { sitesOf, type Site } from './site.ts';

/** The routes and objects of one namespace. The maps are this module's own: {@link redecide} changes them. */
export interface NamespaceRoutes {
  readonly layout: NamespaceLayout;
  readonly sites: readonly Site[];
  readonly decided: Map<string, ServiceRoutes>;
  readonly branchRoutes: Map<string, Map<string, Route>>;
  readonly problems: readonly RoutingProblem[];
}

/** Everything that should exist, by {@link keyOf}. */
export interface Desired {
  readonly namespaces: ReadonlyMap<string, NamespaceRoutes>;
  readonly objects: Map<string, RouteObject>;
  /** Objects that stay as they are, written or not: hosts' that would be too large, and those of a blocked service whose branches would otherwise take everybody's traffic. */
  readonly withheld: Set<string>;
  readonly claims: Claims;
  readonly problems: RoutingProblem[];
}

/** Returns the identity of an object, e.g. `ww-green/VirtualService/fact-find-mesh`; sorts by namespace, kind, name. */
export function keyOf({ kind, metadata }: Pick<RouteObject, 'kind' | 'metadata'>): string {
  return `${metadata.namespace}/${kind}/${metadata.name}`;
}

/** Decides every route and makes every object. */
export function desiredOf(snapshot: Snapshot, settings: Settings, pace: Pace = unpaced): Desired {
  const claims = claimsOf(snapshot, settings);
  const problems: RoutingProblem[] = [];
  const owners = new Map<string, string>();
  const namespaces = new Map<string, NamespaceRoutes>();
  for (const name of [...inNamespace(snapshot.namespaces, '').keys()].sort(byCodeUnit)) {
    const layout = layOut(snapshot, name, settings) ?? layOutLeaving(snapshot, name, pace, settings);
    if (layout === undefined) continue;
    const { sites, problems: clashes } = layout.namespace.enabled
      ? sitesOf(layout, settings)
      : { sites: [], problems: [] };
    const owned = sites.flatMap((site) => ownedPart(site, owners, problems));
    namespaces.set(name, {
      layout,
      sites: owned,
      decided: new Map(),
      branchRoutes: new Map(),
      problems: [...layout.problems, ...clashes],
    });
  }
  const desired: Desired = { namespaces, objects: new Map(), withheld: new Set(), claims, problems };
  const context: Context = {
    snapshot,
    settings,
    pace,
    desired,
    domains: owners,
    naming: (kind, namespace, wanted) => nameFor(snapshot, kind, namespace, wanted),
  };
  for (const routes of namespaces.values()) {
    decideAll(routes, context);
    makeHosts(routes, context);
  }
  for (const object of desired.objects.values()) problems.push(...namedAside(object, snapshot));
  return desired;
}

interface Context {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly pace: Pace;
  readonly desired: Desired;
  /** Domain → namespace and first domain of the site that has it. */
  readonly domains: ReadonlyMap<string, string>;
  readonly naming: Naming;
}

/** A domain has one site: the first by namespace. */
function ownedPart(site: Site, owners: Map<string, string>, problems: RoutingProblem[]): readonly Site[] {
  const domains = site.domains.filter((domain) => {
    const owner = owners.get(domain);
    if (owner === undefined) owners.set(domain, site.namespace);
    else {
      problems.push({
        code: 'BL406',
        path: '',
        kind: 'Namespace',
        namespace: '',
        name: site.namespace,
        message: `Domain ${domain} of ${site.namespace} already belongs to services of ${owner}: none of its other services is public there; choose another domain`,
      });
    }
    return owner === undefined;
  });
  return domains.length === 0 ? [] : [{ ...site, domains }];
}

function decideAll(routes: NamespaceRoutes, context: Context): void {
  const endpoints = endpointsByService(context.snapshot, routes.layout.namespace.name);
  for (const service of routes.layout.services.values()) {
    for (const object of decide(routes, service, endpoints, context))
      context.desired.objects.set(keyOf(object), object);
  }
}

/** Decides one service, notes its branches' routes, and returns its objects. */
function decide(
  routes: NamespaceRoutes,
  declared: ServiceLayout,
  endpoints: SlicesByService,
  context: Context,
): readonly RouteObject[] {
  const { snapshot, settings, desired, naming, pace } = context;
  const { name, namespace } = declared.service;
  const host = hostOfService(name, namespace, settings);
  const service = withLeaving(declared, snapshot, pace, settings);
  const readiness = readinessOf(snapshot, service, endpoints, settings);
  const circumstances = {
    meshOwner: desired.claims.mesh.get(host),
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
  const decided = large === undefined ? paced : withRoomFor(kept, { whole, decided: paced, large });
  const objects = serviceObjects(decided, naming, settings);
  routes.decided.set(name, decided);
  noteBranches(routes, { ...decided, layout: service });
  return withhold(objects, decided, readiness.ready, context);
}

/**
 * Without its default route the branches of a service would take everybody's traffic. So a blocked one keeps the routes that it has while branches are
 * exposed and its baseline, as far as it is labelled, serves.
 */
function withhold(
  objects: readonly RouteObject[],
  { layout, blocked }: ServiceRoutes,
  ready: ReadonlySet<string>,
  { snapshot, settings, desired, naming, pace }: Context,
): readonly RouteObject[] {
  const { name, namespace } = layout.service;
  const wanted = [
    ['DestinationRule', name],
    ['VirtualService', `${name}-mesh`],
    ['VirtualService', `${name}-ingress`],
  ] as const;
  const keys = wanted.map(([kind, object]) =>
    keyOf({ kind, metadata: { namespace, name: naming(kind, namespace, object), labels: {} } }),
  );
  for (const key of keys) desired.withheld.delete(key);
  const stays =
    blocked !== undefined &&
    pace.isRouted(hostOfService(name, namespace, settings)) &&
    ready.has(layout.baseline.version) &&
    hasExposedBranches(layout, snapshot, settings);
  if (!stays) return objects;
  for (const key of keys) desired.withheld.add(key);
  return objects.filter((object) => !keys.includes(keyOf(object)));
}

/**
 * Tells how many branches fit, their routes once nothing waits, and what would be too large with all of them. What waits for its turn has its room already: else it would lose its subset
 * as soon as its route is due, and get it back without the route, for ever.
 */
function roomFor(
  service: ServiceLayout,
  readiness: Readiness,
  circumstances: Circumstances,
  { naming, settings }: Context,
): { readonly kept: number; readonly large: RouteObject | undefined; readonly routes: ServiceRoutes } {
  const settled = { ...circumstances, pending: new Map<string, Pending>(), isBaselineKnown: true };
  let kept = service.branches.length;
  let first: RouteObject | undefined;
  for (;;) {
    const routes = routesOf(firstBranches(service, kept), readiness, settled);
    const large = tooLarge(serviceObjects(routes, naming, settings), settings);
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

function tooLarge(
  objects: readonly RouteObject[],
  { objectSizeLimitBytes }: Settings,
): RouteObject | undefined {
  return objects.find((object) => sizeOf(object) > objectSizeLimitBytes);
}

/** In characters, which are bytes: names, labels and paths are ASCII. */
function sizeOf(object: RouteObject): number {
  return JSON.stringify(object).length;
}

/** What is too large for one object is written as far as it fits: the branches that come first by id. The others are reported, and served by the baseline. */
function withRoomFor(
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

function noteBranches({ branchRoutes }: NamespaceRoutes, { layout, routes }: ServiceRoutes): void {
  const { name } = layout.service;
  for (const { branch } of layout.branches) branchRoutes.get(branch.id)?.delete(name);
  for (const route of routes) {
    if (route.entry !== 'ingress' || route.branch === undefined) continue;
    const known = branchRoutes.get(route.version);
    if (known === undefined) branchRoutes.set(route.version, new Map([[name, route]]));
    else known.set(name, route);
  }
}

function partsOf(
  routes: NamespaceRoutes,
  site: Site,
  { desired, domains, naming, settings }: Context,
): SiteParts {
  const isFree = (host: string): boolean =>
    !desired.claims.gateway.has(host) && (!domains.has(host) || site.domains.includes(host));
  const headed = new Set(
    [...routes.layout.services.values()]
      .filter((layout) => hasHeaders(layout, settings))
      .map(({ service }) => service.name),
  );
  return {
    site,
    decided: routes.decided,
    branchRoutes: routes.branchRoutes,
    headed,
    isFree,
    naming,
    settings,
  };
}

function makeHosts(routes: NamespaceRoutes, context: Context): void {
  for (const site of routes.sites) {
    const parts = partsOf(routes, site, context);
    for (const object of domainRoots(parts)) put(object, context);
    put(restObject(parts), context);
    for (const [id, label] of routes.layout.labels) put(branchRoot(parts, { id, label }), context);
    notices(routes, site, context);
  }
}

function put(object: RouteObject | undefined, { desired, settings }: Context): void {
  if (object === undefined) return;
  if (sizeOf(object) <= settings.objectSizeLimitBytes) {
    desired.objects.set(keyOf(object), object);
    desired.withheld.delete(keyOf(object));
    return;
  }
  desired.withheld.add(keyOf(object));
  desired.problems.push({
    code: 'BL407',
    path: '',
    kind: 'Namespace',
    namespace: '',
    name: object.metadata.namespace,
    message: `VirtualService ${object.metadata.name} would be larger than ${settings.objectSizeLimitBytes} bytes: it is left as it is; give some services a hostname of their own`,
  });
}

/** Says which public hosts are not ours to serve. */
function notices({ layout }: NamespaceRoutes, site: Site, { desired }: Context): void {
  const about = { path: '', kind: 'Namespace', namespace: '', name: site.namespace };
  const { problems } = desired;
  for (const domain of site.domains) {
    for (const host of [
      domain,
      `*.${domain}`,
      ...[...layout.labels.values()].map((label) => `${label}.${domain}`),
    ]) {
      const owner = desired.claims.gateway.get(host);
      if (owner !== undefined)
        problems.push({
          ...about,
          code: 'BL403',
          message: `VirtualService ${owner} has the public host ${host}: no routes of ours for that host; remove it, or choose another domain`,
        });
      if (host.length > hostLengthMax)
        problems.push({
          ...about,
          code: 'BL412',
          message: `${host} is longer than ${hostLengthMax} characters: the branch is not reached by a host; give it a shorter name`,
        });
    }
  }
}

function namedAside(object: RouteObject, snapshot: Snapshot): readonly RoutingProblem[] {
  const { name, namespace } = object.metadata;
  const wanted = name.endsWith(aside) ? name.slice(0, -aside.length) : '';
  if (!isForeign(snapshot, object.kind, namespace, wanted)) return [];
  return [
    {
      code: 'BL404',
      path: '',
      kind: object.kind,
      namespace,
      name: wanted,
      message: `${object.kind} ${wanted} is not ours and is left alone: ours is called ${name}`,
    },
  ];
}

/** What {@link redecide} made anew: keys that it looked at, whether or not they changed. */
export type Touched = ReadonlySet<string>;

/**
 * Decides anew the services behind a Service whose endpoints changed, and their hosts; nothing else. Changes `desired`.
 * Only readiness may have changed since it was made: for anything else make it anew.
 */
export function redecide(
  desired: Desired,
  {
    snapshot,
    settings,
    pace = unpaced,
  }: { readonly snapshot: Snapshot; readonly settings: Settings; readonly pace?: Pace },
  changed: { readonly namespace: string; readonly service: string },
): Touched {
  const touched = new Set<string>();
  const routes = desired.namespaces.get(changed.namespace);
  if (routes === undefined) return touched;
  const domains = new Map(
    [...desired.namespaces.values()].flatMap(({ sites }) =>
      sites.flatMap((site) => site.domains.map((domain) => [domain, site.namespace] as const)),
    ),
  );
  const context: Context = {
    snapshot,
    settings,
    pace,
    desired,
    domains,
    naming: (kind, namespace, wanted) => nameFor(snapshot, kind, namespace, wanted),
  };
  for (const service of routes.layout.services.values()) {
    if (servicesBehind(service).has(changed.service)) redecideService(routes, service, context, touched);
  }
  return touched;
}

function redecideService(
  routes: NamespaceRoutes,
  service: ServiceLayout,
  context: Context,
  touched: Set<string>,
): void {
  const { desired, snapshot, settings, naming } = context;
  const before = routes.decided.get(service.service.name);
  const endpoints = endpointsByService(snapshot, service.service.namespace, servicesBehind(service));
  if (before !== undefined)
    for (const object of serviceObjects(before, naming, settings)) {
      desired.objects.delete(keyOf(object));
      touched.add(keyOf(object));
    }
  for (const object of decide(routes, service, endpoints, context)) {
    desired.objects.set(keyOf(object), object);
    touched.add(keyOf(object));
  }
  const after = routes.decided.get(service.service.name);
  const isRestNew = restOf(before) !== restOf(after);
  for (const site of routes.sites.filter(({ addresses }) =>
    addresses.some((address) => address.service === service.service.name),
  )) {
    const parts = partsOf(routes, site, context);
    const ids = isRestNew ? routes.layout.labels.keys() : changedBranches(before, after);
    const roots = [...ids].map((id) => branchRoot(parts, { id, label: routes.layout.labels.get(id) ?? id }));
    for (const object of [...(isRestNew ? [restObject(parts)] : []), ...roots]) {
      put(object, context);
      if (object !== undefined) touched.add(keyOf(object));
    }
  }
}

function changedBranches(
  before: ServiceRoutes | undefined,
  after: ServiceRoutes | undefined,
): readonly string[] {
  const [had, has] = [publicBranches(before), publicBranches(after)];
  return [...new Set([...had, ...has])].filter((id) => had.has(id) !== has.has(id));
}

function publicBranches(decided: ServiceRoutes | undefined): ReadonlySet<string> {
  return new Set(
    decided?.routes
      .filter((route) => route.entry === 'ingress' && route.branch !== undefined)
      .map((route) => route.version),
  );
}

/** What the list of services without branches, and any branch's host that has a path around it, shows of one service. */
function restOf(decided: ServiceRoutes | undefined): string {
  return JSON.stringify(
    decided?.routes
      .filter((route) => route.entry === 'ingress' && route.branch === undefined)
      .map(({ path, target }) => [path, target]),
  );
}

/** Returns every problem, sorted and without repeats. */
export function problemsOf(desired: Desired): readonly RoutingProblem[] {
  const all = [
    ...desired.problems,
    ...[...desired.namespaces.values()].flatMap(({ problems, decided }) => [
      ...problems,
      ...[...decided.values()].flatMap((one) => one.problems),
    ]),
  ];
  const sorted = all
    .map(
      (problem) =>
        [
          `${problem.namespace}/${problem.kind}/${problem.name}/${problem.code}/${problem.message}`,
          problem,
        ] as const,
    )
    .sort(([a], [b]) => byCodeUnit(a, b));
  return [...new Map(sorted).values()];
}
