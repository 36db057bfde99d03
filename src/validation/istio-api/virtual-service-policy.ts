/** Rules about how a route is served: header operations, CORS, faults, timeouts, retries. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/virtualservice.go */
import { isObject, numberAt, textAt } from '../../model/json.ts';
import { quote } from '../../model/problem.ts';
import {
  entries,
  field,
  fieldsSet,
  finding,
  isSet,
  members,
  type Finding,
  type Placed,
  type Row,
} from '../finding.ts';
import { hasControlCharacter } from '../header-operations.ts';
import { durationFindings, isHeaderName, millisecondsOf, rangeFindings, shown } from './istio-names.ts';

/** Rules over one HTTP route. */
export const policyRows: readonly Row[] = [
  { code: 'BL211', check: headersCanBeChanged, about: ['headers', 'route', 'rewrite'] },
  { code: 'BL211', check: corsIsValid, about: ['corsPolicy'] },
  { code: 'BL211', check: faultIsValid, about: ['fault'] },
  { code: 'BL225', check: faultDoesSomething, about: ['fault'] },
  { code: 'BL211', check: durationsAreValid, about: ['timeout', 'retries'] },
  { code: 'BL211', check: retriesAreValid, about: ['retries'] },
];

function isAuthority(header: string): boolean {
  return [':authority', 'host'].includes(header.toLowerCase());
}

function* headersCanBeChanged(route: Placed): Generator<Finding> {
  const places = [route, ...members(route, 'route')].filter(({ value }) => isSet(value, 'headers'));
  if (places.length === 0) return;
  yield* authorityFindings(route);
  for (const headers of places.map((place) => field(place, 'headers'))) {
    const [request, response] = [field(headers, 'request'), field(headers, 'response')];
    for (const header of [...entries(request, 'set'), ...entries(request, 'add')]) {
      yield* operationFindings(header, isAuthority(header.key));
    }
    for (const header of [...entries(response, 'set'), ...entries(response, 'add')])
      yield* operationFindings(header, false);
    for (const name of [...members(request, 'remove'), ...members(response, 'remove')])
      yield* removalFindings(name);
  }
}

/** Once in a route. Its destinations have an authority each where they want one: traffic that is split between hosts outside. */
function* authorityFindings(route: Placed): Generator<Finding> {
  const request = field(field(route, 'headers'), 'request');
  const written = [...entries(request, 'set'), ...entries(request, 'add')].filter(({ key }) =>
    isAuthority(key),
  );
  const rewrites = written.length + ((textAt(route.value, 'rewrite', 'authority') ?? '') === '' ? 0 : 1);
  if (rewrites > 1)
    yield finding(
      `${route.path}.headers`,
      'writes the authority more than once, with rewrite.authority',
      'keep one of them',
    );
}

function* operationFindings(
  { key, value, path }: Placed & { readonly key: string },
  mayBeAuthority: boolean,
): Generator<Finding> {
  const fix = 'use a name of letters, digits and -';
  if (key === '') yield finding(path, 'names no header', fix);
  else if (!mayBeAuthority && (key.startsWith(':') || key.toLowerCase() === 'host'))
    yield finding(
      path,
      'is no header that may be changed here',
      'of these only :authority of a request may be set',
    );
  else if (!mayBeAuthority && !hasControlCharacter(key) && !isHeaderName(key))
    yield finding(path, `names ${quote(key)}, which is no header name`, fix);
  if (typeof value !== 'string')
    yield finding(path, `is ${shown(value)}: it is no text`, 'write it in quotes');
}

function* removalFindings({ value, path }: Placed): Generator<Finding> {
  if (
    typeof value === 'string' &&
    (hasControlCharacter(value) || isHeaderName(value)) &&
    value.toLowerCase() !== 'host'
  )
    return;
  yield finding(
    path,
    `is ${shown(value)}, which cannot be removed`,
    'write the name of a header other than host',
  );
}

const methods: ReadonlySet<unknown> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  '*',
]);

function* corsIsValid(route: Placed): Generator<Finding> {
  const cors = field(route, 'corsPolicy');
  if (!isObject(cors.value)) return;
  for (const origin of members(cors, 'allowOrigins')) yield* originFindings(origin);
  for (const { value, path } of members(cors, 'allowMethods'))
    if (!methods.has(value))
      yield finding(path, `is ${shown(value)}, which is no method`, 'write e.g. GET, in upper case, or "*"');
  for (const { value, path } of ['allowHeaders', 'exposeHeaders'].flatMap((key) => members(cors, key))) {
    if (value !== '*' && (typeof value !== 'string' || !isHeaderName(value)))
      yield finding(path, `is ${shown(value)}, which is no header name`, 'write a name, or "*"');
  }
  yield* ageFindings(cors);
}

function* originFindings({ value, path }: Placed): Generator<Finding> {
  const kinds = fieldsSet(value, ['exact', 'prefix', 'regex']);
  if (kinds.length !== 1 || kinds.some((kind) => kind !== 'regex' && (textAt(value, kind) ?? '') === ''))
    yield finding(path, `is ${shown(value)}`, 'write one of exact, prefix, regex, not empty');
}

