/** Messages of amqplib and kafkajs: what is published for a request carries its headers, and who consumes a message works for it. */
import { attempt, carried, runWith } from './context.ts';
import type { Config } from './config.ts';
import { withCarried } from './headers.ts';
import { readCarried } from './inbound.ts';
import { prepareArguments, replace, withMember, type AnyObject, type Method } from './replace.ts';

interface Holder {
  readonly headers?: AnyObject;
}
/** What a consumer is given: by amqplib, by kafkajs. */
interface Given {
  readonly properties?: Holder;
  readonly message?: Holder;
}

/** Hooks amqplib's channels: `publish(exchange, key, content, options)`, which `sendToQueue` and confirmed channels call; `consume(queue, callback, options)`. */
export function hookChannels(exports: AnyObject, config: Config): void {
  const { prototype } = (exports['Channel'] || {}) as { prototype?: { readonly assertExchange?: unknown } };
  if (!prototype || !prototype.assertExchange) return;
  prepareArguments(prototype, 'publish', (_, args) => withMember(args, 3, carrying(args[3] as Holder)));
  prepareArguments(
    prototype,
    'consume',
    (_, args) => typeof args[1] === 'function' && withMember(args, 1, consumer(args[1] as Method, config)),
  );
}

/** Hooks kafkajs: `producer.send({ messages })`, `consumer.run({ eachMessage })`. */
export function hookKafka({ Kafka }: AnyObject, config: Config): void {
  const { prototype } = (Kafka || {}) as { prototype?: object };
  if (prototype)
    for (const name of ['producer', 'consumer'])
      replace(
        prototype,
        name,
        (original) =>
          function (...args) {
            const made = original.apply(this, args) as object;
            attempt(() => {
              prepareArguments(made, 'send', (_, [record]) => [
                {
                  ...(record as AnyObject),
                  messages: (record as { messages: Holder[] }).messages.map(carrying),
                },
              ]);
              prepareArguments(made, 'run', (_, [options]) => {
                const { eachMessage } = options as { eachMessage?: Method };
                return (
                  eachMessage && [{ ...(options as AnyObject), eachMessage: consumer(eachMessage, config) }]
                );
              });
            });
            return made;
          },
      );
}

/** Returns a message, or its options, with what the request in hand carries. */
function carrying(message: Holder | undefined): Holder | undefined {
  const store = carried();
  return store ? { ...message, headers: withCarried((message || {}).headers, store) as AnyObject } : message;
}

/** Works for the message it is given, and for nobody when that carries nothing. */
function consumer(callback: Method, config: Config): Method {
  return function (...args) {
    const store = attempt(() => {
      const { properties, message } = args[0] as Given;
      const { headers } = (properties || message) as Holder;
      return headers && readCarried((name) => textOf(headers[name]), config);
    });
    return runWith(store, () => callback.apply(this, args));
  };
}

/** Kafka's are bytes. */
function textOf(value: unknown): unknown {
  return Buffer.isBuffer(value) ? String(value) : value;
}
