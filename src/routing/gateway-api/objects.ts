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
import type { ServicePort } from '../../model/kubernetes.ts';
import { quote } from '../../model/problem.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Desired, NamespaceRoutes } from '../desired.ts';
import { hostLengthMax } from '../host-manifests.ts';
import { byCodeUnit, type RoutingProblem } from '../layout.ts';
import { longerFirst, type Route, type ServiceRoutes } from '../routes.ts';
import { isBelow, type Address, type Site } from '../site.ts';
import { mannerOf, type Manner } from './manner.ts';
import { settle, type Condition } from './precedence.ts';
import { routeObjects, type RouteKind, type RouteParts } from './route-objects.ts';
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
  const domains = new Set([...desired.namespaces.values()].flatMap(({ sites }) => sites.flatMap((site) => site.domains)));
  const isFree = (host: string, site: Site): boolean => !desired.claims.gateway.has(host) && (!domains.has(host) || site.domains.includes(host));
  const services = new Map(raw.filter((object) => object['kind'] === 'Service' && object['apiVersion'] === 'v1').map((object) => [`${textAt(object, 'metadata', 'namespace') ?? 'default'}/${textAt(object, 'metadata', 'name') ?? ''}`, object]));
  const objects: JsonObject[] = [];
  const problems: RoutingProblem[] = [];
  for (const routes of desired.namespaces.values()) {
    const manners = new Map([...routes.decided].map(([name, { layout }]) => [name, mannerOf(layout, settings)]));
    const context: Context = { routes, naming: versionNames(routes, snapshot), manners, isFree, settings };
    for (const decided of routes.decided.values()) {
      const { layout, blocked } = decided;
      if (blocked === undefined) objects.push(...versionServices(layout, services.get(`${layout.service.namespace}/${layout.service.name}`), context.naming, settings));
      objects.push(...meshRoutes(decided, context));
      problems.push(...leftOut(decided, manners.get(layout.service.name), settings));
    }
    for (const site of routes.sites) {
      const sayable = { ...site, addresses: site.addresses.filter(({ path }) => isSayable(path)) };
      problems.push(...site.addresses.filter(({ path }) => !isSayable(path)).map((address) => unsayable(address, site)));
      objects.push(...domainRoutes(sayable, context), ...branchHosts(sayable, context));
    }
  }
  const hasRoutes = objects.some(({ kind }) => kind !== 'Service');
  return { objects: objects.sort((a, b) => byCodeUnit(placeOf(a), placeOf(b))), problems: [...(hasRoutes ? everywhereLeftOut(settings) : []), ...problems] };
}

function placeOf(object: JsonObject): string {
  const kind = textAt(object, 'kind') ?? '';
  return [textAt(object, 'metadata', 'namespace'), kind === 'Service' ? 0 : 1, kind, textAt(object, 'metadata', 'name')].join('/');
}

/** What CRDs take as a path. @see https://gateway-api.sigs.k8s.io/reference/spec/#httppathmatch */
function isSayable(path: string): boolean {
  return path.length <= 1000 && /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/.test(path) && !/%2f|\/\.\.?(?:\/|$)/i.test(path);
}

function writingOf(decided: ServiceRoutes, { manners, naming, settings }: Context): Writing {
  return { decided, manner: manners.get(decided.layout.service.name) ?? mannerOf(decided.layout, settings), naming, settings };
}

/** Objects of everybody's rules, and of each branch. */
function split(conditions: readonly Condition<OwnedAction>[], base: string): readonly (readonly [string, readonly Condition<OwnedAction>[]])[] {
  const labels = [...new Set(conditions.map(({ action }) => action.label))].sort(byCodeUnit);
  return labels.map((label) => [label === '' ? base : `${base}.${label}`, conditions.filter(({ action }) => action.label === label)]);
}

