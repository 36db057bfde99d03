/** The objects that a decision makes, with the names that they have, and what is said about them. */
import type { Settings } from '../config/settings.ts';
import type { JsonObject } from '../model/json.ts';
import { nameFor, type GivenName } from './claims.ts';
import { keyOf, routeObject, type RouteKind, type RouteObject } from './istio.ts';
import type { RoutingProblem } from './layout.ts';
import type { Snapshot } from '../model/snapshot.ts';

/** Gives an object of ours its name. @see nameFor */
export type Naming = (kind: RouteKind, namespace: string, wanted: string) => GivenName;

/** Returns the naming of a cluster. */
export function namingIn(snapshot: Snapshot): Naming {
  return (kind, namespace, wanted) => nameFor(snapshot, kind, namespace, wanted);
}

/** An object, and the name that it would have if no foreign object had it; undefined: it has the name that it wants. */
export interface NamedObject {
  readonly object: RouteObject;
  readonly steppedAsideFrom: string | undefined;
}

/** Makes an object under the name that it is given. */
export function namedObject(
  kind: RouteKind,
  namespace: string,
  { name, steppedAsideFrom }: GivenName,
  spec: JsonObject,
): NamedObject {
  return { object: routeObject(kind, namespace, name, spec), steppedAsideFrom };
}

/** What one decision asks for. */
export interface Manifests {
  readonly objects: readonly RouteObject[];
  /** Keys of objects that stay as they are, written or not. */
  readonly withheld: readonly string[];
  readonly problems: readonly RoutingProblem[];
}

/** No objects. */
export const noManifests: Manifests = { objects: [], withheld: [], problems: [] };

/** Returns the keys of all objects that a decision is about. */
export function keysOf({ objects, withheld }: Manifests): readonly string[] {
  return [...objects.map(keyOf), ...withheld];
}

/** Returns manifests of these objects. */
export function manifestsOf(objects: readonly NamedObject[]): Manifests {
  return {
    objects: objects.map(({ object }) => object),
    withheld: [],
    problems: objects.flatMap(nameProblems),
  };
}

/** Joins manifests to one. */
export function joined(all: readonly Manifests[]): Manifests {
  return {
    objects: all.flatMap(({ objects }) => objects),
    withheld: all.flatMap(({ withheld }) => withheld),
    problems: all.flatMap(({ problems }) => problems),
  };
}

function nameProblems({ object, steppedAsideFrom }: NamedObject): readonly RoutingProblem[] {
  if (steppedAsideFrom === undefined) return [];
  const { kind, metadata } = object;
  return [
    {
      code: 'BL404',
      path: '',
      kind,
      namespace: metadata.namespace,
      name: steppedAsideFrom,
      message: `${kind} ${steppedAsideFrom} is not ours and is left alone: ours is called ${metadata.name}`,
    },
  ];
}

/** Tells whether an object is larger than one may be. */
export function isTooLarge(object: RouteObject, { objectSizeLimitBytes }: Settings): boolean {
  return sizeOf(object) > objectSizeLimitBytes;
}

/** In characters, which are bytes: names, labels and paths are ASCII. */
export function sizeOf(object: RouteObject): number {
  return JSON.stringify(object).length;
}
