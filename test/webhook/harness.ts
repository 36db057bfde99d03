/** A webhook on free ports, and clients that speak to it over real sockets. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request, type Agent } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { loadSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { checkPair, type ServingPair } from '../../src/webhook/certificates.ts';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { startWebhook, type Webhook, type WebhookOptions } from '../../src/webhook/server.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Running {
  readonly webhook: Webhook;
  readonly port: number;
  readonly lines: readonly LogLine[];
  /** Everything that was logged, as written. */
  readonly logged: () => string;
  readonly metrics: () => Promise<string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface AnswerReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly warnings?: readonly string[];
    readonly patch?: string;
    readonly patchType?: string;
    readonly status?: { readonly code: number; readonly message: string };
  };
}

interface Teardown {
  teardown(work: () => unknown): unknown;
}

/** Returns the settings' defaults with these changes, valid or not. */
export function settingsWith(changes: Partial<Settings> = {}): Settings {
  const loaded = loadSettings({ flags: {}, environment: {} });
  if ('problems' in loaded) throw new Error('the defaults are not valid');
  return { ...loaded.settings, listenPort: 0, plainPort: 0, ...changes };
}

/** Makes a folder that goes when the test ends. */
export function temporaryFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'branchline-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

const sharedFolder = mkdtempSync(join(tmpdir(), 'branchline-pair-'));
process.on('exit', () => {
  rmSync(sharedFolder, { recursive: true, force: true });
});
let made: Promise<ServingPair> | undefined;

/** Returns one self-made pair for `localhost` and `127.0.0.1`, made once for each test file. */
export function sharedPair(): Promise<ServingPair> {
  made ??= ensureSelfMadePair(sharedFolder, ['localhost', '127.0.0.1'], Date.now()).then(({ cert, key }) =>
    checkPair(cert, key, Date.now()),
  );
  return made;
}

export interface RunOptions extends Partial<Omit<WebhookOptions, 'settings'>> {
  readonly settings?: Partial<Settings>;
  readonly level?: string;
}

/** Starts a webhook; it is closed when the test ends. */
export async function run(
  t: Teardown,
  { settings: changes = {}, level = 'debug', ...options }: RunOptions = {},
): Promise<Running> {
  const settings = settingsWith(changes);
  const lines: LogLine[] = [];
  let text = '';
  const { log } = createLog(level, {
    write: (line) => {
      text += line;
      lines.push(JSON.parse(line) as LogLine);
    },
  });
  const metrics = createMetrics(() => [
    { kind: 'Deployment', objects: 3, ageMilliseconds: 1500, watchRestarts: 2, relistDiffs: 1 },
    { kind: 'Pod', objects: 0, ageMilliseconds: undefined, watchRestarts: 0, relistDiffs: 0 },
  ]);
  const webhook = await startWebhook({
    settings,
    log,
    metrics,
    pair: options.pair ?? (await sharedPair()),
    clientCa: undefined,
    unready: () => [],
    facts: () => ({ settings, snapshot: snapshotOf([]) }),
    ...options,
  });
  t.teardown(() => webhook.close(0));
  return {
    webhook,
    lines,
    port: Number(new URL(webhook.url).port),
    logged: () => text,
    metrics: async () => (await fetch(`${webhook.plainUrl}/metrics`)).text(),
  };
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
  readonly tls?: ConnectionOptions;
}

/** Sends one request over TLS and returns the answer. */
export async function send(
  port: number,
  path: string,
  { method = 'POST', headers = {}, body = '', agent, tls = {} }: Sent = {},
): Promise<Answer> {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    headers: {
      ...('transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...headers,
    },
    rejectUnauthorized: false,
    ...(agent === undefined ? { agent: false } : { agent }),
    ...tls,
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Returns a review as the API server writes it: kind, version, then the request with its uid first. */
export function review(object: unknown, changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: 'uid-1',
      kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      operation: 'CREATE',
      namespace: 'ww-green',
      name: 'web',
      ...changes,
      object,
    },
  });
}

/** A workload that declares a branch. */
export const branchWorkload = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web-x', namespace: 'ww-green', annotations: { 'branchline.dev/branch': 'OPS-1234' } },
  spec: {},
};
/** A workload that declares nothing. */
export const plainWorkload = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'ww-green' },
  spec: {},
};

/** Reads an answer's AdmissionReview. */
export function readAnswer(answer: Answer): AnswerReview {
  return JSON.parse(answer.text) as AnswerReview;
}

/** Opens a TLS connection for bytes of one's own. */
export async function dial(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Renders a POST as bytes; `length` may differ from what is sent. */
export function post(path: string, body: string, length = Buffer.byteLength(body)): string {
  return `POST ${path} HTTP/1.1\r\nhost: webhook\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`;
}

/** Resolves with what a socket received so far as soon as it matches. Rejects when the socket ends first. */
export function received(
  socket: NodeJS.ReadableStream & { once(event: 'close', listener: () => void): unknown },
  pattern: RegExp,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (pattern.test(text)) resolve(text);
    });
    socket.once('close', () => {
      reject(new Error(`the connection ended after: ${text}`));
    });
    socket.on('error', reject);
  });
}
