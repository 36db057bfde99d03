/** An API server in this process: lists in pages, watches with bookmarks, and misbehaves on command. Real sockets, no TLS. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { labelsAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { resourceOf, resources, type Resource } from '../../src/model/snapshot.ts';

interface Entry {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly resource: Resource;
  readonly object: JsonObject;
}

interface Watcher {
  readonly resource: Resource;
  readonly response: ServerResponse;
}

/** How a request is answered instead of as it should be. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface FakeApiServer {
  readonly url: string;
  put(object: JsonObject): void;
  remove(object: JsonObject): void;
  /** Every request is shown to the fault first; it answers by itself and returns true, or leaves it. */
  fault: Fault | undefined;
  /** Sends raw text to every watcher of a kind. */
  write(kind: string, text: string): void;
  /** Ends every watch: politely, or by breaking the connection. */
  endWatches(how: 'end' | 'destroy'): void;
  /** From now on objects change without any watcher being told, until {@link FakeApiServer.endWatches}. */
  silent: boolean;
  /** Versions before the present one are too old to watch from. */
  compact(): void;
  /** Kinds that are not served. */
  readonly absent: Set<string>;
  /** Number of list and watch requests so far, by kind. */
  requests(kind: string, what: 'list' | 'watch'): number;
  /** Watches that are open now. */
  watching(kind: string): number;
  stop(): Promise<void>;
  /** Listens again on the same port. */
  start(): Promise<void>;
}

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const objects = new Map<string, { resource: Resource; object: JsonObject }>();
  const log: Entry[] = [];
  const watchers = new Set<Watcher>();
  const counts = new Map<string, number>();
  let version = 1;
  let oldest = 0;
  let server: Server | undefined;
  let port = 0;

  function record(type: Entry['type'], resource: Resource, object: JsonObject): void {
    version += 1;
    const stamped = {
      ...object,
      metadata: { ...(object['metadata'] as JsonObject), resourceVersion: String(version) },
    };
    const id = `${resource.kind}/${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
    if (type === 'DELETED') objects.delete(id);
    else objects.set(id, { resource, object: stamped });
    const entry: Entry = { type, version, resource, object: stamped };
    log.push(entry);
    if (!fake.silent) for (const watcher of watchers) tell(watcher, entry);
  }

  function tell({ resource, response }: Watcher, entry: Entry): void {
    if (entry.resource === resource && matches(entry.object, resource))
      response.write(`${JSON.stringify({ type: entry.type, object: entry.object })}\n`);
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake');
    const resource = resources.find(
      (one) =>
        url.pathname ===
        (one.group === ''
          ? `/api/${one.version}/${one.plural}`
          : `/apis/${one.group}/${one.version}/${one.plural}`),
    );
    const what = url.searchParams.has('watch') ? 'watch' : 'list';
    counts.set(`${resource?.kind ?? '?'} ${what}`, (counts.get(`${resource?.kind ?? '?'} ${what}`) ?? 0) + 1);
    if (fake.fault?.(request, response) === true) return;
    if (resource === undefined || fake.absent.has(resource.kind))
      sendStatus(response, 404, 'the server could not find the requested resource');
    else if (what === 'watch') watch(resource, Number(url.searchParams.get('resourceVersion')), response);
    else list(resource, url.searchParams, response);
  }

  function list(resource: Resource, query: URLSearchParams, response: ServerResponse): void {
    const all = [...objects.values()]
      .filter((one) => one.resource === resource && matches(one.object, resource))
      .map(({ object }) => withoutKind(object));
    const start = Number(query.get('continue') ?? 0);
    const end = start + Number(query.get('limit') ?? all.length);
    const metadata = {
      resourceVersion: String(version),
      ...(end < all.length ? { continue: String(end) } : {}),
    };
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ kind: `${resource.kind}List`, metadata, items: all.slice(start, end) }));
  }

  function watch(resource: Resource, from: number, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    if (from < oldest) {
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } })}\n`,
      );
      return;
    }
    response.flushHeaders();
    const watcher: Watcher = { resource, response };
    watchers.add(watcher);
    response.on('close', () => {
      watchers.delete(watcher);
    });
    for (const entry of log) if (entry.version > from) tell(watcher, entry);
  }

  const fake: FakeApiServer = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    put(object) {
      const resource = resourceOf(object);
      if (resource === undefined) throw new Error(`the fake does not serve ${String(object['kind'])}`);
      const id = `${resource.kind}/${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
      record(objects.has(id) ? 'MODIFIED' : 'ADDED', resource, object);
    },
    remove(object) {
      const resource = resourceOf(object);
      if (resource !== undefined) record('DELETED', resource, object);
    },
    fault: undefined,
    write(kind, text) {
      for (const { resource, response } of watchers) if (resource.kind === kind) response.write(text);
    },
    endWatches(how) {
      fake.silent = false;
      const open = [...watchers];
      watchers.clear();
      for (const { response } of open) {
        if (how === 'end') response.end();
        else response.destroy();
      }
    },
    silent: false,
    compact() {
      oldest = version;
    },
    absent: new Set(),
    requests: (kind, what) => counts.get(`${kind} ${what}`) ?? 0,
    watching: (kind) => [...watchers].filter(({ resource }) => resource.kind === kind).length,
    async stop() {
      server?.closeAllConnections();
      const closing = server === undefined ? undefined : once(server, 'close');
      server?.close();
      await closing;
    },
    async start() {
      server = createServer(answer).listen(port, '127.0.0.1');
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
    },
  };
  await fake.start();
  return fake;
}

/** The items of a list do not carry their kind. */
function withoutKind(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== 'kind' && key !== 'apiVersion'));
}

function matches(object: JsonObject, { labelSelector }: Resource): boolean {
  const [key = '', value] = labelSelector?.split('=') ?? [];
  return labelSelector === undefined || labelsAt(object, 'metadata', 'labels')[key] === value;
}

export function sendStatus(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  response
    .writeHead(code, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ kind: 'Status', code, message }));
}
