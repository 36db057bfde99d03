/**
 * The objects of public hosts. A domain has one ordered root that delegates, path by path, to the services. A site has one list of its services
 * without branches. The host of a branch has a root: the paths of its ready services go to the branch, the rest to that list, all with the routing header set.
 */
import type { Settings } from '../config/settings.ts';
import type { JsonObject } from '../model/json.ts';
import { carriersOf, edgeOf } from './edge.ts';
import { httpRoute, pathMatches, requestHeaders, type Writing } from './istio.ts';
import { namedObject, type NamedObject, type Naming } from './manifests.ts';
import { longerFirst, type Route, type ServiceRoutes } from './routes.ts';
import { isBelow, type Address, type Site } from './site.ts';

/** What the objects of a site are made from. */
export interface SiteParts {
  readonly site: Site;
  /** Service → its routes, for the services of the namespace. */
  readonly decided: ReadonlyMap<string, ServiceRoutes>;
  /** Branch id → service → its route from outside. */
  readonly branchRoutes: ReadonlyMap<string, ReadonlyMap<string, Route>>;
  /** Services whose routes have headers of their own. @see hasHeaders */
  readonly headed: ReadonlySet<string>;
  /** Tells whether a host may have an object of ours. */
  readonly isFree: (host: string) => boolean;
  readonly naming: Naming;
  readonly settings: Settings;
}

/** A branch as hosts know it. */
export interface HostBranch {
  readonly id: string;
  readonly label: string;
}

/** Longest DNS name. @see https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4 */
export const hostLengthMax = 253;

/** Makes the root of each domain of a site. `*.<domain>` is for hosts of branches that are gone. */
export function domainRoots({ site, isFree, naming }: SiteParts): readonly NamedObject[] {
  return site.domains.flatMap((domain) => {
    const hosts = [domain, `*.${domain}`].filter(isFree);
    if (hosts.length === 0) return [];
    const http = site.addresses.map((address): JsonObject => ({
      name: address.service,
      match: narrowed(pathMatches(address.path), address),
      delegate: {
        name: naming('VirtualService', site.namespace, `${address.service}-ingress`).name,
        namespace: site.namespace,
      },
    }));
    return [
      namedObject('VirtualService', site.namespace, naming('VirtualService', site.namespace, domain), {
        hosts,
        gateways: site.gateways,
        http,
      }),
    ];
  });
}

function narrowed(matches: readonly JsonObject[], { gateways }: Address): readonly JsonObject[] {
  return gateways === undefined ? matches : matches.map((match) => ({ ...match, gateways }));
}

/** Makes the list of a site's services without branches, to which branch hosts delegate; undefined when every branch host must list them itself. */
export function restObject(parts: SiteParts): NamedObject | undefined {
  const { site, naming } = parts;
  const http = writeRest(
    parts,
    site.addresses.filter(({ gateways }) => gateways === undefined),
    { setHeader: undefined, remove: [] },
  );
  if (http.length === 0) return undefined;
  return namedObject(
    'VirtualService',
    site.namespace,
    naming('VirtualService', site.namespace, restNameOf(site)),
    { http },
  );
}

function restNameOf(site: Site): string {
  return `${site.domains[0] ?? ''}-baseline`;
}

/** Paths of long-lived versions and of whole services, longest first. */
function writeRest(
  parts: SiteParts,
  addresses: readonly Address[],
  headers: HostHeaders,
): readonly JsonObject[] {
  const routes = addresses.flatMap((address) =>
    restRoutes(parts, address).map((route) => ({ route, address, path: route.path ?? address.path })),
  );
  return routes
    .sort(
      (a, b) =>
        longerFirst(a.path, b.path) ||
        Number(a.route.path !== undefined) - Number(b.route.path !== undefined),
    )
    .map(({ route, address, path }) => write(parts, route, { address, path, ...headers }));
}

function restRoutes({ decided }: SiteParts, address: Address): readonly Route[] {
  const routes = decided.get(address.service)?.routes ?? [];
  return routes.filter(
    (route) =>
      route.entry === 'ingress' &&
      route.branch === undefined &&
      (route.path === undefined || parentOf(route.path) === address.path),
  );
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** What a host does to the headers of its requests. */
type HostHeaders = Pick<Writing, 'setHeader' | 'remove'>;

interface Place extends HostHeaders {
  readonly address: Address;
  readonly path: string;
}

function write(
  { decided, settings }: SiteParts,
  route: Route,
  { address, path, setHeader, remove }: Place,
): JsonObject {
  const layout = decided.get(address.service)?.layout;
  if (layout === undefined) return {};
  return httpRoute(
    route,
    layout,
    { match: narrowed(pathMatches(path), address), port: layout.ports[0]?.port ?? 0, setHeader, remove },
    settings,
  );
}

/** The host says which branch it is. Where any Gateway of the site is protected, nothing else of the public may say so. */
function branchHeaders(site: Site, { id }: HostBranch, settings: Settings): HostHeaders {
  const isProtected = edgeOf(site.gateways, settings).removing.length > 0;
  return {
    setHeader: id,
    remove: isProtected ? carriersOf(settings).filter((name) => name !== settings.routingHeader) : [],
  };
}

/** Makes the root of a branch's hosts in one site; undefined when none of them is free. */
export function branchRoot(parts: SiteParts, branch: HostBranch): NamedObject | undefined {
  const { site, naming, settings } = parts;
  const hosts = site.domains
    .map((domain) => `${branch.label}.${domain}`)
    .filter((host) => host.length <= hostLengthMax && parts.isFree(host));
  if (hosts.length === 0) return undefined;
  const mine = parts.branchRoutes.get(branch.id);
  const special = site.addresses.filter(
    ({ service, gateways }) =>
      gateways !== undefined || mine?.has(service) === true || parts.headed.has(service),
  );
  const listed =
    special.length === 0
      ? []
      : site.addresses.filter((address) =>
          special.some((other) => other === address || isBelow(address.path, other.path)),
        );
  const headers = branchHeaders(site, branch, settings);
  const explicit = listed.flatMap((address) => {
    const route = mine?.get(address.service);
    return route === undefined
      ? writeRest(parts, [address], headers)
      : [write(parts, route, { address, path: address.path, ...headers })];
  });
  const rest = site.addresses.some(({ gateways }) => gateways === undefined)
    ? [
        {
          name: 'baseline',
          delegate: {
            name: naming('VirtualService', site.namespace, restNameOf(site)).name,
            namespace: site.namespace,
          },
          headers: { request: requestHeaders(headers, settings) },
        },
      ]
    : [];
  const name = naming('VirtualService', site.namespace, hosts[0] ?? '');
  return namedObject('VirtualService', site.namespace, name, {
    hosts,
    gateways: site.gateways,
    http: [...explicit, ...rest],
  });
}
