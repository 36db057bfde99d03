/** What goes out: JSON in one write, and refusals in words, as the Kubernetes `Status` that API clients repeat to whoever sent the request. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A refusal by HTTP: the code, and what was wrong and what to do. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How to send. */
export interface Sending {
  /** The connection ends after this response. */
  readonly last: boolean;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

type Response = ServerResponse<IncomingMessage>;

/** @see https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/types.go (StatusReason) */
const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  408: 'Timeout',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  431: 'RequestHeaderFieldsTooLarge',
  500: 'InternalError',
};

/** Time for a client to read an answer that came before it had sent everything. */
const lingerMilliseconds = 2000;

/** Renders a refusal as JSON. */
export function toStatus({ code, message }: Refusal): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason: reasons[code] ?? 'Unknown',
    message,
  });
}

/** Sends a refusal. */
export function sendRefusal(response: Response, refusal: Refusal, sending: Sending): void {
  sendJson(response, refusal.code, toStatus(refusal), { ...sending, headers: refusal.headers });
}

/**
 * Sends JSON, header and body in one write. A request whose body is still arriving gets its answer at once and the connection is ended
 * a little later: closing right away would reset it, and the answer with it.
 */
export function sendJson(response: Response, code: number, text: string, { last, headers }: Sending): void {
  if (response.destroyed) return;
  const fields: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  };
  const { req: request } = response;
  if (!request.complete)
    setTimeout(() => {
      if (!request.complete) request.socket.destroy();
    }, lingerMilliseconds).unref();
  else if (last) fields['connection'] = 'close';
  response.writeHead(code, fields).end(text);
}
