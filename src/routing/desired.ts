/**
 * Everything that should exist: Snapshot → routes of every service → objects. Total, and the same for the same facts in any order. After a change of
 * endpoints only the services behind them are decided anew.
 */
import type { Settings } from '../config/settings.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { aside, claimsOf, isForeign, nameFor, type Claims } from './claims.ts';
import { branchRoot, domainRoots, hostLengthMax, restObject, type SiteParts } from './host-manifests.ts';
import { hostOf, type RouteObject } from './istio.ts';
import { byCodeUnit, layOut, type NamespaceLayout, type RoutingProblem, type ServiceLayout } from './layout.ts';
import { endpointsByService, readinessOf, servicesBehind, type SlicesByService } from './readiness.ts';
import { routesOf, type Route, type ServiceRoutes } from './routes.ts';
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
  /** Objects that would be too large: neither written nor, when they exist, taken away. */
  readonly withheld: Set<string>;
  readonly claims: Claims;
  readonly problems: readonly RoutingProblem[];
}

/** Returns the identity of an object, e.g. `ww-green/VirtualService/fact-find-mesh`; sorts by namespace, kind, name. */
export function keyOf({ kind, metadata }: Pick<RouteObject, 'kind' | 'metadata'>): string {
  return `${metadata.namespace}/${kind}/${metadata.name}`;
}

/** Decides every route and makes every object. */
export function desiredOf(snapshot: Snapshot, settings: Settings): Desired {
  const claims = claimsOf(snapshot, settings);
  const problems: RoutingProblem[] = [];
  const owners = new Map<string, string>();
  const namespaces = new Map<string, NamespaceRoutes>();
  for (const name of [...inNamespace(snapshot.namespaces, '').keys()].sort(byCodeUnit)) {
    const layout = layOut(snapshot, name, settings);
    if (layout === undefined) continue;
    const { sites, problems: clashes } = sitesOf(layout, settings);
    const owned = sites.flatMap((site) => ownedPart(site, owners, problems));
    namespaces.set(name, { layout, sites: owned, decided: new Map(), branchRoutes: new Map(), problems: [...layout.problems, ...clashes] });
  }
  const desired: Desired = { namespaces, objects: new Map(), withheld: new Set(), claims, problems };
  const context: Context = { snapshot, settings, desired, domains: owners, naming: (kind, namespace, wanted) => nameFor(snapshot, kind, namespace, wanted) };
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
      problems.push({ code: 'BL406', path: '', kind: 'Namespace', namespace: '', name: site.namespace, message: `Domain ${domain} of ${site.namespace} already belongs to services of ${owner}: none of its other services is public there; choose another domain` });
    }
    return owner === undefined;
  });
  return domains.length === 0 ? [] : [{ ...site, domains }];
}

function decideAll(routes: NamespaceRoutes, context: Context): void {
  const endpoints = endpointsByService(context.snapshot, routes.layout.namespace.name);
  for (const service of routes.layout.services.values()) {
    for (const object of decide(routes, service, endpoints, context)) context.desired.objects.set(keyOf(object), object);
  }
}

