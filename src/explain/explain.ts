/**
 * Where a request goes and why: the route objects that should exist, and those of others, evaluated as Envoy would. Rendered objects in, a hop out;
 * it never asks how they came about, save for the words of the reason.
 */
import type { Settings } from '../config/settings.ts';
import {
  at,
  isObject,
  listAt,
  numberAt,
  objectAt,
  textAt,
  toLabels,
  type JsonObject,
} from '../model/json.ts';
import {
  readDestinationRule,
  readVirtualService,
  type DestinationRule,
  type VirtualService,
} from '../model/kubernetes.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { isHttpPort } from '../model/exposure.ts';
import {
  bareHost,
  hostOfDestinationRule,
  hostOfService,
  resolveConfigHost,
  resolveRequestHost,
  serviceOfHost,
} from '../model/hosts.ts';
import type { Desired } from '../routing/desired.ts';
import { byCodeUnit, type ServiceLayout } from '../routing/layout.ts';
import { endpointsByService, isServed, readinessOf, servicesBehind } from '../routing/readiness.ts';
import type { ServiceRoutes } from '../routing/routes.ts';
import type { RouteOrigin } from './delegate.ts';
import { hasRepeated, headerOf, takes, type Request } from './match.ts';
import { reasonFor } from './reason.ts';
import { routesFor, type Rules } from './virtual-host.ts';

/** One hop: which version of which service takes the request, by which route, and why. */
export interface Hop {
  /** Name of the Service; the host as asked when it is none. */
  readonly service: string;
  readonly namespace: string;
  /** Branch id, long-lived version or baseline; `any` for every ready pod; empty when nothing takes it. */
  readonly version: string;
  readonly reason: string;
  /** Where the route is written; undefined when there is none. */
  readonly route: RouteOrigin | undefined;
  /** Status that the proxy answers by itself; undefined when the request is passed on. */
  readonly status: number | undefined;
  /** The routing header as the service sees it. */
  readonly header: string | undefined;
}

/** The mesh in which requests are explained. */
export interface World {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly desired: Desired;
  readonly rules: Rules;
  readonly destinationRules: readonly DestinationRule[];
}

/** Puts the objects that should exist among those of others. What exists of ours and should not is gone. */
export function worldOf(snapshot: Snapshot, desired: Desired, settings: Settings): World {
  const ours = [...desired.objects.values()];
  const foreign = <T extends { readonly managed: boolean }>(
    collection: ReadonlyMap<string, ReadonlyMap<string, T>>,
  ): readonly T[] =>
    [...collection.values()].flatMap((inside) => [...inside.values()].filter(({ managed }) => !managed));
  const virtualServices: readonly VirtualService[] = [
    ...foreign(snapshot.virtualServices),
    ...ours.filter(({ kind }) => kind === 'VirtualService').map(readVirtualService),
  ];
  const destinationRules: readonly DestinationRule[] = [
    ...foreign(snapshot.destinationRules),
    ...ours.filter(({ kind }) => kind === 'DestinationRule').map(readDestinationRule),
  ];
  return {
    snapshot,
    settings,
    desired,
    rules: {
      virtualServices,
      clusterDomain: settings.clusterDomain,
      services: httpPortsOf(snapshot, settings),
    },
    destinationRules,
  };
}

function httpPortsOf({ services }: Snapshot, settings: Settings): ReadonlyMap<string, readonly number[]> {
  return new Map(
    [...services.values()]
      .flatMap((inside) => [...inside.values()])
      .map(
        ({ name, namespace, ports }) =>
          [
            hostOfService(name, namespace, settings),
            ports.filter(isHttpPort).map(({ port }) => port),
          ] as const,
      ),
  );
}

/** Explains one hop of a request. */
export function explain(world: World, request: Request): Hop {
  const hop = explainOnce(world, request);
  if (request.repeated !== undefined || !hasRepeated(request)) return hop;
  const older = explainOnce(world, { ...request, repeated: 'joined' });
  if (older.version === hop.version && older.service === hop.service && older.status === hop.status)
    return hop;
  return {
    ...hop,
    reason: `${hop.reason}; a header was sent twice, and older proxies, which join its values by a comma, lead to ${older.service} ${older.version === '' ? (older.status ?? '') : older.version}`,
  };
}