function meshRoutes(decided: ServiceRoutes, context: Context): readonly JsonObject[] {
  const { service, ports } = decided.layout;
  const routes = decided.routes.filter(({ entry, path }) => entry === 'mesh' && (path === undefined || isSayable(path)));
  if (routes.length === 0) return [];
  return ports.flatMap((port) => {
    const kind = kindOf(port, routes);
    const base = ports.length > 1 ? `mesh.${service.name}.${port.port}` : `mesh.${service.name}`;
    const parentRefs = [{ group: '', kind: 'Service', name: service.name, ...(service.ports.length > 1 ? { port: port.port } : {}) }];
    const conditions = settle(conditionsOf(routes, writingOf(decided, context), { kind, port: port.port, path: '/', hearsHeader: true }));
    return split(conditions, base).flatMap(([name, mine]) => routeObjects({ kind, namespace: service.namespace, name, parentRefs, hostnames: [], conditions: mine }));
  });
}

/** gRPC is HTTP; where a version is chosen by path only an HTTPRoute can say so. */
function kindOf(port: ServicePort, routes: readonly Route[]): RouteKind {
  const protocol = port.appProtocol?.toLowerCase() ?? port.name.toLowerCase().split('-').slice(0, 2).join('-');
  const isGrpc = protocol === 'grpc' || (protocol.startsWith('grpc-') && protocol !== 'grpc-web');
  return isGrpc && routes.every(({ path }) => path === undefined) ? 'GRPCRoute' : 'HTTPRoute';
}

function visibleAt(site: Site, gateway: string): readonly Address[] {
  return site.addresses.filter(({ gateways }) => gateways === undefined || gateways.includes(gateway));
}

/** The routes of a site's domains, and of hosts under them whose branch is gone. */
function domainRoutes(site: Site, context: Context): readonly JsonObject[] {
  const hostnames = site.domains.flatMap((domain) => [domain, `*.${domain}`]).filter((host) => context.isFree(host, site));
  return perGateway(site, hostnames, (addresses) => {
    const conditions = settle(addresses.flatMap((address) => domainConditions(address, context)));
    const services = [...new Set(conditions.map(({ action }) => action.service))].sort(byCodeUnit);
    return services.flatMap((service) => split(conditions.filter(({ action }) => action.service === service), `ingress.${service}`));
  });
}

function domainConditions({ path, service }: Address, context: Context): readonly Condition<OwnedAction>[] {
  const decided = context.routes.decided.get(service);
  const [port] = decided?.layout.ports ?? [];
  if (decided === undefined || port === undefined) return [];
  const routes = decided.routes.filter((route) => route.entry === 'ingress' && (route.path === undefined || route.path === path || isBelow(route.path, path)));
  return conditionsOf(routes, writingOf(decided, context), { kind: 'HTTPRoute', port: port.port, path, hearsHeader: context.settings.publicHeader === 'accept' });
}

/** Objects of hosts, a Gateway after the other; Gateways that are to show the same share an object. */
function perGateway(site: Site, hostnames: readonly string[], conditionsFor: (addresses: readonly Address[]) => readonly (readonly [string, readonly Condition<OwnedAction>[]])[]): readonly JsonObject[] {
  if (hostnames.length === 0) return [];
  const variants = new Map<string, Map<string, { readonly gateways: string[]; readonly conditions: readonly Condition<OwnedAction>[] }>>();
  for (const gateway of site.gateways) {
    for (const [name, conditions] of conditionsFor(visibleAt(site, gateway))) {
      const known = variants.get(name) ?? new Map<string, { readonly gateways: string[]; readonly conditions: readonly Condition<OwnedAction>[] }>();
      const content = JSON.stringify(conditions);
      variants.set(name, known.set(content, { conditions, gateways: [...(known.get(content)?.gateways ?? []), gateway] }));
    }
  }
  return [...variants].flatMap(([name, known]) => [...known.values()].flatMap(({ gateways, conditions }, index) => {
    const parts: RouteParts = { kind: 'HTTPRoute', namespace: site.namespace, name: index === 0 ? name : `${name}.at.${(gateways[0] ?? '').replace('/', '.')}`, parentRefs: gateways.map(gatewayRef), hostnames, conditions };
    return routeObjects(parts);
  }));
}

function gatewayRef(gateway: string): JsonObject {
  const [namespace, name] = gateway.split('/');
  return { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name };
}

