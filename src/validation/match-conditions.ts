/** What a match asks for, and whether one match takes everything that another one would. */
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { memoize } from '../model/memoize.ts';
import type { RegexReader } from '../model/regex-readers.ts';
import { isSet, members, type Placed } from './finding.ts';
import { createTexts, type TextCondition, type Texts } from './texts.ts';

/** A condition on a text; or, `among`, that something is one of the lines of `text`. */
export type Condition = TextCondition | { readonly kind: 'among'; readonly text: string };

/** A match of an HTTP route, taken apart: what it looks at (e.g. `uri`, `header x-variant-id`, `without x-canary`) → condition. All must hold. */
export interface Conditions {
  readonly path: string;
  /** Index of its route. */
  readonly route: number;
  readonly asks: ReadonlyMap<string, Condition>;
}

/** Returns what a match asks for as one text: equal for matches that ask for the same in the same words. */
export function askedBy({ asks }: Conditions): string {
  return [...asks].map(([key, { kind, text }]) => `${key} ${kind} ${text}`).join('\n');
}

/** The matches of the HTTP routes of one object, in order, and what their texts are compared with. */
export interface Matches {
  readonly all: readonly Conditions[];
  readonly texts: Texts;
}

/** Returns the matches of the HTTP routes of a spec; a route without matches asks for nothing. They are read once for all rules about the object. */
export function matchesOf(spec: Placed, readers: readonly RegexReader[]): Matches {
  return memoize(objectAt(spec.value), readMatches, spec.path, readers);
}

function readMatches(value: JsonObject, path: string, readers: readonly RegexReader[]): Matches {
  const texts = createTexts(readers);
  return { texts, all: conditionsOf({ value, path }, texts) };
}

/** Returns the matches of the HTTP routes of a spec, compared by somebody else's texts. */
export function conditionsOf(spec: Placed, texts: Texts): readonly Conditions[] {
  return members(spec, 'http').flatMap((http, route) => {
    if (!isObject(http.value)) return [];
    const matches = members(http, 'match');
    if (matches.length === 0) return [{ path: http.path, route, asks: new Map<string, Condition>() }];
    return matches.map(({ value, path }) => ({ path, route, asks: asksOf(value, texts) }));
  });
}

/** Every path begins so. */
const anyPath: TextCondition = { kind: 'prefix', text: '/', fold: false };

function asksOf(match: unknown, texts: Texts): ReadonlyMap<string, Condition> {
  const asks = new Map<string, Condition>();
  if (isObject(at(match, 'uri')))
    addPath(asks, textCondition(at(match, 'uri'), at(match, 'ignoreUriCase') === true), texts);
  for (const key of ['scheme', 'method', 'authority'])
    if (textCondition(at(match, key)).kind !== 'any') asks.set(key, textCondition(at(match, key)));
  for (const [name, value] of Object.entries(objectAt(match, 'headers')))
    asks.set(headerKey(name), textCondition(value));
  for (const [name, value] of Object.entries(objectAt(match, 'withoutHeaders')))
    asks.set(`without ${headerKey(name)}`, textCondition(value));
  for (const [name, value] of Object.entries(objectAt(match, 'queryParams')))
    asks.set(`query ${name}`, textCondition(value));
  addClient(asks, match);
  return asks;
}

/** What is true of every path is no condition: prefix `/`, regex `.*`, `/.*`. */
function addPath(asks: Map<string, Condition>, condition: TextCondition, texts: Texts): void {
  if (texts.implies(anyPath, condition) !== true) asks.set('uri', condition);
}

function addClient(asks: Map<string, Condition>, match: unknown): void {
  for (const [name, value] of Object.entries(objectAt(match, 'sourceLabels')))
    asks.set(`source ${name}`, { kind: 'exact', text: String(value), fold: false });
  for (const key of ['port', 'sourceNamespace'])
    if (isSet(match, key) && at(match, key) !== 0 && at(match, key) !== '')
      asks.set(key, { kind: 'exact', text: String(at(match, key)), fold: false });
  if (listAt(match, 'gateways').length > 0)
    asks.set('gateways', { kind: 'among', text: listAt(match, 'gateways').map(String).join('\n') });
}

