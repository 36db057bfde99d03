/** Rules about spellings that Istio accepts and that do not do what their author meant. */
import { hostOfService } from '../model/hosts.ts';
import { isObject, listAt, textAt } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import { bareDots } from '../regex/literal.ts';
import { finiteValues } from '../regex/compare-patterns.ts';
import {
  entries,
  field,
  finding,
  members,
  type Finding,
  type Owner,
  type Placed,
  type Row,
} from './finding.ts';
import { hostFault, isLabel } from './istio-api/istio-names.ts';
import { matchesOf } from './match-conditions.ts';
import { regexesOf } from './regexes.ts';
import { isBoundToMesh, specOf } from './istio-api/virtual-service-object.ts';

/** Rules over the spec of a VirtualService. */
export const virtualServiceSpellingRows: readonly Row[] = [
  { code: 'BL247', check: hostsAreFull },
  { code: 'BL248', check: subsetsAreInLowerCase },
  { code: 'BL255', check: objectIsCheap },
];

/** Rules over the spec of a DestinationRule. */
export const destinationRuleSpellingRows: readonly Row[] = [{ code: 'BL247', check: ruleHostIsFull }];

/** Rules over one HTTP route. */
export const httpSpellingRows: readonly Row[] = [
  { code: 'BL249', check: matchesCanMatch, about: ['match'] },
  { code: 'BL250', check: headerNamesAreInLowerCase, about: ['match'] },
  { code: 'BL251', check: routingHeaderIsSet, about: ['headers', 'route'] },
];

/** Rules over a whole object with regexes. */
export const regexSpellingRows: readonly Row[] = [
  { code: 'BL252', check: regexIsNeeded },
  { code: 'BL254', check: authorityRegexTakesAnyHost },
  { code: 'BL255', check: regexIsShort },
];

function* hostsAreFull(spec: Placed, owner: Owner): Generator<Finding> {
  const routes = ['http', 'tls', 'tcp'].flatMap((key) => members(spec, key));
  const targets = routes.flatMap((route) =>
    [...members(route, 'route'), ...members(route, 'mirrors')].map((target) => field(target, 'destination')),
  );
  const mirrors = routes.map((route) => field(route, 'mirror'));
  const hosts = members(spec, 'hosts');
  const isForMesh = isBoundToMesh(spec.value);
  const written = new Set(hosts.map(({ value }) => value));
  for (const { value, path } of hosts)
    if (typeof value === 'string' && value !== '*' && !isAlias(value, isForMesh, written, owner))
      yield* partialHost(value, path, owner);
  const seen = new Set<string>();
  for (const { value, path } of [...targets, ...mirrors]) {
    const host = textAt(value, 'host');
    if (host === undefined || seen.has(host)) continue;
    seen.add(host);
    yield* partialHost(host, `${path}.host`, owner);
  }
}

/** A Gateway takes `name.namespace` for what it says; beside the full name it is another name for sidecars, too. */
function isAlias(
  host: string,
  isForMesh: boolean,
  written: ReadonlySet<unknown>,
  { settings }: Owner,
): boolean {
  const [name = '', namespace] = host.split('.');
  return namespace !== undefined && (!isForMesh || written.has(hostOfService(name, namespace, settings)));
}

function* ruleHostIsFull({ value, path }: Placed, owner: Owner): Generator<Finding> {
  const host = textAt(value, 'host');
  if (host !== undefined) yield* partialHost(host, `${path}.host`, owner);
}

/** A name without a dot is completed with the namespace of the rule; one with some of its parts is taken as it is, and meets nothing. */
function* partialHost(host: string, path: string, { namespace, settings }: Owner): Generator<Finding> {
  if (hostFault(host) !== undefined || host.startsWith('*')) return;
  const labels = host.split('.');
  const isHalf =
    (labels.length === 3 && labels[2] === 'svc') || (labels.length === 2 && labels[1] === namespace);
  if (labels.length === 1)
    yield finding(
      path,
      `is ${quote(host)}, which Istio completes with the namespace of this object`,
      `write ${hostOfService(host, namespace, settings)}`,
      host,
    );
  else if (isHalf)
    yield finding(
      path,
      `is ${quote(host)}, which Istio takes as it is and so is no Service`,
      `write ${hostOfService(labels[0] ?? '', labels[1] ?? '', settings)}`,
      host,
    );
}

function* subsetsAreInLowerCase(spec: Placed): Generator<Finding> {
  const seen = new Set<string>();
  for (const route of ['http', 'tls', 'tcp']
    .flatMap((key) => members(spec, key))
    .flatMap((one) => members(one, 'route'))) {
    const subset = textAt(route.value, 'destination', 'subset') ?? '';
    if (!isLabel(subset) || subset === subset.toLowerCase() || seen.has(subset)) continue;
    seen.add(subset);
    yield finding(
      `${route.path}.destination.subset`,
      `is ${quote(subset)}: traffic between networks does not find a subset with upper case`,
      `name it ${quote(subset.toLowerCase())} here and in the DestinationRule; its label keeps ${quote(subset)}`,
      subset,
    );
  }
}

