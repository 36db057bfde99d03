/**
 * Keeps one kind of object current: list, then watch from where the list ended, for ever.
 *
 * | what happens | what follows |
 * |---|---|
 * | the server ends a watch in time | the next one begins where it ended |
 * | a dropped connection, silence, half a line or a line that is no JSON | a new watch from the last event, after a pause |
 * | 410: what we knew last is too old | a new list; what it finds different was missed |
 * | 401, 403, 429, 5xx | the same again after a pause, at least as long as `Retry-After` says |
 * | 404 for a custom resource | there are none; it is looked for again |
 */
import { at, textAt } from '../model/json.ts';
import type { Projection, Resource } from '../model/snapshot.ts';
import { ApiError, toStatusError, type ApiServer, type GetOptions } from './api-server.ts';
import { parse, readLines } from './json-stream.ts';
import { readPages } from './pages.ts';
import type { Freshness } from './port.ts';
import { resourcePath } from './resource-path.ts';
import type { Store } from './store.ts';

/** Times and sizes of a reflector; tests make them small. */
export interface ReflectorOptions {
  /** A watch or list without a byte for this long is given up; bookmarks come every minute. */
  readonly silenceMilliseconds: number;
  /** A watch is ended by the server after this long, and a random part of as much again, so that not all end at once. */
  readonly watchSeconds: number;
  /** Objects to a page of a list. */
  readonly pageSize: number;
  /** A custom resource that is not served is looked for again this often. */
  readonly absentMilliseconds: number;
  /** First and longest pause after a failure. */
  readonly backoffMilliseconds: readonly [number, number];
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** A running reflector. */
export interface Reflector {
  freshness(): Freshness;
  /** Why the kind cannot be read at the moment, in words. */
  problem(): string | undefined;
}

/** What the reflector tells whoever started it. */
interface ReflectorEvents {
  /** The first list is complete. Once. */
  readonly synced: () => void;
  /** {@link Reflector.problem} has another answer. */
  readonly changed: () => void;
}

/** Where a reflector reads and writes. */
export interface ReflectorSite {
  readonly resource: Resource;
  readonly api: ApiServer;
  readonly store: Store;
  readonly options: ReflectorOptions;
  readonly events: ReflectorEvents;
  readonly signal: AbortSignal;
}

/** Starts a reflector, which runs until the signal. @returns it, and the end of its run, which never rejects. */
export function startReflector(site: ReflectorSite): Reflector & { readonly ended: Promise<void> } {
  const { resource, store, options, signal } = site;
  const state: State = {
    synced: false,
    heardAt: undefined,
    restarts: 0,
    diffs: 0,
    failures: 0,
    problem: undefined,
    version: undefined,
  };
  return {
    freshness: () => ({
      kind: resource.kind,
      synced: state.synced,
      objects: store.count(resource),
      ageMilliseconds: state.heardAt === undefined ? undefined : options.now() - state.heardAt,
      watchRestarts: state.restarts,
      relistDiffs: state.diffs,
    }),
    problem: () => state.problem,
    ended: run(site, state, signal),
  };
}

interface State {
  synced: boolean;
  heardAt: number | undefined;
  restarts: number;
  diffs: number;
  /** Failures since anything was last heard. */
  failures: number;
  problem: string | undefined;
  /** Where to watch from; undefined: list first. */
  version: string | undefined;
}

async function run(site: ReflectorSite, state: State, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      state.version ??= await list(site, state);
      if (state.version === undefined) await pause(site.options.absentMilliseconds, signal);
      else await watch(site, state, state.version);
    } catch (error) {
      if (signal.aborted) return;
      await recover(site, state, error);
    }
  }
}

/** Lists, and makes the store what was found. @returns where to watch from; undefined when the kind is not served. */
async function list(site: ReflectorSite, state: State): Promise<string | undefined> {
  const listed = await listPages(site, state).catch((error: unknown) => {
    if (site.resource.custom && error instanceof ApiError && error.status === 404)
      return { found: [], version: undefined };
    throw error;
  });
  heard(site, state);
  const differences = site.store.replace(site.resource, listed.found);
  if (state.synced) state.diffs += differences;
  else {
    state.synced = true;
    site.events.synced();
  }
  return listed.version;
}

