/** The objects of one service: its DestinationRule, its routes in the mesh, its routes from outside (without hosts: the hosts' objects delegate to it). */
import type { Settings } from '../config/settings.ts';
import type { JsonObject } from '../model/json.ts';
import type { ServicePort } from '../model/kubernetes.ts';
import { baggageMatches, headerMatches, hostOf, httpRoute, pathMatches, routeObject, type RouteObject } from './istio.ts';
import { byCodeUnit } from './layout.ts';
import type { Entry, Route, ServiceRoutes } from './routes.ts';

/** Gives an object of ours its name. @see nameFor */
export type Naming = (kind: RouteObject['kind'], namespace: string, wanted: string) => string;

/** Makes the objects of one service. */
export function serviceObjects(decided: ServiceRoutes, naming: Naming, settings: Settings): readonly RouteObject[] {
  const { layout, blocked } = decided;
  const { name, namespace } = layout.service;
  const objects: RouteObject[] = [];
  if (layout.hasSubsets && blocked === undefined) {
    objects.push(routeObject('DestinationRule', namespace, naming('DestinationRule', namespace, name), destinationRule(decided, settings)));
  }
  if (decided.routes.some((route) => route.entry === 'mesh')) {
    const http = meshRoutes(decided, settings);
    objects.push(routeObject('VirtualService', namespace, naming('VirtualService', namespace, `${name}-mesh`), { hosts: [hostOf(name, namespace, settings)], http }));
  }
  if (decided.isPublic) {
    const [port] = layout.ports;
    const http = port === undefined ? [] : writeAll(decided, 'ingress', { port, byPort: false, settings });
    objects.push(routeObject('VirtualService', namespace, naming('VirtualService', namespace, `${name}-ingress`), { http }));
  }
  return objects;
}

function destinationRule({ layout }: ServiceRoutes, settings: Settings): JsonObject {
  const subset = (name: string, version: string): JsonObject => ({ name, labels: { [settings.versionLabel]: version } });
  const branches = layout.branches.filter(({ own }) => own === undefined);
  const subsets = [
    subset(layout.baseline.subset, layout.baseline.version),
    ...[...layout.versions, ...layout.leaving].map((one) => subset(one.subset, one.version)),
    ...branches.map((one) => subset(one.subset, one.branch.id)),
  ].sort((a, b) => byCodeUnit(a['name'] as string, b['name'] as string));
  return { host: hostOf(layout.service.name, layout.service.namespace, settings), subsets };
}

/** Several HTTP ports: every route once a port, port after port. */
function meshRoutes(decided: ServiceRoutes, settings: Settings): readonly JsonObject[] {
  const { ports } = decided.layout;
  return [...ports].sort((a, b) => a.port - b.port).flatMap((port) => writeAll(decided, 'mesh', { port, byPort: ports.length > 1, settings }));
}

interface Through {
  readonly port: ServicePort;
  readonly byPort: boolean;
  readonly settings: Settings;
}

function writeAll({ layout, routes }: ServiceRoutes, entry: Entry, { port, byPort, settings }: Through): readonly JsonObject[] {
  const narrow = (matches: readonly JsonObject[]): readonly JsonObject[] => {
    if (!byPort) return matches;
    return matches.length === 0 ? [{ port: port.port }] : matches.map((match) => ({ ...match, port: port.port }));
  };
  const hearsHeader = entry === 'mesh' || settings.publicHeader === 'accept';
  const write = (route: Route, match: readonly JsonObject[]): JsonObject => httpRoute(route, layout, { match: narrow(match), port: port.port, setHeader: undefined, removeHeader: !hearsHeader }, settings);
  const mine = routes.filter((route) => route.entry === entry);
  const branches = hearsHeader ? mine.filter((route) => route.branch !== undefined) : [];
  return [
    ...branches.map((route) => write(route, headerMatches(route.branch?.values ?? [], settings))),
    ...(settings.baggageMatches ? branches.map((route) => write(route, baggageMatches(route.branch?.values ?? [], settings))) : []),
    ...mine.filter((route) => route.branch === undefined).map((route) => write(route, route.path === undefined ? [] : pathMatches(route.path))),
  ];
}
