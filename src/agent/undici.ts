/**
 * Outbound fetch and undici. A pool that is full keeps `{ options, handler }` and sends them later, in the context of another request; so headers are
 * put in when a request is handed in, and the options are marked for whom, which inner dispatchers, queues, retries and redirects keep.
 */
import { attempt, beforeFirst, carried, type Carried } from './context.ts';
import { builtin } from './builtin.ts';
import type { Config } from './config.ts';
import { namesIn, without, withCarried } from './headers.ts';
import { hidden, replace, type AnyObject } from './replace.ts';

/** On options of ours: whom for, where to, and which names we put in. */
interface Mark {
  readonly store: Carried | undefined;
  readonly host: string | undefined;
  readonly added: readonly string[];
}

const marked = Symbol('branchline');
type Options = AnyObject & { readonly [marked]?: Mark };
type Dispatch = (this: object, options: Options, handler: unknown) => unknown;
type Compose = (this: object, ...interceptors: unknown[]) => unknown;

/** Headers that tracing libraries put in through a channel, after us, without looking: they go first. */
const isTracing = (name: string): boolean => /^(?:traceparent|tracestate|baggage|b3|x-b3-.*|x-ot-span-context)$/.test(name);

/** Returns what hooks a copy of undici, given its exports. The copy inside Node, and one in a bundle, are found when the first request carries something. */
export function createUndiciHook(config: Config): (exports: AnyObject) => void {
  let sending: Mark | undefined;
  let isTraced = false;

  /** Options that say whom they are for; undefined: as they are. */
  const prepare = (dispatcher: object, options: Options, isLate: boolean): Options | undefined => {
    const mark = options[marked];
    // What is new to a client inside a pool of a copy found late may have waited in that pool's queue: nobody knows for whom.
    if (mark === undefined && isLate && hidden(dispatcher, 'clients') === undefined) return undefined;
    const store = mark === undefined ? carried() : mark.store;
    if (store === undefined) return mark === undefined ? { ...options, [marked]: { store, host: undefined, added: [] } } : undefined;
    const host = hostOf(options['origin'] ?? mark?.host ?? hidden(dispatcher, 'url'));
    if (mark !== undefined && mark.host === host) return undefined;
    const own = mark === undefined || mark.added.length === 0 ? options['headers'] : without(options['headers'], mark.added);
    const isWanted = options['method'] !== 'CONNECT' && config.isInside(host);
    const wanted = isWanted ? store.filter(([name]) => !isTraced || !isTracing(name)) : [];
    const headers = withCarried(own, wanted);
    const before = namesIn(withCarried(own, []) ?? {});
    return { ...options, headers, [marked]: { store, host, added: wanted.map(([name]) => name).filter((name) => !before.includes(name)) } };
  };

  const hookClass = (prototype: object, isLate: boolean): void => {
    if (Object.hasOwnProperty.call(prototype, 'dispatch')) replace<Dispatch>(prototype, 'dispatch', (original) => function dispatch(this: object, options, handler) {
      const prepared = attempt(() => (isPlain(options) ? prepare(this, options, isLate) : undefined)) ?? options;
      const outer = sending;
      sending = attempt(() => prepared[marked]);
      try {
        return Reflect.apply(original, this, [prepared, handler]);
      } finally {
        sending = outer;
      }
    });
    // Interceptors such as retries keep what they were given: the outermost marks it.
    if (Object.hasOwnProperty.call(prototype, 'compose')) replace<Compose>(prototype, 'compose', (original) => function compose(this: object, ...interceptors) {
      const all: readonly unknown[] = Array.isArray(interceptors[0]) ? interceptors[0] : interceptors;
      const first = (next: (options: Options, handler: unknown) => unknown) => (options: Options, handler: unknown): unknown =>
        next(attempt(() => (isPlain(options) ? prepare(this, options, isLate && hidden(this, 'clients') === undefined) : undefined)) ?? options, handler);
      return Reflect.apply(original, this, [...all, first]);
    });
  };
  const hookChain = (start: unknown, isLate: boolean): void => {
    for (let prototype = start; typeof prototype === 'object' && prototype !== null; prototype = Object.getPrototypeOf(prototype)) hookClass(prototype, isLate);
  };

  beforeFirst(() => {
    const world = globalThis as unknown as AnyObject;
    void world['Headers'];
    for (const version of [1, 2]) hookChain(world[Symbol.for(`undici.globalDispatcher.${version}`)], true);
    isTraced = hookChannel(() => sending, config);
  });
  return (exports) => {
    for (const value of Object.values(exports)) if (typeof value === 'function') hookChain(value.prototype, false);
  };
}

/** Puts tracing headers in after the tracing library that listens, if there is one. @returns whether there is. */
function hookChannel(sending: () => Mark | undefined, config: Config): boolean {
  const channel = builtin.channels().channel('undici:request:create');
  if (!channel.hasSubscribers) return false;
  channel.subscribe((message) => {
    attempt(() => {
      const { request } = message as { request: { headers: unknown; addHeader?: (name: string, value: string) => void } };
      const mark = sending();
      if (mark?.store === undefined || !config.isInside(mark.host)) return;
      const text = request.headers;
      const names = typeof text === 'string' ? text.split('\r\n').map((line) => line.split(':')[0]?.toLowerCase()) : namesIn(text);
      for (const [name, value] of mark.store) if (isTracing(name) && !names.includes(name)) request.addHeader?.(name, value);
    });
  });
  return true;
}

/** What a copy with spread syntax is a copy of. */
function isPlain(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false;
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function hostOf(origin: unknown): string | undefined {
  if (typeof origin === 'string') return origin.includes('/') ? new URL(origin).hostname : origin;
  return (origin as { readonly hostname?: string } | undefined)?.hostname;
}
