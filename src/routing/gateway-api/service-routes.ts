/** The conditions under which the versions of one service are reached, and what happens then: the routes of src/routing in the words of the Gateway API. */
import type { Settings } from '../../config/settings.ts';
import type { JsonObject } from '../../model/json.ts';
import { carriersOf } from '../edge.ts';
import { baggageRegex } from '../istio.ts';
import { routeReason } from '../messages.ts';
import type { Route, ServiceRoutes } from '../routes.ts';
import { headerFilters, withOurs, type Manner } from './manner.ts';
import type { Condition, HeaderCondition } from './precedence.ts';
import type { RouteKind, RuleAction } from './route-objects.ts';
import type { VersionNaming } from './version-services.ts';

/** A rule's action, and whose object it goes into. */
export interface OwnedAction extends RuleAction {
  readonly service: string;
  /** Label of the branch; empty for everybody else's rules. */
  readonly label: string;
}

/** How the routes of a service are written. */
export interface Writing {
  readonly decided: ServiceRoutes;
  readonly manner: Manner;
  readonly naming: VersionNaming;
  readonly settings: Settings;
}

/** Where one route is written. */
export interface Place {
  readonly kind: RouteKind;
  /** Port of the Service by which it was called. */
  readonly port: number;
  /** Branch id that the routing header is set to. */
  readonly setHeader?: string;
  /** Headers that are taken off the request, in lower case. */
  readonly remove?: readonly string[];
}

/** Returns the conditions on headers that mean a branch, one list a condition: by the routing header, or by `baggage`. */
function headersOf(
  { branch }: Route,
  by: 'header' | 'baggage',
  { routingHeader }: Settings,
): readonly (readonly HeaderCondition[])[] {
  const values = branch?.values ?? [];
  if (by === 'baggage')
    return [[{ type: 'RegularExpression', name: 'baggage', value: baggageRegex(values, routingHeader) }]];
  return values.map((value) => [{ type: 'Exact', name: routingHeader, value }]);
}

/** Makes what a route does. */
export function actionOf(
  route: Route,
  { decided, manner, naming, settings }: Writing,
  { kind, port, setHeader, remove = [] }: Place,
): OwnedAction {
  const request = withOurs(manner.request, {
    ...(setHeader === undefined ? {} : { set: new Map([[settings.routingHeader.toLowerCase(), setHeader]]) }),
    ...(remove.length === 0 ? {} : { remove }),
  });
  const said =
    settings.responseHeader === ''
      ? {}
      : {
          set: new Map([
            [
              settings.responseHeader.toLowerCase(),
              `${route.service} ${route.version} (${routeReason(route)})`,
            ],
          ]),
        };
  const filters = [
    ...headerFilters('RequestHeaderModifier', request),
    ...headerFilters('ResponseHeaderModifier', withOurs(manner.response, said)),
  ];
  return {
    service: route.service,
    label: route.branch?.label ?? '',
    fields: {
      ...(filters.length === 0 ? {} : { filters }),
      backendRefs: [backendOf(route, decided, naming, port)],
      ...(manner.timeout === undefined || kind === 'GRPCRoute'
        ? {}
        : { timeouts: { request: manner.timeout } }),
    },
  };
}

/** Nothing of the Gateway API answers by itself; a Service without endpoints is answered 503, and such is that of the baseline that is not there. */
function backendOf(
  { target, service }: Route,
  { layout }: ServiceRoutes,
  naming: VersionNaming,
  port: number,
): JsonObject {
  const backend = (name: string, number: number): JsonObject => ({
    group: '',
    kind: 'Service',
    name,
    port: number,
    weight: 1,
  });
  if (target.kind === 'subset') return backend(naming(target.service, target.subset), port);
  if (target.kind === 'unavailable')
    return backend(layout.hasSubsets ? naming(service, layout.baseline.subset) : service, port);
  const own = layout.branches.find((branch) => branch.own?.name === target.service)?.own;
  return backend(
    target.service,
    own === undefined || own.ports.some((one) => one.port === port) ? port : (own.ports[0]?.port ?? port),
  );
}

/** Returns the conditions of a service under one path, in the order in which they are to be asked: branches, long-lived versions, everybody else. */
export function conditionsOf(
  routes: readonly Route[],
  writing: Writing,
  { path, accepts, ...place }: Place & { readonly path: string; readonly accepts: boolean },
): readonly Condition<OwnedAction>[] {
  const { settings } = writing;
  const branches = accepts ? routes.filter((route) => route.branch !== undefined) : [];
  const write = (
    route: Route,
    where: string,
    headers: readonly HeaderCondition[],
  ): Condition<OwnedAction> => ({
    path: where,
    headers,
    action: actionOf(route, writing, { ...place, remove: accepts ? [] : carriersOf(settings) }),
  });
  return [
    ...(['header', ...(settings.baggageMatches ? ['baggage' as const] : [])] as const).flatMap((by) =>
      branches.flatMap((route) =>
        headersOf(route, by, settings).map((headers) => write(route, path, headers)),
      ),
    ),
    ...routes
      .filter((route) => route.branch === undefined)
      .map((route) => write(route, route.path ?? path, [])),
  ];
}
