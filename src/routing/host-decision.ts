/** The public hosts of one site: their objects, as far as they fit, and which hosts cannot be served. */
import { branchRoot, domainRoots, hostLengthMax, restObject, type SiteParts } from './host-manifests.ts';
import { hasHeaders, keyOf } from './istio.ts';
import type { NamespaceLayout, RoutingProblem } from './layout.ts';
import {
  isTooLarge,
  joined,
  manifestsOf,
  noManifests,
  type Manifests,
  type NamedObject,
} from './manifests.ts';
import type { Route, ServiceRoutes } from './routes.ts';
import type { DecisionContext } from './service-decision.ts';
import type { Site } from './site.ts';

/** What is decided about the hosts of one site. */
export interface SiteDecision {
  /** Hosts without a branch; they depend on no readiness. */
  readonly domains: Manifests;
  /** The list of the site's services without branches. */
  readonly rest: Manifests;
  /** Branch id → its hosts. */
  readonly branches: ReadonlyMap<string, Manifests>;
}

/** What hosts are made from: the routes of a namespace. */
export interface HostRoutes {
  readonly layout: NamespaceLayout;
  readonly decided: ReadonlyMap<string, ServiceRoutes>;
  /** Branch id → service → its route from outside. */
  readonly branchRoutes: ReadonlyMap<string, ReadonlyMap<string, Route>>;
}

/** Decides all hosts of a site. */
export function decideSite(routes: HostRoutes, site: Site, context: DecisionContext): SiteDecision {
  const parts = partsOf(routes, site, context);
  const domains = joined(domainRoots(parts).map((root) => fitting(root, context)));
  return {
    domains: { ...domains, problems: [...domains.problems, ...hostProblems(routes, site, context)] },
    rest: fitting(restObject(parts), context),
    branches: branchHosts(routes.layout.labels.keys(), { routes, parts }, context),
  };
}

/** Decides a site anew after these services changed from one readiness to another. */
export function redecideSite(
  before: SiteDecision,
  site: Site,
  { routes, changes }: { readonly routes: HostRoutes; readonly changes: readonly RoutesChange[] },
  context: DecisionContext,
): SiteDecision {
  const mine = changes.filter(({ service }) => site.addresses.some((address) => address.service === service));
  if (mine.length === 0) return before;
  const parts = partsOf(routes, site, context);
  const isRestNew = mine.some((change) => baselineKey(change.before) !== baselineKey(change.after));
  const ids = isRestNew ? routes.layout.labels.keys() : mine.flatMap(changedBranches);
  return {
    domains: before.domains,
    rest: isRestNew ? fitting(restObject(parts), context) : before.rest,
    branches: new Map([...before.branches, ...branchHosts(ids, { routes, parts }, context)]),
  };
}

/** A service, and its routes before and after its readiness changed. */
export interface RoutesChange {
  readonly service: string;
  readonly before: ServiceRoutes | undefined;
  readonly after: ServiceRoutes;
}

function branchHosts(
  ids: Iterable<string>,
  { routes, parts }: { readonly routes: HostRoutes; readonly parts: SiteParts },
  context: DecisionContext,
): ReadonlyMap<string, Manifests> {
  const { labels } = routes.layout;
  return new Map(
    [...new Set(ids)].map((id) => [
      id,
      fitting(branchRoot(parts, { id, label: labels.get(id) ?? id }), context),
    ]),
  );
}

function partsOf(
  routes: HostRoutes,
  site: Site,
  { claims, domains, naming, settings }: DecisionContext,
): SiteParts {
  const isFree = (host: string): boolean =>
    !claims.gateway.has(host) && (!domains.has(host) || site.domains.includes(host));
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

/** An object that is too large is left as it is. */
function fitting(named: NamedObject | undefined, { settings }: DecisionContext): Manifests {
  if (named === undefined) return noManifests;
  const { object } = named;
  if (!isTooLarge(object, settings)) return manifestsOf([named]);
  const problem: RoutingProblem = {
    code: 'BL407',
    path: '',
    kind: 'Namespace',
    namespace: '',
    name: object.metadata.namespace,
    message: `VirtualService ${object.metadata.name} would be larger than ${settings.objectSizeLimitBytes} bytes: it is left as it is; give some services a hostname of their own`,
  };
  return { objects: [], withheld: [keyOf(object)], problems: [problem] };
}

/** Says which public hosts are not ours to serve. */
function hostProblems(
  { layout }: HostRoutes,
  site: Site,
  { claims }: DecisionContext,
): readonly RoutingProblem[] {
  const about = { path: '', kind: 'Namespace', namespace: '', name: site.namespace };
  const problems: RoutingProblem[] = [];
  for (const domain of site.domains) {
    for (const host of [
      domain,
      `*.${domain}`,
      ...[...layout.labels.values()].map((label) => `${label}.${domain}`),
    ]) {
      const owner = claims.gateway.get(host);
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
  return problems;
}

function changedBranches({ before, after }: RoutesChange): readonly string[] {
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
function baselineKey(decided: ServiceRoutes | undefined): string {
  return JSON.stringify(
    decided?.routes
      .filter((route) => route.entry === 'ingress' && route.branch === undefined)
      .map(({ path, target }) => [path, target]),
  );
}
