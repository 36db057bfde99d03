/** A Kubernetes cluster read once, by lists alone: a snapshot, and the raw objects of some kinds. Nothing is watched and nothing is written. */
import { at, isObject, objectAt, type JsonObject } from '../model/json.ts';
import { resourceOf, resources, type Resource, type Snapshot } from '../model/snapshot.ts';
import { ApiError, connect, type ApiServer, type ServerOptions } from './api-server.ts';
import { placed } from './manifests.ts';
import { readPages } from './pages.ts';
import { ClusterError, type ClusterProblem } from './port.ts';
import { apiVersionOf, resourcePath } from './resource-path.ts';
import { createStore } from './store.ts';

/** A kind that is listed. */
export interface ListedKind extends Pick<
  Resource,
  'kind' | 'group' | 'version' | 'plural' | 'labelSelector'
> {
  /** A cluster that does not serve it has none of them. */
  readonly custom: boolean;
}

/** What to read. */
export interface ReadOptions extends ServerOptions {
  /** Kinds whose raw objects are wanted; a kind of the snapshot is listed once for both. Without the right to list them there is nothing to do. */
  readonly keep: readonly ListedKind[];
  /** Objects that stand in place of the cluster's own, or beside them: manifests that are to be applied. */
  readonly over: readonly JsonObject[];
  readonly signal: AbortSignal;
  readonly silenceMilliseconds: number;
}

/** A cluster as it was. */
export interface ReadOnce {
  readonly snapshot: Snapshot;
  /** Raw objects of the kinds to keep, with their kind and version, without managedFields. */
  readonly kept: readonly JsonObject[];
  /** Kinds that may not be read: nothing is known of them. */
  readonly problems: readonly ClusterProblem[];
}

/** Lists that grew too old while they were read begin anew, so often. */
const turnsMax = 3;

/** Reads every kind of the snapshot, and those to keep. @throws {ClusterError} when there is no cluster, it does not answer, or a kind to keep may not be read. */
export async function readCluster({
  keep,
  over,
  signal,
  silenceMilliseconds,
  ...server
}: ReadOptions): Promise<ReadOnce> {
  const api = await connect(server);
  const store = createStore();
  const kept: JsonObject[] = [];
  const problems: ClusterProblem[] = [];
  try {
    await Promise.all(
      kindsOf(keep).map(async ({ kind, resource, isKept }) => {
        const found = await list({ api, kind, signal, silenceMilliseconds }, (item) => ({
          projection: resource && store.read(resource, item),
          raw: isKept ? bare(item, kind) : undefined,
        })).catch((error: unknown) => {
          if (isKept || !(error instanceof ApiError) || error.status !== 403) throw error;
          problems.push({
            code: 'BL011',
            path: '',
            source: kind.kind,
            message: `${kind.plural} cannot be read: ${error.message}: rules about them are not asked`,
          });
          return [];
        });
        for (const { projection, raw } of found) {
          if (resource !== undefined && projection !== undefined) store.put(resource, projection);
          if (raw !== undefined) kept.push(raw);
        }
      }),
    );
  } finally {
    api.close();
  }
  for (const object of over.map(placed)) {
    const resource = resourceOf(object);
    if (resource !== undefined) store.put(resource, store.read(resource, object));
  }
  store.markSynced();
  return {
    snapshot: store.snapshot,
    kept,
    problems: problems.sort((a, b) => (a.source < b.source ? -1 : 1)),
  };
}

interface Wanted {
  readonly kind: ListedKind;
  readonly resource: Resource | undefined;
  readonly isKept: boolean;
}

function kindsOf(keep: readonly ListedKind[]): readonly Wanted[] {
  const isSame = (one: ListedKind, other: ListedKind): boolean =>
    one.group === other.group && one.plural === other.plural;
  const known = resources.map((resource) => ({
    kind: resource,
    resource,
    isKept: keep.some((kind) => isSame(kind, resource)),
  }));
  return [
    ...known,
    ...keep
      .filter((kind) => !resources.some((resource) => isSame(kind, resource)))
      .map((kind) => ({ kind, resource: undefined, isKept: true })),
  ];
}

interface Listing {
  readonly api: ApiServer;
  readonly kind: ListedKind;
  readonly signal: AbortSignal;
  readonly silenceMilliseconds: number;
}

async function list<T>(listing: Listing, take: (item: unknown) => T): Promise<readonly T[]> {
  for (let turn = 1; ; turn++) {
    try {
      return await listOnce(listing, take);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : undefined;
      if (status === 404 && listing.kind.custom) return [];
      if (status !== 410 || turn === turnsMax)
        throw error instanceof ClusterError
          ? error
          : new ClusterError(
              `${listing.kind.plural} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
              true,
              error,
            );
    }
  }
}

async function listOnce<T>(
  { api, kind, signal, silenceMilliseconds }: Listing,
  take: (item: unknown) => T,
): Promise<readonly T[]> {
  const found: T[] = [];
  const query = kind.labelSelector === undefined ? {} : { labelSelector: kind.labelSelector };
  for await (const { items } of readPages(api, resourcePath(kind), { query, signal, silenceMilliseconds }))
    for (const item of items) found.push(take(item));
  return found;
}

function bare(item: unknown, kind: ListedKind): JsonObject {
  const metadata = Object.fromEntries(
    Object.entries(objectAt(item, 'metadata')).filter(([key]) => key !== 'managedFields'),
  );
  return {
    apiVersion: at(item, 'apiVersion') ?? apiVersionOf(kind),
    kind: kind.kind,
    ...(isObject(item) ? item : {}),
    metadata,
  };
}
