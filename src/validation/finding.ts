/** What a rule about a route object is given and what it returns. */
import type { Settings } from '../config/settings.ts';
import { at, isObject, listAt, objectAt, type JsonObject } from '../model/json.ts';
import { isSaidByAdmission, type Problem, type ProblemCode } from '../model/problem.ts';
import type { Snapshot } from '../model/snapshot.ts';

/** A value and where it stands, e.g. `spec.http[0].match[1]`. */
export interface Placed {
  readonly value: unknown;
  readonly path: string;
}

/** What a rule found: where, about what, what is wrong (with the value), and what to do. */
export interface Finding {
  readonly path: string;
  /** As {@link Problem.subject}. */
  readonly subject: string;
  readonly message: string;
  readonly fix: string;
}

/** The object that a rule looks at a part of. */
export interface Owner {
  readonly object: JsonObject;
  readonly namespace: string;
  readonly settings: Settings;
}

/** A route object among everything else in the cluster. `name` may be empty. */
export interface FactOwner extends Owner {
  readonly snapshot: Snapshot;
  readonly name: string;
}

/** One rule: looks at a part of an object and returns everything that is wrong with it. */
export type Check = (here: Placed, owner: Owner) => Iterable<Finding>;

/** A row of a rule table. */
export interface Row {
  readonly code: ProblemCode;
  readonly check: Check;
  /** The rule is about these fields: where none of them is, it is not asked. Most routes have few of the fields that a route may have. */
  readonly about?: readonly string[];
}

/** Who asks about a route object: admission, beside istiod's own, or a command, offline, where nobody else judges it. */
export type RouteScope = 'admission' | 'offline';

/** Returns the rows whose problems are said in a scope. */
export function rowsFor(rows: readonly Row[], scope: RouteScope): readonly Row[] {
  return scope === 'offline' ? rows : rows.filter(({ code }) => isSaidByAdmission(code));
}

/** Makes a finding. The message begins with the path, so that it can stand alone in a terminal. What it is about is the field, unless told. */
export function finding(path: string, what: string, fix: string, subject = fieldOf(path)): Finding {
  return { path, subject, message: `${path} ${what}`, fix };
}

/** Returns a path without places in lists. */
export function fieldOf(path: string): string {
  return path.replace(/\[\d+\]/g, '');
}

/** Runs every rule of a table over a part of an object. */
export function* run(rows: readonly Row[], here: Placed, owner: Owner): Generator<Problem> {
  for (const { code, check, about } of rows) {
    if (about !== undefined && !hasAny(here.value, about)) continue;
    for (const found of check(here, owner)) yield { code, ...found };
  }
}

function hasAny(value: unknown, keys: readonly string[]): boolean {
  if (!isObject(value)) return false;
  for (const key of keys) if (Object.hasOwn(value, key) && isThere(value[key])) return true;
  return false;
}

/** Returns a field of a part with its path. */
export function field({ value, path }: Placed, key: string): Placed {
  return { value: at(value, key), path: `${path}.${key}` };
}

/** Returns the members of a list field with their paths. */
export function members({ value, path }: Placed, key: string): readonly Placed[] {
  return listAt(value, key).map((member, index) => ({ value: member, path: `${path}.${key}[${index}]` }));
}

/** Returns the entries of a map field: key, value and path. */
export function entries(
  { value, path }: Placed,
  key: string,
): readonly (Placed & { readonly key: string })[] {
  return Object.entries(objectAt(value, key)).map(([name, inner]) => ({
    key: name,
    value: inner,
    path: `${path}.${key}[${shownName(name)}]`,
  }));
}

/** Tells whether a field is set: protobuf takes null and absence for the same. */
export function isSet(value: unknown, ...keys: readonly string[]): boolean {
  return isThere(at(value, ...keys));
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Returns which of these fields are set. */
export function fieldsSet(value: unknown, keys: readonly string[]): readonly string[] {
  return isObject(value) ? keys.filter((key) => isSet(value, key)) : [];
}

/** Longest part of a key that a path shows, in characters. */
const nameShown = 64;

/** Shortens a key for a path. */
export function shownName(name: string): string {
  return name.length > nameShown ? `${name.slice(0, nameShown)}...` : name;
}
