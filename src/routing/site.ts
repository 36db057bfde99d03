/** Public addresses: which paths of which services stand under which domains of a namespace, in the order in which a proxy must ask. */
import type { Settings } from '../config/settings.ts';
import { isPublic } from '../model/exposure.ts';
import { resolveGateway } from '../model/gateways.ts';
import { commaList } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import { domainsOf, type Meta, type Namespace, type Service } from '../model/kubernetes.ts';
import { byCodeUnit, type NamespaceLayout, type RoutingProblem, type ServiceLayout } from './layout.ts';
import { longerFirst, pathOf, pathsOf } from './routes.ts';

/** One path of one service. */
export interface Address {
  readonly path: string;
  readonly service: string;
  /** Gateways, when the service has others than the site; sorted `namespace/name`. */
  readonly gateways: readonly string[] | undefined;
}

/** Domains that show the same services: the tenant's own ones together, each other hostname alone. */
export interface Site {
  readonly namespace: string;
  /** The first gives the site's objects their names. Not empty. */
  readonly domains: readonly string[];
  /** Every Gateway of any of its services; sorted `namespace/name`. */
  readonly gateways: readonly string[];
  /** Longest path first. */
  readonly addresses: readonly Address[];
}

/** Returns the sites of a namespace, the tenant's domains first, and which addresses two services claim. */
export function sitesOf(
  { namespace, services }: NamespaceLayout,
  settings: Settings,
): { readonly sites: readonly Site[]; readonly problems: readonly RoutingProblem[] } {
  const problems: RoutingProblem[] = [
    ...invalid('Namespace', namespace, [
      ...domainsOf(namespace).filter((domain) => !isDomain(domain)),
      ...commaList(namespace.declared['gateways']).filter((name) => !gateway.test(name)),
    ]),
  ];
  const groups = new Map<
    string,
    { readonly domains: readonly string[]; readonly members: ServiceLayout[] }
  >();
  for (const layout of services.values()) {
    if (!isPublic(layout.service, namespace) || layout.ports.length === 0) continue;
    const domains = domainsFor(layout.service, namespace);
    problems.push(...invalidOf(layout.service));
    const known = groups.get(domains.join());
    if (domains.length === 0) continue;
    if (known === undefined) groups.set(domains.join(), { domains, members: [layout] });
    else known.members.push(layout);
  }
  const own = domainsOf(namespace).join();
  const sites = [...groups]
    .sort(([a], [b]) => Number(b === own) - Number(a === own) || byCodeUnit(a, b))
    .map(([, { domains, members }]) => siteOf(namespace, domains, members, { settings, problems }))
    .filter(({ addresses }) => addresses.length > 0);
  return { sites, problems };
}

const dnsName =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;
const gateway = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function isDomain(domain: string): boolean {
  return dnsName.test(domain.toLowerCase());
}

/** One value that a proxy would refuse takes the whole object with it: it is left out and said. */
function invalid(
  kind: string,
  { namespace, name, declared }: Meta,
  values: readonly string[],
): readonly RoutingProblem[] {
  if (declared['ingress'] === 'false') return [];
  return values.map((value) => ({
    code: 'BL413',
    path: '',
    kind,
    namespace,
    name,
    message: `${quote(value)} of ${name} is no domain, path or Gateway: nothing is public there; correct the annotation`,
  }));
}

function invalidOf(service: Service): readonly RoutingProblem[] {
  const { hostname, gateways, context } = service.declared;
  return invalid('Service', service, [
    ...(hostname === undefined || isDomain(hostname.trim()) ? [] : [hostname]),
    ...commaList(gateways).filter((name) => !gateway.test(name)),
    ...commaList(context).filter((path) => pathOf(path) === undefined),
  ]);
}

function domainsFor({ declared }: Service, namespace: Namespace): readonly string[] {
  const hostname = declared['hostname'];
  const domains = hostname === undefined ? domainsOf(namespace) : [hostname.trim()];
  return [...new Set(domains.map((domain) => domain.toLowerCase()).filter(isDomain))];
}

interface Notes {
  readonly settings: Settings;
  readonly problems: RoutingProblem[];
}

function siteOf(
  namespace: Namespace,
  domains: readonly string[],
  members: readonly ServiceLayout[],
  { settings, problems }: Notes,
): Site {
  const each = members.map(({ service }) => ({
    service,
    gateways: gatewaysOf(service, namespace, settings),
  }));
  const gateways = [...new Set(each.flatMap((one) => one.gateways))].sort(byCodeUnit);
  const addresses = new Map<string, Address>();
  for (const one of each) {
    for (const path of pathsOf(one.service)) {
      const taken = addresses.get(path);
      if (taken !== undefined) problems.push(clash(one.service, path, taken.service));
      else
        addresses.set(path, {
          path,
          service: one.service.name,
          gateways: one.gateways.length === gateways.length ? undefined : one.gateways,
        });
    }
  }
  return {
    namespace: namespace.name,
    domains,
    gateways,
    addresses: [...addresses.values()].sort((a, b) => longerFirst(a.path, b.path)),
  };
}

function clash(service: Service, path: string, owner: string): RoutingProblem {
  return {
    code: 'BL405',
    path: '',
    kind: 'Service',
    namespace: service.namespace,
    name: service.name,
    message: `${path} is already the public path of Service ${owner}: ${service.name} is not reached there; choose another path`,
  };
}

/** Returns the Gateways of a public Service as `namespace/name`, sorted: its own, else the namespace's, else the setting's. */
export function gatewaysOf(
  { declared }: Service,
  namespace: Namespace,
  settings: Settings,
): readonly string[] {
  const written =
    [declared['gateways'], namespace.declared['gateways']]
      .map((names) => commaList(names).filter((name) => gateway.test(name)))
      .find((names) => names.length > 0) ?? settings.gateways;
  return [...new Set(written.map((name) => resolveGateway(name, namespace.name)))].sort(byCodeUnit);
}

/** Tells whether a path lies below another one, segment by segment, and is not the same. */
export function isBelow(path: string, other: string): boolean {
  return path !== other && path.startsWith(other === '/' ? '/' : `${other}/`);
}
