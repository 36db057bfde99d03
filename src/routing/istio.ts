/** Istio objects and their parts: VirtualService and DestinationRule of `networking.istio.io/v1`, as plain values with a fixed order of keys. */
import { parse } from 'yaml';
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import { isObject, type JsonObject } from '../model/json.ts';
import { managedByLabel, managedByValue } from '../model/keys.ts';
import type { Service } from '../model/kubernetes.ts';
import { memoize } from '../model/memoize.ts';
import type { ServiceLayout } from './layout.ts';
import { routeReason, unavailableAnswer } from './messages.ts';
import type { Route } from './routes.ts';

/** Kinds of object that we make. */
export type RouteKind = 'DestinationRule' | 'VirtualService';

/** An object that we make. */
export interface RouteObject {
  readonly apiVersion: 'networking.istio.io/v1';
  readonly kind: RouteKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: JsonObject;
}

/** Makes an object of ours. */
export function routeObject(kind: RouteKind, namespace: string, name: string, spec: JsonObject): RouteObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace, labels: { [managedByLabel]: managedByValue } },
    spec,
  };
}

/** Returns the matches of a path and all below it, segment by segment: `/ctx` matches `/ctx` and `/ctx/x`, never `/ctxx`. */
export function pathMatches(path: string): readonly JsonObject[] {
  return path === '/'
    ? [{ uri: { prefix: '/' } }]
    : [{ uri: { exact: path } }, { uri: { prefix: `${path}/` } }];
}

/** Returns the matches of the header values that mean a branch. */
export function headerMatches(values: readonly string[], settings: Settings): readonly JsonObject[] {
  return values.map((exact) => ({ headers: { [settings.routingHeader]: { exact } } }));
}

/** Returns the match of a `baggage` header that has the member `<routing header>=<value>`, wherever it stands in the list. */
export function baggageMatches(values: readonly string[], settings: Settings): readonly JsonObject[] {
  return [{ headers: { baggage: { regex: baggageRegex(values, settings.routingHeader) } } }];
}

/** Returns the regex of a whole `baggage` header that has the member `<name>=<value>`, wherever it stands in the list. */
export function baggageRegex(values: readonly string[], name: string): string {
  return `(.*,)?[ \\t]*${escape(name)}[ \\t]*=[ \\t]*${alternatives(values)}[ \\t]*([,;].*)?`;
}

/** Returns the regex of any of these values. */
function alternatives(values: readonly string[]): string {
  return `(${values.map(escape).join('|')})`;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** How one route is written: its matches (none: everything), the port it leads to, the header it sets. */
export interface Writing {
  readonly match: readonly JsonObject[];
  /** Port of the Service by which it was called. */
  readonly port: number;
  /** Branch id that the routing header is set to. */
  readonly setHeader: string | undefined;
  /** Headers that are taken off the request. */
  readonly remove: readonly string[];
}

/** Writes one HTTP route: where to, retries, timeout, then what the Service's `http` annotation says. */
export function httpRoute(
  route: Route,
  layout: ServiceLayout,
  writing: Writing,
  settings: Settings,
): JsonObject {
  const match = writing.match.length === 0 ? {} : { match: writing.match };
  if (route.target.kind === 'unavailable') {
    return {
      name: route.version,
      ...match,
      directResponse: { status: 503, body: { string: unavailableAnswer(route) } },
    };
  }
  const extra = extraOf(layout) ?? {};
  const headers = mergeHeaders(extra['headers'], oursOf(route, writing, settings));
  return {
    name: route.version,
    ...match,
    route: [{ destination: destinationOf(route, layout, writing.port, settings) }],
    ...manner(settings),
    ...extra,
    ...(headers === undefined ? {} : { headers }),
  };
}

function destinationOf(
  { target, namespace }: Route,
  layout: ServiceLayout,
  port: number,
  settings: Settings,
): JsonObject {
  if (target.kind === 'unavailable') return {};
  const own = layout.branches.find((branch) => branch.own?.name === target.service)?.own;
  const number =
    own === undefined || own.ports.some((one) => one.port === port) ? port : (own.ports[0]?.port ?? port);
  return {
    host: hostOfService(target.service, namespace, settings),
    ...(target.kind === 'subset' ? { subset: target.subset } : {}),
    port: { number },
  };
}

function manner({ retryAttempts, retryOn, routeTimeoutSeconds }: Settings): JsonObject {
  return {
    ...(retryAttempts === 0 ? {} : { retries: { attempts: retryAttempts, retryOn } }),
    ...(routeTimeoutSeconds === 0 ? {} : { timeout: `${routeTimeoutSeconds}s` }),
  };
}

/**
 * Tells whether the routes of a service have headers of their own. Then a root that delegates to them cannot set any: a delegate's headers stand in place
 * of its root's. @see https://github.com/istio/istio/blob/master/pilot/pkg/model/virtualservice.go mergeHTTPRoute
 */
export function hasHeaders(layout: ServiceLayout, settings: Settings): boolean {
  return settings.responseHeader !== '' || extraOf(layout)?.['headers'] !== undefined;
}

function oursOf(route: Route, writing: Writing, settings: Settings): JsonObject {
  const request = requestHeaders(writing, settings);
  return {
    ...(Object.keys(request).length === 0 ? {} : { request }),
    ...(settings.responseHeader === ''
      ? {}
      : {
          response: {
            set: { [settings.responseHeader]: `${route.service} ${route.version} (${routeReason(route)})` },
          },
        }),
  };
}

/** Returns what a route does to the headers of a request: the branch that it sets, and what it takes off. */
export function requestHeaders(
  { setHeader, remove }: Pick<Writing, 'setHeader' | 'remove'>,
  { routingHeader }: Settings,
): JsonObject {
  return {
    ...(setHeader === undefined ? {} : { set: { [routingHeader]: setHeader } }),
    ...(remove.length === 0 ? {} : { remove }),
  };
}

/** Headers of the annotation with ours over them; lists of what is removed are one. */
function mergeHeaders(theirs: unknown, ours: JsonObject): JsonObject | undefined {
  const merged = mergeDeep(isObject(theirs) ? theirs : {}, ours);
  return Object.keys(merged).length === 0 ? undefined : merged;
}

function mergeDeep(under: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    if (isObject(before) && isObject(value)) merged[key] = mergeDeep(before, value);
    else
      merged[key] =
        Array.isArray(before) && Array.isArray(value)
          ? [...new Set((before as readonly unknown[]).concat(value))]
          : value;
  }
  return merged;
}

const fieldsOfWhere: ReadonlySet<string> = new Set([
  'name',
  'match',
  'route',
  'redirect',
  'directResponse',
  'delegate',
]);

/** Reads the `http` annotation of a Service; empty without one, undefined when it is not a mapping of route settings. */
export function extraOf({ service }: ServiceLayout): JsonObject | undefined {
  return memoize(service, readExtra);
}

function readExtra({ declared }: Service): JsonObject | undefined {
  const text = declared['http'];
  if (text === undefined) return {};
  try {
    const value: unknown = parse(text, { maxAliasCount: 10 });
    return isObject(value) && Object.keys(value).every((key) => !fieldsOfWhere.has(key)) ? value : undefined;
  } catch {
    return undefined;
  }
}
