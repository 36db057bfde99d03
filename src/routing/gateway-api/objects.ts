/**
 * The same routes as objects of the Gateway API: in: what should exist, as Istio's objects are made from it; out: a Service for each version, HTTPRoutes and
 * GRPCRoutes, and what they cannot say. Total; the same for the same facts in any order.
 *
 * | object | parent | for |
 * |---|---|---|
 * | `mesh.<service>`, `mesh.<service>.<branch>` | Service | calls between services: everybody else, and one branch |
 * | `ingress.<service>`, `ingress.<service>.<branch>` | Gateway | the tenant's domains |
 * | `host.<branch>.<domain>` | Gateway | the hosts of one branch |
 *
 * A branch has objects of its own, so that it comes and goes without a change to anybody else's.
 */
import type { Settings } from '../../config/settings.ts';
import { textAt, type JsonObject } from '../../model/json.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Desired, NamespaceRoutes } from '../desired.ts';
import { hostLengthMax } from '../host-manifests.ts';
import { carriersOf, edgeOf } from '../edge.ts';
import { byCodeUnit, type RoutingProblem, type ServiceLayout } from '../layout.ts';
import { longerFirst, type ServiceRoutes } from '../routes.ts';
import { isBelow, type Address, type Site } from '../site.ts';
import { everywhereLeftOut, isSayable, kindOf, leftOut, unsayable } from './left-out.ts';
import { mannerOf, type Manner } from './manner.ts';
import { settle, type Condition } from './precedence.ts';
import { routeObjects, type RouteParts } from './route-objects.ts';
import { actionOf, conditionsOf, type OwnedAction, type Writing } from './service-routes.ts';
import { versionNames, versionServices, type VersionNaming } from './version-services.ts';

/** What objects are made from. */
export interface Facts {
  readonly desired: Desired;
  readonly snapshot: Snapshot;
  /** Manifests as they were read: Services in them have target ports, of which the snapshot knows nothing. */
  readonly raw: readonly JsonObject[];
  readonly settings: Settings;
}

/** Objects and what they leave out. */
export interface Rendered {
  /** By namespace, Services before the routes that name them, then by name. */
  readonly objects: readonly JsonObject[];
  readonly problems: readonly RoutingProblem[];
}

interface Context {
  readonly routes: NamespaceRoutes;
  readonly naming: VersionNaming;
  readonly manners: ReadonlyMap<string, Manner>;
  readonly isFree: (host: string, site: Site) => boolean;
  readonly settings: Settings;
}

/** Makes every object. */
export function gatewayApiObjects({ desired, snapshot, raw, settings }: Facts): Rendered {
  const domains = new Set(
    [...desired.namespaces.values()].flatMap(({ sites }) => sites.flatMap((site) => site.domains)),
  );
  const isFree = (host: string, site: Site): boolean =>
    !desired.claims.gateway.has(host) && (!domains.has(host) || site.domains.includes(host));
  const services = new Map(
    raw
      .filter((object) => object['kind'] === 'Service' && object['apiVersion'] === 'v1')
      .map((object) => [
        `${textAt(object, 'metadata', 'namespace') ?? 'default'}/${textAt(object, 'metadata', 'name') ?? ''}`,
        object,
      ]),
  );
  const objects: JsonObject[] = [];
  const problems: RoutingProblem[] = [];
  for (const routes of desired.namespaces.values()) {
    const manners = new Map(
      [...routes.decided].map(([name, { layout }]) => [name, mannerOf(layout, settings)]),
    );
    const context: Context = { routes, naming: versionNames(routes, snapshot), manners, isFree, settings };
    for (const decided of routes.decided.values()) {
      const { layout, blocked } = decided;
      if (blocked === undefined)
        objects.push(
          ...versionServices(
            layout,
            services.get(`${layout.service.namespace}/${layout.service.name}`),
            context.naming,
            settings,
          ),
        );
      objects.push(...meshRoutes(decided, context));
      problems.push(...leftOut(decided, mannerIn(layout, context), settings));
    }
    for (const site of routes.sites) {
      const sayable = { ...site, addresses: site.addresses.filter(({ path }) => isSayable(path)) };
      problems.push(
        ...site.addresses.filter(({ path }) => !isSayable(path)).map((address) => unsayable(address, site)),
      );
      objects.push(...domainRoutes(sayable, context), ...branchHosts(sayable, context));
    }
  }
  const hasRoutes = objects.some(({ kind }) => kind !== 'Service');
  return {
    objects: objects.sort((a, b) => byCodeUnit(placeOf(a), placeOf(b))),
    problems: [...(hasRoutes ? everywhereLeftOut(settings) : []), ...problems],
  };
}

