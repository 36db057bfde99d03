/** A cluster as it is at one moment: every object that decisions need, whole, for commands that ask once and end. */
import { isObject, textAt, type JsonObject } from '../model/json.ts';
import { resources, type Collection, type Resource } from '../model/snapshot.ts';
import { ApiError, connect, type ApiServer, type ServerOptions } from './api-server.ts';
import { readList } from './json-stream.ts';
import { ClusterError } from './port.ts';

/** Longest time without a byte. */
const silenceMilliseconds = 30_000;
/** Objects to a page. */
const pageSize = 500;

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
    await readPages(
      async (query) =>
        api.get(pathOf(resource, namespace), {
          query: { ...selectorOf(resource), ...query },
          signal,
          silenceMilliseconds,
        }),
      (item) => {
        found.push(named(item, resource));
      },
    );
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
    const chunks: Uint8Array[] = [];
    for await (const chunk of await api.get(`${pathOf(resource, undefined)}/${encodeURIComponent(name)}`, {
      signal,
      silenceMilliseconds,
    }))
      chunks.push(chunk);
    const object: unknown = JSON.parse(Buffer.concat(chunks).toString());
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

async function readPages(
  get: (query: Readonly<Record<string, string>>) => Promise<AsyncIterable<Uint8Array>>,
  take: (item: JsonObject) => void,
): Promise<void> {
  let proceed = '';
  do {
    const query = { limit: String(pageSize), ...(proceed === '' ? {} : { continue: proceed }) };
    const envelope = await readList(await get(query), (item) => {
      if (isObject(item)) take(item);
    });
    proceed = textAt(envelope, 'metadata', 'continue') ?? '';
  } while (proceed !== '');
}

/** Items of a list do not say what they are. */
function named(item: JsonObject, resource: Resource): JsonObject {
  return { ...item, apiVersion: versionOf(resource), kind: resource.kind };
}

function selectorOf({ labelSelector }: Resource): Readonly<Record<string, string>> {
  return labelSelector === undefined ? {} : { labelSelector };
}

function versionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

function pathOf(resource: Resource, namespace: string | undefined): string {
  const inside =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${resource.group === '' ? '/api' : '/apis'}/${versionOf(resource)}${inside}/${resource.plural}`;
}
