/** Outbound HTTP/2: `session.request`, of sessions that were opened before the first request that carries something, too. */
import type { ClientHttp2Session } from 'node:http2';
import { attempt, beforeFirst, carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { valueOf, withCarried } from './headers.ts';
import { hidden, replace } from './replace.ts';

type Request = (this: ClientHttp2Session, headers: unknown, options: unknown) => unknown;

/** Hooks the class of sessions when it is first needed: `http2` takes time and memory, and most processes never load it. */
export function hookHttp2Clients(config: Config): void {
  beforeFirst(() => {
    replace<Request>(sessionPrototype(), 'request', (original) => function request(this: ClientHttp2Session, headers, ...rest) {
      const store = carried();
      const added = store && attempt(() => (isOurs(this, headers, config) ? withCarried(headers, store) : undefined));
      return Reflect.apply(original, this, [added ?? headers, ...rest]);
    });
  });
}

/** grpc-js sends the first calls of a channel from another one's context: its own hook knows better. */
function isOurs(session: ClientHttp2Session, headers: unknown, { isInside }: Config): boolean {
  if (valueOf(headers, ':method') === 'CONNECT' || String(valueOf(headers, 'content-type')).startsWith('application/grpc')) return false;
  return isInside(valueOf(headers, ':authority') ?? valueOf(headers, 'host') ?? hidden(session, 'authority'));
}

/** The class is not published; a session over nothing, ended at once, has it. */
function sessionPrototype(): object {
  const nowhere = new (builtin.stream().Duplex)({ read() { /* nothing comes */ }, write(_chunk, _encoding, done) { done(); } });
  const session = builtin.http2().connect('http://localhost', { createConnection: () => nowhere });
  session.on('error', () => { /* nobody is there */ });
  const prototype = Object.getPrototypeOf(session) as object;
  session.destroy();
  return prototype;
}
