/** Whether an HTTP match of a VirtualService takes a request, as Envoy would say. @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest */
import { at, isObject, listAt, numberAt, objectAt, textAt, type JsonObject, type Labels } from '../model/json.ts';

/** A request as a proxy sees it. */
export interface Request {
  /** `gateway`, or `sidecar` with the labels and namespace of who calls. */
  readonly through: 'gateway' | 'sidecar';
  readonly namespace: string;
  readonly labels: Labels;
  /** As sent: any case, maybe with a port. */
  readonly host: string;
  /** With its query, if any. */
  readonly path: string;
  readonly method: string;
  /** Port of the Service or Gateway server; undefined when it was not said: any. */
  readonly port: number | undefined;
  /** In the order sent; a name may repeat. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Returns the value that Envoy compares: the values of all headers of that name (any case), joined by commas; undefined when there is none. */
export function headerOf(request: Request, name: string): string | undefined {
  const values = request.headers.filter(([known]) => known.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(',');
}

/** Tells whether a route takes a request: one of its matches does, or it has none. */
export function takes(route: unknown, request: Request): boolean {
  const matches = listAt(route, 'match');
  return matches.length === 0 || matches.some((match) => takesAll(match, request));
}

function takesAll(match: unknown, request: Request): boolean {
  return fitsProxy(match, request) && fitsLine(match, request) && fitsHeaders(match, request) && fitsQuery(match, request);
}

/** What Istio decides before Envoy sees the route: the proxy's kind, labels and namespace, the port. */
export function fitsProxy(match: unknown, request: Request): boolean {
  if (!fitsGateways(listAt(match, 'gateways'), request)) return false;
  const port = numberAt(match, 'port');
  if (port !== undefined && request.port !== undefined && port !== request.port) return false;
  if (request.through === 'gateway') return true;
  const namespace = textAt(match, 'sourceNamespace');
  if (namespace !== undefined && namespace !== request.namespace) return false;
  return Object.entries(objectAt(match, 'sourceLabels')).every(([key, value]) => request.labels[key] === value);
}

function fitsGateways(gateways: readonly unknown[], { through }: Request): boolean {
  return gateways.length === 0 || gateways.some((name) => (name === 'mesh') === (through === 'sidecar'));
}

function fitsLine(match: unknown, request: Request): boolean {
  const ignoreCase = at(match, 'ignoreUriCase') === true;
  return fits(at(match, 'uri'), withoutQuery(request.path), ignoreCase)
    && fits(at(match, 'method'), request.method)
    && fits(at(match, 'authority'), request.host)
    && fits(at(match, 'scheme'), 'http');
}

function fitsHeaders(match: unknown, request: Request): boolean {
  const wanted = Object.entries(objectAt(match, 'headers')).every(([name, condition]) => {
    const value = headerValue(request, name);
    return value !== undefined && fits(condition, value);
  });
  return wanted && Object.entries(objectAt(match, 'withoutHeaders')).every(([name, condition]) => {
    const value = headerValue(request, name);
    return isPresence(condition) ? value === undefined : !fits(condition, value ?? '');
  });
}

function headerValue(request: Request, name: string): string | undefined {
  const pseudo: Readonly<Record<string, string>> = { ':authority': request.host, ':path': request.path, ':method': request.method, ':scheme': 'http' };
  return Object.hasOwn(pseudo, name) ? pseudo[name] : headerOf(request, name);
}

function fitsQuery(match: unknown, { path }: Request): boolean {
  const query = new URLSearchParams(path.includes('?') ? path.slice(path.indexOf('?')) : '');
  return Object.entries(objectAt(match, 'queryParams')).every(([name, condition]) => {
    const value = query.get(name);
    return value !== null && fits(condition, value);
  });
}

/** Returns a path without its query and fragment. */
export function withoutQuery(path: string): string {
  return path.split(/[?#]/, 1)[0] ?? '';
}

function isPresence(condition: unknown): boolean {
  return isObject(condition) && (Object.keys(condition).length === 0 || condition['regex'] === '*');
}

/** An exact value, a prefix, or a regex of the whole. No condition, and one without a kind, is met by any value. */
function fits(condition: unknown, value: string, ignoreCase = false): boolean {
  if (!isObject(condition) || isPresence(condition)) return true;
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const exact = textAt(condition, 'exact');
  if (exact !== undefined) return fold(value) === fold(exact);
  const prefix = textAt(condition, 'prefix');
  if (prefix !== undefined) return fold(value).startsWith(fold(prefix));
  return fitsRegex(textAt(condition, 'regex') ?? '', value);
}

/** RE2 by JavaScript's engine: the same for what both can read; what only RE2 reads is taken as no match. */
function fitsRegex(pattern: string, value: string): boolean {
  const [, flags = '', rest = pattern] = /^\(\?([is]+)\)(.*)$/s.exec(pattern) ?? [];
  try {
    return new RegExp(`^(?:${rest.replaceAll('(?P<', '(?<')})$`, `${flags}u`).test(value);
  } catch {
    return false;
  }
}

/** Tells whether nothing after this route can be reached: it takes every path, with any headers. */
export function isCatchAll(route: JsonObject): boolean {
  const matches = listAt(route, 'match');
  return matches.length === 0 || matches.some(isCatchAllMatch);
}

function isCatchAllMatch(match: unknown): boolean {
  const conditions = ['headers', 'withoutHeaders', 'queryParams', 'method', 'authority', 'scheme'].filter((key) => Object.keys(objectAt(match, key)).length > 0);
  const uri = at(match, 'uri');
  const everyPath = uri === undefined || textAt(uri, 'prefix') === '/' || ['*', '.*'].includes(textAt(uri, 'regex') ?? '');
  return conditions.length === 0 && everyPath;
}
