/** Requests to an API server: kubeconfig, credentials and TLS come from `@kubernetes/client-node`, which is loaded only here and only when needed; the transport is node's own. */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { numberAt, textAt } from '../model/json.ts';
import { ClusterError } from './port.ts';

/** Where the API server is and who we are. */
export interface ServerOptions {
  /** Path of a kubeconfig; empty: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod that we are in. */
  readonly kubeconfig?: string;
  /** Name of a context; empty: the current one. */
  readonly context?: string;
}

interface ApiErrorDetails {
  readonly retryAfterMilliseconds?: number;
  readonly reason?: string;
}

/** The API server answered, but not with what was asked for. */
export class ApiError extends ClusterError {
  /** HTTP status, or the code of a Status object. */
  readonly status: number;
  /** How long it asks to be left alone. */
  readonly retryAfterMilliseconds: number;
  /** Of its Status object, e.g. `Conflict`; empty when it says none. */
  readonly reason: string;

  constructor(
    status: number,
    message: string,
    { retryAfterMilliseconds = 0, reason = '' }: ApiErrorDetails = {},
  ) {
    super(message, true);
    this.status = status;
    this.retryAfterMilliseconds = retryAfterMilliseconds;
    this.reason = reason;
  }
}

/** What a request may have. */
export interface GetOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Longest time without a byte, before the answer and within it; then the connection is given up. */
  readonly silenceMilliseconds: number;
  /** Media type of the answer. Default `application/json`. */
  readonly accept?: string;
}

/** What a request that changes something is. */
export interface SendOptions extends GetOptions {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** JSON. */
  readonly body?: object;
  /** Of the body; a patch's kind. Default `application/json`. */
  readonly contentType?: string;
}

/** One API server. */
export interface ApiServer {
  /** Namespace of the context; `default` when it names none. */
  readonly namespace: string;
  /** What the server's clock said in its last answer, in milliseconds since 1970, to the second; undefined before the first. */
  readonly serverTime: () => number | undefined;
  /**
   * Sends a GET; resolves with the body of an answer 200, once that begins. The body must be read, or left early by `break`.
   * @throws {ApiError} for any other answer, {@link ClusterError} when there is none. The body throws {@link ClusterError} when it ends early.
   */
  get(path: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Sends a request that changes something; resolves with the object that the API server answers with. It may have been carried out also when this rejects
   * without an answer.
   * @throws {ApiError} for any answer but 200, 201 and 202, {@link ClusterError} when there is none.
   */
  send(path: string, options: SendOptions): Promise<unknown>;
  /** Ends all connections. */
  readonly close: () => void;
}

/** Text of a Status object that is read. */
const statusLimitBytes = 64 * 1024;

/** Finds the API server. @throws {@link ClusterError}, not retryable, when the kubeconfig does not tell. */
export async function connect(options: ServerOptions): Promise<ApiServer> {
  let config: KubeConfig | undefined = await loadConfig(options);
  let answeredAt = NaN;
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  const agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  };

  /** Credentials are asked for with every request: tokens and certificates are renewed while we run. */
  async function prepare(
    path: string,
    query: Readonly<Record<string, string>>,
  ): Promise<{ readonly url: URL; readonly request: RequestOptions }> {
    config ??= await loadConfig(options);
    const cluster = config.getCurrentCluster();
    const url = new URL(
      `${(cluster?.server ?? '').replace(/\/+$/, '')}${path}?${new URLSearchParams(query).toString()}`,
    );
    const request: RequestOptions = { headers: { accept: 'application/json', 'user-agent': 'branchline' } };
    await config.applyToHTTPSOptions(request);
    // The agent that it makes keeps the first certificates for ever; ours tells connections apart by them. A proxy needs its own kind.
    if (cluster?.proxyUrl === undefined)
      request.agent = url.protocol === 'http:' ? agents['http:'] : agents['https:'];
    return { url, request };
  }

  async function ask(
    path: string,
    { query = {}, signal, silenceMilliseconds, accept = 'application/json' }: GetOptions,
    sent?: SendOptions,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { url, request } = await prepare(path, query).catch((error: unknown) => {
      throw new ClusterError(`the credentials cannot be had: ${reasonOf(error)}`, true, error);
    });
    signal.throwIfAborted();
    request.headers = { ...request.headers, accept };
    const exchange = open(url, sent === undefined ? request : { ...request, ...sendingOf(request, sent) }, {
      signal,
      silenceMilliseconds,
      body: sent?.body,
    });
    const response = await exchange.response;
    const status = response.statusCode ?? 0;
    answeredAt = Date.parse(response.headers.date ?? '');
    if ((sent === undefined ? [200] : [200, 201, 202]).includes(status)) return exchange.body(response);
    // Another token may be in the kubeconfig by now, or come of running the credential plugin again.
    if (status === 401) config = undefined;
    throw await toApiError(response, exchange.body(response));
  }

