/**
 * What to do: desired objects and existing ones → the smallest set of changes, in phases whose order keeps traffic whole. A subset is known to the proxies
 * before a route names it, and outlives the last one that does; what is delegated to is there before the host that delegates. Objects of others are never in a change.
 */
import { at, isObject, listAt, textAt, type JsonObject } from '../model/json.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { keyOf, type Desired } from './desired.ts';
import { routeObject, type RouteKind, type RouteObject } from './istio.ts';
import { byCodeUnit, push } from './layout.ts';

/** What happens to one object. `before` is what exists, `after` what is written. */
export interface Change {
  readonly action: 'create' | 'configure' | 'delete';
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly name: string;
  readonly before: RouteObject | undefined;
  readonly after: RouteObject | undefined;
}

/** Phases in the order in which they are carried out. */
export const phaseNames = [
  'subsets added',
  'routes written',
  'hosts written',
  'routes removed',
  'subsets removed',
] as const;
/** One of {@link phaseNames}. */
export type PhaseName = (typeof phaseNames)[number];

/** Changes that may be made together, after the one before is done and has settled for so long. */
export interface Phase {
  readonly name: PhaseName;
  readonly settleMilliseconds: number;
  readonly changes: readonly Change[];
}

/** Everything to do. No phase is empty; a plan without phases writes nothing. */
export interface Plan {
  readonly phases: readonly Phase[];
  /** Keys of objects that are as they should be. */
  readonly unchanged: readonly string[];
}

/** Returns what exists of ours, by key. */
export function existingOf(snapshot: Snapshot): ReadonlyMap<string, RouteObject> {
  const kinds = [
    ['DestinationRule', snapshot.destinationRules],
    ['VirtualService', snapshot.virtualServices],
  ] as const;
  const ours = kinds.flatMap(([kind, collection]) =>
    [...collection.values()]
      .flatMap((inside) => [...inside.values()])
      .filter(({ managed }) => managed)
      .map((one) => routeObject(kind, one.namespace, one.name, one.spec)),
  );
  return new Map(ours.map((object) => [keyOf(object), object]));
}

/** Plans the changes from what exists to what should, for all keys or for those of `only`. */
export function planChanges(
  desired: Desired,
  existing: ReadonlyMap<string, RouteObject>,
  settings: { readonly settleMilliseconds: number },
  only?: ReadonlySet<string>,
): Plan {
  const keys = only ?? new Set([...desired.objects.keys(), ...existing.keys()]);
  const phases = new Map<PhaseName, Change[]>();
  const unchanged: string[] = [];
  for (const key of [...keys].sort(byCodeUnit)) {
    if (desired.withheld.has(key)) continue;
    const steps = stepsOf(existing.get(key), desired.objects.get(key));
    if (steps.length === 0 && existing.has(key)) unchanged.push(key);
    for (const [name, change] of steps) push(phases, name, change);
  }
  return { phases: inOrder(phases, settings.settleMilliseconds), unchanged };
}

/** Waiting is needed after subsets were added and before subsets are removed, and only when routes change as well or existed. */
function inOrder(phases: ReadonlyMap<PhaseName, readonly Change[]>, settle: number): readonly Phase[] {
  const present = phaseNames.filter((name) => phases.has(name));
  return present.map((name, index) => ({
    name,
    settleMilliseconds:
      index > 0 && (present[index - 1] === 'subsets added' || name === 'subsets removed') ? settle : 0,
    changes: phases.get(name) ?? [],
  }));
}

type Step = readonly [PhaseName, Change];

function stepsOf(before: RouteObject | undefined, after: RouteObject | undefined): readonly Step[] {
  const object = after ?? before;
  if (
    object === undefined ||
    (before !== undefined && after !== undefined && isSame(before.spec, after.spec))
  )
    return [];
  return object.kind === 'DestinationRule'
    ? subsetSteps(before, after)
    : [[routePhase(object, after), changeOf(before, after)]];
}

/** Tells whether an object of ours is a public host: it delegates. */
export function isHost({ spec }: RouteObject): boolean {
  return listAt(spec, 'http').some((route) => isObject(at(route, 'delegate')));
}

function routePhase(object: RouteObject, after: RouteObject | undefined): PhaseName {
  if (isHost(object)) return 'hosts written';
  return after === undefined ? 'routes removed' : 'routes written';
}

/** Makes the change from one state to another; one of them is there. */
export function changeOf(before: RouteObject | undefined, after: RouteObject | undefined): Change {
  const { kind, metadata } = (after ?? before) as RouteObject;
  const action = before === undefined ? 'create' : after === undefined ? 'delete' : 'configure';
  return { action, kind, namespace: metadata.namespace, name: metadata.name, before, after };
}

/** A rule that loses subsets and changes otherwise is written twice: first with both, last with what stays. */
function subsetSteps(before: RouteObject | undefined, after: RouteObject | undefined): readonly Step[] {
  if (after === undefined) return [['subsets removed', changeOf(before, after)]];
  if (before === undefined) return [['subsets added', changeOf(before, after)]];
  const kept = new Set(subsetsOf(after).map(nameOf));
  const leaving = subsetsOf(before).filter((subset) => !kept.has(nameOf(subset)));
  if (leaving.length === 0) return [['subsets added', changeOf(before, after)]];
  const both = [...subsetsOf(after), ...leaving].sort((a, b) => byCodeUnit(nameOf(a), nameOf(b)));
  const between: RouteObject = { ...after, spec: { ...after.spec, subsets: both } };
  const last: Step = ['subsets removed', changeOf(between, after)];
  return isSame(before.spec, between.spec)
    ? [['subsets removed', changeOf(before, after)]]
    : [['subsets added', changeOf(before, between)], last];
}

function subsetsOf({ spec }: RouteObject): readonly JsonObject[] {
  return listAt(spec, 'subsets').filter(isObject);
}

function nameOf(subset: JsonObject): string {
  return textAt(subset, 'name') ?? '';
}

/** Tells whether two JSON values are the same; the order of keys does not count, that of lists does. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
  );
}
