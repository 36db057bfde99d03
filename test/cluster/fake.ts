/** The test fake: a cluster of raw objects that a test puts in and takes out. */
import type { Cluster } from '../../src/cluster/port.ts';
import { createStore } from '../../src/cluster/store.ts';
import { isSelected, resourceOf, resources } from '../../src/model/snapshot.ts';

/** What it was told, at once and in full; it has no problems and misses nothing. */
export interface FakeCluster extends Cluster {
  /** Adds or replaces an object. It must name its namespace. Kinds that the snapshot does not hold are ignored. */
  put(object: unknown): void;
  /** Removes the object of the same kind, namespace and name. */
  remove(object: unknown): void;
  /** Turns the snapshot synced. */
  sync(): void;
}

/** Makes a cluster of these objects; synced at once, unless `synced` is false: then from the first `put` or `sync` on. */
export function fakeCluster(objects: readonly unknown[] = [], synced = true): FakeCluster {
  const store = createStore();
  const whenSynced = Promise.withResolvers<undefined>();
  const sync = (): void => {
    store.markSynced();
    whenSynced.resolve(undefined);
  };
  const remove = (object: unknown): void => {
    const resource = resourceOf(object);
    if (resource === undefined) return;
    const { namespace, name } = resource.read(object);
    store.remove(resource, namespace, name);
  };
  const put = (object: unknown): void => {
    const resource = resourceOf(object);
    if (resource === undefined) return;
    if (isSelected(object, resource)) store.put(resource, store.read(resource, object));
    else remove(object);
  };
  objects.forEach(put);
  if (synced) sync();
  return {
    snapshot: store.snapshot,
    synced: whenSynced.promise,
    onChange: store.onChange,
    freshness: () =>
      resources.map((resource) => ({
        kind: resource.kind,
        synced: store.snapshot.synced,
        objects: store.count(resource),
        ageMilliseconds: 0,
        watchRestarts: 0,
        relistDiffs: 0,
      })),
    problems: () => [],
    onProblems: () => () => undefined,
    put(object) {
      put(object);
      sync();
    },
    remove,
    sync,
    close: () => Promise.resolve(),
  };
}
