/** Changes of objects of ours: what there is of them, and what one write does to one of them. Objects of others are never in a change. */
import { at, isObject, listAt } from '../model/json.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { keyOf } from './desired.ts';
import { routeObject, type RouteKind, type RouteObject } from './istio.ts';

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

/** Changes that may be made together. */
export interface Phase {
  readonly name: PhaseName;
  readonly changes: readonly Change[];
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

/** Tells whether an object of ours is a public host: it delegates. */
export function isHost({ spec }: RouteObject): boolean {
  return listAt(spec, 'http').some((route) => isObject(at(route, 'delegate')));
}

/** Makes the change from one state to another; one of them is there. */
export function changeOf(before: RouteObject | undefined, after: RouteObject | undefined): Change {
  const { kind, metadata } = (after ?? before) as RouteObject;
  const action = before === undefined ? 'create' : after === undefined ? 'delete' : 'configure';
  return { action, kind, namespace: metadata.namespace, name: metadata.name, before, after };
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