  return {
    namespace,
    serverTime: () => (Number.isNaN(answeredAt) ? undefined : answeredAt),
    get: (path, options) => ask(path, options),
    async send(path, options) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of await ask(path, options, options)) chunks.push(chunk);
      return parseAnswer(Buffer.concat(chunks).toString());
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

interface Exchange {
  readonly response: Promise<IncomingMessage>;
  readonly body: (response: IncomingMessage) => AsyncIterable<Uint8Array>;
}

/** With its length said: node would send the body of a DELETE without, and what reads it takes that for the next request. */
function sendingOf(
  request: RequestOptions,
  { method, body, contentType = 'application/json' }: SendOptions,
): RequestOptions {
  const length = body === undefined ? 0 : Buffer.byteLength(JSON.stringify(body));
  return { method, headers: { ...request.headers, 'content-type': contentType, 'content-length': length } };
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ClusterError('the answer is no JSON', true);
  }
}

interface Limits {
  readonly signal: AbortSignal;
  readonly silenceMilliseconds: number;
  readonly body: object | undefined;
}

/** Sends a request that ends when it is aborted, and when nothing is heard for too long. */
function open(
  url: URL,
  options: RequestOptions,
  { signal, silenceMilliseconds, body: sent }: Limits,
): Exchange {
  const request = url.protocol === 'http:' ? httpRequest(url, options) : httpsRequest(url, options);
  let stream: ClientRequest | IncomingMessage = request;
  const give = (up: Error): void => void stream.destroy(up);
  const silence = setTimeout(() => {
    give(new ClusterError(`nothing was heard for ${silenceMilliseconds / 1000} s`, true));
  }, silenceMilliseconds);
  const abort = (): void => {
    give(new ClusterError('closed', false));
  };
  const release = (): void => {
    clearTimeout(silence);
    signal.removeEventListener('abort', abort);
  };
  signal.addEventListener('abort', abort);

  async function* body(response: IncomingMessage): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response) {
        silence.refresh();
        yield chunk as Uint8Array;
      }
    } catch (error) {
      throw toClusterError(error);
    } finally {
      release();
      response.destroy();
    }
  }

  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', (message) => {
      silence.refresh();
      stream = message;
      resolve(message);
    });
    request.on('error', (error) => {
      release();
      reject(
        error instanceof ClusterError
          ? error
          : new ClusterError(
              `the API server at ${url.origin} cannot be reached: ${reasonOf(error)}`,
              true,
              error,
            ),
      );
    });
    request.end(sent === undefined ? undefined : JSON.stringify(sent));
  });
  return { response, body };
}

async function toApiError(response: IncomingMessage, body: AsyncIterable<Uint8Array>): Promise<ApiError> {
  const status = response.statusCode ?? 0;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > statusLimitBytes) break;
  }
  const seconds = Number(response.headers['retry-after'] ?? 0);
  const told = parsed(Buffer.concat(chunks).toString());
  return new ApiError(status, `${status} ${textAt(told, 'message') ?? response.statusMessage ?? ''}`.trim(), {
    retryAfterMilliseconds: Number.isFinite(seconds) ? seconds * 1000 : 0,
    reason: textAt(told, 'reason') ?? '',
  });
}

/** Makes the error that a Status object tells of. */
export function toStatusError(status: unknown): ApiError {
  const code = numberAt(status, 'code') ?? 500;
  return new ApiError(code, `${code} ${textAt(status, 'message') ?? ''}`.trim(), {
    retryAfterMilliseconds: (numberAt(status, 'details', 'retryAfterSeconds') ?? 0) * 1000,
    reason: textAt(status, 'reason') ?? '',
  });
}

/** The Status object of an answer; undefined when its body is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function loadConfig({ kubeconfig = '', context = '' }: ServerOptions): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  try {
    if (kubeconfig === '') config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    throw new ClusterError(`the kubeconfig cannot be read: ${reasonOf(error)}`, false, error);
  }
  if (context !== '') config.setCurrentContext(context);
  checkCluster(config, kubeconfig === '');
  return config;
}

/** @throws {@link ClusterError}, not retryable, when the context names no cluster, or nothing but the client's own guess. */
function checkCluster(config: KubeConfig, isDefault: boolean): void {
  const cluster =
    config.getContextObject(config.getCurrentContext()) === null ? null : config.getCurrentCluster();
  if (cluster === null)
    throw new ClusterError(
      `the kubeconfig has no context ${JSON.stringify(config.getCurrentContext() ?? '')}, or that names no cluster`,
      false,
    );
  if (isDefault && cluster.server === 'http://localhost:8080') {
    throw new ClusterError(
      'no cluster is configured: set KUBECONFIG, name a kubeconfig, run in a pod with a service account, or serve a folder of manifests',
      false,
    );
  }
}

function toClusterError(error: unknown): ClusterError {
  return error instanceof ClusterError ? error : new ClusterError(reasonOf(error), true, error);
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
