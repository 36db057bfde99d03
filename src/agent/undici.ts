/**
 * Outbound fetch and undici. A pool that is full keeps `{ options, handler }` and sends them later, in the context of another request; so headers are
 * put in when a request is handed in, and the options are marked for whom, which inner dispatchers, queues, retries and redirects keep.
 */
import { attempt, beforeFirst, carried, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { namesIn, pairsOf, withCarried } from './headers.ts';
import {
  getPrototypeOf,
  hidden,
  isArray,
  marked,
  prepareArguments,
  replace,
  type AnyObject,
} from './replace.ts';

/** On options of ours: whom for, where to, and which names we put in. */
interface Mark {
  readonly store: Carried | undefined;
  readonly toHost?: unknown;
  readonly added: readonly string[];
}

type Options = AnyObject & { readonly [marked]?: Mark };
interface Request {
  readonly headers: unknown;
  addHeader(name: string, value: string): void;
}

/** Headers that tracing libraries put in through a channel, after us, without looking: they go first. */
const tracing = /^(traceparent|tracestate|baggage|b3|x-b3-.*|x-ot-span-context)$/;

/** Returns what hooks a copy of undici, given its exports. The copy inside Node, and one in a bundle, are found when the first request carries something. */
export function createUndiciHook({ isInside }: Config): (exports: AnyObject) => void {
  let sending: Mark | undefined;
  let isTraced = false;

  /** Returns options that say whom they are for, or those that were given. */
  const prepare = (dispatcher: object, options: Options, isLate: boolean): Options => {
    const mark = options[marked];
    if (!isPlain(options) || (!mark && isLate && isInPool(dispatcher))) return options;
    const { store, added, toHost: before } = mark || { store: carried(), added: [] };
    const host = hostOf(options['origin'] || before || hidden(dispatcher, 'url'));
    return mark && before === host
      ? options
      : { ...options, ...address(options, { store, added, toHost: host }) };
  };
  const address = ({ headers: given, method }: AnyObject, { store, added, toHost }: Mark): AnyObject => {
    if (!store) return { [marked]: { store, added, toHost } };
    // A redirect brings what we put in for the host before.
    const headers = added.length
      ? pairsOf(given)
          .filter(([name]) => !added.includes(name))
          .flat()
      : given;
    const names = namesIn(headers);
    const wanted =
      method !== 'CONNECT' && isInside(toHost)
        ? store.filter(([name]) => !names.includes(name) && !(isTraced && tracing.test(name)))
        : [];
    return {
      headers: withCarried(headers, wanted),
      [marked]: { store, toHost, added: wanted.map(([name]) => name) },
    };
  };

  const hookClass = (prototype: object, isLate: boolean): void => {
    const isOwn = (name: string): boolean => Object.hasOwnProperty.call(prototype, name);
    if (isOwn('dispatch'))
      replace(
        prototype,
        'dispatch',
        (original) =>
          function (options, handler) {
            const prepared = attempt(() => prepare(this, options as Options, isLate)) || options;
            const outer = sending;
            sending = attempt(() => (prepared as Options)[marked]);
            try {
              return original.call(this, prepared, handler);
            } finally {
              sending = outer;
            }
          },
      );
    // Interceptors such as retries keep what they were given: the outermost marks it.
    if (isOwn('compose'))
      prepareArguments(prototype, 'compose', (self, args) => [
        ...(isArray(args[0]) ? (args[0] as unknown[]) : args),
        (next: (options: unknown, handler: unknown) => unknown) => (options: unknown, handler: unknown) =>
          next(attempt(() => prepare(self, options as Options, isLate)) || options, handler),
      ]);
  };
  const hookChain = (start: unknown, isLate: boolean): void => {
    for (let prototype = start; prototype; prototype = getPrototypeOf(prototype))
      hookClass(prototype, isLate);
  };

  beforeFirst(() => {
    const world = globalThis as unknown as AnyObject;
    const hookGlobal = (): void => {
      for (const version of '12') hookChain(world[Symbol.for('undici.globalDispatcher.' + version)], true);
    };
    // One in a bundle; then the one inside Node, which is loaded when one of its globals is asked for, and may take the other's place.
    hookGlobal();
    if (world['Headers']) hookGlobal();
    const channel = builtin('diagnostics_channel').channel('undici:request:create');
    isTraced = channel.hasSubscribers;
    if (isTraced)
      channel.subscribe((message) => {
        attempt(() => {
          addTracing((message as { request: Request }).request);
        });
      });
  });

  /** After the tracing library that listens, too. */
  const addTracing = (request: Request): void => {
    if (!sending || !isInside(sending.toHost)) return;
    const { headers } = request;
    // In the oldest versions they are text by now.
    const names = namesIn(
      typeof headers === 'string' ? headers.split(/: .*\r\n/).map((name) => [name]) : headers,
    );
    for (const [name, value] of sending.store || [])
      if (tracing.test(name) && !names.includes(name)) request.addHeader(name, value);
  };

  return (exports) => {
    for (const value of Object.values(exports))
      if (typeof value === 'function') hookChain(value.prototype, false);
  };
}

/** What is new to a client in a copy found late may have waited in the queue of a pool before: nobody knows for whom. */
function isInPool(dispatcher: object): boolean {
  return !hidden(dispatcher, 'clients');
}

/** What a copy with spread syntax is a copy of. */
function isPlain(options: object): boolean {
  const prototype: unknown = getPrototypeOf(options);
  return !prototype || !getPrototypeOf(prototype);
}

function hostOf(origin: unknown): unknown {
  return typeof origin === 'string'
    ? origin.replace(/^.*:\/\/([^/]*).*$/, '$1')
    : origin && (origin as URL).hostname;
}
