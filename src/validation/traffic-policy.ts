/** Rules about one trafficPolicy. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/validation.go ValidateTrafficPolicy */
import { at, isObject, listAt, numberAt, textAt } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import { field, fieldsSet, finding, isSet, members, type Finding, type Placed } from './finding.ts';
import { durationFindings, portFault, rangeFindings, shown } from './istio-names.ts';

const parts = ['loadBalancer', 'connectionPool', 'outlierDetection', 'tls', 'portLevelSettings', 'tunnel', 'proxyProtocol', 'retryBudget'];

/** Finds what istiod refuses in a trafficPolicy. */
export function* policyIsValid(policy: Placed): Generator<Finding> {
  const { value, path } = policy;
  if (fieldsSet(value, parts).length === 0) yield finding(path, 'is empty', `write one of ${parts.join(', ')}, or leave it out`);
  if (isSet(value, 'tunnel') && isSet(value, 'proxyProtocol')) yield finding(path, 'has tunnel and proxyProtocol', 'keep one of them');
  yield* levelFindings(policy);
  for (const level of members(policy, 'portLevelSettings')) {
    const fault = portFault(at(level.value, 'port', 'number'));
    if (fault !== undefined) yield finding(`${level.path}.port.number`, fault, 'write a number from 1 to 65535');
    yield* levelFindings(level);
  }
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
    yield finding(`${outlier.path}.consecutiveLocalOriginFailures`, `is ${local} without splitExternalLocalOriginErrors`, 'write splitExternalLocalOriginErrors: true beside it');
  }
}

const httpNumbers = ['http1MaxPendingRequests', 'http2MaxRequests', 'maxRequestsPerConnection', 'maxConcurrentStreams'];

function* poolFindings(pool: Placed): Generator<Finding> {
  if (!isObject(pool.value)) return;
  if (fieldsSet(pool.value, ['tcp', 'http']).length === 0) yield finding(pool.path, 'is empty', 'write tcp or http, or leave it out');
  const [tcp, http] = [field(pool, 'tcp'), field(pool, 'http')];
  yield* rangeFindings(tcp, 'maxConnections', [0, Infinity]);
  for (const key of ['connectTimeout', 'maxConnectionDuration', 'idleTimeout']) yield* durationFindings(tcp, key);
  for (const key of httpNumbers) yield* rangeFindings(http, key, [0, Infinity]);
  yield* durationFindings(http, 'idleTimeout');
  if (textAt(http.value, 'h2UpgradePolicy') === 'UPGRADE' && at(http.value, 'useClientProtocol') === true) {
    yield finding(`${http.path}.useClientProtocol`, 'stands beside h2UpgradePolicy: UPGRADE', 'keep one of them');
  }
}

/** @see https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings-SimpleLB */
const simpleBalancers: ReadonlySet<unknown> = new Set(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']);
const tlsModes: ReadonlySet<unknown> = new Set(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']);

/** The API server refuses what is not in the list, in words that do not name it all. */
function* enumFindings({ value, path }: Placed, key: string, known: ReadonlySet<unknown>): Generator<Finding> {
  if (isSet(value, key) && !known.has(at(value, key))) yield finding(`${path}.${key}`, `is ${shown(at(value, key))}`, `write one of ${[...known].join(', ')}`);
}

const hashKeys = ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'];

function* balancerFindings(balancer: Placed): Generator<Finding> {
  const hash = field(balancer, 'consistentHash');
  yield* enumFindings(balancer, 'simple', simpleBalancers);
  if (isSet(balancer.value, 'simple') && isObject(hash.value)) yield finding(balancer.path, 'has simple and consistentHash', 'keep one of them');
  if (isObject(hash.value)) {
    const keys = fieldsSet(hash.value, hashKeys);
    if (keys.length !== 1) yield finding(hash.path, keys.length === 0 ? 'has no key to hash' : `has ${keys.join(' and ')}`, `write one of ${hashKeys.join(', ')}`);
    if (fieldsSet(hash.value, ['ringHash', 'maglev']).length > 1) yield finding(hash.path, 'has ringHash and maglev', 'keep one of them');
  }
  yield* localityFindings(field(balancer, 'localityLbSetting'));
}

function* localityFindings({ value, path }: Placed): Generator<Finding> {
  const ways = ['distribute', 'failover', 'failoverPriority'].filter((key) => listAt(value, key).length > 0);
  if (ways.includes('distribute') && ways.length > 1) yield finding(path, `has ${ways.join(' and ')}`, 'keep distribute, or the others');
  for (const { value: rule, path: place } of members({ value, path }, 'failover')) {
    const [from, to] = [textAt(rule, 'from'), textAt(rule, 'to')];
    if (from !== undefined && from === to) yield finding(place, `goes from ${quote(from)} to itself`, 'name another region');
  }
  for (const { value: rule, path: place } of members({ value, path }, 'distribute')) {
    const weights = isObject(rule) && isObject(rule['to']) ? Object.values(rule['to']) : [];
    const sum = weights.reduce((total: number, weight) => total + (typeof weight === 'number' ? weight : NaN), 0);
    if (sum !== 100) yield finding(`${place}.to`, `has weights of ${sum} in all`, 'make them 100');
  }
}

function* tlsFindings(tls: Placed): Generator<Finding> {
  const { value, path } = tls;
  yield* enumFindings(tls, 'mode', tlsModes);
  const mode = textAt(value, 'mode');
  const own = fieldsSet(value, ['clientCertificate', 'privateKey', 'caCertificates']);
  if (mode === 'ISTIO_MUTUAL') for (const key of own) yield finding(`${path}.${key}`, 'stands beside mode: ISTIO_MUTUAL, which brings its own', 'leave it out, or write mode: MUTUAL');
  if (mode !== 'MUTUAL' || (textAt(value, 'credentialName') ?? '') !== '') return;
  for (const key of ['clientCertificate', 'privateKey']) if (!own.includes(key)) yield finding(`${path}.${key}`, 'is missing beside mode: MUTUAL', 'write it, or credentialName');
}

/** Finds deprecated fields in a trafficPolicy. */
export function* policyIsOfToday(policy: Placed): Generator<Finding> {
  for (const level of [policy, ...members(policy, 'portLevelSettings')]) {
    const outlier = field(level, 'outlierDetection');
    if (isSet(outlier.value, 'consecutiveErrors')) yield finding(`${outlier.path}.consecutiveErrors`, 'is deprecated', 'write consecutive5xxErrors or consecutiveGatewayErrors');
    const hash = field(field(level, 'loadBalancer'), 'consistentHash');
    if (isSet(hash.value, 'minimumRingSize')) yield finding(`${hash.path}.minimumRingSize`, 'is deprecated', 'write ringHash with minimumRingSize');
  }
}
