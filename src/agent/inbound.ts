/**
 * Inbound requests: of http, https and http2 servers, however they were made. All descend from `net.Server`, and its `emit` is the one place through
 * which requests, upgrades and streams of every kind and version go.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { attempt, carried, runWith, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import { isValid, type Config } from './config.ts';
import { withCarried } from './headers.ts';
import { prepareArguments, replace, withMember, type AnyObject } from './replace.ts';

const inbound = ['request', 'stream', 'upgrade', 'checkContinue', 'checkExpectation', 'connect'];

/** Hooks every server of the process. */
export function hookServers(config: Config): void {
  const hook = ({ prototype }: { readonly prototype: object }): void => {
    replace(
      prototype,
      'emit',
      (original) =>
        function (...args) {
          const store = inbound.includes(args[0] as string)
            ? attempt(() => receive(args, config))
            : carried();
          return runWith(store, () => original.apply(this, args));
        },
    );
  };
  hook(builtin('net').Server);
  // A tracing library that was here first gave these an `emit` of their own, which hides that one.
  hook(builtin('http').Server);
  if (
    (process as unknown as { readonly moduleLoadList: readonly string[] }).moduleLoadList.includes(
      'NativeModule https',
    )
  )
    hook(builtin('https').Server);
}

/** What each HTTP/2 stream carries: it comes as a stream first, and as a request of that stream after. */
const streams = new WeakMap<object, Carried>();

function receive([event, source, second]: readonly unknown[], config: Config): Carried | undefined {
  const request = source as IncomingMessage & AnyObject;
  const isStream = event === 'stream';
  const known = streams.get(request['stream'] || request);
  const store =
    known ||
    readCarried(
      (name) => ((isStream ? second : request.headers) as AnyObject)[name],
      config,
      config.generate,
    );
  if (!store) return undefined;
  bindEvents(request, store);
  if (isStream) streams.set(request, store);
  if (config.isEchoed && !known) echo((isStream ? request : second) as Partial<ServerResponse>, store);
  return store;
}

/** Reads what is to be carried, and makes what is to be made; undefined when that is nothing. */
export function readCarried(
  read: (name: string) => unknown,
  { names }: Config,
  generate: readonly string[] = [],
): Carried | undefined {
  const found: [string, string][] = [];
  for (const name of names) {
    const value = read(name) || (generate.includes(name) && builtin('crypto').randomUUID());
    if (isValid(name, value)) found.push([name, value]);
  }
  return found.length ? found : undefined;
}

/** The body's events come from the socket, which serves one request after another: each is told whose it is. */
function bindEvents(request: object, store: Carried): void {
  replace(
    request,
    'emit',
    (original) =>
      function (...args) {
        // Where nobody listens, nobody needs to know.
        return attempt(() => (this as EventEmitter).listenerCount(args[0] as string)) === 0
          ? original.apply(this, args)
          : runWith(store, () => original.apply(this, args));
      },
  );
}

/** A response to HTTP/1 gets its headers now, so that the application can change them; a stream when it responds. An upgrade's socket gets none. */
function echo(response: Partial<ServerResponse>, store: Carried): void {
  prepareArguments(response, 'respond', (_, args) => withMember(args, 0, withCarried(args[0], store)));
  if (response.setHeader) for (const [name, value] of store) response.setHeader(name, value);
}
