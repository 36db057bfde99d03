/** Rules about the order of HTTP routes: Istio takes the first match. What IST0130 and IST0131 tell, without their holes and false alarms. */
import { at, listAt, textAt } from '../model/json.ts';
import type { ProblemCode } from '../model/problem.ts';
import { finding, type Finding, type Owner, type Placed, type Row } from './finding.ts';
import { asksTheSame, conditionsOf, headerKey, mayMeet, takesAll, without, type Conditions } from './match-conditions.ts';
import { isBoundToMesh } from './virtual-service-object.ts';

/** Rules over the spec of a VirtualService. */
export const orderRows: readonly Row[] = [
  { code: 'BL242', check: (spec, owner) => hiddenMatches(spec, owner, 'BL242') },
  { code: 'BL243', check: (spec, owner) => hiddenMatches(spec, owner, 'BL243') },
  { code: 'BL245', check: (spec, owner) => hiddenMatches(spec, owner, 'BL245') },
  { code: 'BL244', check: somethingIsLeftForTheBaseline },
  { code: 'BL246', check: baselineNamesASubset },
];

/** Most comparisons of two matches: an object of 600 matches is compared in full, in some milliseconds. */
const comparisonsMax = 180_000;

/** A match that an earlier one keeps from requests. */
interface Hidden {
  readonly match: Conditions;
  readonly by: Conditions;
  readonly code: ProblemCode;
  readonly whole: boolean;
}

const known = new WeakMap<object, readonly Hidden[]>();

/** The three rules about hidden matches share one walk. */
function* hiddenMatches(spec: Placed, { settings }: Owner, code: ProblemCode): Generator<Finding> {
  const hidden = known.get(spec) ?? findHidden(spec, headerKey(settings.routingHeader));
  known.set(spec, hidden);
  for (const one of hidden) if (one.code === code) yield describe(one, settings.routingHeader);
}

function findHidden(spec: Placed, branchKey: string): readonly Hidden[] {
  const matches = conditionsOf(spec);
  const hosts = listAt(spec.value, 'http').map(hostsOf);
  const hidden: Hidden[] = [];
  let left = comparisonsMax;
  for (const [index, match] of matches.entries()) {
    left -= index;
    if (left < 0) break;
    const by = matches.slice(0, index).find((earlier) => takesAll(earlier, match));
    if (by !== undefined) hidden.push({ match, by, whole: true, code: codeOf(by, match, branchKey) });
    else if (match.asks.has(branchKey)) hidden.push(...partlyHidden(match, matches.slice(0, index), branchKey, hosts));
  }
  return hidden;
}

function codeOf(by: Conditions, match: Conditions, branchKey: string): ProblemCode {
  if (by.asks.size === 0) return 'BL242';
  return match.asks.has(branchKey) && !by.asks.has(branchKey) ? 'BL243' : 'BL245';
}

/** Requests for a branch that an earlier route of the same service, blind to the header, takes. */
function partlyHidden(match: Conditions, earlier: readonly Conditions[], branchKey: string, hosts: readonly ReadonlySet<string>[]): readonly Hidden[] {
  const by = earlier.find((one) => {
    const shares = [...(hosts[one.route] ?? [])].some((host) => hosts[match.route]?.has(host));
    return shares && !one.asks.has(branchKey) && !one.asks.has('authority') && onlyPath(one) && mayMeet(one, match);
  });
  return by === undefined ? [] : [{ match, by, whole: false, code: 'BL243' }];
}

function onlyPath({ asks }: Conditions): boolean {
  return [...asks.keys()].every((key) => key.startsWith('uri'));
}

function describe({ match, by, code, whole }: Hidden, header: string): Finding {
  if (code === 'BL242') return finding(match.path, `comes after ${by.path}, which takes every request, so it is never reached`, `move ${by.path} to the end`);
  if (code === 'BL243') return finding(match.path, `comes after ${by.path}, which takes ${whole ? 'its requests' : 'some of its requests'} without looking at ${header}`, `move it before ${by.path}`);
  const same = asksTheSame(by, match);
  return finding(match.path, same ? `asks for the same as ${by.path}, so it is never reached` : `is covered by ${by.path}, which comes first, so it is never reached`, same ? 'leave one of them out' : `move it before ${by.path}, or leave it out`);
}

function hostsOf(http: unknown): ReadonlySet<string> {
  return new Set(listAt(http, 'route').map((target) => textAt(target, 'destination', 'host') ?? '').filter((host) => host !== ''));
}

/** A mesh host needs an answer for every request; a Gateway's host one for those of a branch, without the branch. */
function* somethingIsLeftForTheBaseline(spec: Placed, { settings }: Owner): Generator<Finding> {
  const matches = conditionsOf(spec);
  if (matches.length === 0 || matches.some(({ asks }) => asks.size === 0) || listAt(spec.value, 'hosts').length === 0) return;
  const branchKey = headerKey(settings.routingHeader);
  const fix = 'end with a route without match, to the baseline\'s subset';
  if (isBoundToMesh(spec.value)) {
    yield finding(`${spec.path}.http`, 'has no last route without match: requests that meet none get 404', fix);
    return;
  }
  const plain = matches.filter(({ asks }) => !asks.has(branchKey));
  const orphan = matches.slice(0, 600).find((match) => match.asks.has(branchKey) && !plain.some((other) => takesAll(other, without(match, [branchKey, 'authority']))));
  if (orphan !== undefined) yield finding(orphan.path, `takes requests of a branch, and no route takes the same ones without ${settings.routingHeader}: they get 404`, fix);
}

/** A default route without subset reaches every pod of the host, branches too. */
function* baselineNamesASubset(spec: Placed): Generator<Finding> {
  const routes = listAt(spec.value, 'http');
  const split = new Set(routes.flatMap((http) => targetsOf(http)).filter(({ subset }) => subset !== '').map(({ host }) => host));
  const whole = new Set(conditionsOf(spec).filter(({ asks }) => asks.size === 0).map(({ route }) => route));
  for (const [index, http] of routes.entries()) {
    if (!whole.has(index)) continue;
    for (const [place, { host, subset }] of targetsOf(http).entries()) {
      if (subset !== '' || !split.has(host)) continue;
      yield finding(`${spec.path}.http[${index}].route[${place}].destination`, `names no subset, and other routes name subsets of ${host}: everybody's requests reach branches too`, 'write subset with the baseline, e.g. master');
    }
  }
}

function targetsOf(http: unknown): readonly { readonly host: string; readonly subset: string }[] {
  return listAt(http, 'route').map((target) => ({ host: textAt(target, 'destination', 'host') ?? '', subset: textAt(at(target, 'destination'), 'subset') ?? '' }));
}
