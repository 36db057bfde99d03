/** A folder of manifests in place of a cluster: read, watched, and kept current file by file. */
import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isSelected, resourceOf, resources, type Projection, type Resource } from '../model/snapshot.ts';
import { listManifestFiles, readManifestFile, type Manifest, type Manifests } from './manifests.ts';
import type { Cluster, ClusterProblem } from './port.ts';
import { createStore, type Store } from './store.ts';

/** How a folder is watched. Milliseconds. */
export interface FolderTimes {
  /** Quiet time after a change before the files are read: editors write in several steps. */
  readonly settleMilliseconds: number;
  /** Everything is looked at this often all the same: not every file system reports changes. */
  readonly rescanMilliseconds: number;
}

interface KnownFile {
  /** Modification time and size: another file when either differs. */
  readonly stamp: string;
  readonly read: Manifests;
  /** The objects that count: those of the last reading without problems, while a newer one has some. */
  readonly kept: readonly Manifest[];
}

/**
 * Opens files and folders as a cluster. A file with a bad document is reported and keeps the objects of its last good reading, so
 * that a half-saved file takes nothing away. Of two objects with the same identity the one in the first file (by path) counts.
 */
export function openFolder(paths: readonly string[], times: FolderTimes = { settleMilliseconds: 100, rescanMilliseconds: 2000 }): Cluster {
  const store = createStore();
  const files = new Map<string, KnownFile>();
  let duplicates: readonly ClusterProblem[] = [];
  let readAt: number | undefined;
  let closed = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  async function scan(): Promise<void> {
    const names = await listManifestFiles(paths);
    const changed = (await Promise.all(names.map((name) => refresh(name, files)))).includes(true);
    const gone = [...files.keys()].filter((name) => !names.includes(name));
    for (const name of gone) files.delete(name);
    if (closed || (!changed && gone.length === 0 && readAt !== undefined)) return;
    duplicates = publish(store, [...files.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, file]) => file.kept));
    readAt = performance.now();
    store.setSynced();
  }

  function schedule(milliseconds: number): void {
    if (closed) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = scan().catch(() => undefined).then(() => { schedule(times.rescanMilliseconds); });
    }, milliseconds);
  }

  const synced = scan();
  const watchers = paths.flatMap((path) => openWatcher(path, () => { schedule(times.settleMilliseconds); }));
  running = synced.then(() => { schedule(times.rescanMilliseconds); }, () => undefined);

  return {
    snapshot: store.snapshot,
    synced,
    onChange: (listener) => store.onChange(listener),
    freshness: () => resources.map((resource) => ({
      kind: resource.kind, synced: store.snapshot.synced, objects: store.count(resource),
      ageMilliseconds: readAt === undefined ? undefined : 0, watchRestarts: 0, relistDiffs: 0,
    })),
    problems: () => [...[...files.values()].flatMap((file) => file.read.problems), ...duplicates],
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      await running;
      clearTimeout(timer);
    },
  };
}

/** Reads a file again when it changed. @returns whether it did. */
async function refresh(name: string, files: Map<string, KnownFile>): Promise<boolean> {
  const known = files.get(name);
  const stamp = await stat(name).then((stats) => `${stats.mtimeMs} ${stats.size} ${stats.ino}`, () => 'unreadable');
  if (known?.stamp === stamp) return false;
  const read = await readManifestFile(name);
  files.set(name, { stamp, read, kept: read.problems.length === 0 || known === undefined ? read.manifests : known.kept });
  return true;
}

function publish(store: Store, manifests: readonly Manifest[]): readonly ClusterProblem[] {
  const byResource = new Map<Resource, Map<string, Projection>>(resources.map((resource) => [resource, new Map<string, Projection>()]));
  const places = new Map<string, string>();
  const duplicates: ClusterProblem[] = [];
  for (const { object, file, line } of manifests) {
    const resource = resourceOf(object);
    if (resource === undefined) continue;
    const projection = resource.read(object);
    const id = `${resource.kind} ${projection.namespace}/${projection.name}`;
    const first = places.get(id);
    if (first === undefined) {
      places.set(id, `${file}:${line}`);
      if (isSelected(object, resource)) byResource.get(resource)?.set(id, projection);
    } else {
      duplicates.push({ code: 'BL010', path: '', source: `${file}:${line}`, message: `${file}:${line}: ${id} stands in ${first} already; this one is left out` });
    }
  }
  for (const [resource, projections] of byResource) store.replace(resource, [...projections.values()]);
  return duplicates;
}

/** A watcher that cannot be had is no failure: the rescan sees what it would have. */
function openWatcher(path: string, changed: () => void): readonly FSWatcher[] {
  try {
    const watcher = watch(path, { recursive: true, persistent: false }, changed);
    watcher.on('error', () => undefined);
    return [watcher];
  } catch {
    return [];
  }
}
