/** Outbound HTTP/2: `session.request`, of sessions that were opened before the first request that carries something, too. */
import { beforeFirst, carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { pairsOf, withCarried } from './headers.ts';
import { getPrototypeOf, hidden, prepareArguments, withMember } from './replace.ts';

/** Hooks the class of sessions when it is first needed: `http2` takes time and memory, and most processes never load it. */
export function hookHttp2Clients({ isInside }: Config): void {
  beforeFirst(() => {
    prepareArguments(sessionPrototype(), 'request', (session, args) => {
      const store = carried();
      const [headers] = args;
      // grpc-js sends the first calls of a channel from another one's context: its own hook knows better.
      if (!store) return undefined;
      const given = Object.fromEntries(pairsOf(headers));
      if (
        given[':method'] === 'CONNECT' ||
        /^application\/grpc/.test(given['content-type'] as string) ||
        !isInside(given[':authority'] || given['host'] || hidden(session, 'authority'))
      )
        return undefined;
      return withMember(args, 0, withCarried(headers, store));
    });
  });
}

/** The class is not published; a session over nothing, ended at once, has it. */
function sessionPrototype(): object {
  const session = builtin('http2').connect('http://localhost', {
    createConnection: () => new (builtin('stream').PassThrough)(),
  });
  session
    .on('error', () => {
      /* nobody is there */
    })
    .destroy();
  return getPrototypeOf(session) as object;
}
