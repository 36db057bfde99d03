/**
 * A folder of manifests in place of a cluster: files in, a live snapshot out. It is watched; nothing is ever written. What cannot be read is a problem
 * and takes nothing else with it: as long as a file has one, objects that it had before and that cannot be found in it now stay (somebody is editing it).
 */
import { watch, type FSWatcher } from 'node:fs';
import { isSelected, resourceOf, resources, type Projection, type Resource } from '../model/snapshot.ts';
import { findFiles, type Found, type FoundFile } from './files.ts';
import { placed, readManifestFile, type Manifest } from './manifests.ts';
import { ClusterError, type Cluster, type ClusterProblem, type Freshness } from './port.ts';
import { createListeners, createStore, type Store } from './store.ts';

/** How a folder is watched. */
export interface FolderOptions {
  /** Quiet time after which a changed file is read: editors write in several steps. Default 100. */
  readonly debounceMilliseconds?: number;
  /** Time between looks at every file, for changes that no watch tells (network disks, swapped links). Default 2 000. */
  readonly rescanMilliseconds?: number;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
}

/** An object of a file. */
interface Entry {
  readonly resource: Resource;
  readonly projection: Projection;
  readonly place: string;
  readonly identity: string;
}

interface LoadedFile {
  readonly stamp: string;
  readonly entries: readonly Entry[];
  readonly problems: readonly ClusterProblem[];
}

/**
 * Opens files and folders (recursively) of manifests. Of two objects with one identity the one in the later file (by path) counts, as if they had been
 * applied in this order, and the other is a problem. A given path that vanishes later keeps its objects and is a problem.
 * `synced` rejects when a given path is not there at the start.
 */
export function openFolder(paths: readonly string[], options: FolderOptions = {}): Cluster {
  const { now = Date.now, debounceMilliseconds = 100, rescanMilliseconds = 2_000 } = options;
  const store = createStore();
  const problemListeners = createListeners<readonly ClusterProblem[]>();
  let files: ReadonlyMap<string, LoadedFile> = new Map();
  let problems: readonly ClusterProblem[] = [];
  let scannedAt: number | undefined;
  const rounds = createRounds(() => scan().catch(reportFailure), rescanMilliseconds);
  const watchers = createWatchers(() => rounds.soon(debounceMilliseconds));

  /** One look: find the files, read those that changed, put their objects together, tell what is different. */
  async function scan(): Promise<void> {
    const found = await findFiles(paths);
    const [gone] = found.unreadable;
    if (!store.snapshot.synced && gone !== undefined) throw new ClusterError(gone.reason, false);
    const next = await loadFiles(store, found, files);
    if (rounds.stopped()) return;
    watchers.follow(found.directories);
    const [entries, duplicates] = settle([...next.values()].flatMap((file) => file.entries));
    files = next;
    show(store, entries);
    report([
      ...found.unreadable.map(unreadable),
      ...[...next.values()].flatMap((file) => file.problems),
      ...duplicates,
    ]);
    scannedAt = now();
  }

  function report(after: readonly ClusterProblem[]): void {
    const isSame = JSON.stringify(after) === JSON.stringify(problems);
    problems = after;
    if (!isSame) problemListeners.tell(after);
  }

  /** A look that failed as a whole changes nothing; the next one comes anyway. */
  function reportFailure(error: unknown): void {
    report([
      unreadable({ path: paths.join(', '), reason: `The manifests cannot be looked at: ${String(error)}` }),
    ]);
  }

  const synced = scan().then(() => {
    if (rounds.stopped()) throw new ClusterError('The folder was closed before it was read.', false);
    store.markSynced();
    rounds.soon(rescanMilliseconds);
  });
  synced.catch(() => {
    watchers.close();
  });

  return {
    snapshot: store.snapshot,
    synced,
    onChange: store.onChange,
    freshness: () =>
      resources.map((resource) =>
        freshnessOf(store, resource, scannedAt === undefined ? undefined : now() - scannedAt),
      ),
    problems: () => problems,
    onProblems: problemListeners.add,
    close: async () => {
      watchers.close();
      await Promise.allSettled([rounds.stop(), synced]);
      watchers.close();
    },
  };
}

function show(store: Store, entries: readonly Entry[]): void {
  for (const resource of resources) {
    store.replace(
      resource,
      entries.filter((entry) => entry.resource === resource).map((entry) => entry.projection),
    );
  }
}