/** The hosts of each branch: its own versions, the baseline of all else, and the routing header set for those behind. */
function branchHosts(site: Site, context: Context): readonly JsonObject[] {
  return [...context.routes.layout.labels].flatMap(([id, label]) => {
    const hostnames = site.domains.map((domain) => `${label}.${domain}`).filter((host) => host.length <= hostLengthMax && context.isFree(host, site));
    const [host] = hostnames;
    if (host === undefined) return [];
    return perGateway(site, hostnames, (addresses) => [[hostName(host), settle(addresses.flatMap((address) => hostConditions(address, id, context)))]]);
  });
}

function hostName(host: string): string {
  return `host.${host}`.slice(-hostLengthMax).replace(/^[.-]+/, '');
}

function hostConditions({ path, service }: Address, id: string, context: Context): readonly Condition<OwnedAction>[] {
  const decided = context.routes.decided.get(service);
  const [port] = decided?.layout.ports ?? [];
  if (decided === undefined || port === undefined) return [];
  const branch = context.routes.branchRoutes.get(id)?.get(service);
  const rest = decided.routes.filter((route) => route.entry === 'ingress' && route.branch === undefined && (route.path === undefined || parentOf(route.path) === path));
  const routes = branch === undefined ? rest : [branch];
  const place = { kind: 'HTTPRoute' as const, port: port.port, setHeader: id };
  return [...routes].sort((a, b) => longerFirst(a.path ?? path, b.path ?? path)).map((route) => ({ path: route.path ?? path, headers: [], action: actionOf(route, writingOf(decided, context), place) }));
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function unsayable({ path, service }: Address, { namespace }: Site): RoutingProblem {
  return { code: 'BL501', path: '', kind: 'Service', namespace, name: service, message: `${service} is not public under ${quote(path)}: the Gateway API takes no such path; choose another in branchline.dev/context` };
}

/** What the standard channel has no field for, in the routes of one service. */
function leftOut({ layout, routes }: ServiceRoutes, manner: Manner | undefined, { baggageMatches }: Settings): readonly RoutingProblem[] {
  if (routes.length === 0 || manner === undefined) return [];
  const { service } = layout;
  const problem = (message: string): RoutingProblem => ({ code: 'BL501', path: '', kind: 'Service', namespace: service.namespace, name: service.name, message });
  const inMesh = routes.filter(({ entry }) => entry === 'mesh');
  const hasGrpc = inMesh.length > 0 && layout.ports.some((port) => kindOf(port, inMesh) === 'GRPCRoute');
  const answers = routes.find(({ target }) => target.kind === 'unavailable');
  const branches = new Set(routes.filter(({ branch }) => branch !== undefined).map(({ version }) => version));
  const unsaid = new Set(inMesh.filter(({ path }) => path !== undefined && !isSayable(path)).map(({ version }) => version));
  return [
    ...(manner.leftOut.length === 0 ? [] : [problem(`${manner.leftOut.join(', ')} of branchline.dev/http of ${service.name} ${manner.leftOut.length === 1 ? 'is' : 'are'} left out: the Gateway API's standard channel has no such field; set it in the service, or use --api istio`)]),
    ...(manner.timeout === undefined || !hasGrpc ? [] : [problem(`The timeout ${manner.timeout} of ${service.name} is left out on its gRPC port: a GRPCRoute has none; set a deadline in its clients, or use --api istio`)]),
    ...(answers === undefined ? [] : [problem(`The message of the 503 of ${service.name} is left out: the Gateway API has no answers of its own, so a Service without pods stands in; deploy its baseline, or use --api istio`)]),
    ...(baggageMatches && branches.size > 1 ? [problem(`Which branch of ${service.name} gets a request whose baggage names two of them is left to the age of their routes: the Gateway API has no order; send one, or use --api istio`)] : []),
    ...(unsaid.size === 0 ? [] : [problem(`${[...unsaid].sort(byCodeUnit).join(', ')} of ${service.name} cannot be reached by path between services: the Gateway API takes no such path; choose another in branchline.dev/context`)]),
  ];
}

function everywhereLeftOut({ retryAttempts, retryOn }: Settings): readonly RoutingProblem[] {
  if (retryAttempts === 0) return [];
  return [{ code: 'BL501', path: '', kind: 'Setting', namespace: '', name: 'retryAttempts', message: `${retryAttempts} retries on ${retryOn} are left out of every route: the Gateway API's standard channel has none, and the mesh's own hold; say --retry-attempts 0, or use --api istio` }];
}
