/**
 * The app of every pod: one process that listens on all addresses of the box's network, and answers as the pod whose address was asked. HTTP/1.1 and
 * HTTP/2 without TLS (gRPC's way) on the same port.
 */
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import type { RunningPod } from './kubelet.ts';

/** What an app answers, as JSON: who it is and what it was asked. */
export interface Echo {
  readonly pod: string;
  readonly namespace: string;
  /** The pod's label `app`, else its name. */
  readonly service: string;
  /** The pod's label `version`; empty without one. */
  readonly version: string;
  readonly method: string;
  readonly path: string;
  readonly port: number;
  /** As received; names in lower case, repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Running apps. */
export interface Apps {
  close(): Promise<void>;
}

/**
 * Starts the apps of every pod on these ports. A connection to an address that no pod has, or whose pod is `isDead`, is reset.
 * @param podAt says which pod has an address.
 */
export async function startApps(
  ports: readonly number[],
  podAt: (address: string) => RunningPod | undefined,
  isDead: (pod: RunningPod) => boolean,
): Promise<Apps> {
  const sockets = new Set<Socket>();
  const answer = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    const { localAddress = '', localPort = 0 } = request.socket;
    const pod = podAt(plain(localAddress));
    if (pod === undefined || isDead(pod)) {
      request.socket.destroy();
      return;
    }
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(describe(pod, request, localPort)));
  };
  const http = createHttp(answer);
  // An app that closes an idle connection just when a proxy sends on it is a 503 in any mesh, with or without branches: none of ours does.
  http.keepAliveTimeout = 0;
  const http2 = createHttp2(answer);
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined);
    const pod = podAt(plain(socket.localAddress ?? ''));
    if (pod === undefined || isDead(pod)) return void socket.resetAndDestroy();
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return;
      socket.unshift(first);
      (first.subarray(0, 3).toString('latin1') === 'PRI' ? http2 : http).emit('connection', socket);
    });
  };
  const servers = await Promise.all(ports.map((port) => listen(port, accept)));
  return {
    async close() {
      const closed = servers.map((server) => once(server, 'close'));
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

async function listen(port: number, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer(accept).listen(port, '0.0.0.0');
  await once(server, 'listening');
  return server;
}

function plain(address: string): string {
  return address.replace(/^::ffff:/, '');
}

function describe(pod: RunningPod, request: IncomingMessage | Http2ServerRequest, port: number): Echo {
  const headers = Object.entries(request.headers).map(
    ([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')] as const,
  );
  return {
    pod: pod.name,
    namespace: pod.namespace,
    service: pod.labels['app'] ?? pod.name,
    version: pod.labels['version'] ?? '',
    method: request.method ?? '',
    path: request.url ?? '',
    port,
    headers: Object.fromEntries(headers),
  };
}
