/** An API server in this process that holds raw objects and takes reads and writes of any kind: real sockets, no TLS. It records every write. */
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelsAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { mergePatch } from '../builders.ts';

/** A request that was to change something. */
export interface Write {
  readonly method: string;
  /** `<plural>/<namespace>/<name>`. */
  readonly target: string;
  readonly dryRun: boolean;
  readonly body: unknown;
}

export interface ApiDouble {
  readonly kubeconfig: string;
  readonly writes: Write[];
  /** `<plural>/<namespace>/<name>` → object. */
  readonly objects: Map<string, JsonObject>;
  put(object: JsonObject): void;
  get(target: string): JsonObject | undefined;
  /** Called after each write that was carried out: a controller in miniature. */
  react: (write: Write, self: ApiDouble) => void;
  /** Answers in place of it with this status and message, when it returns them. */
  refuse: (method: string, target: string) => readonly [number, string] | undefined;
  readonly logs: Map<string, string>;
  /** Milliseconds that its clock is ahead. */
  skew: number;
  close(): Promise<void>;
}

const plurals: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  Service: 'services',
  Pod: 'pods',
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  ReplicaSet: 'replicasets',
  VirtualService: 'virtualservices',
  DestinationRule: 'destinationrules',
  Gateway: 'gateways',
  EndpointSlice: 'endpointslices',
  Event: 'events',
};

export async function startApiDouble(objects: readonly JsonObject[]): Promise<ApiDouble> {
  let version = 1;
  const store = new Map<string, JsonObject>();
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  function save(target: string, object: JsonObject, before?: JsonObject): JsonObject {
    version += 1;
    // As of a Deployment: its annotations count, too.
    const changed = ['spec', 'metadata'].some(
      (key) => JSON.stringify(before?.[key]) !== JSON.stringify(object[key]),
    );
    const generation =
      Number((before?.['metadata'] as JsonObject | undefined)?.['generation'] ?? 0) + (changed ? 1 : 0);
    const metadata = {
      uid: `uid-${target}`,
      creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
      ...(object['metadata'] as JsonObject),
      resourceVersion: String(version),
      generation,
    };
    const saved = { ...object, metadata };
    store.set(target, saved);
    return saved;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://double');
    const text = (await request.setEncoding('utf8').toArray()).join('');
    const [, prefix = '', namespace = '', plural = '', name = '', sub] =
      /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([a-z]+)(?:\/([^/]+))?(?:\/(log))?$/.exec(
        url.pathname,
      ) ?? [];
    const method = request.method ?? 'GET';
    const target = `${plural}/${namespace}/${decodeURIComponent(name)}`;
    const send = (status: number, body: unknown): void => {
      response
        .writeHead(status, {
          'content-type': 'application/json',
          date: new Date(Date.now() + double.skew).toUTCString(),
        })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const refused = prefix === '' ? ([404, 'no such path'] as const) : double.refuse(method, target);
    if (refused !== undefined) send(refused[0], { kind: 'Status', code: refused[0], message: refused[1] });
    else if (sub === 'log') send(200, double.logs.get(decodeURIComponent(name)) ?? '');
    else if (method === 'GET')
      read({ plural, namespace, name, target, selector: url.searchParams.get('labelSelector') }, send);
    else
      write(
        {
          method,
          target,
          dryRun: url.searchParams.get('dryRun') === 'All',
          body: text === '' ? {} : (JSON.parse(text) as unknown),
        },
        request.headers['content-type'] ?? '',
        send,
      );
  }

  function read(
    {
      plural,
      namespace,
      name,
      target,
      selector,
    }: { plural: string; namespace: string; name: string; target: string; selector: string | null },
    send: (status: number, body: unknown) => void,
  ): void {
    if (name !== '') {
      const found = store.get(target);
      send(found === undefined ? 404 : 200, found ?? { kind: 'Status', code: 404, message: 'not found' });
      return;
    }
    const [key = '', value] = selector?.split('=') ?? [];
    const items = [...store]
      .filter(
        ([id, object]) =>
          id.startsWith(`${plural}/${namespace === '' ? '' : `${namespace}/`}`) &&
          (selector === null || labelsAt(object, 'metadata', 'labels')[key] === value),
      )
      .map(([, object]) => object);
    send(200, { metadata: { resourceVersion: String(version) }, items });
  }

  function write(one: Write, contentType: string, send: (status: number, body: unknown) => void): void {
    double.writes.push(one);
    const body = one.body as JsonObject;
    const target = one.method === 'POST' ? one.target + (textAt(body, 'metadata', 'name') ?? '') : one.target;
    const before = store.get(target);
    const conflict =
      textAt(body, 'metadata', 'resourceVersion') ?? textAt(body, 'preconditions', 'resourceVersion');
    if (before === undefined && (one.method === 'DELETE' || contentType.includes('merge-patch')))
      send(404, { kind: 'Status', code: 404, message: 'not found' });
    else if (conflict !== undefined && conflict !== textAt(before, 'metadata', 'resourceVersion'))
      send(409, { kind: 'Status', code: 409, message: 'the object has been modified' });
    else if (one.dryRun) send(200, body);
    else {
      if (one.method === 'DELETE') store.delete(target);
      const saved =
        one.method === 'DELETE' ? body : save(target, mergePatch(before ?? {}, body) as JsonObject, before);
      send(200, saved);
      double.react(one, double);
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kubeconfig = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config');
  const clusters = [
    {
      name: 'double',
      cluster: {
        server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        'insecure-skip-tls-verify': true,
      },
    },
  ];
  const contexts = ['ww-green', 'ww-red'].map((name) => ({
    name,
    context: { cluster: 'double', user: 'double', namespace: name },
  }));
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'ww-green',
      clusters,
      users: [{ name: 'double', user: { token: 't' } }],
      contexts,
    }),
  );
  const double: ApiDouble = {
    kubeconfig,
    writes: [],
    objects: store,
    logs: new Map(),
    skew: 0,
    react: () => undefined,
    refuse: () => undefined,
    put(object) {
      const target = `${plurals[textAt(object, 'kind') ?? ''] ?? ''}/${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
      save(target, object, store.get(target));
    },
    get: (target) => store.get(target),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  for (const object of objects) double.put(object);
  return double;
}
