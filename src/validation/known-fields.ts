/**
 * The fields of VirtualService and DestinationRule at each level, for manifests that no API server has pruned yet. Same in every served version.
 * @see https://github.com/istio/api/blob/b8f8791/kubernetes/customresourcedefinitions.gen.yaml
 */
import { distance } from '../model/distance.ts';
import { isObject, textAt, type JsonObject } from '../model/json.ts';
import { quote, type Problem } from '../model/problem.ts';
import { shownName } from './finding.ts';
import { removedFieldNames } from './virtual-service-object.ts';

/** Known fields of a mapping: the shape of each field's value (of each member, for a list). `open`: any value; `mapOf`: any keys. */
interface Shape {
  readonly fields?: Readonly<Record<string, Shape>>;
  readonly mapOf?: Shape;
}

const open: Shape = {};

/** A mapping: names of fields with any value, and fields with a shape. */
function shape(names: string, fields: Readonly<Record<string, Shape>> = {}): Shape {
  return { fields: { ...Object.fromEntries(names.split(' ').filter((name) => name !== '').map((name) => [name, open])), ...fields } };
}

const text = shape('exact prefix regex');
const texts: Shape = { mapOf: text };
const destination = shape('host subset', { port: shape('number') });
const operations = shape('set add remove');
const headers = shape('', { request: operations, response: operations });
const percentage = shape('value');

const httpMatch = shape('name port sourceLabels gateways ignoreUriCase sourceNamespace statPrefix', {
  uri: text, scheme: text, method: text, authority: text, headers: texts, withoutHeaders: texts, queryParams: texts,
});

const httpRoute = shape('name timeout mirrorPercent mirror_percent', {
  match: httpMatch,
  route: shape('weight', { destination, headers }),
  redirect: shape('uri prefixRewrite authority port derivePort scheme redirectCode'),
  directResponse: shape('status', { body: shape('string bytes') }),
  delegate: shape('name namespace'),
  rewrite: shape('uri authority', { uriRegexRewrite: shape('match rewrite') }),
  retries: shape('attempts perTryTimeout retryOn retryRemoteLocalities retryIgnorePreviousHosts backoff'),
  fault: shape('', { delay: shape('percent fixedDelay exponentialDelay', { percentage }), abort: shape('httpStatus grpcStatus http2Error', { percentage }) }),
  mirror: destination,
  mirrors: shape('', { destination, percentage }),
  mirrorPercentage: percentage,
  corsPolicy: shape('allowOrigin allowMethods allowHeaders exposeHeaders maxAge allowCredentials unmatchedPreflights', { allowOrigins: text }),
  headers,
});

const streamRoute = shape('weight', { destination });
const streamMatch = 'destinationSubnets port sourceLabels gateways sourceNamespace';

const virtualService = shape('hosts gateways exportTo', {
  http: httpRoute,
  tls: shape('', { match: shape(`sniHosts ${streamMatch}`), route: streamRoute }),
  tcp: shape('', { match: shape(`sourceSubnet ${streamMatch}`), route: streamRoute }),
});

const keepalive = shape('probes time interval');

const levelFields: Readonly<Record<string, Shape>> = {
  loadBalancer: shape('simple warmupDurationSecs', {
    warmup: shape('duration minimumPercent aggression'),
    consistentHash: shape('httpHeaderName useSourceIp httpQueryParameterName minimumRingSize', {
      httpCookie: shape('name path ttl', { attributes: shape('name value') }), ringHash: shape('minimumRingSize'), maglev: shape('tableSize'),
    }),
    localityLbSetting: shape('failoverPriority enabled', { distribute: shape('from to'), failover: shape('from to') }),
  }),
  connectionPool: shape('', {
    tcp: shape('maxConnections connectTimeout maxConnectionDuration idleTimeout', { tcpKeepalive: keepalive }),
    http: shape('http1MaxPendingRequests http2MaxRequests maxRequestsPerConnection maxRetries idleTimeout h2UpgradePolicy useClientProtocol maxConcurrentStreams', { http2KeepAlive: open }),
  }),
  outlierDetection: shape('consecutiveErrors splitExternalLocalOriginErrors consecutiveLocalOriginFailures consecutiveGatewayErrors consecutive5xxErrors interval baseEjectionTime maxEjectionPercent minHealthPercent'),
  tls: shape('mode clientCertificate privateKey caCertificates credentialName subjectAltNames sni insecureSkipVerify caCrl'),
};

const trafficPolicy = shape('', {
  ...levelFields,
  portLevelSettings: shape('', { ...levelFields, port: shape('number') }),
  tunnel: shape('protocol targetHost targetPort'),
  proxyProtocol: shape('version'),
  retryBudget: open,
});

const destinationRule = shape('host exportTo', {
  trafficPolicy,
  subsets: shape('name labels', { trafficPolicy }),
  workloadSelector: shape('matchLabels'),
});

function object(spec: Shape): Shape {
  return shape('apiVersion kind metadata status', { spec });
}

const shapes: ReadonlyMap<string, Shape> = new Map([['VirtualService', object(virtualService)], ['DestinationRule', object(destinationRule)]]);

/** Finds fields that the Istio API does not have: an API server drops them without a word, or refuses them. Other kinds have none. */
export function unknownFields(manifest: JsonObject): readonly Problem[] {
  const known = shapes.get(textAt(manifest, 'kind') ?? '');
  return known === undefined ? [] : [...walk(manifest, known, '')];
}

function* walk(value: unknown, known: Shape, path: string): Generator<Problem> {
  if (Array.isArray(value)) {
    for (const [index, member] of value.entries()) yield* walk(member, known, `${path}[${index}]`);
    return;
  }
  if (!isObject(value)) return;
  const { fields, mapOf } = known;
  if (mapOf !== undefined) for (const [key, inner] of Object.entries(value)) yield* walk(inner, mapOf, `${path}[${shownName(key)}]`);
  else if (fields !== undefined) yield* walkFields(value, fields, path);
}

function* walkFields(value: JsonObject, fields: Readonly<Record<string, Shape>>, path: string): Generator<Problem> {
  for (const [key, inner] of Object.entries(value)) {
    const place = `${path}${path === '' ? '' : '.'}${shownName(key)}`;
    const next = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (next !== undefined) yield* walk(inner, next, place);
    else if (!removedFieldNames.has(key)) yield unknownField(place, key, Object.keys(fields));
  }
}

function unknownField(path: string, key: string, fields: readonly string[]): Problem {
  const meant = nearest(key, fields);
  const fix = meant === undefined ? `fields here are ${fields.slice(0, 12).join(', ')}${fields.length > 12 ? ', ...' : ''}` : `did you mean ${meant}?`;
  return { code: 'BL240', path, message: `${path}: ${quote(key)} is no field of the Istio API, and the API server drops it or refuses the object`, fix };
}

function nearest(key: string, fields: readonly string[]): string | undefined {
  const lower = key.toLowerCase().replaceAll(/[-_]/g, '');
  if (lower.length < 3 || lower.length > 40) return undefined;
  const limit = lower.length < 5 ? 1 : 2;
  return fields.map((name) => ({ name, distance: distance(lower, name.toLowerCase()) })).filter((one) => one.distance <= limit).sort((a, b) => a.distance - b.distance)[0]?.name;
}