function explainOnce(world: World, request: Request): Hop {
  const host =
    request.through === 'gateway'
      ? bareHost(request.host)
      : resolveRequestHost(request.host, request.namespace, world.snapshot.services, world.settings).host;
  const routes = routesFor(host, request, world.rules);
  const callee = serviceOf(host, world);
  const started: Hop = {
    service: host,
    namespace: '',
    ...callee,
    version: '',
    reason: '',
    route: undefined,
    status: undefined,
    header: headerOf(request, world.settings.routingHeader),
  };
  if (routes === undefined && request.through === 'sidecar')
    return withoutRule(world, request, started, host);
  if (routes === undefined) return unserved(started, `no route has the host ${host}`, 404);
  const taken = routes.find(({ route }) => takes(route, request));
  if (taken === undefined)
    return unserved(started, `no route of ${host} takes the path and headers of the request`, 404);
  const hop: Hop = {
    ...started,
    route: taken.origin,
    header: headerAfter(taken.route, started.header, world.settings),
  };
  return answerOf(hop, taken.route) ?? follow(world, request, hop, taken.route);
}

/** A sidecar takes a Service that no rule has as it is; other hosts leave the mesh, unless the mesh keeps them in. */
function withoutRule(world: World, request: Request, started: Hop, host: string): Hop {
  const ports = world.rules.services.get(host);
  if (ports !== undefined && (request.port === undefined || ports.includes(request.port)))
    return arrive(world, request, started, { host, subset: undefined });
  const what =
    ports === undefined
      ? `no Service and no route has the host ${host}`
      : `${started.service} has no HTTP port ${request.port ?? ''}`;
  return unserved(
    started,
    `${what}: it leaves the mesh as it is, or is refused where the mesh lets nothing out`,
    502,
  );
}

/** What a route answers by itself; undefined when it leads somewhere. */
function answerOf(hop: Hop, route: JsonObject): Hop | undefined {
  const direct = at(route, 'directResponse');
  if (isObject(direct))
    return unserved(
      hop,
      textAt(direct, 'body', 'string') ?? 'the route answers by itself',
      numberAt(direct, 'status') ?? 200,
    );
  return isObject(at(route, 'redirect'))
    ? unserved(hop, 'the route redirects', numberAt(route, 'redirect', 'redirectCode') ?? 301)
    : undefined;
}

/** Of several weighted destinations the heaviest is followed, and the reason says so. */
function follow(world: World, request: Request, hop: Hop, route: JsonObject): Hop {
  const targets = [...listAt(route, 'route')].sort(
    (a, b) => (numberAt(b, 'weight') ?? 0) - (numberAt(a, 'weight') ?? 0),
  );
  const [first] = targets;
  const namespace = hop.route?.leaf.namespace ?? request.namespace;
  const arrived = arrive(world, request, hop, {
    host: resolveConfigHost(textAt(first, 'destination', 'host') ?? '', namespace, world.settings).host,
    subset: textAt(first, 'destination', 'subset'),
  });
  return targets.length < 2
    ? arrived
    : {
        ...arrived,
        reason: `${arrived.reason}; ${numberAt(first, 'weight') ?? 0} of 100 requests, the route has ${targets.length} destinations`,
      };
}

function unserved(hop: Hop, reason: string, status: number): Hop {
  return { ...hop, version: '', reason, status };
}

function serviceOf(
  host: string,
  { snapshot, settings }: World,
): { readonly service: string; readonly namespace: string } | undefined {
  const ref = serviceOfHost(host, settings);
  return ref !== undefined && inNamespace(snapshot.services, ref.namespace).has(ref.name)
    ? { service: ref.name, namespace: ref.namespace }
    : undefined;
}

function headerAfter(
  route: JsonObject,
  before: string | undefined,
  { routingHeader }: Settings,
): string | undefined {
  const set = textAt(route, 'headers', 'request', 'set', routingHeader);
  if (set !== undefined) return set;
  return listAt(route, 'headers', 'request', 'remove').includes(routingHeader) ? undefined : before;
}

interface Destination {
  readonly host: string;
  readonly subset: string | undefined;
}

