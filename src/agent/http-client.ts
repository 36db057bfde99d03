/**
 * Outbound HTTP/1: `http(s).request` and `get` in every form, `new ClientRequest`, and whatever is built on them. One place sees them all: where a
 * request turns its headers into text. Not the caller's options, which may be shared, and late enough that a header set by the application is seen.
 */
import type { ClientRequest } from 'node:http';
import { carried, isStarted, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { namesIn } from './headers.ts';
import { isArray, marked, prepareArguments } from './replace.ts';

/** Marked with what it was made for: text may be made later, in the context of whoever ends its body. */
type Request = ClientRequest & { [marked]?: Carried | null };

/** Hooks the class; `https` shares it. */
export function hookHttpClients({ isInside }: Config): void {
  const { prototype } = builtin('http').ClientRequest;
  // The constructor asks for `host` and `expect`, whatever it was given, unless headers are an array: then it makes the text itself.
  prepareArguments(prototype, 'getHeader', (request: Request) => {
    if (isStarted() && request[marked] === undefined) request[marked] = carried() || null;
    return undefined;
  });
  prepareArguments(prototype, '_storeHeader', (request: Request, [firstLine, headers]) => {
    const isList = isArray(headers);
    const store = isList ? carried() : request[marked];
    if (!store || request.method === 'CONNECT' || !isInside(hostOf(request))) return undefined;
    const names = isList ? namesIn(headers) : Object.keys(headers || {});
    // Text is begun with the request line. What the request tells of its headers stays as it is: who follows a redirect elsewhere may take that along.
    return [
      store.reduce(
        (text, [name, value]) => (names.includes(name) ? text : `${text}${name}: ${value}\r\n`),
        firstLine as string,
      ),
      headers,
    ];
  });
}

/** A forward proxy is told the whole URL; its own name is not where the request goes. */
function hostOf({ path, host }: Request): string | undefined {
  const named = /^[a-z]+:\/\/([^/?#]*@)?([^/?#]+)/i.exec(path);
  return named ? named[2] : host;
}