/** Decides one service, notes its branches' routes, and returns its objects. */
function decide(routes: NamespaceRoutes, service: ServiceLayout, endpoints: SlicesByService, { snapshot, settings, desired, naming }: Context): readonly RouteObject[] {
  const { name, namespace } = service.service;
  const readiness = readinessOf(snapshot, service, endpoints, settings);
  const made = routesOf(service, readiness, { meshOwner: desired.claims.mesh.get(hostOf(name, namespace, settings)), versionLabel: settings.versionLabel });
  const objects = serviceObjects(made, naming, settings);
  const large = objects.find((object) => isTooLarge(object, settings));
  const decided = large === undefined ? made : withoutBranches(made, large, settings);
  routes.decided.set(name, decided);
  noteBranches(routes, decided);
  for (const object of objects) {
    if (large === undefined) desired.withheld.delete(keyOf(object));
    else desired.withheld.add(keyOf(object));
  }
  return large === undefined ? objects : [];
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

function isTooLarge(object: RouteObject, { objectSizeLimitBytes }: Settings): boolean {
  return JSON.stringify(object).length > objectSizeLimitBytes;
}

/** A service whose objects would be too large keeps what it has; its hosts lead to the baseline. */
function withoutBranches(made: ServiceRoutes, { kind, metadata }: RouteObject, { objectSizeLimitBytes }: Settings): ServiceRoutes {
  const { name, namespace } = made.layout.service;
  const message = `${kind} ${metadata.name} would be larger than ${objectSizeLimitBytes} bytes (${made.layout.branches.length} branches): its routes are left as they are; remove branches of ${name}`;
  return {
    ...made,
    blocked: message,
    routes: made.routes.filter((route) => route.branch === undefined),
    reasons: new Map([...made.reasons.keys()].map((id) => [id, 'route object would be too large: baseline'])),
    problems: [...made.problems, { code: 'BL407', path: '', kind: 'Service', namespace, name, message }],
  };
}

function partsOf(routes: NamespaceRoutes, site: Site, { desired, domains, naming, settings }: Context): SiteParts {
  const isFree = (host: string): boolean => !desired.claims.gateway.has(host) && (!domains.has(host) || site.domains.includes(host));
  return { site, decided: routes.decided, branchRoutes: routes.branchRoutes, isFree, naming, settings };
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
  if (!isTooLarge(object, settings)) {
    desired.objects.set(keyOf(object), object);
    return;
  }
  desired.withheld.add(keyOf(object));
  (desired.problems as RoutingProblem[]).push({
    code: 'BL407', path: '', kind: 'Namespace', namespace: '', name: object.metadata.namespace,
    message: `VirtualService ${object.metadata.name} would be larger than ${settings.objectSizeLimitBytes} bytes: it is left as it is; give some services a hostname of their own`,
  });
}

/** Says which public hosts are not ours to serve. */
function notices({ layout }: NamespaceRoutes, site: Site, { desired }: Context): void {
  const about = { path: '', kind: 'Namespace', namespace: '', name: site.namespace };
  const problems = desired.problems as RoutingProblem[];
  for (const domain of site.domains) {
    for (const host of [domain, `*.${domain}`, ...[...layout.labels.values()].map((label) => `${label}.${domain}`)]) {
      const owner = desired.claims.gateway.get(host);
      if (owner !== undefined) problems.push({ ...about, code: 'BL403', message: `VirtualService ${owner} has the public host ${host}: no routes of ours for that host; remove it, or choose another domain` });
      if (host.length > hostLengthMax) problems.push({ ...about, code: 'BL412', message: `${host} is longer than ${hostLengthMax} characters: the branch is not reached by a host; give it a shorter name` });
    }
  }
}

function namedAside(object: RouteObject, snapshot: Snapshot): readonly RoutingProblem[] {
  const { name, namespace } = object.metadata;
  const wanted = name.endsWith(aside) ? name.slice(0, -aside.length) : '';
  if (!isForeign(snapshot, object.kind, namespace, wanted)) return [];
  return [{ code: 'BL404', path: '', kind: object.kind, namespace, name: wanted, message: `${object.kind} ${wanted} is not ours and is left alone: ours is called ${name}` }];
}

/** What {@link redecide} made anew: keys that it looked at, whether or not they changed. */
export type Touched = ReadonlySet<string>;

/**
 * Decides anew the services behind a Service whose endpoints changed, and their hosts; nothing else. Changes `desired`.
 * Only readiness may have changed since it was made: for anything else make it anew.
 */
export function redecide(desired: Desired, { snapshot, settings }: { readonly snapshot: Snapshot; readonly settings: Settings }, changed: { readonly namespace: string; readonly service: string }): Touched {
  const touched = new Set<string>();
  const routes = desired.namespaces.get(changed.namespace);
  if (routes === undefined) return touched;
  const domains = new Map([...desired.namespaces.values()].flatMap(({ sites }) => sites.flatMap((site) => site.domains.map((domain) => [domain, site.namespace] as const))));
  const context: Context = { snapshot, settings, desired, domains, naming: (kind, namespace, wanted) => nameFor(snapshot, kind, namespace, wanted) };
  for (const service of routes.layout.services.values()) {
    if (servicesBehind(service).has(changed.service)) redecideService(routes, service, context, touched);
  }
  return touched;
}

function redecideService(routes: NamespaceRoutes, service: ServiceLayout, context: Context, touched: Set<string>): void {
  const { desired, snapshot, settings, naming } = context;
  const before = routes.decided.get(service.service.name);
  const endpoints = endpointsByService(snapshot, service.service.namespace, servicesBehind(service));
  if (before !== undefined) for (const object of serviceObjects(before, naming, settings)) { desired.objects.delete(keyOf(object)); touched.add(keyOf(object)); }
  for (const object of decide(routes, service, endpoints, context)) { desired.objects.set(keyOf(object), object); touched.add(keyOf(object)); }
  const after = routes.decided.get(service.service.name);
  const ids = new Set([...publicBranches(before), ...publicBranches(after)].filter((id) => publicBranches(before).has(id) !== publicBranches(after).has(id)));
  for (const site of routes.sites.filter(({ addresses }) => addresses.some((address) => address.service === service.service.name))) {
    const parts = partsOf(routes, site, context);
    const roots = [...ids].map((id) => branchRoot(parts, { id, label: routes.layout.labels.get(id) ?? id }));
    for (const object of [...(restOf(before) === restOf(after) ? [] : [restObject(parts)]), ...roots]) {
      put(object, context);
      if (object !== undefined) touched.add(keyOf(object));
    }
  }
}

function publicBranches(decided: ServiceRoutes | undefined): ReadonlySet<string> {
  return new Set(decided?.routes.filter((route) => route.entry === 'ingress' && route.branch !== undefined).map((route) => route.version));
}

/** What the list of services without branches shows of one service. */
function restOf(decided: ServiceRoutes | undefined): string {
  return JSON.stringify(decided?.routes.filter((route) => route.entry === 'ingress' && route.branch === undefined).map(({ path, target }) => [path, target]));
}

/** Returns every problem, sorted and without repeats. */
export function problemsOf(desired: Desired): readonly RoutingProblem[] {
  const all = [...desired.problems, ...[...desired.namespaces.values()].flatMap(({ problems, decided }) => [...problems, ...[...decided.values()].flatMap((one) => one.problems)])];
  const sorted = all.map((problem) => [`${problem.namespace}/${problem.kind}/${problem.name}/${problem.code}/${problem.message}`, problem] as const).sort(([a], [b]) => byCodeUnit(a, b));
  return [...new Map(sorted).values()];
}