function freshnessOf(store: Store, resource: Resource, ageMilliseconds: number | undefined): Freshness {
  return {
    kind: resource.kind,
    synced: store.snapshot.synced,
    objects: store.count(resource),
    ageMilliseconds,
    watchRestarts: 0,
    relistDiffs: 0,
  };
}

/** Runs a task again and again, never twice at once: `soon` after a while, which begins anew with each call, and `rest` after each time. */
function createRounds(
  task: () => Promise<void>,
  rest: number,
): {
  readonly soon: (milliseconds: number) => void;
  readonly stopped: () => boolean;
  readonly stop: () => Promise<void>;
} {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  function soon(milliseconds: number): void {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      running = running.then(task).then(() => {
        soon(rest);
      });
    }, milliseconds);
  }

  return {
    soon,
    stopped: () => stopped,
    stop() {
      stopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}

/** Reads files that are new or changed, in order of their paths; others stay as they are, also those of which nothing is known at the moment. */
async function loadFiles(
  store: Store,
  found: Found,
  before: ReadonlyMap<string, LoadedFile>,
): Promise<ReadonlyMap<string, LoadedFile>> {
  const isHidden = (path: string): boolean =>
    found.unreadable.some(
      (hidden) => path === hidden.path || path.startsWith(`${hidden.path.replace(/\/$/, '')}/`),
    );
  const loaded = new Map([...before].filter(([path]) => isHidden(path)));
  for (const file of found.files) {
    const known = before.get(file.path);
    loaded.set(file.path, known?.stamp === file.stamp ? known : await loadFile(store, file, known));
  }
  return new Map([...loaded].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function loadFile(
  store: Store,
  { path, stamp }: FoundFile,
  before: LoadedFile | undefined,
): Promise<LoadedFile> {
  const { objects, problems } = await readManifestFile(path);
  const entries = objects.map((manifest) => toEntry(store, manifest)).filter((entry) => entry !== undefined);
  const present = new Set(entries.map((entry) => entry.identity));
  const kept =
    problems.length === 0 ? [] : (before?.entries ?? []).filter((entry) => !present.has(entry.identity));
  return { stamp, entries: [...kept, ...entries], problems };
}

function toEntry(store: Store, { object: written, file, line }: Manifest): Entry | undefined {
  const object = placed(written);
  const resource = resourceOf(object);
  if (resource === undefined || !isSelected(object, resource)) return undefined;
  const projection = store.read(resource, object);
  const identity = [resource.kind, resource.group, projection.namespace, projection.name].join('/');
  return projection.name === '' ? undefined : { resource, projection, place: `${file}:${line}`, identity };
}

/** Leaves one entry for each identity, the last; the others are problems. */
function settle(
  entries: readonly Entry[],
): readonly [entries: readonly Entry[], problems: readonly ClusterProblem[]] {
  const last = new Map(entries.map((entry) => [entry.identity, entry]));
  const duplicates = entries.filter((entry) => last.get(entry.identity) !== entry);
  return [
    [...last.values()],
    duplicates.map((entry) => duplicate(entry, last.get(entry.identity)?.place ?? '')),
  ];
}

function duplicate({ resource, projection, place }: Entry, other: string): ClusterProblem {
  const name = [projection.namespace, projection.name].filter((part) => part !== '').join('/');
  return {
    code: 'BL010',
    path: '',
    source: place,
    message: `${place}: ${resource.kind} ${name} is written again at ${other}, which counts: remove one of them.`,
  };
}

function unreadable({ path, reason }: { readonly path: string; readonly reason: string }): ClusterProblem {
  return { code: 'BL010', path: '', source: path, message: `${reason}; what was read before stays.` };
}

/** Watches directories as well as the system can; a watch that fails is left out, since every file is looked at again anyway. */
function createWatchers(changed: () => void): {
  readonly follow: (directories: readonly string[]) => void;
  readonly close: () => void;
} {
  const watchers = new Map<string, FSWatcher>();

  function start(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, changed);
      watchers.set(
        directory,
        watcher.on('error', () => stop(directory)),
      );
    } catch {
      // No watch left (ENOSPC, EMFILE), or gone again.
    }
  }

  function stop(directory: string): void {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  }

  return {
    follow(directories) {
      for (const directory of watchers.keys()) if (!directories.includes(directory)) stop(directory);
      for (const directory of directories) if (!watchers.has(directory)) start(directory);
    },
    close: () => [...watchers.keys()].forEach(stop),
  };
}
