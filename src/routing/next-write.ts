/**
 * The one ordering of writes: what is written of one object at one time, so that traffic stays whole. A subset is known to the proxies before a route
 * names it, and outlives the last one that does; what is delegated to is there before the host that delegates, and outlives it.
 */
import type { Settings } from '../config/settings.ts';
import { earliest } from '../model/collections.ts';
import { serviceOfHost } from '../model/hosts.ts';
import { isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { changeOf, isHost, isSame, type Change, type PhaseName } from './changes.ts';
import type { Desired } from './desired.ts';
import type { RouteObject } from './istio.ts';
import { byCodeUnit } from './layout.ts';
import { delegateReference, referencesOf, subsetReference, subsetsIn, type Ledger } from './ledger.ts';

/** What is due of one object: a change, or when to look again (undefined: when something else happens); undefined when it is as it should be. */
export type NextWrite =
  | { readonly phase: PhaseName; readonly change: Change; readonly again?: number | undefined }
  | { readonly waitUntil: number | undefined }
  | undefined;

/** What is known at one time. */
export interface Moment {
  readonly ledger: Ledger;
  readonly now: number;
  readonly settings: Settings;
}

/** What should be, as far as its writes depend on it. */
export type Wanted = Pick<Desired, 'objects' | 'withheld' | 'namespaces'>;

/** Tells what to write of one object now. */
export function nextWrite(key: string, wanted: Wanted, { ledger, now, settings }: Moment): NextWrite {
  if (wanted.withheld.has(key)) return undefined;
  const [before, after] = [ledger.objects.get(key), wanted.objects.get(key)];
  const object = after ?? before;
  if (object === undefined) return undefined;
  const facts = { ledger, now, settings, wanted };
  return object.kind === 'DestinationRule'
    ? ruleStep(key, before, after, facts)
    : routeStep(before, after, facts);
}

interface Facts extends Moment {
  readonly wanted: Wanted;
}

/** A subset that goes, or comes to mean other pods, stays as it was until the proxies have forgotten every route to it. */
function ruleStep(
  key: string,
  before: RouteObject | undefined,
  after: RouteObject | undefined,
  facts: Facts,
): NextWrite {
  const { ledger } = facts;
  if (before === undefined) return { phase: 'subsets added', change: changeOf(before, after) };
  const host = textAt(before.spec, 'host') ?? '';
  const wanted = new Map(subsets(after).map((subset) => [subsetName(subset), subset]));
  const leaving = subsets(before).filter((subset) => !isSame(subset, wanted.get(subsetName(subset))));
  const busy = leaving.filter(
    (subset) =>
      !isFree(key, host, subsetName(subset), facts) &&
      !isBaselines(wanted.get(subsetName(subset)), host, facts),
  );
  const again = earliest(busy.map((subset) => ledger.freeAt(subsetReference(host, subsetName(subset)))));
  if (after === undefined)
    return busy.length > 0
      ? { waitUntil: again }
      : { phase: 'subsets removed', change: changeOf(before, after) };
  for (const subset of busy) wanted.set(subsetName(subset), subset);
  const kept = [...wanted.values()].sort((a, b) => byCodeUnit(subsetName(a), subsetName(b)));
  const between = busy.length === 0 ? after : { ...after, spec: { ...after.spec, subsets: kept } };
  if (isSame(before.spec, between.spec)) return busy.length > 0 ? { waitUntil: again } : undefined;
  return {
    phase: leaving.length > busy.length ? 'subsets removed' : 'subsets added',
    change: changeOf(before, between),
    again,
  };
}

function isFree(key: string, host: string, subset: string, { ledger, now }: Facts): boolean {
  const freeAt = ledger.freeAt(subsetReference(host, subset));
  return (freeAt !== undefined && freeAt <= now) || ledger.isElsewhere(key, subset, now);
}

function subsets(object: RouteObject | undefined): readonly JsonObject[] {
  return listAt(object?.spec, 'subsets').filter(isObject);
}

/** The baseline may take over a name of a branch at once: whoever is still routed there meets the baseline. */
function isBaselines(subset: JsonObject | undefined, host: string, { wanted, settings }: Facts): boolean {
  const { namespace, service } = serviceOf(host, settings);
  const baseline = wanted.namespaces.get(namespace)?.decided.get(service)?.layout.baseline;
  return (
    subset !== undefined &&
    baseline !== undefined &&
    subsetName(subset) === baseline.subset &&
    Object.values(objectAt(subset, 'labels')).includes(baseline.version)
  );
}

/** Tells whether a subset is to mean other pods than it does. */
function isStale(host: string, subset: string, { ledger, wanted }: Facts): boolean {
  return ledger.rulesOf(host).some((key) => {
    const rule = wanted.objects.get(key);
    const labels = rule === undefined ? undefined : subsetsIn(rule).get(subset);
    return labels !== undefined && !isSame(labels, ledger.labelsOf(host, subset));
  });
}

function subsetName(subset: JsonObject): string {
  return textAt(subset, 'name') ?? '';
}

function routeStep(before: RouteObject | undefined, after: RouteObject | undefined, facts: Facts): NextWrite {
  if (before !== undefined && after !== undefined && isSame(before.spec, after.spec)) return undefined;
  if (after === undefined && before !== undefined) return removalStep(before, facts);
  const times = [...referencesOf(after as RouteObject)]
    .filter((reference) => reference.startsWith('subset '))
    .map((reference) => {
      const [, host = '', subset = ''] = reference.split(' ');
      return isStale(host, subset, facts) ? undefined : facts.ledger.knownAt(host, subset);
    });
  if (times.includes(undefined)) return { waitUntil: undefined };
  const knownAt = Math.max(-Infinity, ...times.filter((time) => time !== undefined));
  if (knownAt > facts.now) return { waitUntil: knownAt };
  return {
    phase: isHost(after as RouteObject) ? 'hosts written' : 'routes written',
    change: changeOf(before, after),
  };
}

function removalStep(before: RouteObject, { ledger }: Facts): NextWrite {
  const isDelegatedTo =
    ledger.freeAt(delegateReference(before.metadata.namespace, before.metadata.name)) === undefined;
  if (isDelegatedTo) return { waitUntil: undefined };
  return { phase: isHost(before) ? 'hosts written' : 'routes removed', change: changeOf(before, undefined) };
}

/** Returns the Service of a full host. */
export function serviceOf(
  host: string,
  settings: Settings,
): { readonly namespace: string; readonly service: string } {
  const ref = serviceOfHost(host, settings);
  return { namespace: ref?.namespace ?? '', service: ref?.name ?? '' };
}
