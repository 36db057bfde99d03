/** The live snapshot behind every implementation of the port: projections go in, a {@link Snapshot} and changes come out. It never keeps a raw object. */
import { isDeepStrictEqual } from 'node:util';
import { invalidate } from '../model/memoize.ts';
import {
  resources,
  type Collection,
  type Projection,
  type Resource,
  type Snapshot,
} from '../model/snapshot.ts';
import { createInterner } from './intern.ts';
import type { Change } from './port.ts';

/** A snapshot that can be written. */
export interface Store {
  /** The live view; it is this one object for ever. */
  readonly snapshot: Snapshot;
  /** Projects a raw object, sharing what repeats with other projections. Never throws. */
  read(resource: Resource, object: unknown): Projection;
  /** Adds or replaces one object; tells whether that changed anything a decision may use. A nameless one is ignored. */
  put(resource: Resource, projection: Projection): boolean;
  /** Removes one object; tells whether it was there. */
  remove(resource: Resource, namespace: string, name: string): boolean;
  /** Makes these all that there is of a kind, before anybody is told; returns how many were added, changed or removed. Of two with one identity the last counts. */
  replace(resource: Resource, projections: Iterable<Projection>): number;
  /** Number of objects of a kind. */
  count(resource: Resource): number;
  /** Sets `snapshot.synced` for good. */
  markSynced(): void;
  /** Calls the listener after each change; returns the way to stop. */
  readonly onChange: (listener: (change: Change) => void) => () => void;
}

type Inner = Map<string, Projection>;

/** Makes an empty store, not synced. */
export function createStore(): Store {
  const collections = emptyCollections();
  const counts = new Map<Resource, number>(resources.map((resource) => [resource, 0]));
  const listeners = createListeners<Change>();
  const share = createInterner();
  let synced = false;

  function write(resource: Resource, projection: Projection): Change | undefined {
    const { namespace, name } = projection;
    const key = resource.key(name);
    const collection = collections[resource.collection];
    const inner: Inner = collection.get(namespace) ?? new Map<string, Projection>();
    const before = inner.get(key);
    if (name === '' || isDeepStrictEqual(before, projection)) return undefined;
    collection.set(namespace, inner.set(key, projection));
    invalidate(inner);
    if (before === undefined) counts.set(resource, (counts.get(resource) ?? 0) + 1);
    return { collection: resource.collection, namespace, key };
  }

  function erase(resource: Resource, namespace: string, key: string): Change | undefined {
    const collection = collections[resource.collection];
    const inner = collection.get(namespace);
    if (inner?.delete(key) !== true) return undefined;
    invalidate(inner);
    if (inner.size === 0) collection.delete(namespace);
    counts.set(resource, (counts.get(resource) ?? 0) - 1);
    return { collection: resource.collection, namespace, key };
  }

  /** Erases what is not in `kept`; several kinds may share a collection, so only keys of this kind are looked at. */
  function eraseOthers(resource: Resource, kept: ReadonlyMap<string, Inner>): readonly Change[] {
    const prefix = resource.key('');
    return [...collections[resource.collection]].flatMap(([namespace, inner]) =>
      [...inner.keys()]
        .filter((key) => key.startsWith(prefix) && kept.get(namespace)?.has(key) !== true)
        .map((key) => erase(resource, namespace, key))
        .filter((change) => change !== undefined),
    );
  }

  function tell(changes: readonly (Change | undefined)[]): number {
    const real = changes.filter((change) => change !== undefined);
    real.forEach(listeners.tell);
    return real.length;
  }

  return {
    snapshot: {
      ...collections,
      get synced() {
        return synced;
      },
    } as Snapshot,
    read: (resource, object) => share(resource.read(object)),
    put: (resource, projection) => tell([write(resource, projection)]) > 0,
    remove: (resource, namespace, name) => tell([erase(resource, namespace, resource.key(name))]) > 0,
    replace(resource, projections) {
      const last = new Map<string, Inner>();
      for (const projection of projections) insert(last, resource, projection);
      const erased = eraseOthers(resource, last);
      const written = [...last.values()].flatMap((inner) =>
        [...inner.values()].map((projection) => write(resource, projection)),
      );
      return tell([...erased, ...written]);
    },
    count: (resource) => counts.get(resource) ?? 0,
    markSynced() {
      synced = true;
    },
    onChange: listeners.add,
  };
}

function insert(into: Map<string, Inner>, resource: Resource, projection: Projection): void {
  const inner = into.get(projection.namespace) ?? new Map<string, Projection>();
  into.set(projection.namespace, inner.set(resource.key(projection.name), projection));
}

function emptyCollections(): Record<Collection, Map<string, Inner>> {
  return {
    namespaces: new Map(),
    services: new Map(),
    workloads: new Map(),
    pods: new Map(),
    endpointSlices: new Map(),
    virtualServices: new Map(),
    destinationRules: new Map(),
    gateways: new Map(),
    agentConfigMaps: new Map(),
  };
}

/** Those who want to be told, in the order in which they came. */
export interface Listeners<T> {
  readonly add: (listener: (value: T) => void) => () => void;
  readonly tell: (value: T) => void;
}

/** Makes an empty list of listeners. The same function may listen twice. */
export function createListeners<T>(): Listeners<T> {
  const entries = new Set<{ readonly listener: (value: T) => void }>();
  return {
    add(listener) {
      const entry = { listener };
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    tell(value) {
      for (const { listener } of entries) listener(value);
    },
  };
}
