/** The HTTPS server that the API server posts reviews to, and a plain one for health and metrics. Reviews in, answers out; it decides nothing itself. */
import type { Server } from 'node:https';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { reviewPaths, type Facts, type ReviewPath } from '../admission/decide.ts';
import { textAt } from '../model/json.ts';
import type { Settings } from '../config/settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { AnsweredReview, Metrics } from '../telemetry/metrics.ts';
import { answerReview, answerTooLarge, type Answer, type Deciding } from './answer.ts';
import { createBudget, readBody, type Body, type BodyBudget } from './body.ts';
import type { ServingPair } from './certificates.ts';
import { closeGracefully } from './close.ts';
import { isAllowedCaller, secureContextOptions, type CallerPolicy } from './callers.ts';

/** What the server needs. `facts` is asked anew for each review. */
export interface WebhookOptions {
  readonly settings: Settings;
  readonly facts: () => Facts;
  readonly pair: ServingPair;
  /** PEM of the CA whose certificates callers must show; undefined: anybody may call. */
  readonly clientCa: string | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Why we are not ready, in words; empty when ready. */
  readonly unready: () => readonly string[];
}

/** A running server. */
export interface Webhook {
  /** e.g. `https://127.0.0.1:8443` */
  readonly url: string;
  /** e.g. `http://127.0.0.1:8080` */
  readonly plainUrl: string;
  /** Serves another certificate from the next handshake on; connections stay. */
  renew(pair: ServingPair): void;
  /** From now on: unready, and every response asks its client to close the connection. Requests are still answered. */
  drain(): void;
  /** Stops listening, lets what is in flight finish (at most `graceMilliseconds`), closes every connection. */
  close(graceMilliseconds: number): Promise<void>;
}

/** Bodies above this wait for each other, one turn of the event loop apart, so that many large reviews do not hold up the small ones. */
const largeBodyBytes = 256 * 1024;
/** The caller's own overhead: we answer within this share of the time that it gives. */
const deadlineShare = 0.8;
/** Time a shed request needs to come back within its caller's budget. */
const shedRoomMilliseconds = 2000;

/**
 * Starts both servers.
 *
 * @throws Error when an address is taken or not ours.
 */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const { settings } = options;
  const state: State = { ...options, draining: false, budget: createBudget(settings.bodyBudgetBytes), turn: Promise.resolve(), now: () => performance.now() };
  const policy: CallerPolicy = { ca: options.clientCa, names: settings.clientNames };
  const secure = fastify({
    https: secureContextOptions(options.pair, policy),
    keepAliveTimeout: settings.keepAliveSeconds * 1000,
    requestTimeout: settings.requestTimeoutSeconds * 1000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  secure.server.headersTimeout = settings.headersTimeoutSeconds * 1000;
  const plain = fastify({ return503OnClosing: false, forceCloseConnections: true, exposeHeadRoutes: false });
  addReviews(secure, state, policy);
  for (const server of [secure as unknown as FastifyInstance, plain]) addHealth(server, state);
  addMetrics(plain, state);
  const url = await secure.listen({ host: settings.listenHost, port: settings.listenPort });
  const plainUrl = await plain.listen({ host: settings.plainHost, port: settings.plainPort }).catch(async (error: unknown) => {
    await secure.close();
    throw error;
  });
  return {
    url,
    plainUrl,
    renew(pair) {
      secure.server.setSecureContext(secureContextOptions(pair, policy));
    },
    drain() {
      state.draining = true;
    },
    async close(graceMilliseconds) {
      state.draining = true;
      await closeGracefully(secure, graceMilliseconds);
      await plain.close();
    },
  };
}

interface State extends Deciding, Pick<WebhookOptions, 'settings' | 'metrics' | 'unready'> {
  draining: boolean;
  readonly budget: BodyBudget;
  /** Resolves when the large reviews before have been decided. */
  turn: Promise<void>;
}

/** The part of a reply that both servers' replies share. */
interface Reply {
  code(status: number): this;
  header(name: string, value: string): this;
  send(body: string): this;
}

type Secure = FastifyInstance<Server>;

function addReviews(server: Secure, state: State, policy: CallerPolicy): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => { done(null); });
  for (const path of reviewPaths) {
    server.post(path, async (request, reply) => {
      if (!isAllowedCaller(request.raw.socket, policy)) return say(reply, state, 403, 'this certificate is not one of clientNames');
      return review(path, request, reply, state);
    });
    server.get(path, (_request, reply) => say(reply.header('allow', 'POST'), state, 405, 'post an AdmissionReview here'));
  }
  server.setNotFoundHandler((request, reply) => say(reply, state, 404, `nothing is at ${request.method} ${request.url.slice(0, 200)}; reviews go to ${reviewPaths.join(', ')}`));
  server.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    if (status >= 500) state.log.error({ stack: error instanceof Error ? error.stack : String(error) }, 'request failed');
    return say(reply, state, status, error instanceof Error ? error.message : 'failed');
  });
}

