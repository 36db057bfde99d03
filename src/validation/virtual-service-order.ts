/** Rules about the order of HTTP routes: Istio takes the first match. What IST0130 and IST0131 tell, without their holes and false alarms. */
import { at, listAt, textAt } from '../model/json.ts';
import { memoize } from '../model/memoize.ts';
import type { RegexReader } from '../model/regex-readers.ts';
import type { ProblemCode } from '../model/problem.ts';
import { finding, type Finding, type Owner, type Placed, type Row } from './finding.ts';
import {
  askedBy,
  asksTheSame,
  headerKey,
  matchesOf,
  mayMeet,
  takesAll,
  type Conditions,
  type Matches,
} from './match-conditions.ts';
import type { Texts } from './texts.ts';
import { isBoundToMesh } from './istio-api/virtual-service-object.ts';

/** Rules over the spec of a VirtualService. */
export const orderRows: readonly Row[] = [
  { code: 'BL242', check: (spec, owner) => hiddenMatches(spec, owner, 'BL242') },
  { code: 'BL243', check: (spec, owner) => hiddenMatches(spec, owner, 'BL243') },
  { code: 'BL245', check: (spec, owner) => hiddenMatches(spec, owner, 'BL245') },
  { code: 'BL244', check: somethingIsLeftForTheBaseline },
  { code: 'BL246', check: baselineNamesASubset },
];

/** Most conditions that are compared: an object of 600 matches is compared in full, in some milliseconds. */
const comparisonsMax = 600_000;

/** A match that an earlier one keeps from requests. */
interface Hidden {
  readonly match: Conditions;
  readonly by: Conditions;
  readonly code: ProblemCode;
  readonly whole: boolean;
}

/** The rules about hidden matches share one walk. */
function found(spec: Placed, { settings }: Owner): readonly Hidden[] {
  return memoize(spec, findHidden, settings.regexReaders, settings.routingHeader);
}

function* hiddenMatches(spec: Placed, owner: Owner, code: ProblemCode): Generator<Finding> {
  for (const one of found(spec, owner))
    if (one.code === code)
      yield describe(one, owner.settings.routingHeader, matchesOf(spec, owner.settings.regexReaders).texts);
}

function findHidden(spec: Placed, readers: readonly RegexReader[], routingHeader: string): readonly Hidden[] {
  const { all, texts } = matchesOf(spec, readers);
  const branchKey = headerKey(routingHeader);
  const hosts = listAt(spec.value, 'http').map(hostsOf);
  const hidden: Hidden[] = [];
  let before = 0;
  let compared = 0;
  for (const [index, match] of all.entries()) {
    compared += before;
    before += 1 + match.asks.size;
    if (compared > comparisonsMax) return hidden;
    const by = first(all, index, (earlier) => takesAll(earlier, match, texts) === true);
    if (by !== undefined) hidden.push({ match, by, whole: true, code: codeOf(by, match, branchKey) });
    else if (match.asks.has(branchKey))
      hidden.push(...partlyHidden({ match, index }, { all, texts }, branchKey, hosts));
  }
  return hidden;
}

function first(
  all: readonly Conditions[],
  end: number,
  test: (earlier: Conditions) => boolean,
): Conditions | undefined {
  for (let at = 0; at < end; at++) {
    const earlier = all[at];
    if (earlier !== undefined && test(earlier)) return earlier;
  }
  return undefined;
}

function codeOf(by: Conditions, match: Conditions, branchKey: string): ProblemCode {
  if (by.asks.size === 0) return 'BL242';
  return match.asks.has(branchKey) && !by.asks.has(branchKey) ? 'BL243' : 'BL245';
}

