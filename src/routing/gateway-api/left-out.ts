/** What the Gateway API has no words for: which routes take which kind, and a problem for each thing that is left out. */
import type { Settings } from '../../config/settings.ts';
import type { ServicePort } from '../../model/kubernetes.ts';
import { quote } from '../../model/problem.ts';
import { byCodeUnit, type RoutingProblem } from '../layout.ts';
import type { Route, ServiceRoutes } from '../routes.ts';
import type { Address, Site } from '../site.ts';
import type { Manner } from './manner.ts';
import type { RouteKind } from './route-objects.ts';

/** Tells whether the CRDs take a path. @see https://gateway-api.sigs.k8s.io/reference/spec/#httppathmatch */
export function isSayable(path: string): boolean {
  return (
    path.length <= 1000 &&
    /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/.test(path) &&
    !/%2f|\/\.\.?(?:\/|$)/i.test(path)
  );
}

/** Returns the kind of a port's routes. gRPC is HTTP; where a version is chosen by path only an HTTPRoute can say so. */
export function kindOf(port: ServicePort, routes: readonly Route[]): RouteKind {
  const protocol =
    port.appProtocol?.toLowerCase() ?? port.name.toLowerCase().split('-').slice(0, 2).join('-');
  const isGrpc = protocol === 'grpc' || (protocol.startsWith('grpc-') && protocol !== 'grpc-web');
  return isGrpc && routes.every(({ path }) => path === undefined) ? 'GRPCRoute' : 'HTTPRoute';
}

/** Says that a path is none. */
export function unsayable({ path, service }: Address, { namespace }: Site): RoutingProblem {
  return {
    ...about(namespace, service),
    message: `${service} is not public under ${quote(path)}: the Gateway API takes no such path; choose another in branchline.dev/context`,
  };
}

function about(namespace: string, name: string): Omit<RoutingProblem, 'message'> {
  return { code: 'BL501', path: '', kind: 'Service', namespace, name };
}

/** Says what the standard channel has no field for, in the routes of one service. */
export function leftOut(
  { layout, routes }: ServiceRoutes,
  manner: Manner,
  { baggageMatches }: Settings,
): readonly RoutingProblem[] {
  if (routes.length === 0) return [];
  const { name, namespace } = layout.service;
  const inMesh = routes.filter(({ entry }) => entry === 'mesh');
  const hasGrpc = inMesh.length > 0 && layout.ports.some((port) => kindOf(port, inMesh) === 'GRPCRoute');
  const messages = [
    fields(name, manner),
    manner.timeout !== undefined && hasGrpc
      ? `The timeout ${manner.timeout} of ${name} is left out on its gRPC port: a GRPCRoute has none; set a deadline in its clients, or use --api istio`
      : '',
    routes.some(({ target }) => target.kind === 'unavailable')
      ? `The message of the 503 of ${name} is left out: the Gateway API has no answers of its own, so a Service without pods stands in; deploy its baseline, or use --api istio`
      : '',
    baggageMatches && branchCount(routes) > 1
      ? `Which branch of ${name} gets a request whose baggage names two of them is left to the age of their routes: the Gateway API has no order; send one, or use --api istio`
      : '',
    unreached(name, inMesh),
  ];
  return messages
    .filter((message) => message !== '')
    .map((message) => ({ ...about(namespace, name), message }));
}

function fields(name: string, { leftOut: names }: Manner): string {
  if (names.length === 0) return '';
  return `${names.join(', ')} of branchline.dev/http of ${name} ${names.length === 1 ? 'is' : 'are'} left out: the Gateway API's standard channel has no such field; set it in the service, or use --api istio`;
}

function branchCount(routes: readonly Route[]): number {
  return new Set(routes.filter(({ branch }) => branch !== undefined).map(({ version }) => version)).size;
}

function unreached(name: string, inMesh: readonly Route[]): string {
  const versions = [
    ...new Set(
      inMesh.filter(({ path }) => path !== undefined && !isSayable(path)).map(({ version }) => version),
    ),
  ].sort(byCodeUnit);
  return versions.length === 0
    ? ''
    : `${versions.join(', ')} of ${name} cannot be reached by path between services: the Gateway API takes no such path; choose another in branchline.dev/context`;
}

/** Says what settings ask of every route and no route of the standard channel has. */
export function everywhereLeftOut({ retryAttempts, retryOn }: Settings): readonly RoutingProblem[] {
  if (retryAttempts === 0) return [];
  return [
    {
      ...about('', 'retryAttempts'),
      kind: 'Setting',
      message: `${retryAttempts} retries on ${retryOn} are left out of every route: the Gateway API's standard channel has none, and the mesh's own hold; say --retry-attempts 0, or use --api istio`,
    },
  ];
}
