/** Messages of amqplib: what is published for a request carries its headers, and who consumes a message works for it. */
import { attempt, carried, runWith } from './context.ts';
import type { Config } from './config.ts';
import { withCarried } from './headers.ts';
import { readCarried } from './inbound.ts';
import { prepareArguments, withMember, type AnyObject, type Method } from './replace.ts';

interface Holder {
  readonly headers?: AnyObject;
}

/** Hooks channels: `publish(exchange, key, content, options)`, which `sendToQueue` calls; `consume(queue, callback, options)`. */
export function hookQueues(exports: AnyObject, config: Config): void {
  for (const name of ['Channel', 'ConfirmChannel']) {
    const { prototype } = (exports[name] || {}) as { prototype?: object };
    if (!prototype || !('assertExchange' in prototype)) continue;
    prepareArguments(prototype, 'publish', (_, args) => {
      const store = carried();
      const options = (args[3] || {}) as Holder;
      return store && withMember(args, 3, { ...options, headers: withCarried(options.headers, store) });
    });
    prepareArguments(prototype, 'consume', (_, args) => (typeof args[1] === 'function' ? withMember(args, 1, consumer(args[1] as Method, config)) : undefined));
  }
}

/** Works for the message it is given, and for nobody when that carries nothing. */
function consumer(callback: Method, config: Config): Method {
  return function (...args) {
    const store = attempt(() => {
      const { headers = {} } = (args[0] as { readonly properties: Holder }).properties;
      return readCarried((name) => headers[name], config);
    });
    return runWith(store, () => callback.apply(this, args));
  };
}