interface Listed {
  readonly found: readonly Projection[];
  readonly version: string | undefined;
}

/** Page by page; a 410 in between fails the list, and the next one begins anew. */
async function listPages(site: ReflectorSite, state: State): Promise<Listed> {
  const { resource, store, api, options } = site;
  const found: Projection[] = [];
  let version = '';
  const pages = readPages(api, resourcePath(resource), { ...limitsOf(site), limit: options.pageSize });
  for await (const { items, resourceVersion } of pages) {
    touched(site, state);
    for (const item of items) found.push(store.read(resource, item));
    version = resourceVersion;
  }
  return { found, version };
}

/** Watches until the server ends it; each event moves the place to go on from. */
async function watch(site: ReflectorSite, state: State, version: string): Promise<void> {
  const { options } = site;
  const timeoutSeconds = String(Math.round(options.watchSeconds * (1 + options.random())));
  const limits = limitsOf(site);
  const body = await site.api.get(resourcePath(site.resource), {
    ...limits,
    query: {
      ...limits.query,
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds,
    },
  });
  touched(site, state);
  for await (const line of readLines(body)) {
    if (line.trim() === '') continue;
    take(site, state, parse(line));
    heard(site, state);
  }
  heard(site, state);
}

function take({ resource, store }: ReflectorSite, state: State, event: unknown): void {
  const object = at(event, 'object');
  const type = textAt(event, 'type');
  if (type === 'ERROR') throw toStatusError(object);
  if (type === 'ADDED' || type === 'MODIFIED') store.put(resource, store.read(resource, object));
  else if (type === 'DELETED') {
    const { namespace, name } = store.read(resource, object);
    store.remove(resource, namespace, name);
  }
  state.version = textAt(object, 'metadata', 'resourceVersion') ?? state.version;
}

function limitsOf({ resource, options, signal }: ReflectorSite): GetOptions {
  return {
    query: resource.labelSelector === undefined ? {} : { labelSelector: resource.labelSelector },
    signal,
    silenceMilliseconds: options.silenceMilliseconds,
  };
}

/** The server answered something of worth: what failed before counts no more. */
function heard(site: ReflectorSite, state: State): void {
  touched(site, state);
  state.failures = 0;
}

/** The server answered. A watch that opens and breaks at once is no reason to try faster. */
function touched({ options, events }: ReflectorSite, state: State): void {
  state.heardAt = options.now();
  if (state.problem === undefined) return;
  state.problem = undefined;
  events.changed();
}

/** What we knew last is of no use: too old (410), of a kind that went away (404), or of a server that was restored from a backup (400). */
const startOver: readonly (number | undefined)[] = [410, 404, 400];

/** Decides where to go on after a failure, and waits before. */
async function recover(site: ReflectorSite, state: State, error: unknown): Promise<void> {
  const { options, signal } = site;
  const status = error instanceof ApiError ? error.status : undefined;
  if (state.version !== undefined) state.restarts += 1;
  if (startOver.includes(status)) state.version = undefined;
  const [first, longest] = options.backoffMilliseconds;
  const wait = Math.min(longest, first * 2 ** state.failures) * (0.5 + options.random() / 2);
  state.failures += 1;
  if (state.failures > 1 || !state.synced) report(site, state, error);
  await pause(Math.max(wait, error instanceof ApiError ? error.retryAfterMilliseconds : 0), signal);
}

/** One failure in between is daily life; a second one, or one before anything was read, is somebody's business. */
function report({ resource, events }: ReflectorSite, state: State, error: unknown): void {
  const problem = `${resource.plural} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  if (problem === state.problem) return;
  state.problem = problem;
  events.changed();
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end, { once: true });
  });
}
