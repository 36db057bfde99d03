/** Rules about one trafficPolicy. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/validation.go ValidateTrafficPolicy */
import { at, isObject, listAt, numberAt, textAt } from '../../model/json.ts';
import { quote } from '../../model/problem.ts';
import { entries, field, fieldsSet, finding, isSet, members, type Finding, type Placed } from '../finding.ts';
import {
  durationFindings,
  hostFault,
  isAddress,
  millisecondsOf,
  portFault,
  rangeFindings,
  shown,
} from './istio-names.ts';

const levelParts = ['loadBalancer', 'connectionPool', 'outlierDetection', 'tls'];
const parts = [...levelParts, 'portLevelSettings', 'tunnel', 'proxyProtocol', 'retryBudget'];

/** Finds what istiod refuses in a trafficPolicy. */
export function* policyIsValid(policy: Placed): Generator<Finding> {
  const { value, path } = policy;
  if (fieldsSet(value, parts).length === 0)
    yield finding(path, 'is empty', `write one of ${parts.join(', ')}, or leave it out`);
  if (isSet(value, 'tunnel') && isSet(value, 'proxyProtocol'))
    yield finding(path, 'has tunnel and proxyProtocol', 'keep one of them');
  yield* levelFindings(policy);
  yield* tunnelFindings(field(policy, 'tunnel'));
  yield* enumFindings(field(policy, 'proxyProtocol'), 'version', proxyProtocols);
  for (const level of members(policy, 'portLevelSettings')) {
    const fault = portFault(at(level.value, 'port', 'number'));
    if (fault !== undefined)
      yield finding(`${level.path}.port.number`, fault, 'write a number from 1 to 65535');
    if (fieldsSet(level.value, levelParts).length === 0)
      yield finding(
        level.path,
        'sets nothing for its port',
        `write one of ${levelParts.join(', ')}, or leave it out`,
      );
    yield* levelFindings(level);
  }
}

function* tunnelFindings(tunnel: Placed): Generator<Finding> {
  if (!isObject(tunnel.value)) return;
  yield* enumFindings(tunnel, 'protocol', tunnelProtocols);
  const { targetHost, targetPort } = tunnel.value;
  const fault =
    typeof targetHost !== 'string'
      ? 'is no host'
      : isAddress(targetHost)
        ? undefined
        : targetHost.startsWith('*')
          ? 'is a wildcard'
          : hostFault(targetHost);
  if (fault !== undefined)
    yield finding(
      `${tunnel.path}.targetHost`,
      `is ${shown(targetHost)}: it ${fault}`,
      'write a host name or an address',
    );
  const port = portFault(targetPort);
  if (port !== undefined) yield finding(`${tunnel.path}.targetPort`, port, 'write a number from 1 to 65535');
}

function* levelFindings(level: Placed): Generator<Finding> {
  yield* outlierFindings(field(level, 'outlierDetection'));
  yield* poolFindings(field(level, 'connectionPool'));
  yield* balancerFindings(field(level, 'loadBalancer'));
  yield* tlsFindings(field(level, 'tls'));
}

function* outlierFindings(outlier: Placed): Generator<Finding> {
  for (const key of ['interval', 'baseEjectionTime']) yield* durationFindings(outlier, key);
  for (const key of ['maxEjectionPercent', 'minHealthPercent']) yield* rangeFindings(outlier, key, [0, 100]);
  const local = numberAt(outlier.value, 'consecutiveLocalOriginFailures') ?? 0;
  if (local > 0 && at(outlier.value, 'splitExternalLocalOriginErrors') !== true) {
    yield finding(
      `${outlier.path}.consecutiveLocalOriginFailures`,
      `is ${local} without splitExternalLocalOriginErrors`,
      'write splitExternalLocalOriginErrors: true beside it',
    );
  }
}

const httpNumbers = [
  'http1MaxPendingRequests',
  'http2MaxRequests',
  'maxRequestsPerConnection',
  'maxRetries',
  'maxConcurrentStreams',
];