function* ageFindings(cors: Placed): Generator<Finding> {
  yield* durationFindings(cors, 'maxAge');
  const text = textAt(cors.value, 'maxAge') ?? '';
  const age = millisecondsOf(text) ?? 0;
  if (Number.isInteger(age) && age % 1000 !== 0)
    yield finding(`${cors.path}.maxAge`, `is ${quote(text)}`, 'use whole seconds');
}

const grpcStatuses: ReadonlySet<string> = new Set([
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]);

function* faultIsValid(route: Placed): Generator<Finding> {
  const fault = field(route, 'fault');
  if (!isObject(fault.value)) return;
  const [abort, delay] = [field(fault, 'abort'), field(fault, 'delay')];
  if (!isObject(abort.value) && !isObject(delay.value))
    yield finding(fault.path, 'has neither abort nor delay', 'write one of them, or leave it out');
  for (const part of [abort, delay]) yield* percentageFindings(field(part, 'percentage'));
  yield* rangeFindings(abort, 'httpStatus', [200, 600]);
  const grpc = textAt(abort.value, 'grpcStatus');
  if (grpc !== undefined && !grpcStatuses.has(grpc))
    yield finding(`${abort.path}.grpcStatus`, `is ${quote(grpc)}`, 'write a gRPC status, e.g. UNAVAILABLE');
  if (isSet(abort.value, 'http2Error'))
    yield finding(`${abort.path}.http2Error`, 'is not supported', 'write httpStatus or grpcStatus');
  if (isSet(delay.value, 'exponentialDelay'))
    yield finding(`${delay.path}.exponentialDelay`, 'is not supported', 'write fixedDelay');
  yield* durationFindings(delay, 'fixedDelay');
}

function* percentageFindings({ value, path }: Placed): Generator<Finding> {
  const percentage = numberAt(value, 'value');
  if (percentage === undefined || percentage === 0 || (percentage >= 0.0001 && percentage <= 100)) return;
  yield finding(`${path}.value`, `is ${percentage}`, 'write 0, or a number from 0.0001 to 100');
}

function* faultDoesSomething(route: Placed): Generator<Finding> {
  const fault = field(route, 'fault');
  const [abort, delay] = [field(fault, 'abort'), field(fault, 'delay')];
  if (
    isObject(abort.value) &&
    fieldsSet(abort.value, ['httpStatus', 'grpcStatus', 'http2Error']).length === 0
  )
    yield finding(abort.path, 'names no status, so nothing is aborted', 'write httpStatus or grpcStatus');
  if (isObject(delay.value) && fieldsSet(delay.value, ['fixedDelay', 'exponentialDelay']).length === 0)
    yield finding(delay.path, 'names no time, so nothing is delayed', 'write fixedDelay, e.g. 5s');
}

function* durationsAreValid(route: Placed): Generator<Finding> {
  yield* durationFindings(route, 'timeout');
  const retries = field(route, 'retries');
  for (const key of ['perTryTimeout', 'backoff']) yield* durationFindings(retries, key);
}

const retryConditions: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

function* retriesAreValid(route: Placed): Generator<Finding> {
  const { value, path } = field(route, 'retries');
  if (!isObject(value)) return;
  const attempts = value['attempts'] ?? 0;
  if (typeof attempts !== 'number' || attempts < 0 || !Number.isInteger(attempts))
    yield finding(`${path}.attempts`, `is ${shown(attempts)}`, 'write a whole number, 0 or more');
  const beside = fieldsSet(value, ['perTryTimeout', 'retryOn', 'retryRemoteLocalities']);
  if (attempts === 0 && beside.length > 0)
    yield finding(
      path,
      `has ${beside.join(', ')} and no attempts`,
      'write attempts: 1 or more, or leave them out',
    );
  yield* conditionFindings(textAt(value, 'retryOn') ?? '', path);
}

/** Statuses that have a name; istiod takes no others. @see https://pkg.go.dev/net/http#StatusText */
const statuses: readonly (readonly [number, number])[] = [
  [100, 103],
  [200, 208],
  [226, 226],
  [300, 305],
  [307, 308],
  [400, 418],
  [421, 426],
  [428, 429],
  [431, 431],
  [451, 451],
  [500, 508],
  [510, 511],
];

function isStatus(text: string): boolean {
  const code = /^[1-5][0-9]{2}$/.test(text) ? Number(text) : 0;
  return statuses.some(([first, last]) => code >= first && code <= last);
}

function* conditionFindings(retryOn: string, path: string): Generator<Finding> {
  for (const condition of retryOn === '' ? [] : retryOn.split(',')) {
    if (!retryConditions.has(condition) && !isStatus(condition))
      yield finding(
        `${path}.retryOn`,
        `has ${quote(condition)}, which is no retry condition`,
        'write e.g. "connect-failure,refused-stream,503", without blanks',
      );
  }
}
