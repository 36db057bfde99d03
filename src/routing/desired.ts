/**
 * Everything that should exist: Snapshot → routes of every service → objects. Total, and the same for the same facts in any order. After a change of
 * endpoints only the services behind them are decided anew; what that makes is as if everything was.
 */
import type { Settings } from '../config/settings.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { claimsOf, type Claims } from './claims.ts';
import { decideSite, redecideSite, type RoutesChange, type SiteDecision } from './host-decision.ts';
import { keyOf, type RouteObject } from './istio.ts';
import { byCodeUnit, layOut, type NamespaceLayout, type RoutingProblem } from './layout.ts';
import { layOutLeaving } from './leaving.ts';
import { keysOf, namingIn, type Manifests } from './manifests.ts';
import { unpaced, type Pace } from './pace.ts';
import { endpointsByService, servicesBehind } from './readiness.ts';
import type { Route, ServiceRoutes } from './routes.ts';
import { decideService, type DecisionContext, type ServiceDecision } from './service-decision.ts';
import { sitesOf, type Site } from './site.ts';

/** The routes of one namespace, and what its objects are made from. */
export interface NamespaceRoutes {
  readonly layout: NamespaceLayout;
  readonly sites: readonly Site[];
  readonly decided: ReadonlyMap<string, ServiceRoutes>;
  readonly branchRoutes: ReadonlyMap<string, ReadonlyMap<string, Route>>;
  /** Problems of its layout. */
  readonly problems: readonly RoutingProblem[];
  readonly services: ReadonlyMap<string, ServiceDecision>;
  readonly hosts: ReadonlyMap<Site, SiteDecision>;
}

/** Everything that should exist, by {@link keyOf}. A value: a new decision is a new one. */
export interface Desired {
  readonly namespaces: ReadonlyMap<string, NamespaceRoutes>;
  readonly objects: ReadonlyMap<string, RouteObject>;
  /** Objects that stay as they are, written or not: hosts' that would be too large, and those of a blocked service whose branches would otherwise take everybody's traffic. */
  readonly withheld: ReadonlySet<string>;
  readonly claims: Claims;
  /** Domain → namespace of the site that has it. */
  readonly domains: ReadonlyMap<string, string>;
  /** Problems between namespaces. */
  readonly problems: readonly RoutingProblem[];
}