function* poolFindings(pool: Placed): Generator<Finding> {
  if (!isObject(pool.value)) return;
  if (fieldsSet(pool.value, ['tcp', 'http']).length === 0)
    yield finding(pool.path, 'is empty', 'write tcp or http, or leave it out');
  const [tcp, http] = [field(pool, 'tcp'), field(pool, 'http')];
  yield* rangeFindings(tcp, 'maxConnections', [0, Infinity]);
  for (const key of ['connectTimeout', 'maxConnectionDuration']) yield* durationFindings(tcp, key);
  // Of tcp connections only, `0s` means that there is no such timeout.
  if (millisecondsOf(textAt(tcp.value, 'idleTimeout') ?? '') !== 0)
    yield* durationFindings(tcp, 'idleTimeout');
  for (const key of ['time', 'interval']) yield* durationFindings(field(tcp, 'tcpKeepalive'), key);
  for (const key of httpNumbers) yield* rangeFindings(http, key, [0, Infinity]);
  yield* durationFindings(http, 'idleTimeout');
  if (textAt(http.value, 'h2UpgradePolicy') === 'UPGRADE' && at(http.value, 'useClientProtocol') === true) {
    yield finding(
      `${http.path}.useClientProtocol`,
      'stands beside h2UpgradePolicy: UPGRADE',
      'keep one of them',
    );
  }
}

