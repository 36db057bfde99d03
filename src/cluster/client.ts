/** Single requests with the rights of whoever runs a command: read, list one namespace, change one object. Nothing is watched. */
import { isObject, textAt, type JsonObject } from '../model/json.ts';
import {
  ApiError,
  connect,
  type ApiServer,
  type GetOptions,
  type SendOptions,
  type ServerOptions,
} from './api-server.ts';
import { readJson, readText } from './json-stream.ts';
import { readPages } from './pages.ts';
import { apiVersionOf, resourcePath, servedKind } from './resource-path.ts';

/** Names one object. `namespace` is empty for cluster-scoped kinds. */
interface ObjectName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What is listed. */
interface ListOptions {
  readonly kind: string;
  /** Empty: of every namespace. */
  readonly namespace: string;
  readonly labelSelector?: string;
  /** Without spec and status: a fraction of the bytes. */
  readonly metadataOnly?: boolean;
}

/** Requests to one API server. Every method rejects with `ClusterError`, {@link ApiError} where it answered. */
export interface Client {
  /** Namespace of the context. */
  readonly namespace: string;
  /** The server's clock in its last answer, to the second, in milliseconds since 1970. */
  readonly serverTime: () => number | undefined;
  /** Reads one object; undefined when it is not there. */
  readonly read: (target: ObjectName) => Promise<JsonObject | undefined>;
  /** Lists in pages, telling of each object as it arrives; a kind that is not served has none. */
  list(options: ListOptions, onObject: (object: JsonObject) => void): Promise<void>;
  /** Creates an object. */
  create(object: JsonObject): Promise<JsonObject>;
  /** Server-side apply; fields that others own are taken over. */
  apply(object: JsonObject, manager: string, options?: { readonly dryRun?: boolean }): Promise<JsonObject>;
  /** JSON merge patch. */
  readonly patch: (target: ObjectName, body: JsonObject) => Promise<JsonObject>;
  /** Removes the object of this uid in this state, its pods after it; fine when it is gone. */
  readonly remove: (
    target: ObjectName,
    precondition: { readonly uid: string; readonly resourceVersion: string },
  ) => Promise<void>;
  /** Returns the last lines of a container's log; those of its run before the present one where `previous`. */
  log(
    pod: { readonly namespace: string; readonly name: string; readonly container: string },
    lines: number,
    previous: boolean,
  ): Promise<string>;
  readonly close: () => void;
}

const metadataType = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
/** A command waits this long for a word. */
const silenceMilliseconds = 30_000;
/** Longest log that is read; the last lines of a crash are far shorter. */
const logLimitBytes = 64 * 1024;

/** Connects. @throws `ClusterError` when the kubeconfig does not tell where. */
export async function openClient(server: ServerOptions, signal: AbortSignal): Promise<Client> {
  const api = await connect(server);
  const limits: GetOptions = { signal, silenceMilliseconds };
  const send = async (
    path: string,
    options: Omit<SendOptions, 'signal' | 'silenceMilliseconds'>,
  ): Promise<JsonObject> => {
    const answer = await api.send(path, { ...options, ...limits });
    return isObject(answer) ? answer : {};
  };
  return {
    namespace: api.namespace,
    serverTime: api.serverTime,
    async read(target) {
      try {
        return asObject(await readJson(await api.get(pathOf(target), limits)));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      }
    },
    list: (options, onObject) => listPages(api, limits, options, onObject),
    create: (object) =>
      send(pathOf({ ...nameOf(object), name: '' }), {
        method: 'POST',
        body: object,
        query: { fieldManager: personManager },
      }),
    apply: (object, manager, { dryRun = false } = {}) =>
      send(pathOf(nameOf(object)), {
        method: 'PATCH',
        contentType: 'application/apply-patch+yaml',
        body: object,
        query: { fieldManager: manager, force: 'true', ...(dryRun ? { dryRun: 'All' } : {}) },
      }),
    patch: (target, body) =>
      send(pathOf(target), {
        method: 'PATCH',
        contentType: 'application/merge-patch+json',
        body,
        query: { fieldManager: personManager },
      }),
    async remove(target, preconditions) {
      try {
        await send(pathOf(target), {
          method: 'DELETE',
          body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions },
        });
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      }
    },
    async log({ namespace, name, container }, lines, previous) {
      const query = {
        container,
        tailLines: String(lines),
        limitBytes: String(logLimitBytes),
        ...(previous ? { previous: 'true' } : {}),
      };
      return readText(
        await api.get(`${pathOf({ kind: 'Pod', namespace, name })}/log`, {
          ...limits,
          query,
          accept: 'text/plain, */*',
        }),
      );
    },
    close: api.close,
  };
}

/** Field manager of what a person's command changes, apart from the controller's. */
const personManager = 'branchline-cli';

async function listPages(
  api: ApiServer,
  limits: GetOptions,
  { kind, namespace, labelSelector, metadataOnly = false }: ListOptions,
  onObject: (object: JsonObject) => void,
): Promise<void> {
  const served = servedKind(kind);
  const apiVersion = apiVersionOf(served);
  const options: GetOptions = {
    ...limits,
    query: labelSelector === undefined ? {} : { labelSelector },
    ...(metadataOnly ? { accept: metadataType } : {}),
  };
  try {
    for await (const { items } of readPages(api, pathOf({ kind, namespace, name: '' }), options))
      for (const item of items) onObject({ ...asObject(item), apiVersion, kind });
  } catch (error) {
    if (!(served.custom === true && error instanceof ApiError && error.status === 404)) throw error;
  }
}

function pathOf({ kind, namespace, name }: ObjectName): string {
  return resourcePath(servedKind(kind), namespace, name);
}

function nameOf(object: JsonObject): ObjectName {
  return {
    kind: textAt(object, 'kind') ?? '',
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: textAt(object, 'metadata', 'name') ?? '',
  };
}

function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