/** At the destination: which version its subset means, and whether a pod of it is ready. */
function arrive(world: World, request: Request, hop: Hop, { host, subset }: Destination): Hop {
  const callee = serviceOf(host, world);
  if (callee === undefined) return unserved(hop, `the route leads to ${host}, which is no Service`, 503);
  const found = findLayout(world, callee);
  const there: Hop = {
    ...hop,
    ...callee,
    ...(found === undefined ? {} : { service: found.layout.service.name }),
  };
  const version =
    subset === undefined
      ? plainVersion(found, callee.service)
      : subsetVersion(world, request, { host, subset, namespace: callee.namespace });
  if (version === undefined)
    return unserved(there, `no DestinationRule has subset ${subset ?? ''} of ${host}`, 503);
  const refusal = refusalOf(world, { ...callee, version, layout: found?.layout });
  if (refusal !== undefined) return unserved(there, refusal, 503);
  return {
    ...there,
    version,
    reason: reasonFor(world, { request, hop: there, version, decided: found?.decided }),
  };
}

/** Why nothing takes the request there; undefined when a pod does. */
function refusalOf(
  world: World,
  {
    service,
    namespace,
    version,
    layout,
  }: {
    readonly service: string;
    readonly namespace: string;
    readonly version: string;
    readonly layout: ServiceLayout | undefined;
  },
): string | undefined {
  const known = inNamespace(world.snapshot.services, namespace).get(service);
  if (version === 'any')
    return known === undefined || isServed(world.snapshot, known)
      ? undefined
      : `no pod of ${service} is ready`;
  return layout === undefined || isReady(world, layout, version)
    ? undefined
    : `no ready pod of ${service} is version ${version}`;
}

interface Found {
  readonly layout: ServiceLayout;
  readonly decided: ServiceRoutes | undefined;
}

/** The service that a Service stands for: itself, or the one whose branch has it as its own. */
function findLayout(
  { desired }: World,
  { service, namespace }: { readonly service: string; readonly namespace: string },
): Found | undefined {
  const routes = desired.namespaces.get(namespace);
  const owner = [...(routes?.layout.services.values() ?? [])].find((one) =>
    one.branches.some(({ own }) => own?.name === service),
  );
  const layout = owner ?? routes?.layout.services.get(service);
  return layout === undefined ? undefined : { layout, decided: routes?.decided.get(layout.service.name) };
}

function plainVersion(found: Found | undefined, service: string): string {
  if (found === undefined) return 'any';
  const own = found.layout.branches.find((branch) => branch.own?.name === service);
  if (own !== undefined) return own.branch.id;
  return found.layout.hasSubsets || Object.keys(found.layout.service.selector).length === 0
    ? 'any'
    : found.layout.baseline.version;
}

/** Rules in the client's namespace hide those in the service's; of one namespace all subsets count, the oldest first. */
function subsetVersion(
  { destinationRules, settings }: World,
  request: Request,
  { host, subset, namespace }: Destination & { readonly namespace: string },
): string | undefined {
  for (const place of [request.namespace, namespace]) {
    const rules = destinationRules.filter(
      (rule) => rule.namespace === place && hostOfDestinationRule(rule, settings) === host,
    );
    if (rules.length === 0) continue;
    const oldest = [...rules].sort((a, b) => byCodeUnit(a.created, b.created) || byCodeUnit(a.name, b.name));
    const found = oldest
      .flatMap((rule) => listAt(rule.spec, 'subsets'))
      .find((one) => textAt(one, 'name') === subset);
    return found === undefined
      ? undefined
      : (textAt(objectAt(found, 'labels'), settings.versionLabel) ?? 'any');
  }
  return undefined;
}

function isReady({ snapshot, settings }: World, layout: ServiceLayout, version: string): boolean {
  const endpoints = endpointsByService(snapshot, layout.service.namespace, servicesBehind(layout));
  const { ready, strangers } = readinessOf(snapshot, layout, endpoints, settings);
  const isPlain = !layout.hasSubsets && version === layout.baseline.version;
  return ready.has(version) || (isPlain && strangers.length > 0);
}

/** Returns the request that a Service's pods send: through a sidecar, with the labels of its baseline. */
export function requestFrom(
  world: World,
  from: { readonly service: string; readonly namespace: string },
  rest: Pick<Request, 'host' | 'path' | 'method' | 'headers' | 'port'>,
): Request {
  const layout = world.desired.namespaces.get(from.namespace)?.layout.services.get(from.service);
  const [workload] = layout?.others ?? [];
  return {
    ...rest,
    through: 'sidecar',
    namespace: from.namespace,
    labels: workload?.templateLabels ?? toLabels([]),
  };
}
