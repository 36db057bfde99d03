/** The test fake: a cluster of raw objects that a test puts in and takes out. */
import type { Cluster } from '../../src/cluster/port.ts';
import { createStore } from '../../src/cluster/store.ts';
import { resourceOf, resources } from '../../src/model/snapshot.ts';

export interface FakeCluster extends Cluster {
  put(object: unknown): void;
  remove(object: unknown): void;
}

/** Synced at once, unless `synced` is false: then after {@link FakeCluster.put} was called for the first time. */
export function fakeCluster(objects: readonly unknown[] = [], synced = true): FakeCluster {
  const store = createStore();
  const put = (object: unknown): void => {
    const resource = resourceOf(object);
    if (resource !== undefined) store.put(resource, object);
  };
  objects.forEach(put);
  if (synced) store.setSynced();
  return {
    snapshot: store.snapshot,
    synced: Promise.resolve(),
    onChange: (listener) => store.onChange(listener),
    freshness: () => resources.map((resource) => ({ kind: resource.kind, synced: store.snapshot.synced, objects: store.count(resource), ageMilliseconds: 0, watchRestarts: 0, relistDiffs: 0 })),
    problems: () => [],
    put(object) {
      put(object);
      store.setSynced();
    },
    remove(object) {
      const resource = resourceOf(object);
      const projection = resource?.read(object);
      if (resource !== undefined && projection !== undefined) store.remove(resource, projection.namespace, projection.name);
    },
    close: () => Promise.resolve(),
  };
}
