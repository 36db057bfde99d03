/** The HTTPS server that the API server posts reviews to, and a plain one for health and metrics. Reviews in, answers out; it decides nothing itself. */
import type { IncomingMessage, Server as PlainServer, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { reviewPaths } from '../admission/decide.ts';
import type { Settings } from '../config/settings.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Deciding } from './answer.ts';
import { isAllowedCaller, secureContextOptions, type CallerPolicy } from './callers.ts';
import type { ServingPair } from './certificates.ts';
import { followConnections } from './close.ts';
import { createReviewHandler } from './reviews.ts';
import { sendRefusal, toStatus, type Refusal } from './status.ts';

/** What the server needs. */
export interface WebhookOptions extends Omit<Deciding, 'now'> {
  readonly settings: Settings;
  readonly pair: ServingPair;
  /** PEM of the CA whose certificates callers must show; undefined: anybody may call. */
  readonly clientCa: string | undefined;
  readonly metrics: Metrics;
  /** Why we are not ready, in words; empty when ready. */
  readonly unready: () => readonly string[];
  /** Milliseconds on a clock that never goes back; the machine's unless a test gives another. */
  readonly now?: () => number;
}

/** A running server. */
export interface Webhook {
  /** e.g. `https://127.0.0.1:8443` */
  readonly url: string;
  /** e.g. `http://127.0.0.1:8080` */
  readonly plainUrl: string;
  /** Serves another certificate, and trusts another client CA, from the next handshake on; connections stay. */
  renew(pair: ServingPair, clientCa?: string): void;
  /** From now on: unready, and every response is the last one on its connection. Requests are still answered. Idempotent. */
  drain(): void;
  /** Stops listening, lets what is in flight finish (at most `graceMilliseconds`), closes every connection. Idempotent. */
  close(graceMilliseconds: number): Promise<void>;
}

/** A handshake is a few round trips; who takes longer holds a connection for nothing. */
const handshakeMilliseconds = 10_000;
/** Node looks for connections that pass a timeout only this often (its default is 30 s). */
const timeoutCheckMilliseconds = 1000;

/** No route has a schema. Without compilers of our own Fastify loads two large ones at the start: 4 MB and a tenth of the time to the first answer. */
const noSchemas = (): never => {
  throw new Error('routes here have no schemas');
};

/** What both servers share. A closing server is not answered for with 503, since draining answers everything that still comes. */
const fastifyOptions = {
  return503OnClosing: false,
  forceCloseConnections: false,
  exposeHeadRoutes: true,
  schemaController: {
    compilersFactory: { buildValidator: () => noSchemas, buildSerializer: () => noSchemas },
  },
} as const;

/**
 * Starts both servers. Reviews are answered from now on, ready or not.
 *
 * @throws Error when an address is taken or not ours.
 */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const { settings, now = () => performance.now() } = options;
  const state: State = {
    ...options,
    now,
    draining: false,
    policy: { ca: options.clientCa, names: settings.clientNames },
  };
  const secure = openSecure(state);
  const connections = followConnections(secure.server, now);
  const plain = openPlain(state);
  const url = await secure.listen({ host: settings.listenHost, port: settings.listenPort });
  const plainUrl = await plain
    .listen({ host: settings.plainHost, port: settings.plainPort })
    .catch(async (error: unknown) => {
      await secure.close();
      throw error;
    });
  return {
    url,
    plainUrl,
    renew(pair, clientCa) {
      state.policy = { ...state.policy, ca: clientCa };
      secure.server.setSecureContext(secureContextOptions(pair, state.policy));
    },
    drain() {
      state.draining = true;
    },
    async close(graceMilliseconds) {
      state.draining = true;
      await connections.close(graceMilliseconds);
      plain.server.closeAllConnections();
      await Promise.all([secure.close(), plain.close()]);
    },
  };
}

interface State extends WebhookOptions {
  readonly now: () => number;
  draining: boolean;
  policy: CallerPolicy;
}

function openSecure(state: State): FastifyInstance<Server> {
  const { settings } = state;
  const secure = fastify({
    ...fastifyOptions,
    https: {
      ...secureContextOptions(state.pair, state.policy),
      handshakeTimeout: handshakeMilliseconds,
      headersTimeout: settings.headersTimeoutSeconds * 1000,
      requestTimeout: settings.requestTimeoutSeconds * 1000,
      connectionsCheckingInterval: timeoutCheckMilliseconds,
    },
    requestTimeout: settings.requestTimeoutSeconds * 1000,
    keepAliveTimeout: settings.keepAliveSeconds * 1000,
    clientErrorHandler: sayClientError,
  });
  addReviews(secure, state);
  addHealth(secure, state);
  addRefusals(secure, state, `reviews go to ${reviewPaths.join(', ')}`);
  return secure;
}