async function review(path: ReviewPath, request: Pick<FastifyRequest, 'headers' | 'query' | 'raw'>, reply: Reply, state: State): Promise<Reply> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return say(reply, state, 415, `content-encoding ${encoding} is not read; send the review as it is`);
  const { settings, metrics, budget, now } = state;
  const callerMilliseconds = timeoutMilliseconds(request.query);
  const deadline = now() + Math.min(callerMilliseconds * deadlineShare, settings.decisionTimeoutMilliseconds);
  metrics.began(path);
  if (Number(request.headers['content-length'] ?? 1) > budget.free && callerMilliseconds > shedRoomMilliseconds) {
    metrics.refused(path, 'shed');
    request.raw.resume();
    return say(reply.header('retry-after', '1'), state, 429, 'too many large reviews at one time; try again in a second');
  }
  const body = await readBody(request.raw, settings.bodyLimitBytes, budget);
  const arrivedAt = now();
  const answer = await decideInTurn(body, state, { path, deadline, arrivedAt });
  if (answer.kind === 'unreadable') {
    metrics.refused(path, 'unreadable');
    return say(reply, state, body.kind === 'too-large' ? 413 : 400, answer.reason);
  }
  metrics.answered({ path, ...accountOf(answer), seconds: (now() - arrivedAt) / 1000 });
  return send(reply, state, 'application/json', answer.body);
}

function accountOf({ decision, failure, review: decoded }: Answer & { kind: 'review' }): Pick<AnsweredReview, 'operation' | 'outcome' | 'problems'> {
  return { operation: decoded?.operation ?? '', outcome: failure === undefined ? decision.outcome : 'failed', problems: decision.problems };
}

/** Small reviews are decided at once; large ones wait for each other. */
async function decideInTurn(body: Body, state: State, arrived: { path: ReviewPath; deadline: number; arrivedAt: number }): Promise<Answer> {
  if (body.kind === 'broken') return { kind: 'unreadable', reason: 'the request ended before its body did' };
  if (body.kind === 'too-large') return answerTooLarge(arrived.path, body.head, state);
  if (body.bytes > largeBodyBytes) {
    const before = state.turn;
    state.turn = before.then(() => new Promise((resolve) => { setImmediate(resolve); }));
    await before;
  }
  return answerReview({ ...arrived, text: body.text }, state);
}

/** The API server sends what is left of its own time as `?timeout=10s`. @see https://github.com/kubernetes/apiserver/blob/master/pkg/util/webhook/client.go */
function timeoutMilliseconds(query: unknown): number {
  const [, amount, unit] = /^([0-9]{1,6})(ms|s|m)$/.exec(textAt(query, 'timeout') ?? '') ?? [];
  const milliseconds = { ms: 1, s: 1000, m: 60_000 }[unit ?? ''] ?? 0;
  return amount === undefined ? 10_000 : Number(amount) * milliseconds;
}

function addHealth(server: FastifyInstance, state: State): void {
  server.get('/healthz', (_request, reply) => send(reply, state, 'text/plain; charset=utf-8', 'ok\n'));
  server.get('/readyz', (_request, reply) => {
    const reasons = [...(state.draining ? ['shutting down'] : []), ...state.unready()];
    return send(reply.code(reasons.length === 0 ? 200 : 503), state, 'text/plain; charset=utf-8', reasons.length === 0 ? 'ok\n' : `not ready: ${reasons.join('; ')}\n`);
  });
}

function addMetrics(server: FastifyInstance, state: State): void {
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await state.metrics.render();
    return send(reply, state, contentType, text);
  });
  server.setNotFoundHandler((_request, reply) => say(reply, state, 404, 'here are /healthz, /readyz and /metrics; reviews go to the TLS port'));
}

function say(reply: Reply, state: State, status: number, reason: string): Reply {
  return send(reply.code(status), state, 'application/json', JSON.stringify({ error: reason }));
}

/** Every response leaves here, so that every one of them asks to close while we drain. */
function send(reply: Reply, state: State, type: string, body: string): Reply {
  if (state.draining) void reply.header('connection', 'close');
  void reply.header('content-type', type);
  return reply.send(body);
}
