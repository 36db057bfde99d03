/**
 * Outbound HTTP/1: `http(s).request` and `get` in every form, `new ClientRequest`, and whatever is built on them. One place sees them all: where a
 * request turns its headers into text. Not the caller's options, which may be shared, and late enough that a header set by the application is seen.
 */
import type { ClientRequest } from 'node:http';
import { attempt, carried, isStarted, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { withCarried } from './headers.ts';
import { replace } from './replace.ts';

/** What the request was made for: text may be made later, in the context of whoever ends its body. */
const madeFor = Symbol('branchline');

type Request = ClientRequest & { [madeFor]?: Carried | null };
type StoreHeader = (this: Request, firstLine: unknown, headers: unknown) => unknown;

/** Hooks the class; `https` shares it. */
export function hookHttpClients(config: Config): void {
  const prototype = builtin.http().ClientRequest.prototype;
  const { setHeader } = prototype;
  // The constructor asks for `host` and `expect`, whatever it was given, unless headers are an array: then it makes the text itself.
  replace<Request['getHeader']>(prototype, 'getHeader', (original) => function getHeader(this: Request, name) {
    if (isStarted() && this[madeFor] === undefined) this[madeFor] = carried() ?? null;
    return Reflect.apply(original, this, [name]);
  });
  replace<StoreHeader>(prototype, '_storeHeader', (original) => function storeHeader(this: Request, firstLine, headers) {
    const added = isStarted() ? attempt(() => addTo(this, headers)) : undefined;
    return Reflect.apply(original, this, [firstLine, added ?? headers]);
  });

  const addTo = (request: Request, headers: unknown): unknown => {
    const store = Array.isArray(headers) ? carried() : request[madeFor];
    if (!store || request.method === 'CONNECT' || !config.isInside(hostOf(request))) return headers;
    if (Array.isArray(headers) || !headers) return withCarried(headers, store);
    // These are the request's own, by identity.
    for (const [name, value] of store) if (!request.hasHeader(name)) Reflect.apply(setHeader, request, [name, value]);
    return headers;
  };
}

/** A forward proxy is told the whole URL; its own name is not where the request goes. */
function hostOf({ path, host }: Request): string {
  return /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#]+)/i.exec(path)?.[1] ?? host;
}
