/**
 * Outbound HTTP/1: `http(s).request` and `get` in every form, `new ClientRequest`, and whatever is built on them. One place sees them all: where a
 * request turns its headers into text. Not the caller's options, which may be shared, and late enough that a header set by the application is seen.
 */
import type { ClientRequest } from 'node:http';
import { carried, isStarted, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { withCarried } from './headers.ts';
import { prepareArguments } from './replace.ts';

/** What the request was made for: text may be made later, in the context of whoever ends its body. */
const madeFor = Symbol('branchline');

type Request = ClientRequest & { [madeFor]?: Carried | null };

/** Hooks the class; `https` shares it. */
export function hookHttpClients({ isInside }: Config): void {
  const { prototype } = builtin('http').ClientRequest;
  // The constructor asks for `host` and `expect`, whatever it was given, unless headers are an array: then it makes the text itself.
  prepareArguments(prototype, 'getHeader', (self) => {
    const request = self as Request;
    if (isStarted() && request[madeFor] === undefined) request[madeFor] = carried() || null;
    return undefined;
  });
  prepareArguments(prototype, '_storeHeader', (self, [firstLine, headers]) => {
    const request = self as Request;
    const isList = Array.isArray(headers);
    const store = isList ? carried() : request[madeFor];
    if (!store || request.method === 'CONNECT' || !isInside(hostOf(request))) return undefined;
    // An object is the request's own, of pairs. It stays as it is: who follows a redirect elsewhere may take it along.
    return [firstLine, withCarried(isList || !headers ? headers : Object.values(headers), store)];
  });
}

/** A forward proxy is told the whole URL; its own name is not where the request goes. */
function hostOf({ path, host }: Request): string | undefined {
  const named = /^[a-z]+:\/\/([^/?#]*@)?([^/?#]+)/i.exec(path);
  return named ? named[2] : host;
}
