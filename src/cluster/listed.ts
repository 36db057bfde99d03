/** A cluster as it is at one moment: every object that decisions need, whole, for commands that ask once and end. */
import { isObject, type JsonObject } from '../model/json.ts';
import { resources, type Collection, type Resource } from '../model/snapshot.ts';
import { ApiError, connect, type ApiServer, type ServerOptions } from './api-server.ts';
import { readJson } from './json-stream.ts';
import { readPages } from './pages.ts';
import { ClusterError } from './port.ts';
import { apiVersionOf, resourcePath } from './resource-path.ts';

/** Longest time without a byte. */
const silenceMilliseconds = 30_000;

/** Which part of a cluster. */
export interface ListOptions extends ServerOptions {
  /** What is wanted. */
  readonly collections: readonly Collection[];
  /** Only this namespace, with rights in it alone; undefined: all. */
  readonly namespace: string | undefined;
  readonly signal: AbortSignal;
}

/** Lists every kind of the collections. A custom kind that is not served has no objects. @throws {@link ClusterError} when one cannot be read. */
export async function listCluster({
  collections,
  namespace,
  signal,
  ...server
}: ListOptions): Promise<readonly JsonObject[]> {
  const api = await connect(server);
  try {
    const wanted = resources.filter(({ collection }) => collections.includes(collection));
    const kinds = await Promise.all(
      wanted.map((resource) =>
        namespace !== undefined && !resource.namespaced
          ? readOne(api, resource, namespace, signal)
          : listKind(api, resource, namespace, signal),
      ),
    );
    return kinds.flat();
  } finally {
    api.close();
  }
}

async function listKind(
  api: ApiServer,
  resource: Resource,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  const found: JsonObject[] = [];
  try {
    const path = resourcePath(resource, resource.namespaced ? namespace : '');
    for await (const { items } of readPages(api, path, {
      query: selectorOf(resource),
      signal,
      silenceMilliseconds,
    }))
      found.push(...items.filter(isObject).map((item) => named(item, resource)));
    return found;
  } catch (error) {
    if (resource.custom && error instanceof ApiError && error.status === 404) return [];
    throw new ClusterError(
      `${resource.plural} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      true,
      error,
    );
  }
}

/** The Namespace itself: who may list one namespace's objects may not list all Namespaces. */
async function readOne(
  api: ApiServer,
  resource: Resource,
  name: string,
  signal: AbortSignal,
): Promise<readonly JsonObject[]> {
  try {
    const object = await readJson(
      await api.get(resourcePath(resource, '', name), { signal, silenceMilliseconds }),
    );
    return isObject(object) ? [named(object, resource)] : [];
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return [];
    throw new ClusterError(
      `${resource.kind} ${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      true,
      error,
    );
  }
}

/** Items of a list do not say what they are. */
function named(item: JsonObject, resource: Resource): JsonObject {
  return { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function selectorOf({ labelSelector }: Resource): Readonly<Record<string, string>> {
  return labelSelector === undefined ? {} : { labelSelector };
}