/** @see https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-SimpleLB */
const simpleBalancers: ReadonlySet<unknown> = new Set([
  'UNSPECIFIED',
  'LEAST_CONN',
  'RANDOM',
  'PASSTHROUGH',
  'ROUND_ROBIN',
  'LEAST_REQUEST',
]);
const tlsModes: ReadonlySet<unknown> = new Set(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']);
const tunnelProtocols: ReadonlySet<unknown> = new Set(['CONNECT', 'POST']);
const proxyProtocols: ReadonlySet<unknown> = new Set(['V1', 'V2']);

/** The API server refuses what is not in the list, in words that do not name it all. */
function* enumFindings(
  { value, path }: Placed,
  key: string,
  known: ReadonlySet<unknown>,
): Generator<Finding> {
  if (isSet(value, key) && !known.has(at(value, key)))
    yield finding(`${path}.${key}`, `is ${shown(at(value, key))}`, `write one of ${[...known].join(', ')}`);
}

const hashKeys = ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'];

function* balancerFindings(balancer: Placed): Generator<Finding> {
  const hash = field(balancer, 'consistentHash');
  yield* enumFindings(balancer, 'simple', simpleBalancers);
  if (isSet(balancer.value, 'simple') && isObject(hash.value))
    yield finding(balancer.path, 'has simple and consistentHash', 'keep one of them');
  if (isObject(hash.value)) {
    const keys = fieldsSet(hash.value, hashKeys);
    if (keys.length > 1)
      yield finding(hash.path, `has ${keys.join(' and ')}`, `write one of ${hashKeys.join(', ')}`);
    yield* ringFindings(hash);
  }
  yield* warmupFindings(field(balancer, 'warmup'));
  yield* localityFindings(field(balancer, 'localityLbSetting'));
}

/** Envoy's own limit. @see https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto#config-cluster-v3-cluster-maglevlbconfig */
const tableSizeMax = 5_000_011;

function* ringFindings(hash: Placed): Generator<Finding> {
  const rings = fieldsSet(hash.value, ['minimumRingSize', 'ringHash', 'maglev']);
  if (rings.length > 1) yield finding(hash.path, `has ${rings.join(' and ')}`, 'keep one of them');
  const cookie = field(hash, 'httpCookie');
  if (isObject(cookie.value) && (textAt(cookie.value, 'name') ?? '') === '')
    yield finding(`${cookie.path}.name`, 'is missing', 'write the name of the cookie');
  const maglev = field(hash, 'maglev');
  if (!isObject(maglev.value)) return;
  const size = maglev.value['tableSize'];
  if (typeof size !== 'number' || size >= tableSizeMax || !isPrime(size))
    yield finding(
      `${maglev.path}.tableSize`,
      `is ${shown(size)}`,
      `write a prime number below ${tableSizeMax}, e.g. 65537`,
    );
}

/** At most some 2 200 divisions: the number is below {@link tableSizeMax}. */
function isPrime(number: number): boolean {
  if (!Number.isInteger(number) || number < 1) return false;
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return true;
}

function* warmupFindings(warmup: Placed): Generator<Finding> {
  if (!isObject(warmup.value)) return;
  if (isSet(warmup.value, 'duration')) yield* durationFindings(warmup, 'duration');
  else yield finding(`${warmup.path}.duration`, 'is missing', 'write e.g. 60s');
  yield* rangeFindings(warmup, 'minimumPercent', [0, 100]);
  yield* rangeFindings(warmup, 'aggression', [1, Infinity]);
}

/** Which of them `failover` decides about already. */
const topologyLabels: ReadonlySet<unknown> = new Set([
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.istio.io/subzone',
]);

function* localityFindings({ value, path }: Placed): Generator<Finding> {
  const ways = ['distribute', 'failover', 'failoverPriority'].filter((key) => listAt(value, key).length > 0);
  if (ways.includes('distribute') && ways.includes('failover'))
    yield finding(path, 'has distribute and failover', 'keep one of them');
  const twice = ways.includes('failover')
    ? members({ value, path }, 'failoverPriority').find((label) => topologyLabels.has(label.value))
    : undefined;
  if (twice !== undefined)
    yield finding(
      twice.path,
      `is ${shown(twice.value)} beside failover`,
      'leave it out, or leave failover out',
    );
  for (const rule of members({ value, path }, 'failover')) yield* failoverFindings(rule);
  for (const rule of members({ value, path }, 'distribute')) yield* distributeFindings(rule);
}

function* failoverFindings({ value, path }: Placed): Generator<Finding> {
  const regions = ['from', 'to'].map((key) => ({ key, text: textAt(value, key) ?? '' }));
  if (regions[0]?.text === regions[1]?.text)
    yield finding(path, `goes from ${quote(regions[0]?.text ?? '')} to itself`, 'name another region');
  for (const { key, text } of regions)
    if (/[*/]/.test(text))
      yield finding(`${path}.${key}`, `is ${quote(text)}`, 'write a region, without zone and *');
}

function* distributeFindings(rule: Placed): Generator<Finding> {
  const targets = entries(rule, 'to');
  const sum = targets.reduce((total, { value }) => total + (typeof value === 'number' ? value : NaN), 0);
  if (sum !== 100) yield finding(`${rule.path}.to`, `has weights of ${sum} in all`, 'make them 100');
  for (const { value, path } of targets)
    if (value === 0) yield finding(path, 'is 0', 'leave it out, or write a weight from 1 to 100');
  for (const { text, path } of [
    { text: textAt(rule.value, 'from') ?? '', path: `${rule.path}.from` },
    ...targets.map(({ key, path: place }) => ({ text: key, path: place })),
  ]) {
    if (!localityPattern.test(text))
      yield finding(
        path,
        `names ${quote(text)}, which is no locality`,
        'write region, region/zone or region/zone/subzone; only the last part may be *',
      );
  }
}

const localityPattern = /^(?:[^*/]+\/){0,2}[^*/]*[^/]$/;

/** Endpoints are taken for sick by outlier detection only. */
export function* failoverNeedsOutliers(policy: Placed): Generator<Finding> {
  for (const level of [policy, ...members(policy, 'portLevelSettings')]) {
    const locality = field(field(level, 'loadBalancer'), 'localityLbSetting');
    const ways = ['failover', 'failoverPriority'].filter((key) => listAt(locality.value, key).length > 0);
    if (ways.length > 0 && !isSet(level.value, 'outlierDetection'))
      yield finding(
        `${locality.path}.${ways[0] ?? ''}`,
        'has no outlierDetection beside its loadBalancer, so nothing ever fails over',
        'write outlierDetection',
      );
  }
}

function* tlsFindings(tls: Placed): Generator<Finding> {
  const { value, path } = tls;
  yield* enumFindings(tls, 'mode', tlsModes);
  const mode = textAt(value, 'mode');
  const own = fieldsSet(value, ['clientCertificate', 'privateKey', 'caCertificates']);
  if (mode === 'ISTIO_MUTUAL')
    for (const key of own)
      yield finding(
        `${path}.${key}`,
        'stands beside mode: ISTIO_MUTUAL, which brings its own',
        'leave it out, or write mode: MUTUAL',
      );
  if (mode !== 'MUTUAL' || (textAt(value, 'credentialName') ?? '') !== '') return;
  for (const key of ['clientCertificate', 'privateKey'])
    if (!own.includes(key))
      yield finding(`${path}.${key}`, 'is missing beside mode: MUTUAL', 'write it, or credentialName');
}

/** Finds deprecated fields in a trafficPolicy. */
export function* policyIsOfToday(policy: Placed): Generator<Finding> {
  for (const level of [policy, ...members(policy, 'portLevelSettings')]) {
    const outlier = field(level, 'outlierDetection');
    if (isSet(outlier.value, 'consecutiveErrors'))
      yield finding(
        `${outlier.path}.consecutiveErrors`,
        'is deprecated',
        'write consecutive5xxErrors or consecutiveGatewayErrors',
      );
    const hash = field(field(level, 'loadBalancer'), 'consistentHash');
    if (isSet(hash.value, 'minimumRingSize'))
      yield finding(`${hash.path}.minimumRingSize`, 'is deprecated', 'write ringHash with minimumRingSize');
  }
}
