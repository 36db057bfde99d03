/** Rules about what a route does: destinations, weights, mirrors, delegation, redirects, direct responses, rewrites. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/virtualservice.go */
import { at, isObject, listAt, numberAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
import { quote } from '../../model/problem.ts';
import {
  field,
  fieldsSet,
  finding,
  isSet,
  members,
  type Finding,
  type Owner,
  type Placed,
  type Row,
} from '../finding.ts';
import { hostFault, isLabel, portFault, rangeFindings, shown } from './istio-names.ts';

/** Rules over one HTTP route. */
export const actionRows: readonly Row[] = [
  { code: 'BL218', check: routeDoesOneThing },
  { code: 'BL211', check: destinationsAreValid },
  { code: 'BL211', check: mirrorsAreValid, about: ['mirror', 'mirrors', 'mirrorPercentage'] },
  { code: 'BL221', check: percentIsOld, about: ['mirrorPercent', 'mirror_percent', 'fault'] },
  { code: 'BL211', check: redirectIsValid, about: ['redirect'] },
  { code: 'BL211', check: directResponseIsValid, about: ['directResponse'] },
  { code: 'BL228', check: directResponseIsSmall, about: ['directResponse'] },
  { code: 'BL211', check: rewriteIsValid, about: ['rewrite'] },
];

function* routeDoesOneThing(route: Placed, { object }: Owner): Generator<Finding> {
  if (!isObject(route.value)) return;
  const { path, value } = route;
  const answers = [
    ...(listAt(value, 'route').length > 0 ? ['route'] : []),
    ...fieldsSet(value, ['redirect', 'directResponse']),
  ];
  if (isSet(value, 'delegate'))
    yield* delegateFindings(route, answers, listAt(object, 'spec', 'hosts').length === 0);
  else if (answers.length === 0)
    yield finding(path, 'does nothing', 'write one of route, redirect, directResponse, delegate');
  else if (answers.length > 1) yield finding(path, `has ${answers.join(' and ')}`, 'keep one of them');
  else if (answers[0] !== 'route') {
    for (const other of fieldsSet(value, ['fault', 'rewrite']))
      yield finding(
        `${path}.${other}`,
        `stands beside ${answers[0] ?? ''}, which sends the request nowhere`,
        'leave it out',
      );
  }
}

function* delegateFindings(
  { path }: Placed,
  answers: readonly string[],
  isDelegate: boolean,
): Generator<Finding> {
  if (answers.length > 0)
    yield finding(`${path}.delegate`, `stands beside ${answers.join(' and ')}`, 'keep one of them');
  if (isDelegate)
    yield finding(
      `${path}.delegate`,
      'stands in an object without hosts, itself a delegate: Istio delegates once only',
      'route to destinations here',
    );
}

function* destinationsAreValid(route: Placed): Generator<Finding> {
  const targets = members(route, 'route');
  for (const target of targets) yield* destinationFindings(target);
  yield* weightFindings(targets, route.path);
}

/** Checks the destination of a route or mirror entry. */
export function* destinationFindings(target: Placed): Generator<Finding> {
  const { value, path } = field(target, 'destination');
  if (!isObject(value)) {
    yield finding(path, 'is missing', 'write destination with host');
    return;
  }
  yield* destinationPartFindings({ value, path });
}

/** Checks host, subset and port of a destination. */
function* destinationPartFindings({ value, path }: Placed): Generator<Finding> {
  const { host, subset } = objectAt(value);
  const fault = typeof host !== 'string' || host === '*' ? 'is no host' : hostFault(host);
  if (fault !== undefined)
    yield finding(
      `${path}.host`,
      `is ${shown(host)}: it ${fault}`,
      'write the full name of a Service, e.g. fact-find-ui.ww-green.svc.cluster.local',
    );
  if (isSet(value, 'subset') && subset !== '' && (typeof subset !== 'string' || !isLabel(subset))) {
    yield finding(
      `${path}.subset`,
      `is ${shown(subset)}, which is no DNS label`,
      'use letters, digits and -, at most 63; the label value may be another',
    );
  }
  const port = isSet(value, 'port') ? portFault(at(value, 'port', 'number')) : undefined;
  if (port !== undefined) yield finding(`${path}.port.number`, port, 'write a number from 1 to 65535');
}

/** Checks weights: none under 0, not all of several 0. */
export function* weightFindings(targets: readonly Placed[], path: string): Generator<Finding> {
  let sum = 0;
  for (const target of targets) {
    const weight = at(target.value, 'weight');
    const valid =
      !isSet(target.value, 'weight') ||
      (typeof weight === 'number' && Number.isInteger(weight) && weight >= 0);
    if (!valid)
      yield finding(`${target.path}.weight`, `is ${shown(weight)}`, 'write a whole number, 0 or more');
    sum += valid && typeof weight === 'number' ? weight : 0;
  }
  if (targets.length > 1 && sum === 0)
    yield finding(
      `${path}.route`,
      `has ${targets.length} destinations and no weight`,
      'give the destinations weights, e.g. 90 and 10',
    );
}

function* mirrorsAreValid(route: Placed): Generator<Finding> {
  const { value, path } = route;
  if (isSet(value, 'mirror') && listAt(value, 'mirrors').length > 0)
    yield finding(`${path}.mirror`, 'stands beside mirrors', 'keep mirrors');
  if (isSet(value, 'mirror')) yield* destinationPartFindings(field(route, 'mirror'));
  yield* rangeFindings(field(route, 'mirrorPercentage'), 'value', [0, 100]);
  for (const mirror of members(route, 'mirrors')) {
    yield* destinationFindings(mirror);
    yield* rangeFindings(field(mirror, 'percentage'), 'value', [0, 100]);
  }
}

function* percentIsOld(route: Placed): Generator<Finding> {
  const { value, path } = route;
  const delay = field(field(route, 'fault'), 'delay');
  if (isSet(delay.value, 'percent'))
    yield finding(`${delay.path}.percent`, 'is deprecated', 'write percentage with value');
  for (const key of fieldsSet(value, ['mirrorPercent', 'mirror_percent']))
    yield finding(`${path}.${key}`, 'is deprecated', 'write mirrorPercentage with value');
}

function* redirectIsValid(route: Placed): Generator<Finding> {
  const { value, path } = field(route, 'redirect');
  if (!isObject(value)) return;
  const filled = ['uri', 'prefixRewrite', 'authority', 'scheme', 'port', 'derivePort'].filter(
    (key) => isSet(value, key) && value[key] !== '',
  );
  if (filled.length === 0) yield finding(path, 'changes nothing', 'write uri, authority, port or scheme');
  const code = numberAt(value, 'redirectCode') ?? 301;
  if (code !== 0 && (code < 300 || code > 399))
    yield finding(`${path}.redirectCode`, `is ${code}`, 'write a number from 300 to 399');
  yield* originFindings(value, path);
  yield* prefixFindings(route, value, path);
}

function* originFindings(redirect: JsonObject, path: string): Generator<Finding> {
  const port = isSet(redirect, 'port') && redirect['port'] !== 0 ? portFault(redirect['port']) : undefined;
  if (port !== undefined) yield finding(`${path}.port`, port, 'write a number from 1 to 65535');
  const scheme = textAt(redirect, 'scheme') ?? '';
  if (!['', 'http', 'https'].includes(scheme))
    yield finding(`${path}.scheme`, `is ${quote(scheme)}`, 'write http or https');
}

function* prefixFindings(route: Placed, redirect: unknown, path: string): Generator<Finding> {
  if ((textAt(redirect, 'prefixRewrite') ?? '') === '') return;
  if ((textAt(redirect, 'uri') ?? '') !== '')
    yield finding(path, 'has uri and prefixRewrite', 'keep one of them');
  const others = members(route, 'match').some((match) => textAt(match.value, 'uri', 'prefix') === undefined);
  if (others)
    yield finding(
      `${path}.prefixRewrite`,
      'stands in a route with a match that is no prefix',
      'match uri by prefix',
    );
}

const bodyLimitBytes = 1024 * 1024;
const bodyLargeBytes = 100 * 1024;

/** Bytes of a body, at least: characters, and of its base64 form three for every four. */
function bodySize(body: unknown): number {
  return Math.max(
    (textAt(body, 'string') ?? '').length,
    Math.floor(((textAt(body, 'bytes') ?? '').length * 3) / 4),
  );
}

function* directResponseIsValid(route: Placed): Generator<Finding> {
  const { value, path } = field(route, 'directResponse');
  if (!isObject(value)) return;
  const status = numberAt(value, 'status') ?? 0;
  if (status < 200 || status > 600)
    yield finding(`${path}.status`, `is ${shown(value['status'])}`, 'write a number from 200 to 599');
  if (bodySize(value['body']) > bodyLimitBytes)
    yield finding(
      `${path}.body`,
      `has ${bodySize(value['body'])} bytes; 1 MiB is allowed`,
      'serve it from a Service',
    );
}

function* directResponseIsSmall(route: Placed): Generator<Finding> {
  const size = bodySize(at(route.value, 'directResponse', 'body'));
  if (size > bodyLargeBytes && size <= bodyLimitBytes)
    yield finding(
      `${route.path}.directResponse.body`,
      `has ${size} bytes, which every proxy keeps in memory`,
      'serve it from a Service',
    );
}

function* rewriteIsValid(route: Placed): Generator<Finding> {
  const { value, path } = field(route, 'rewrite');
  if (!isObject(value)) return;
  const hasUri = (textAt(value, 'uri') ?? '') !== '';
  if (hasUri && isSet(value, 'uriRegexRewrite'))
    yield finding(path, 'has uri and uriRegexRewrite', 'keep one of them');
  if (!hasUri && (textAt(value, 'authority') ?? '') === '' && !isSet(value, 'uriRegexRewrite'))
    yield finding(path, 'rewrites nothing', 'write uri, authority or uriRegexRewrite');
  if (isSet(value, 'uriRegexRewrite'))
    yield* regexRewriteFindings(field(field(route, 'rewrite'), 'uriRegexRewrite'));
}

function* regexRewriteFindings({ value, path }: Placed): Generator<Finding> {
  for (const key of ['match', 'rewrite'])
    if ((textAt(value, key) ?? '') === '')
      yield finding(`${path}.${key}`, 'is missing', 'write both match and rewrite');
}
