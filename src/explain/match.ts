/** Whether an HTTP match of a VirtualService takes a request, as Envoy would say. @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest */
import { compilePattern, matchesValue } from '../regex/compare-patterns.ts';
import {
  at,
  isObject,
  listAt,
  numberAt,
  objectAt,
  textAt,
  type JsonObject,
  type Labels,
} from '../model/json.ts';

/** A request as a proxy sees it. */
export interface Request {
  /** `gateway`, or `sidecar` with the labels and namespace of who calls. */
  readonly through: 'gateway' | 'sidecar';
  /** Which Gateway a gateway's listener is of, as `namespace/name`; undefined: any. */
  readonly gateway?: string | undefined;
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
  /** How the proxy reads a header that is sent twice: as Envoy 1.40 does each value by itself (when not said), or as 1.38 did all of them joined. */
  readonly repeated?: 'each' | 'joined';
}

/** Returns a header (any case) as its receiver reads it: repeated ones joined by commas; undefined when there is none. */
export function headerOf(request: Pick<Request, 'headers'>, name: string): string | undefined {
  const values = valuesOf(request, name);
  return values.length === 0 ? undefined : values.join(',');
}

function valuesOf(request: Pick<Request, 'headers'>, name: string): readonly string[] {
  return request.headers
    .filter(([known]) => known.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
}

/** Tells whether a header is sent twice. */
export function hasRepeated({ headers }: Request): boolean {
  return new Set(headers.map(([name]) => name.toLowerCase())).size < headers.length;
}

/** Tells whether a route takes a request: one of its matches does, or it has none. */
export function takes(route: unknown, request: Request): boolean {
  const matches = listAt(route, 'match');
  return matches.length === 0 || matches.some((match) => takesAll(match, request));
}

function takesAll(match: unknown, request: Request): boolean {
  return (
    fitsProxy(match, request) &&
    fitsLine(match, request) &&
    fitsHeaders(match, request) &&
    fitsQuery(match, request)
  );
}

/**
 * What Istio decides before Envoy sees the route: the port, and who the proxy is. A match that names Gateways is not asked for labels and namespace.
 * @see https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/route/route.go sourceMatchHTTP
 */
export function fitsProxy(match: unknown, request: Request): boolean {
  const port = numberAt(match, 'port');
  if (port !== undefined && request.port !== undefined && port !== request.port) return false;
  const gateways = listAt(match, 'gateways');
  if (gateways.length > 0) return gateways.some((name) => isThrough(String(name), request));
  const namespace = textAt(match, 'sourceNamespace') ?? '';
  return (
    (namespace === '' || namespace === request.namespace) &&
    Object.entries(objectAt(match, 'sourceLabels')).every(([key, value]) => request.labels[key] === value)
  );
}

/** Tells whether a request goes through a Gateway, as `namespace/name`, or, for `mesh`, through a sidecar. */
export function isThrough(gateway: string, { through, gateway: asked }: Request): boolean {
  if (gateway === 'mesh' || through === 'sidecar') return gateway === 'mesh' && through === 'sidecar';
  return asked === undefined || asked === gateway;
}

function fitsLine(match: unknown, request: Request): boolean {
  const ignoreCase = at(match, 'ignoreUriCase') === true;
  return (
    fits(at(match, 'uri'), normalPath(withoutQuery(request.path)), ignoreCase) &&
    fits(at(match, 'method'), request.method) &&
    fits(at(match, 'authority'), request.host) &&
    fits(at(match, 'scheme'), 'http')
  );
}

/** One of the values is enough; a header that is missing is empty to `withoutHeaders`. */
function fitsHeaders(match: unknown, request: Request): boolean {
  const wanted = Object.entries(objectAt(match, 'headers')).every(([name, condition]) =>
    comparedValues(request, name).some((value) => fits(condition, value)),
  );
  return (
    wanted &&
    Object.entries(objectAt(match, 'withoutHeaders')).every(([name, condition]) => {
      const values = comparedValues(request, name);
      return isPresence(condition)
        ? values.length === 0
        : !(values.length === 0 ? [''] : values).some((value) => fits(condition, value));
    })
  );
}

function comparedValues(request: Request, name: string): readonly string[] {
  const pseudo: Readonly<Record<string, string>> = {
    ':authority': request.host,
    ':path': normalLine(request.path),
    ':method': request.method,
    ':scheme': 'http',
  };
  const found = Object.hasOwn(pseudo, name) ? [pseudo[name] ?? ''] : valuesOf(request, name);
  return request.repeated === 'joined' && found.length > 1 ? [found.join(',')] : found;
}

/** As sent, without decoding; the first of a name counts. */
function fitsQuery(match: unknown, { path }: Request): boolean {
  const query = path.includes('?') ? (path.slice(path.indexOf('?') + 1).split('#')[0] ?? '') : '';
  const pairs = query.split('&').map((pair) => /^([^=]*)=?(.*)$/s.exec(pair));
  return Object.entries(objectAt(match, 'queryParams')).every(([name, condition]) => {
    const value = pairs.find((pair) => pair?.[1] === name)?.[2];
    return value !== undefined && fits(condition, value);
  });
}

/**
 * Returns a path as a proxy of the mesh compares it: needless escapes undone, backslashes turned, `.` and `..` resolved, empty segments kept.
 * @see https://istio.io/latest/docs/ops/best-practices/security/#customize-your-system-on-path-normalization BASE, the default
 */
function normalPath(path: string): string {
  const plain = path
    .replace(/%([0-9A-Fa-f]{2})/g, (escape, digits: string) => {
      const character = String.fromCharCode(parseInt(digits, 16));
      return /[A-Za-z0-9._~-]/.test(character) ? character : escape;
    })
    .replaceAll('\\', '/');
  const kept: string[] = [];
  const segments = plain.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment);
    else if (isLast) kept.push('');
  }
  return `/${kept.join('/')}`;
}

function normalLine(path: string): string {
  const bare = withoutQuery(path);
  return normalPath(bare) + path.slice(bare.length);
}

/** Returns a path without its query and fragment. */
function withoutQuery(path: string): string {
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

/** As RE2 reads it, the whole value. What RE2 refuses takes nothing. */
function fitsRegex(pattern: string, value: string): boolean {
  const compiled = compilePattern(pattern);
  return compiled !== undefined && matchesValue(compiled, value).told;
}

/** Tells whether nothing after this route can be reached: it takes every path, with any headers. */
export function isCatchAll(route: JsonObject): boolean {
  const matches = listAt(route, 'match');
  return matches.length === 0 || matches.some(isCatchAllMatch);
}

function isCatchAllMatch(match: unknown): boolean {
  const conditions = ['headers', 'withoutHeaders', 'queryParams', 'method', 'authority', 'scheme'].filter(
    (key) => Object.keys(objectAt(match, key)).length > 0,
  );
  const uri = at(match, 'uri');
  const everyPath = uri === undefined || textAt(uri, 'prefix') === '/' || textAt(uri, 'regex') === '.*';
  return conditions.length === 0 && everyPath;
}