/** Decides every route and makes every object. */
export function desiredOf(snapshot: Snapshot, settings: Settings, pace: Pace = unpaced): Desired {
  const claims = claimsOf(snapshot, settings);
  const problems: RoutingProblem[] = [];
  const domains = new Map<string, string>();
  const laidOut: Pick<NamespaceRoutes, 'layout' | 'sites' | 'problems'>[] = [];
  for (const name of [...inNamespace(snapshot.namespaces, '').keys()].sort(byCodeUnit)) {
    const layout = layOut(snapshot, name, settings) ?? layOutLeaving(snapshot, name, pace, settings);
    if (layout === undefined) continue;
    const { sites, problems: clashes } = layout.namespace.enabled
      ? sitesOf(layout, settings)
      : { sites: [], problems: [] };
    const owned = sites.flatMap((site) => ownedPart(site, domains, problems));
    laidOut.push({ layout, sites: owned, problems: [...layout.problems, ...clashes] });
  }
  const context = { snapshot, settings, pace, claims, domains, naming: namingIn(snapshot) };
  const namespaces = new Map(
    laidOut.map((one) => [one.layout.namespace.name, decideNamespace(one, context)] as const),
  );
  const made = [...namespaces.values()].flatMap(manifestsIn);
  return {
    namespaces,
    objects: new Map(made.flatMap(({ objects }) => objects.map((object) => [keyOf(object), object]))),
    withheld: new Set(made.flatMap(({ withheld }) => withheld)),
    claims,
    domains,
    problems,
  };
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

function decideNamespace(
  laidOut: Pick<NamespaceRoutes, 'layout' | 'sites' | 'problems'>,
  context: DecisionContext,
): NamespaceRoutes {
  const { layout, sites } = laidOut;
  const endpoints = endpointsByService(context.snapshot, layout.namespace.name);
  const services = new Map(
    [...layout.services].map(
      ([name, service]) => [name, decideService(service, endpoints, context)] as const,
    ),
  );
  const routes = { ...laidOut, ...routesIn(services), services };
  return { ...routes, hosts: new Map(sites.map((site) => [site, decideSite(routes, site, context)])) };
}

function routesIn(
  services: ReadonlyMap<string, ServiceDecision>,
): Pick<NamespaceRoutes, 'decided' | 'branchRoutes'> {
  const decided = new Map([...services].map(([name, { routes }]) => [name, routes] as const));
  const branchRoutes = new Map<string, Map<string, Route>>();
  for (const [name, { routes }] of decided) {
    for (const route of routes) {
      if (route.entry !== 'ingress' || route.branch === undefined) continue;
      const known = branchRoutes.get(route.version);
      if (known === undefined) branchRoutes.set(route.version, new Map([[name, route]]));
      else known.set(name, route);
    }
  }
  return { decided, branchRoutes };
}

/** Everything that is decided in a namespace. */
function manifestsIn({ services, hosts }: NamespaceRoutes): readonly Manifests[] {
  return [
    ...[...services.values()].map(({ manifests }) => manifests),
    ...[...hosts.values()].flatMap(({ domains, rest, branches }) => [domains, rest, ...branches.values()]),
  ];
}

/** A Service whose endpoints or pods changed. */
export interface TouchedService {
  readonly namespace: string;
  readonly service: string;
}

/** What {@link redecide} came to. */
export interface Redecision {
  readonly desired: Desired;
  /** Keys that it looked at, whether or not they changed. */
  readonly keys: ReadonlySet<string>;
}

/**
 * Decides anew the services behind Services whose endpoints changed, and their hosts; nothing else.
 * Only readiness may have changed since `desired` was made: for anything else make it anew.
 */
export function redecide(
  desired: Desired,
  {
    snapshot,
    settings,
    pace = unpaced,
  }: { readonly snapshot: Snapshot; readonly settings: Settings; readonly pace?: Pace },
  touched: readonly TouchedService[],
): Redecision {
  const { claims, domains } = desired;
  const context = { snapshot, settings, pace, claims, domains, naming: namingIn(snapshot) };
  const namespaces = new Map(desired.namespaces);
  const objects = new Map(desired.objects);
  const withheld = new Set(desired.withheld);
  const keys = new Set<string>();
  for (const [namespace, names] of servicesByNamespace(touched)) {
    const before = namespaces.get(namespace);
    if (before === undefined) continue;
    const after = redecideNamespace(before, names, context);
    namespaces.set(namespace, after);
    const [old, fresh] = [manifestsIn(before), manifestsIn(after)];
    for (const key of differing(old, fresh).flatMap(keysOf)) {
      objects.delete(key);
      withheld.delete(key);
      keys.add(key);
    }
    for (const key of differing(fresh, old).flatMap(keysOf)) keys.add(key);
    for (const object of fresh.flatMap((one) => one.objects)) objects.set(keyOf(object), object);
    for (const key of fresh.flatMap((one) => one.withheld)) withheld.add(key);
  }
  return { desired: { ...desired, namespaces, objects, withheld }, keys };
}

/** Those that the others are without. */
function differing(manifests: readonly Manifests[], others: readonly Manifests[]): readonly Manifests[] {
  const known = new Set(others);
  return manifests.filter((one) => !known.has(one));
}

function servicesByNamespace(touched: readonly TouchedService[]): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const { namespace, service } of touched)
    names.set(namespace, (names.get(namespace) ?? new Set()).add(service));
  return names;
}

function redecideNamespace(
  before: NamespaceRoutes,
  changed: ReadonlySet<string>,
  context: DecisionContext,
): NamespaceRoutes {
  const { layout } = before;
  const behind = [...layout.services]
    .map(([name, service]) => ({ name, service, sources: servicesBehind(service) }))
    .filter(({ sources }) => [...sources].some((source) => changed.has(source)));
  if (behind.length === 0) return before;
  const sources = new Set(behind.flatMap((one) => [...one.sources]));
  const endpoints = endpointsByService(context.snapshot, layout.namespace.name, sources);
  const anew = behind.map(({ name, service }) => [name, decideService(service, endpoints, context)] as const);
  const services = new Map([...before.services, ...anew]);
  const routes = { ...before, ...routesIn(services), services };
  const changes = anew.map(([service, { routes: after }]): RoutesChange => ({
    service,
    before: before.decided.get(service),
    after,
  }));
  const hosts = [...before.hosts].map(
    ([site, hosted]) => [site, redecideSite(hosted, site, { routes, changes }, context)] as const,
  );
  return { ...routes, hosts: new Map(hosts) };
}

/** Returns every problem, sorted and without repeats. */
export function problemsOf(desired: Desired): readonly RoutingProblem[] {
  const all = [
    ...desired.problems,
    ...[...desired.namespaces.values()].flatMap((routes) => [
      ...routes.problems,
      ...[...routes.decided.values()].flatMap(({ problems }) => problems),
      ...manifestsIn(routes).flatMap(({ problems }) => problems),
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