/** Requests for a branch that an earlier route of the same service, blind to the header, takes. */
function partlyHidden(
  { match, index }: { readonly match: Conditions; readonly index: number },
  { all, texts }: Matches,
  branchKey: string,
  hosts: readonly ReadonlySet<string>[],
): readonly Hidden[] {
  const by = first(all, index, (one) => {
    const shares =
      !one.asks.has(branchKey) &&
      !one.asks.has('authority') &&
      onlyPath(one) &&
      [...(hosts[one.route] ?? [])].some((host) => hosts[match.route]?.has(host));
    return shares && mayMeet(one, match, texts) === true;
  });
  return by === undefined ? [] : [{ match, by, whole: false, code: 'BL243' }];
}

function onlyPath({ asks }: Conditions): boolean {
  return [...asks.keys()].every((key) => key === 'uri');
}

function describe({ match, by, code, whole }: Hidden, header: string, texts: Texts): Finding {
  const subject = askedBy(match);
  if (code === 'BL242')
    return finding(
      match.path,
      `comes after ${by.path}, which takes every request, so it is never reached`,
      `move ${by.path} to the end`,
      subject,
    );
  if (code === 'BL243')
    return finding(
      match.path,
      `comes after ${by.path}, which takes ${whole ? 'its requests' : 'some of its requests'} without looking at ${header}`,
      `move it before ${by.path}`,
      subject,
    );
  const same = asksTheSame(by, match, texts);
  return finding(
    match.path,
    same
      ? `asks for the same as ${by.path}, so it is never reached`
      : `is covered by ${by.path}, which comes first, so it is never reached`,
    same ? 'leave one of them out' : `move it before ${by.path}, or leave it out`,
    subject,
  );
}

function hostsOf(http: unknown): ReadonlySet<string> {
  return new Set(
    listAt(http, 'route')
      .map((target) => textAt(target, 'destination', 'host') ?? '')
      .filter((host) => host !== ''),
  );
}

/** A match by port or by `gateways: [mesh]` alone stands for all that sidecars send: Istio's own recipe for egress Gateways is made of these. */
function takesMesh({ asks }: Conditions): boolean {
  return [...asks].every(
    ([key, { text }]) => key === 'port' || (key === 'gateways' && text.split('\n').includes('mesh')),
  );
}

/** A mesh host needs an answer for every request. Of a Gateway's host other objects may have it. @see virtual-service-neighbours.ts */
function* somethingIsLeftForTheBaseline(spec: Placed, { settings }: Owner): Generator<Finding> {
  const { all } = matchesOf(spec, settings.regexReaders);
  if (
    all.length === 0 ||
    all.some(takesMesh) ||
    listAt(spec.value, 'hosts').length === 0 ||
    !isBoundToMesh(spec.value)
  )
    return;
  yield finding(
    `${spec.path}.http`,
    'has no last route without match: requests that meet none get 404',
    "end with a route without match, to the baseline's subset",
  );
}

/** A default route without subset reaches every pod of the host, branches too. */
function* baselineNamesASubset(spec: Placed, { settings }: Owner): Generator<Finding> {
  const routes = listAt(spec.value, 'http');
  const split = new Set(
    routes
      .flatMap((http) => targetsOf(http))
      .filter(({ subset }) => subset !== '')
      .map(({ host }) => host),
  );
  const whole = new Set(
    matchesOf(spec, settings.regexReaders)
      .all.filter(({ asks }) => asks.size === 0)
      .map(({ route }) => route),
  );
  for (const [index, http] of routes.entries()) {
    if (!whole.has(index)) continue;
    for (const [place, { host, subset }] of targetsOf(http).entries()) {
      if (subset !== '' || !split.has(host)) continue;
      yield finding(
        `${spec.path}.http[${index}].route[${place}].destination`,
        `names no subset, and other routes name subsets of ${host}: everybody's requests reach branches too`,
        'write subset with the baseline, e.g. master',
        host,
      );
    }
  }
}

function targetsOf(http: unknown): readonly { readonly host: string; readonly subset: string }[] {
  return listAt(http, 'route').map((target) => ({
    host: textAt(target, 'destination', 'host') ?? '',
    subset: textAt(at(target, 'destination'), 'subset') ?? '',
  }));
}
