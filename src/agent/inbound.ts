/**
 * Inbound requests: of http, https and http2 servers, however they were made. All descend from `net.Server`, and its `emit` is the one place through
 * which requests, upgrades and streams of every kind and version go.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { attempt, carried, isStarted, runWith, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import { isValid, type Config } from './config.ts';
import { withCarried } from './headers.ts';
import { replace, type AnyObject } from './replace.ts';

type Emit = (this: object, event: unknown, ...args: unknown[]) => unknown;

/** Hooks every server of the process. */
export function hookServers(config: Config): void {
  replace<Emit>(builtin.net().Server.prototype, 'emit', (original) => function emit(this: object, event, ...args) {
    const proceed = (): unknown => Reflect.apply(original, this, [event, ...args]);
    if (!isInbound(event)) return proceed();
    const store = attempt(() => receive(event, args, config));
    return store !== undefined || isStarted() ? runWith(store, proceed) : proceed();
  });
}

function isInbound(event: unknown): boolean {
  return event === 'request' || event === 'stream' || event === 'upgrade' || event === 'checkContinue' || event === 'checkExpectation' || event === 'connect';
}

/** An HTTP/2 request comes as a stream first, and is that stream's after. */
const streams = new WeakMap<object, Carried>();

function receive(event: unknown, [source, second]: readonly unknown[], config: Config): Carried | undefined {
  const request = source as Partial<IncomingMessage> & AnyObject;
  const stream = event === 'stream' ? request : request['stream'];
  const known = typeof stream === 'object' && stream !== null ? streams.get(stream) : undefined;
  const store = known ?? readCarried((event === 'stream' ? second : request.headers) as AnyObject | undefined, config);
  if (store === undefined) return undefined;
  bindEvents(request, store);
  if (event === 'stream') {
    streams.set(request, store);
    if (config.isEchoed) echoInStream(request, store);
  } else if (known === undefined && config.isEchoed && event !== 'upgrade' && event !== 'connect') echo(second as ServerResponse, store);
  return store;
}

function readCarried(headers: AnyObject | undefined, { headers: names, generate }: Config): Carried | undefined {
  if (!headers) return undefined;
  const found: [string, string][] = [];
  for (const name of names) {
    const value = headers[name] ?? (generate.includes(name) ? builtin.crypto().randomUUID() : undefined);
    if (value !== undefined && isValid(name, value)) found.push([name, value]);
  }
  return found.length === 0 ? undefined : found;
}

/** The body's events come from the socket, which serves one request after another: each is told whose it is. */
function bindEvents(request: object, store: Carried): void {
  replace<Emit>(request, 'emit', (original) => function emit(this: object, ...args) {
    return carried() === store ? Reflect.apply(original, this, args) : runWith(store, () => Reflect.apply(original, this, args));
  });
}

function echo(response: ServerResponse, store: Carried): void {
  for (const [name, value] of store) if (!response.hasHeader(name)) response.setHeader(name, value);
}

function echoInStream(stream: object, store: Carried): void {
  replace<(this: object, headers: unknown, ...rest: unknown[]) => unknown>(stream, 'respond', (original) => function respond(this: object, headers, ...rest) {
    return Reflect.apply(original, this, [attempt(() => withCarried(headers, store)) ?? headers, ...rest]);
  });
}
