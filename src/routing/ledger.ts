/**
 * What the proxies know, as far as we can: every object of ours that exists, since when each subset stands, since when which route names it, and when
 * the last one stopped to. Times are milliseconds on the caller's clock; it never asks one.
 */
import { isObject, labelsAt, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { isSame } from './changes.ts';
import type { RouteObject } from './istio.ts';
import { referenceKey, referencesOf, type Reference } from './reference.ts';

/** Objects of ours and their age. */
export interface Ledger {
  /** Every object that exists, by key. */
  readonly objects: ReadonlyMap<string, RouteObject>;
  /** An object exists now, in this form; undefined: it does not. */
  observe(key: string, object: RouteObject | undefined, now: number): void;
  /** From when on routes may name a subset; undefined when there is no such subset. */
  knownAt(host: string, subset: string): number | undefined;
  /** From when on nothing needs what a reference names; undefined while something does. */
  freeAt(reference: Reference): number | undefined;
  /** Since when an object has named a reference, without a break; undefined when it does not. */
  namedSince(key: string, reference: Reference): number | undefined;
  /** Since when an object exists. */
  existsSince(key: string): number | undefined;
  /** Tells whether any route names a subset of the host. */
  readonly isRouted: (host: string) => boolean;
  /** Returns the subsets of a host: name → its labels. */
  subsetsOf(host: string): ReadonlyMap<string, JsonObject>;
  /** Returns the labels of a subset; undefined when there is no such subset. */
  labelsOf(host: string, subset: string): JsonObject | undefined;
  /** Returns the keys of the rules of a host. */
  rulesOf(host: string): readonly string[];
  /** Tells whether another rule of ours for the same host has a subset of that name, known to the proxies. */
  isElsewhere(key: string, subset: string, now: number): boolean;
  /** Forgets when references ended that nobody can ask for any more. */
  prune(now: number): void;
}

/** Returns the subsets of a DestinationRule: name → labels. */
export function subsetsIn({ spec }: RouteObject): ReadonlyMap<string, JsonObject> {
  return new Map(
    listAt(spec, 'subsets')
      .filter(isObject)
      .map((subset) => [textAt(subset, 'name') ?? '', objectAt(subset, 'labels')]),
  );
}

/** Routes of ours: since when which names what, and when the last one stopped to. */
interface RouteBook {
  observe(key: string, object: RouteObject | undefined, now: number): void;
  readonly namedSince: (key: string, reference: Reference) => number | undefined;
  isNamed(reference: Reference): boolean;
  endedAt(reference: Reference): number | undefined;
  readonly isRouted: (host: string) => boolean;
  prune(before: number): void;
}

/** A reference of one object, and since when it has it. */
interface NamedReference {
  readonly reference: Reference;
  readonly since: number;
}

function createRouteBook(): RouteBook {
  const named = new Map<string, ReadonlyMap<string, NamedReference>>();
  const counts = new Map<string, number>();
  const ended = new Map<string, number>();
  const hosts = new Map<string, number>();

  function count(reference: Reference, by: 1 | -1, now: number): void {
    const key = referenceKey(reference);
    if (add(counts, key, by)) ended.delete(key);
    else ended.set(key, now);
    if (reference.kind === 'subset') add(hosts, reference.host, by);
  }

  return {
    observe(key, object, now) {
      const before = named.get(key) ?? new Map<string, NamedReference>();
      const after = object === undefined ? new Map<string, Reference>() : referencesOf(object);
      for (const [name, { reference }] of before) if (!after.has(name)) count(reference, -1, now);
      for (const [name, reference] of after) if (!before.has(name)) count(reference, 1, now);
      if (object === undefined) named.delete(key);
      else
        named.set(
          key,
          new Map(
            [...after].map(([name, reference]) => [
              name,
              { reference, since: before.get(name)?.since ?? now },
            ]),
          ),
        );
    },
    namedSince: (key, reference) => named.get(key)?.get(referenceKey(reference))?.since,
    isNamed: (reference) => counts.has(referenceKey(reference)),
    endedAt: (reference) => ended.get(referenceKey(reference)),
    isRouted: (host) => hosts.has(host),
    prune(before) {
      for (const [key, at] of ended) if (at <= before) ended.delete(key);
    },
  };
}

/** Counts; tells whether anything is left. */
function add(counts: Map<string, number>, key: string, by: 1 | -1): boolean {
  const after = (counts.get(key) ?? 0) + by;
  if (after > 0) counts.set(key, after);
  else counts.delete(key);
  return after > 0;
}

interface KnownSubset {
  readonly labels: JsonObject;
  readonly since: number;
}

interface KnownRule {
  readonly host: string;
  readonly subsets: ReadonlyMap<string, KnownSubset>;
}

/** DestinationRules of ours: since when which subset stands. A host has one, and for a moment two when its name changes. */
interface RuleBook {
  observe(key: string, object: RouteObject | undefined, now: number): void;
  /** Subsets of a host by the rules' keys. */
  rulesOf(host: string): ReadonlyMap<string, KnownRule>;
}

function createRuleBook(): RuleBook {
  const hosts = new Map<string, Map<string, KnownRule>>();
  const hostOfKey = new Map<string, string>();
  const none: ReadonlyMap<string, KnownRule> = new Map();

  function forget(key: string): KnownRule | undefined {
    const host = hostOfKey.get(key);
    const rules = host === undefined ? undefined : hosts.get(host);
    const before = rules?.get(key);
    rules?.delete(key);
    if (host !== undefined && rules?.size === 0) hosts.delete(host);
    hostOfKey.delete(key);
    return before;
  }

  return {
    observe(key, object, now) {
      const before = forget(key);
      if (object === undefined) return;
      const host = textAt(object.spec, 'host') ?? '';
      const subsets = [...subsetsIn(object)].map(([name, labels]) => {
        const same = before?.host === host ? before.subsets.get(name) : undefined;
        return [
          name,
          same !== undefined && isSame(same.labels, labels) ? same : { labels, since: now },
        ] as const;
      });
      const rules = hosts.get(host) ?? new Map<string, KnownRule>();
      hosts.set(host, rules.set(key, { host, subsets: new Map(subsets) }));
      hostOfKey.set(key, host);
    },
    rulesOf: (host) => hosts.get(host) ?? none,
  };
}

/**
 * Makes a ledger of what exists at the start. What a route names already was known long ago, whoever wrote it; of every other subset we only know that it
 * is there, so its time begins now.
 */
export function createLedger(
  existing: ReadonlyMap<string, RouteObject>,
  settleMilliseconds: number,
  now: number,
): Ledger {
  const objects = new Map<string, RouteObject>();
  const since = new Map<string, number>();
  const routes = createRouteBook();
  const rules = createRuleBook();

  function observe(key: string, object: RouteObject | undefined, at: number): void {
    const kind = (object ?? objects.get(key))?.kind;
    if (kind === 'DestinationRule') rules.observe(key, object, at);
    else if (kind === 'VirtualService') routes.observe(key, object, at);
    if (object === undefined) {
      objects.delete(key);
      since.delete(key);
    } else {
      objects.set(key, object);
      since.set(key, since.get(key) ?? at);
    }
  }

  const isNamedIn = (object: RouteObject): boolean =>
    [...subsetsIn(object).keys()].every((subset) =>
      routes.isNamed({ kind: 'subset', host: textAt(object.spec, 'host') ?? '', subset }),
    );
  for (const [key, object] of existing) if (object.kind === 'VirtualService') observe(key, object, now);
  for (const [key, object] of existing) {
    if (object.kind !== 'DestinationRule') continue;
    const host = textAt(object.spec, 'host') ?? '';
    const named = listAt(object.spec, 'subsets').filter((subset) =>
      routes.isNamed({ kind: 'subset', host, subset: textAt(subset, 'name') ?? '' }),
    );
    observe(key, { ...object, spec: { ...object.spec, subsets: named } }, -Infinity);
    if (!isNamedIn(object)) observe(key, object, now);
    objects.set(key, object);
  }

  return {
    objects,
    observe,
    knownAt(host, name) {
      const times = [...rules.rulesOf(host).values()].flatMap(
        ({ subsets }) => subsets.get(name)?.since ?? [],
      );
      return times.length === 0 ? undefined : Math.min(...times) + settleMilliseconds;
    },
    freeAt: (reference) =>
      routes.isNamed(reference) ? undefined : (routes.endedAt(reference) ?? -Infinity) + settleMilliseconds,
    namedSince: routes.namedSince,
    existsSince: (key) => since.get(key),
    isRouted: routes.isRouted,
    subsetsOf: (host) =>
      new Map(
        [...rules.rulesOf(host).values()].flatMap(({ subsets }) =>
          [...subsets].map(([name, { labels }]) => [name, labels] as const),
        ),
      ),
    labelsOf: (host, name) =>
      [...rules.rulesOf(host).values()]
        .map(({ subsets }) => subsets.get(name)?.labels)
        .find((labels) => labels !== undefined),
    rulesOf: (host) => [...rules.rulesOf(host).keys()],
    isElsewhere: (key, name, at) => {
      const host = textAt(objects.get(key)?.spec, 'host') ?? '';
      return [...rules.rulesOf(host)].some(
        ([other, { subsets }]) =>
          other !== key && (subsets.get(name)?.since ?? Infinity) + settleMilliseconds <= at,
      );
    },
    prune: (at) => {
      routes.prune(at - settleMilliseconds);
    },
  };
}

/** Returns the version that a subset's labels select. */
export function versionOfLabels(labels: JsonObject, versionLabel: string): string {
  return labelsAt({ labels }, 'labels')[versionLabel] ?? '';
}
