/** The live snapshot: maps of projections that implementations of the port keep current. */
import { isSelected, resources, type Collection, type Projection, type Resource, type Snapshot } from '../model/snapshot.ts';
import type { Change } from './port.ts';

/** A snapshot that can be written, one kind at a time. */
export interface Store {
  readonly snapshot: Snapshot;
  onChange(listener: (change: Change) => void): () => void;
  /** Adds or changes one object. */
  put(resource: Resource, object: unknown): void;
  remove(resource: Resource, namespace: string, name: string): void;
  /** Makes one kind exactly these objects. @returns how many differed from what was there: after a gap, the events that were missed. */
  replace(resource: Resource, projections: readonly Projection[]): number;
  /** How many objects of one kind are known. */
  count(resource: Resource): number;
  /** Whether {@link Snapshot.synced} holds from now on. */
  setSynced(): void;
}

/** Makes an empty, unsynced store. */
export function createStore(): Store {
  const collections = Object.fromEntries(resources.map(({ collection }) => [collection, new Map<string, Map<string, Projection>>()])) as Record<Collection, Map<string, Map<string, Projection>>>;
  const listeners = new Set<(change: Change) => void>();
  const keysOf = new Map<Resource, Map<string, string>>(resources.map((resource) => [resource, new Map<string, string>()]));
  const state = { synced: false };
  const view = { ...collections } as unknown as Omit<Snapshot, 'synced'>;
  const snapshot: Snapshot = { ...view, get synced() { return state.synced; } };

  function write(resource: Resource, projection: Projection): boolean {
    const { namespace, name } = projection;
    const key = resource.key(name);
    const collection = collections[resource.collection];
    const inside = collection.get(namespace) ?? new Map<string, Projection>();
    const before = inside.get(key);
    if (before !== undefined && isSame(before, projection)) return false;
    collection.set(namespace, inside.set(key, projection));
    keysOf.get(resource)?.set(`${namespace}/${name}`, namespace);
    tell({ collection: resource.collection, namespace, key });
    return true;
  }

  function erase(resource: Resource, namespace: string, name: string): boolean {
    const collection = collections[resource.collection];
    const inside = collection.get(namespace);
    const key = resource.key(name);
    keysOf.get(resource)?.delete(`${namespace}/${name}`);
    if (inside?.delete(key) !== true) return false;
    if (inside.size === 0) collection.delete(namespace);
    tell({ collection: resource.collection, namespace, key });
    return true;
  }

  function tell(change: Change): void {
    for (const listener of listeners) listener(change);
  }

  return {
    snapshot,
    onChange(listener) {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
    put(resource, object) {
      const projection = resource.read(object);
      if (isSelected(object, resource)) write(resource, projection);
      else erase(resource, projection.namespace, projection.name);
    },
    remove(resource, namespace, name) {
      erase(resource, namespace, name);
    },
    replace(resource, projections) {
      const wanted = new Set(projections.map(({ namespace, name }) => `${namespace}/${name}`));
      let differences = 0;
      for (const [id, namespace] of [...(keysOf.get(resource) ?? [])]) {
        if (!wanted.has(id) && erase(resource, namespace, id.slice(namespace.length + 1))) differences += 1;
      }
      for (const projection of projections) if (write(resource, projection)) differences += 1;
      return differences;
    },
    count: (resource) => keysOf.get(resource)?.size ?? 0,
    setSynced() {
      state.synced = true;
    },
  };
}

/** Projections are small and plain, and made by one function in one key order, so that their text decides. */
function isSame(a: Projection, b: Projection): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
