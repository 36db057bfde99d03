/** The objects of one service: its DestinationRule, its routes in the mesh, its routes from outside (without hosts: the hosts' objects delegate to it). */
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import type { JsonObject } from '../model/json.ts';
import { carriersOf, edgeOf } from './edge.ts';
import {
  baggageMatches,
  headerMatches,
  httpRoute,
  pathMatches,
  routeObject,
  type RouteObject,
} from './istio.ts';
import { byCodeUnit, type ServiceLayout } from './layout.ts';
import type { Route, ServiceRoutes } from './routes.ts';
import { gatewaysOf } from './site.ts';

/** Gives an object of ours its name. @see nameFor */
export type Naming = (kind: RouteObject['kind'], namespace: string, wanted: string) => string;

/** Makes the objects of one service. */
export function serviceObjects(
  decided: ServiceRoutes,
  naming: Naming,
  settings: Settings,
): readonly RouteObject[] {
  const { layout, blocked } = decided;
  const { name, namespace } = layout.service;
  const objects: RouteObject[] = [];
  if (layout.hasSubsets && blocked === undefined) {
    objects.push(
      routeObject(
        'DestinationRule',
        namespace,
        naming('DestinationRule', namespace, name),
        destinationRule(decided, settings),
      ),
    );
  }
  if (decided.routes.some((route) => route.entry === 'mesh')) {
    const http = meshRoutes(decided, settings);
    objects.push(
      routeObject('VirtualService', namespace, naming('VirtualService', namespace, `${name}-mesh`), {
        hosts: [hostOfService(name, namespace, settings)],
        http,
      }),
    );
  }
  if (decided.isPublic) {
    const http = ingressRoutes(decided, settings);
    objects.push(
      routeObject('VirtualService', namespace, naming('VirtualService', namespace, `${name}-ingress`), {
        http,
      }),
    );
  }
  return objects;
}

function destinationRule({ layout }: ServiceRoutes, settings: Settings): JsonObject {
  const subset = (name: string, version: string): JsonObject => ({
    name,
    labels: { [settings.versionLabel]: version },
  });
  const branches = layout.branches.filter(({ own }) => own === undefined);
  const subsets = [
    subset(layout.baseline.subset, layout.baseline.version),
    ...[...layout.versions, ...layout.leaving].map((one) => subset(one.subset, one.version)),
    ...branches.map((one) => subset(one.subset, one.branch.id)),
  ].sort((a, b) => byCodeUnit(a['name'] as string, b['name'] as string));
  return { host: hostOfService(layout.service.name, layout.service.namespace, settings), subsets };
}

/** Several HTTP ports: every route once a port, port after port. */
function meshRoutes({ layout, routes }: ServiceRoutes, settings: Settings): readonly JsonObject[] {
  const { ports } = layout;
  const mine = routes.filter(({ entry }) => entry === 'mesh');
  return [...ports]
    .sort((a, b) => a.port - b.port)
    .flatMap(({ port }) =>
      writeAll(layout, mine, { port, only: ports.length > 1 ? { port } : {}, accepts: true, settings }),
    );
}

/** Gateways that accept the routing header, and those that remove it: where a service has both, every route once for each kind. */
function ingressRoutes({ layout, routes }: ServiceRoutes, settings: Settings): readonly JsonObject[] {
  const [first] = layout.ports;
  if (first === undefined) return [];
  const { port } = first;
  const mine = routes.filter(({ entry }) => entry === 'ingress');
  const { accepting, removing } = edgeOf(gatewaysOf(layout.service, layout.namespace, settings), settings);
  if (accepting.length === 0 || removing.length === 0)
    return writeAll(layout, mine, { port, only: {}, accepts: removing.length === 0, settings });
  return [
    ...writeAll(layout, mine, { port, only: { gateways: accepting }, accepts: true, settings }),
    ...writeAll(layout, mine, { port, only: { gateways: removing }, accepts: false, settings }),
  ];
}

interface Through {
  readonly port: number;
  /** Condition of every match besides its own: a port, or Gateways. */
  readonly only: JsonObject;
  /** Tells whether the headers of a request choose a branch; else they are removed. */
  readonly accepts: boolean;
  readonly settings: Settings;
}

function writeAll(
  layout: ServiceLayout,
  routes: readonly Route[],
  { port, only, accepts, settings }: Through,
): readonly JsonObject[] {
  const isNarrow = Object.keys(only).length > 0;
  const narrow = (matches: readonly JsonObject[]): readonly JsonObject[] =>
    isNarrow && matches.length === 0 ? [only] : matches.map((match) => ({ ...match, ...only }));
  const remove = accepts ? [] : carriersOf(settings);
  const write = (route: Route, match: readonly JsonObject[]): JsonObject =>
    httpRoute(route, layout, { match: narrow(match), port, setHeader: undefined, remove }, settings);
  const branches = accepts ? routes.filter(({ branch }) => branch !== undefined) : [];
  return [
    ...branches.map((route) => write(route, headerMatches(route.branch?.values ?? [], settings))),
    ...(settings.baggageMatches
      ? branches.map((route) => write(route, baggageMatches(route.branch?.values ?? [], settings)))
      : []),
    ...routes
      .filter(({ branch }) => branch === undefined)
      .map((route) => write(route, route.path === undefined ? [] : pathMatches(route.path))),
  ];
}
