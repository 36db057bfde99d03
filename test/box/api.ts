/** The few requests that the box itself makes of its API server. Tests use kubectl or a client of their own. */
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';

/** How the API server is reached: its URL, the certificate to trust, an administrator's bearer token. */
export interface Access {
  readonly url: string;
  readonly certificate: string;
  readonly token: string;
}

/** An answer: HTTP status and the body, parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Requests with an administrator's rights. */
export interface Api {
  /** PATCH is a strategic merge. @throws Error when the server cannot be reached; any answer is returned, whatever its status. */
  send(method: string, path: string, body?: object): Promise<Answer>;
  /** Calls `onEvent` with each watch event until the stream ends, which resolves it, or breaks, which rejects it. */
  watch(path: string, onEvent: (event: unknown) => void, signal: AbortSignal): Promise<void>;
  /** Closes idle connections. */
  close(): void;
}

/** How long a request may take, in milliseconds; a watch has no limit. */
const requestTimeoutMs = 10_000;

/** Returns requests to one API server. Opens nothing before the first. */
export function connect(access: Access): Api {
  const agent = new Agent({ keepAlive: true, ca: access.certificate });
  const headers = {
    authorization: `Bearer ${access.token}`,
    accept: 'application/json',
    'content-type': 'application/json',
  };

  function open(method: string, path: string, signal: AbortSignal, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const contentType =
        method === 'PATCH' ? { 'content-type': 'application/strategic-merge-patch+json' } : {};
      request(new URL(path, access.url), { agent, method, headers: { ...headers, ...contentType }, signal })
        .once('error', reject)
        .once('response', resolve)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    async send(method, path, body) {
      const response = await open(method, path, AbortSignal.timeout(requestTimeoutMs), body);
      const text = (await response.setEncoding('utf8').toArray()).join('');
      const isJson = response.headers['content-type']?.startsWith('application/json') === true;
      return { status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text };
    },
    async watch(path, onEvent, signal) {
      const response = await open('GET', path, signal);
      if (response.statusCode !== 200) throw new Error(`watch of ${path} answered ${response.statusCode}`);
      await readLines(response, (line) => {
        onEvent(JSON.parse(line));
      });
    },
    close() {
      agent.destroy();
    },
  };
}

/** Not `node:readline`: its iterator does not say when the stream under it breaks. */
async function readLines(response: IncomingMessage, onLine: (line: string) => void): Promise<void> {
  let unfinished = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (unfinished + String(chunk)).split('\n');
    unfinished = lines.pop() ?? '';
    lines.forEach(onLine);
  }
}