/** Returns the name under which a header is asked for. */
export function headerKey(name: string): string {
  const lower = name.toLowerCase();
  return lower === ':authority' || lower === ':method' || lower === ':scheme'
    ? lower.slice(1)
    : `header ${lower}`;
}

/** `withoutHeaders` takes the regex `*` for presence. Of several kinds at once, which are refused, the first counts. */
function textCondition(value: unknown, fold = false): TextCondition {
  for (const kind of ['exact', 'prefix', 'regex'] as const) {
    const text = textAt(value, kind);
    if (text !== undefined && !(kind === 'regex' && text === '*'))
      return { kind, text, fold: fold && kind !== 'regex' };
  }
  return { kind: 'any', text: '', fold: false };
}

/** Tells whether every request that the other match takes is taken by this one; undefined where that cannot be told. */
export function takesAll({ asks }: Conditions, other: Conditions, texts: Texts): boolean | undefined {
  let told: boolean | undefined = true;
  for (const [key, condition] of asks) {
    const given = isGiven(key, condition, other.asks, texts);
    if (given === false) return false;
    told = told && given;
  }
  return told;
}

function isGiven(
  key: string,
  wanted: Condition,
  given: ReadonlyMap<string, Condition>,
  texts: Texts,
): boolean | undefined {
  const same = given.get(key);
  if (wanted.kind === 'among')
    return (
      same?.kind === 'among' && same.text.split('\n').every((one) => wanted.text.split('\n').includes(one))
    );
  if (key.startsWith('without ')) return isWithout(wanted, key, given, texts);
  return same !== undefined && same.kind !== 'among' && texts.implies(same, wanted);
}

/** A header that is not there counts as empty, except where presence is asked for. @see istio pilot/pkg/networking/core/route/route.go translateHeaderMatch */
function isWithout(
  unwanted: TextCondition,
  key: string,
  given: ReadonlyMap<string, Condition>,
  texts: Texts,
): boolean | undefined {
  const header = given.get(key.slice('without '.length));
  const mayBeBoth =
    header === undefined || header.kind === 'among' || unwanted.kind === 'any'
      ? true
      : texts.overlap(header, unwanted);
  if (mayBeBoth === false) return true;
  const isExcluded = excludes(given.get(key), unwanted, texts);
  return isExcluded === false && mayBeBoth === undefined ? undefined : isExcluded;
}

/** Tells whether a request that has not the one has not the unwanted either. */
function excludes(same: Condition | undefined, unwanted: TextCondition, texts: Texts): boolean | undefined {
  if (same === undefined || same.kind === 'among') return false;
  if (same.kind !== 'any') return unwanted.kind !== 'any' && texts.implies(unwanted, same);
  if (unwanted.kind === 'any') return true;
  const isEmptyUnwanted = texts.meets('', unwanted);
  return isEmptyUnwanted === undefined ? undefined : !isEmptyUnwanted;
}

/** Tells whether a request may meet both matches, as far as their paths tell; undefined where that cannot be told. */
export function mayMeet(one: Conditions, other: Conditions, texts: Texts): boolean | undefined {
  const [a, b] = [one.asks.get('uri'), other.asks.get('uri')];
  if (a === undefined || b === undefined || a.kind === 'among' || b.kind === 'among') return true;
  return texts.overlap(a, b);
}

/** Returns the match with one condition replaced. */
export function withCondition(match: Conditions, key: string, condition: Condition): Conditions {
  return { ...match, asks: new Map([...match.asks, [key, condition]]) };
}

/** Returns the match without some of its conditions. */
export function without(match: Conditions, keys: readonly string[]): Conditions {
  return { ...match, asks: new Map([...match.asks].filter(([key]) => !keys.includes(key))) };
}

/** Tells whether two matches ask for the same, as far as that can be told. */
export function asksTheSame(one: Conditions, other: Conditions, texts: Texts): boolean {
  return (
    one.asks.size === other.asks.size &&
    takesAll(one, other, texts) === true &&
    takesAll(other, one, texts) === true
  );
}
