/** Node's own modules, each required when it is first needed: that costs the process memory, and old versions of Node lack some. */
import type asyncHooks from 'node:async_hooks';
import type crypto from 'node:crypto';
import type channels from 'node:diagnostics_channel';
import type http from 'node:http';
import type http2 from 'node:http2';
import type net from 'node:net';
import type stream from 'node:stream';

interface Builtins {
  readonly async_hooks: typeof asyncHooks;
  readonly crypto: typeof crypto;
  readonly diagnostics_channel: typeof channels;
  readonly http: typeof http;
  readonly http2: typeof http2;
  readonly module: { _load: Load };
  readonly net: typeof net;
  readonly stream: typeof stream;
}

/** What `require` calls. */
export type Load = (request: string, parent: unknown, isMain: boolean) => unknown;

/** Returns one of Node's modules. */
export function builtin<K extends keyof Builtins>(name: K): Builtins[K] {
  return require(name) as Builtins[K];
}
