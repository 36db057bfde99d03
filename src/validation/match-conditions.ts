/** What a match asks for, and whether one match takes everything that another one would. Regexes are compared as texts. */
import { at, isObject, listAt, objectAt, textAt } from '../model/json.ts';
import { isSet, members, type Placed } from './finding.ts';

/** One condition on a text: `any` is presence. */
interface Condition {
  readonly kind: 'any' | 'exact' | 'prefix' | 'regex' | 'other';
  readonly text: string;
}

/** A match of an HTTP route, taken apart: what it looks at (e.g. `uri`, `header x-variant-id`) → condition. All must hold. */
export interface Conditions {
  readonly path: string;
  /** Index of its route. */
  readonly route: number;
  readonly asks: ReadonlyMap<string, Condition>;
}

/** Returns the matches of the HTTP routes of a spec, in order; a route without matches asks for nothing. */
export function conditionsOf(spec: Placed): readonly Conditions[] {
  return members(spec, 'http').flatMap((http, route) => {
    const matches = members(http, 'match');
    if (matches.length === 0) return [{ path: http.path, route, asks: new Map<string, Condition>() }];
    return matches.map(({ value, path }) => ({ path, route, asks: asksOf(value) }));
  });
}

function asksOf(match: unknown): ReadonlyMap<string, Condition> {
  const asks = new Map<string, Condition>();
  const ignoresCase = at(match, 'ignoreUriCase') === true;
  if (isObject(at(match, 'uri'))) add(asks, ignoresCase ? 'uri in any case' : 'uri', textCondition(at(match, 'uri')));
  for (const key of ['scheme', 'method', 'authority']) if (isObject(at(match, key))) add(asks, key, textCondition(at(match, key)));
  for (const [name, value] of Object.entries(objectAt(match, 'headers'))) add(asks, headerKey(name), textCondition(value));
  for (const [name, value] of Object.entries(objectAt(match, 'queryParams'))) add(asks, `query ${name}`, textCondition(value));
  addRest(asks, match);
  return asks;
}

function addRest(asks: Map<string, Condition>, match: unknown): void {
  for (const [name, value] of Object.entries(objectAt(match, 'withoutHeaders'))) add(asks, `without ${name.toLowerCase()} ${JSON.stringify(value)}`, { kind: 'any', text: '' });
  for (const [name, value] of Object.entries(objectAt(match, 'sourceLabels'))) add(asks, `source ${name}`, { kind: 'exact', text: String(value) });
  for (const key of ['port', 'sourceNamespace']) if (isSet(match, key) && at(match, key) !== 0 && at(match, key) !== '') add(asks, key, { kind: 'exact', text: String(at(match, key)) });
  if (listAt(match, 'gateways').length > 0) add(asks, 'gateways', { kind: 'other', text: JSON.stringify(listAt(match, 'gateways')) });
}

/** Returns the name under which a header is asked for. */
export function headerKey(name: string): string {
  const lower = name.toLowerCase();
  return lower === ':authority' || lower === ':method' || lower === ':scheme' ? lower.slice(1) : `header ${lower}`;
}

/** What is always true is no condition: prefix `/` and regex `.*` of a path. */
function add(asks: Map<string, Condition>, key: string, condition: Condition): void {
  const isUri = key.startsWith('uri');
  const always = isUri && (condition.kind === 'any' || (condition.kind === 'prefix' && condition.text.length <= 1) || (condition.kind === 'regex' && condition.text === '.*'));
  if (!always) asks.set(key, condition);
}

function textCondition(value: unknown): Condition {
  for (const kind of ['exact', 'prefix', 'regex'] as const) {
    const text = textAt(value, kind);
    if (text !== undefined) return { kind, text };
  }
  return { kind: 'any', text: '' };
}

/** Tells whether every request that the other match takes is taken by this one. False where that cannot be told. */
export function takesAll({ asks }: Conditions, other: Conditions): boolean {
  if (asks.size > other.asks.size) return false;
  for (const [key, condition] of asks) {
    const given = other.asks.get(key);
    if (given === undefined || !implies(given, condition)) return false;
  }
  return true;
}

function implies(given: Condition, wanted: Condition): boolean {
  if (wanted.kind === 'any') return given.kind !== 'other';
  if (wanted.kind === 'prefix') return (given.kind === 'exact' || given.kind === 'prefix') && given.text.startsWith(wanted.text);
  return given.kind === wanted.kind && given.text === wanted.text;
}

/** Tells whether a request may meet both matches, as far as their paths tell. */
export function mayMeet(one: Conditions, other: Conditions): boolean {
  const [a, b] = [one.asks.get('uri'), other.asks.get('uri')];
  if (a === undefined || b === undefined || a.kind === 'regex' || b.kind === 'regex') return true;
  return implies(a, b) || implies(b, a);
}

/** Returns the match without some of its conditions. */
export function without(match: Conditions, keys: readonly string[]): Conditions {
  return { ...match, asks: new Map([...match.asks].filter(([key]) => !keys.includes(key))) };
}

/** Tells whether two matches ask for the same. */
export function asksTheSame(one: Conditions, other: Conditions): boolean {
  return one.asks.size === other.asks.size && takesAll(one, other) && takesAll(other, one);
}
