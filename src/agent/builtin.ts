/** Node's own modules, each loaded when it is first needed: requiring one costs the process memory, and old versions of Node lack some. */
export const builtin = {
  net: () => require('net') as typeof import('node:net'),
  http: () => require('http') as typeof import('node:http'),
  http2: () => require('http2') as typeof import('node:http2'),
  module: () => require('module') as unknown as { _load: Load },
  stream: () => require('stream') as typeof import('node:stream'),
  asyncHooks: () => require('async_hooks') as typeof import('node:async_hooks'),
  crypto: () => require('crypto') as typeof import('node:crypto'),
  channels: () => require('diagnostics_channel') as typeof import('node:diagnostics_channel'),
};

/** What `require` calls. */
export type Load = (this: unknown, request: string, parent: unknown, isMain: boolean) => unknown;