const pseudoFields = ['authority', 'uri', 'scheme', 'method'];

function* matchesCanMatch(route: Placed): Generator<Finding> {
  for (const match of members(route, 'match')) {
    for (const { key, path } of entries(match, 'headers')) {
      const name = key.toLowerCase();
      if (pseudoFields.includes(name))
        yield finding(
          path,
          `asks for a header of the name ${quote(key)}, which no request has`,
          `write ${name} beside headers, not in it`,
        );
      else if (name === 'host')
        yield finding(
          path,
          'asks for the header host, which proxies do not see as a header',
          'write authority beside headers, or name the host in hosts',
        );
    }
  }
}

function* headerNamesAreInLowerCase(route: Placed): Generator<Finding> {
  for (const match of members(route, 'match')) {
    for (const { key, path } of [...entries(match, 'headers'), ...entries(match, 'withoutHeaders')]) {
      if (key !== key.toLowerCase() && !key.startsWith('@'))
        yield finding(
          path,
          `names ${quote(key)}; the Istio API asks for lower case, and readers take it for another header`,
          `write ${quote(key.toLowerCase())}`,
        );
    }
  }
}

function* routingHeaderIsSet(route: Placed, { settings }: Owner): Generator<Finding> {
  for (const place of [route, ...members(route, 'route')]) {
    for (const { key, path } of entries(field(field(place, 'headers'), 'request'), 'add')) {
      if (key.toLowerCase() !== settings.routingHeader) continue;
      yield finding(
        path,
        `adds a second ${settings.routingHeader} to requests that have one: the values arrive as "a,b" and match no route`,
        `write headers.request.set with ${settings.routingHeader}`,
      );
    }
  }
}

const routesMany = 500;
const regexLongBytes = 512;

function* objectIsCheap({ value, path }: Placed): Generator<Finding> {
  const count = listAt(value, 'http').length;
  if (count > routesMany)
    yield finding(
      `${path}.http`,
      `has ${count} routes, which proxies try one after another for every request`,
      'split them by host',
    );
}

function* regexIsShort({ value }: Placed): Generator<Finding> {
  for (const { pattern, path } of isObject(value) ? regexesOf(value) : []) {
    if (pattern.length > regexLongBytes && pattern.length <= 1024)
      yield finding(
        path,
        `has ${pattern.length} characters and is tried on every request`,
        'match exact values, one match each',
        pattern,
      );
  }
}

/** Values for which a match each is no burden. */
const valuesFew = 4;

function* regexIsNeeded({ value }: Placed): Generator<Finding> {
  for (const { pattern, path, field: place } of isObject(value) ? regexesOf(value) : []) {
    const values = place === 'rewrite' ? [] : plainValues(pattern);
    // Of a header that must not be there only one value can be named.
    if (values.length === 0 || (values.length > 1 && place === 'withoutHeader')) continue;
    const [named, exact] = [
      values.map(quote).join(', '),
      values.map((one) => `exact: ${quote(one)}`).join(', '),
    ];
    yield finding(
      path,
      `is ${quote(pattern)}, which matches ${named} and nothing else`,
      `write ${values.length === 1 ? exact : `a match for each: ${exact}`}, which is faster and cannot be wrong`,
      pattern,
    );
  }
}

/** One value, or a few such as the two spellings of an id; none where there are more. */
function plainValues(pattern: string): readonly string[] {
  const values = pattern === '' || pattern.length > regexLongBytes ? [] : [...(finiteValues(pattern) ?? [])];
  return values.length > valuesFew ? [] : values;
}

/** The pattern with the dots escaped that were meant as dots: what it matches then is a host. */
function withDots(pattern: string): string {
  const offsets = new Set(bareDots(pattern, true).map(({ offset }) => offset));
  return Array.from({ length: pattern.length }, (_, at) =>
    offsets.has(at) ? '\\.' : pattern.charAt(at),
  ).join('');
}

/** `authority` is the Host as it was sent: with its port, in its case. Browsers send lower case, other clients what was typed. */
function* authorityRegexTakesAnyHost({ value }: Placed, { settings }: Owner): Generator<Finding> {
  const { texts } = matchesOf(specOf(value), settings.regexReaders);
  for (const { pattern, path, field: place } of isObject(value) ? regexesOf(value) : []) {
    if (place !== 'authority') continue;
    const host = texts.example(withDots(pattern), /^[A-Za-z0-9.-]+$/);
    const sent =
      host === undefined
        ? []
        : [`${host}:443`, host.toLowerCase(), host.replace(/^[^.]*/, (label) => label.toUpperCase())];
    const missed = sent.filter(
      (one) => texts.meets(one, { kind: 'regex', text: pattern, fold: false }) === false,
    );
    if (missed.length > 0)
      yield finding(
        path,
        `${quote(pattern)} matches ${quote(host ?? '')}, and not ${missed.map(quote).join(' or ')}, as some clients send it`,
        'name the host in hosts instead, or begin with (?i) and end in (:\\d+)?',
        pattern,
      );
  }
}
