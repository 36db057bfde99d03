/** One HTTP/1.1 connection over TLS, written by hand: a loader must cost less than what it measures. One request at a time, no retries, nothing hidden. */
import { connect, type TLSSocket } from 'node:tls';

/** Whom to call, and which CA to trust (PEM). */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  /** The name that the certificate must carry; `host` unless given. */
  readonly serverName?: string;
}

/** A whole response. `body` is valid until the next one arrives. */
export interface Response {
  readonly status: number;
  readonly body: Buffer;
  /** The server ends the connection after this response. */
  readonly isLast: boolean;
}

/** An open connection. */
export interface Connection {
  /** False from the moment that either end has closed it, or has said that it will. */
  isOpen(): boolean;
  /** Serial number of the certificate that the server showed. */
  readonly certificateSerial: string;
  /** Sends whole bytes of one request (see {@link post}) and resolves with its response. @throws Error when the connection ends before that. */
  send(request: Buffer): Promise<Response>;
  close(): void;
}

/** Longest wait for a connection and for an answer, in milliseconds: more than the API server gives a webhook. */
const patienceMs = 30_000;

/** Opens a connection. @throws Error with node's `code` when that fails. */
export function openConnection(endpoint: Endpoint): Promise<Connection> {
  const { host, port, ca, serverName = host } = endpoint;
  const isName = /[a-z]/i.test(serverName);
  const identity = isName ? { servername: serverName } : {};
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, ca, ALPNProtocols: ['http/1.1'], ...identity });
    socket.setNoDelay(true);
    socket.setTimeout(patienceMs, () => {
      socket.destroy(new Error(`no answer within ${patienceMs} ms`));
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      socket.setTimeout(0);
      resolve(follow(socket));
    });
  });
}

interface Waiter {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
}

function follow(socket: TLSSocket): Connection {
  let open = true;
  let waiter: Waiter | undefined;
  let received: Buffer | undefined;
  const end = (error: Error): void => {
    open = false;
    waiter?.reject(error);
    waiter = undefined;
  };
  socket.on('data', (chunk: Buffer) => {
    received = received === undefined ? chunk : Buffer.concat([received, chunk]);
    const response = readResponse(received);
    if (response === undefined) return;
    received = undefined;
    open &&= !response.isLast;
    socket.setTimeout(0);
    const { resolve } = waiter ?? {};
    waiter = undefined;
    // What comes unasked is a server that gives up on us, such as 408.
    if (resolve === undefined) open = false;
    else resolve(response);
  });
  socket.on('end', () => {
    end(new Error('the server closed the connection'));
  });
  socket.on('error', end);
  socket.on('close', () => {
    end(new Error('the connection closed'));
  });
  return {
    isOpen: () => open,
    certificateSerial: socket.getPeerCertificate().serialNumber,
    send(request) {
      return new Promise((resolve, reject) => {
        if (waiter !== undefined || socket.destroyed) {
          reject(new Error(waiter === undefined ? 'the connection is closed' : 'a request is in flight'));
          return;
        }
        waiter = { resolve, reject };
        socket.setTimeout(patienceMs);
        socket.write(request);
      });
    },
    close() {
      open = false;
      socket.destroy();
    },
  };
}

/** Returns the bytes of a POST of JSON. */
export function post(path: string, body: Buffer, headers: Readonly<Record<string, string>> = {}): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: branchline',
    'user-agent: kube-apiserver-admission',
    'accept: application/json, */*',
    'content-type: application/json',
    `content-length: ${body.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}

/** Reads a response with a content length or in chunks; undefined while it is not whole. */
function readResponse(received: Buffer): Response | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  const start = headEnd + 4;
  const isChunked = /\r\ntransfer-encoding: *chunked/i.test(head);
  const body = isChunked
    ? readChunks(received, start)
    : readBytes(received, start, Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0));
  return body && { status: Number(head.slice(9, 12)), body, isLast: /\r\nconnection: *close/i.test(head) };
}

function readBytes(received: Buffer, start: number, length: number): Buffer | undefined {
  return received.length < start + length ? undefined : received.subarray(start, start + length);
}

function readChunks(received: Buffer, start: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = received.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(received.toString('latin1', at, lineEnd), 16);
    const chunk = readBytes(received, lineEnd + 2, length + 2);
    if (chunk === undefined) return undefined;
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
    at = lineEnd + 2 + length + 2;
  }
}