function placeOf(object: JsonObject): string {
  const kind = textAt(object, 'kind') ?? '';
  return [
    textAt(object, 'metadata', 'namespace'),
    kind === 'Service' ? 0 : 1,
    kind,
    textAt(object, 'metadata', 'name'),
  ].join('/');
}

function mannerIn(layout: ServiceLayout, { manners, settings }: Context): Manner {
  return manners.get(layout.service.name) ?? mannerOf(layout, settings);
}

function writingOf(decided: ServiceRoutes, context: Context): Writing {
  return {
    decided,
    manner: mannerIn(decided.layout, context),
    naming: context.naming,
    settings: context.settings,
  };
}

/** Objects of everybody's rules, and of each branch. */
function split(
  conditions: readonly Condition<OwnedAction>[],
  base: string,
): readonly (readonly [string, readonly Condition<OwnedAction>[]])[] {
  const labels = [...new Set(conditions.map(({ action }) => action.label))].sort(byCodeUnit);
  return labels.map((label) => [
    label === '' ? base : `${base}.${label}`,
    conditions.filter(({ action }) => action.label === label),
  ]);
}

function meshRoutes(decided: ServiceRoutes, context: Context): readonly JsonObject[] {
  const { service, ports } = decided.layout;
  const routes = decided.routes.filter(
    ({ entry, path }) => entry === 'mesh' && (path === undefined || isSayable(path)),
  );
  if (routes.length === 0) return [];
  return ports.flatMap((port) => {
    const kind = kindOf(port, routes);
    const base = ports.length > 1 ? `mesh.${service.name}.${port.port}` : `mesh.${service.name}`;
    const parentRefs = [
      {
        group: '',
        kind: 'Service',
        name: service.name,
        ...(service.ports.length > 1 ? { port: port.port } : {}),
      },
    ];
    const conditions = settle(
      conditionsOf(routes, writingOf(decided, context), { kind, port: port.port, path: '/', accepts: true }),
    );
    return split(conditions, base).flatMap(([name, mine]) =>
      routeObjects({ kind, namespace: service.namespace, name, parentRefs, hostnames: [], conditions: mine }),
    );
  });
}

function visibleAt(site: Site, gateway: string): readonly Address[] {
  return site.addresses.filter(({ gateways }) => gateways === undefined || gateways.includes(gateway));
}

/** The routes of a site's domains, and of hosts under them whose branch is gone. */
function domainRoutes(site: Site, context: Context): readonly JsonObject[] {
  const hostnames = site.domains
    .flatMap((domain) => [domain, `*.${domain}`])
    .filter((host) => context.isFree(host, site));
  return perGateway(site, hostnames, context.settings, (addresses, accepts) => {
    const conditions = settle(addresses.flatMap((address) => domainConditions(address, accepts, context)));
    const services = [...new Set(conditions.map(({ action }) => action.service))].sort(byCodeUnit);
    return services.flatMap((service) =>
      split(
        conditions.filter(({ action }) => action.service === service),
        `ingress.${service}`,
      ),
    );
  });
}

function domainConditions(
  { path, service }: Address,
  accepts: boolean,
  context: Context,
): readonly Condition<OwnedAction>[] {
  const decided = context.routes.decided.get(service);
  const [port] = decided?.layout.ports ?? [];
  if (decided === undefined || port === undefined) return [];
  const routes = decided.routes.filter(
    (route) =>
      route.entry === 'ingress' &&
      (route.path === undefined || route.path === path || isBelow(route.path, path)),
  );
  return conditionsOf(routes, writingOf(decided, context), {
    kind: 'HTTPRoute',
    port: port.port,
    path,
    accepts,
  });
}

