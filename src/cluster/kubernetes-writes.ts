/** Writes to a Kubernetes cluster: one request each, no retries; who calls decides when to try again. */
import { textAt, type JsonObject } from '../model/json.ts';
import { fieldManager } from '../model/keys.ts';
import { ApiError, connect, type ApiServer, type SendOptions, type ServerOptions } from './api-server.ts';
import { readJson } from './json-stream.ts';
import { ClusterError } from './port.ts';
import { resourcePath, servedKind } from './resource-path.ts';
import { Conflict, Gone, type Target, type Writes, type Written } from './writes.ts';

/** Which cluster, and how long a write may take. */
export interface WritesOptions extends ServerOptions {
  /** A write without an answer for this long is given up. Default 4 s: what a leader may take that has just lost its Lease. */
  readonly timeoutMilliseconds?: number;
}

/** Opens the way to write. Nothing is sent before the first write. @see https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
export function openKubernetesWrites({ timeoutMilliseconds = 4000, ...server }: WritesOptions): Writes {
  const stop = new AbortController();
  let opened: Promise<ApiServer> | undefined;

  const limits = (): { signal: AbortSignal; silenceMilliseconds: number } => ({
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMilliseconds)]),
    silenceMilliseconds: timeoutMilliseconds,
  });
  const api = (): Promise<ApiServer> => {
    opened ??= connect(server).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };

  async function send(
    path: string,
    options: Omit<SendOptions, 'signal' | 'silenceMilliseconds'>,
  ): Promise<Written> {
    try {
      return toWritten(await (await api()).send(path, { ...options, ...limits() }));
    } catch (error) {
      throw toOutcome(error);
    }
  }

  return {
    apply: (object, { force }) =>
      send(pathOf(targetOf(object)), {
        method: 'PATCH',
        contentType: 'application/apply-patch+yaml',
        body: object,
        query: { fieldManager, force: String(force) },
      }),
    create: (object, { dryRun } = { dryRun: false }) =>
      send(pathOf({ ...targetOf(object), name: '' }), {
        method: 'POST',
        body: object,
        query: { fieldManager, ...(dryRun ? { dryRun: 'All' } : {}) },
      }),
    replace: (object) =>
      send(pathOf(targetOf(object)), { method: 'PUT', body: object, query: { fieldManager } }),
    async read(target) {
      try {
        return toWritten(await readJson(await (await api()).get(pathOf(target), limits())));
      } catch (error) {
        const outcome = toOutcome(error);
        if (outcome instanceof Gone) return undefined;
        throw outcome;
      }
    },
    async remove(target, precondition) {
      const preconditions =
        precondition === undefined
          ? {}
          : {
              uid: precondition.uid,
              ...(precondition.revision === '' ? {} : { resourceVersion: precondition.revision }),
            };
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: 'Background',
        ...(precondition === undefined || precondition.uid === '' ? {} : { preconditions }),
      };
      try {
        await send(pathOf(target), { method: 'DELETE', body });
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
      }
    },
    async setPodCondition(target, condition) {
      await send(`${pathOf(target)}/status`, {
        method: 'PATCH',
        contentType: 'application/strategic-merge-patch+json',
        body: { status: { conditions: [condition] } },
        query: { fieldManager },
      });
    },
    close() {
      stop.abort();
      void opened?.then(
        (server) => {
          server.close();
        },
        () => undefined,
      );
    },
  };
}

function targetOf(object: JsonObject): Target {
  return {
    kind: textAt(object, 'kind') ?? '',
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: textAt(object, 'metadata', 'name') ?? '',
  };
}

function pathOf({ kind, namespace, name }: Target): string {
  return resourcePath(servedKind(kind), namespace, name);
}

function toWritten(object: unknown): Written {
  return {
    uid: textAt(object, 'metadata', 'uid') ?? '',
    revision: textAt(object, 'metadata', 'resourceVersion') ?? '',
    object,
  };
}

function toOutcome(error: unknown): ClusterError {
  if (error instanceof ApiError) {
    if (error.status === 409) return new Conflict(error.message, error);
    return error.status === 404 ? new Gone(error.message, error) : error;
  }
  return error instanceof ClusterError
    ? error
    : new ClusterError(error instanceof Error ? error.message : String(error), true, error);
}