function openPlain(state: State): FastifyInstance<PlainServer> {
  const { settings } = state;
  const plain = fastify({
    ...fastifyOptions,
    http: {
      headersTimeout: settings.headersTimeoutSeconds * 1000,
      requestTimeout: settings.requestTimeoutSeconds * 1000,
      connectionsCheckingInterval: timeoutCheckMilliseconds,
    },
    requestTimeout: settings.requestTimeoutSeconds * 1000,
    clientErrorHandler: sayClientError,
  });
  addHealth(plain, state);
  addMetrics(plain, state);
  addRefusals(plain, state, 'here are /healthz, /readyz and /metrics; reviews go to the TLS port');
  return plain;
}

/**
 * Reviews are taken over before Fastify looks at the body, which we read ourselves: its parsers refuse legal objects (a key `__proto__`,
 * more than 1 MiB, a content type they do not know), and cost a tenth of a small review's time.
 */
function addReviews(server: FastifyInstance<Server>, state: State): void {
  const handle = createReviewHandler({
    ...state,
    isDraining: () => state.draining,
    isAllowed: (socket) => isAllowedCaller(socket, state.policy),
  });
  for (const path of reviewPaths) {
    server.route({
      method: 'POST',
      url: path,
      onRequest: (request, reply) => {
        reply.hijack();
        handle(path, request.raw, reply.raw);
      },
      handler: () => undefined,
    });
  }
}

/** Fastify's type follows the server's; what both need is the same. */
type AnyServer = FastifyInstance<PlainServer>;

function addHealth(server: AnyServer, state: State): void {
  server.get('/healthz', (_request, reply) => {
    reply.hijack();
    say(reply.raw, state, 200, 'ok');
  });
  server.get('/readyz', (_request, reply) => {
    reply.hijack();
    const reasons = [...(state.draining ? ['it is shutting down'] : []), ...state.unready()];
    say(
      reply.raw,
      state,
      reasons.length === 0 ? 200 : 503,
      reasons.length === 0 ? 'ok' : `not ready: ${reasons.join('; ')}`,
    );
  });
}

function addMetrics(server: AnyServer, state: State): void {
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await state.metrics.render();
    return reply.header('content-type', contentType).send(text);
  });
}

function say(
  response: ServerResponse<IncomingMessage>,
  { draining }: State,
  status: number,
  words: string,
): void {
  const text = `${words}\n`;
  response
    .writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      ...(draining ? { connection: 'close' } : {}),
    })
    .end(text);
}

/** Everything that is not a route: in words, whatever the content type and however large the body. */
function addRefusals(server: AnyServer, state: State, whatIsHere: string): void {
  server.removeAllContentTypeParsers();
  const refuse = (response: ServerResponse<IncomingMessage>, refusal: Refusal): void => {
    sendRefusal(response, refusal, { last: state.draining });
  };
  server.setNotFoundHandler((request, reply) => {
    reply.hijack();
    const allowed = server.supportedMethods
      .filter((method) => server.hasRoute({ method, url: request.url.split('?')[0] ?? '' }))
      .join(', ');
    if (allowed === '')
      refuse(reply.raw, {
        code: 404,
        message: `nothing is at ${JSON.stringify(request.url.slice(0, 200))}; ${whatIsHere}`,
      });
    else
      refuse(reply.raw, {
        code: 405,
        message: `${request.method} is not for this path; use ${allowed}`,
        headers: { allow: allowed },
      });
  });
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const code = error.statusCode ?? 500;
    reply.hijack();
    if (code >= 500)
      state.log.error({ error: error.name, stack: error.stack }, 'a request failed: this is a bug');
    refuse(reply.raw, {
      code,
      message: code >= 500 ? 'branchline failed on this request; its log says why' : error.message,
    });
  });
}

/** What came is no HTTP, took too long, or has too much header: say so as far as the connection still takes it, and end it. */
function sayClientError(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal = clientErrors.get(error.code ?? '') ?? { code: 400, message: 'this is no HTTP/1.1 request' };
  const body = toStatus(refusal);
  socket.end(
    `HTTP/1.1 ${refusal.code} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => {
      socket.destroy();
    },
  );
}

const clientErrors: ReadonlyMap<string, Refusal> = new Map([
  [
    'ERR_HTTP_REQUEST_TIMEOUT',
    {
      code: 408,
      message: 'the request took longer to arrive than it may (requestTimeoutSeconds, headersTimeoutSeconds)',
    },
  ],
  ['HPE_HEADER_OVERFLOW', { code: 431, message: 'the headers are larger than 16 KiB' }],
]);