/** Conditions by the name of their object, for what a Gateway shows and whether it accepts the routing header. */
type ConditionsFor = (
  addresses: readonly Address[],
  accepts: boolean,
) => readonly (readonly [string, readonly Condition<OwnedAction>[]])[];

/** Objects of hosts, a Gateway after the other; Gateways that are to show the same share an object. */
function perGateway(
  site: Site,
  hostnames: readonly string[],
  settings: Settings,
  conditionsFor: ConditionsFor,
): readonly JsonObject[] {
  if (hostnames.length === 0) return [];
  const variants = new Map<
    string,
    Map<string, { readonly gateways: string[]; readonly conditions: readonly Condition<OwnedAction>[] }>
  >();
  for (const gateway of site.gateways) {
    for (const [name, conditions] of conditionsFor(
      visibleAt(site, gateway),
      edgeOf([gateway], settings).accepting.length > 0,
    )) {
      const known =
        variants.get(name) ??
        new Map<
          string,
          { readonly gateways: string[]; readonly conditions: readonly Condition<OwnedAction>[] }
        >();
      const content = JSON.stringify(conditions);
      variants.set(
        name,
        known.set(content, { conditions, gateways: [...(known.get(content)?.gateways ?? []), gateway] }),
      );
    }
  }
  return [...variants].flatMap(([name, known]) =>
    [...known.values()].flatMap(({ gateways, conditions }, index) => {
      const parts: RouteParts = {
        kind: 'HTTPRoute',
        namespace: site.namespace,
        name: index === 0 ? name : `${name}.at.${(gateways[0] ?? '').replace('/', '.')}`,
        parentRefs: gateways.map(gatewayRef),
        hostnames,
        conditions,
      };
      return routeObjects(parts);
    }),
  );
}

function gatewayRef(gateway: string): JsonObject {
  const [namespace, name] = gateway.split('/');
  return { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name };
}

/** The hosts of each branch: its own versions, the baseline of all else, and the routing header set for those behind. */
function branchHosts(site: Site, context: Context): readonly JsonObject[] {
  return [...context.routes.layout.labels].flatMap(([id, label]) => {
    const hostnames = site.domains
      .map((domain) => `${label}.${domain}`)
      .filter((host) => host.length <= hostLengthMax && context.isFree(host, site));
    const [host] = hostnames;
    if (host === undefined) return [];
    return perGateway(site, hostnames, context.settings, (addresses, accepts) => [
      [
        hostName(host),
        settle(addresses.flatMap((address) => hostConditions(address, { id, accepts }, context))),
      ],
    ]);
  });
}

function hostName(host: string): string {
  return `host.${host}`.slice(-hostLengthMax).replace(/^[.-]+/, '');
}

function hostConditions(
  { path, service }: Address,
  { id, accepts }: { readonly id: string; readonly accepts: boolean },
  context: Context,
): readonly Condition<OwnedAction>[] {
  const decided = context.routes.decided.get(service);
  const [port] = decided?.layout.ports ?? [];
  if (decided === undefined || port === undefined) return [];
  const branch = context.routes.branchRoutes.get(id)?.get(service);
  const rest = decided.routes.filter(
    (route) =>
      route.entry === 'ingress' &&
      route.branch === undefined &&
      (route.path === undefined || parentOf(route.path) === path),
  );
  const routes = branch === undefined ? rest : [branch];
  const place = {
    kind: 'HTTPRoute' as const,
    port: port.port,
    setHeader: id,
    remove: accepts
      ? []
      : carriersOf(context.settings).filter((name) => name !== context.settings.routingHeader),
  };
  return [...routes]
    .sort((a, b) => longerFirst(a.path ?? path, b.path ?? path))
    .map((route) => ({
      path: route.path ?? path,
      headers: [],
      action: actionOf(route, writingOf(decided, context), place),
    }));
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
