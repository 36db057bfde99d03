/** Messages: what is published for a request carries its headers, and who consumes a message one by one works for it. */
import { attempt, carried, runWith, type Carried } from './context.ts';
import { isValid, type Config } from './config.ts';
import { withCarried } from './headers.ts';
import { replace, type AnyFunction, type AnyObject } from './replace.ts';

type Method = (this: object, ...args: unknown[]) => unknown;

/** Hooks amqplib's channels and kafkajs's producers and consumers. */
export function hookQueues(exports: AnyObject, config: Config): void {
  for (const name of ['Channel', 'ConfirmChannel']) {
    const prototype = prototypeOf(exports[name]);
    if (prototype !== undefined && 'assertExchange' in prototype) hookChannel(prototype, config);
  }
  const kafka = prototypeOf(exports['Kafka']);
  if (kafka !== undefined) {
    onReturn(kafka, 'producer', hookProducer);
    onReturn(kafka, 'consumer', (consumer) => { hookConsumer(consumer, config); });
  }
}

function prototypeOf(value: unknown): object | undefined {
  return typeof value === 'function' ? (value.prototype as object) : undefined;
}

/** `publish(exchange, key, content, options)`, which `sendToQueue` calls; `consume(queue, callback, options)`. */
function hookChannel(prototype: object, config: Config): void {
  replace<Method>(prototype, 'publish', (original) => function publish(this: object, ...args) {
    const store = carried();
    const options = store && attempt(() => withHeaders(args[3], store));
    if (options !== undefined) args[3] = options;
    return Reflect.apply(original, this, args);
  });
  replace<Method>(prototype, 'consume', (original) => function consume(this: object, ...args) {
    const callback = args[1];
    if (typeof callback === 'function') {
      args[1] = function consumer(this: unknown, ...received: unknown[]) {
        const message = received[0] as { properties?: { headers?: AnyObject } } | null;
        return runWith(attempt(() => readMessage(message?.properties?.headers, config)), () => Reflect.apply(callback as AnyFunction, this as never, received as never[]));
      };
    }
    return Reflect.apply(original, this, args);
  });
}

/** Messages with `send({ messages })`, `sendBatch({ topicMessages })`, and the same within a transaction. */
function hookProducer(producer: object): void {
  replace<Method>(producer, 'send', (original) => withRecord(original, withMessages));
  replace<Method>(producer, 'sendBatch', (original) => withRecord(original, (record, store) => ({ ...record, topicMessages: (record['topicMessages'] as AnyObject[]).map((topic) => withMessages(topic, store)) })));
  replace<Method>(producer, 'transaction', (original) => async function transaction(this: object, ...args) {
    const made = await Reflect.apply(original, this, args);
    attempt(() => { hookProducer(made as object); });
    return made;
  });
}

function withRecord(original: Method, add: (record: AnyObject, store: Carried) => AnyObject): Method {
  return function send(this: object, ...args) {
    const store = carried();
    const record = store && attempt(() => add(args[0] as AnyObject, store));
    return Reflect.apply(original, this, record === undefined ? args : [record, ...args.slice(1)]);
  };
}

function withMessages(record: AnyObject, store: Carried): AnyObject {
  return { ...record, messages: (record['messages'] as AnyObject[]).map((message) => withHeaders(message, store)) };
}

/** A batch holds messages of many: it belongs to none. */
function hookConsumer(consumer: object, config: Config): void {
  replace<Method>(consumer, 'run', (original) => function run(this: object, ...args) {
    const options = attempt(() => {
      const given = args[0] as AnyObject;
      const wrap = (name: string, storeOf: (payload: AnyObject) => Carried | undefined): AnyObject => {
        const handler = given[name];
        if (typeof handler !== 'function') return {};
        return { [name]: (payload: AnyObject) => runWith(attempt(() => storeOf(payload)), () => Reflect.apply(handler as AnyFunction, given as never, [payload] as never[])) };
      };
      return { ...given, ...wrap('eachMessage', (payload) => readMessage((payload['message'] as { headers?: AnyObject }).headers, config)), ...wrap('eachBatch', () => undefined) };
    });
    return Reflect.apply(original, this, options === undefined ? args : [options, ...args.slice(1)]);
  });
}

function withHeaders(holder: unknown, store: Carried): AnyObject {
  const own = holder as AnyObject | undefined;
  return { ...own, headers: withCarried(own?.['headers'], store) };
}

function readMessage(headers: AnyObject | undefined, { headers: names }: Config): Carried | undefined {
  const found = names.flatMap((name): Carried => {
    const raw = headers?.[name];
    const value = raw instanceof Uint8Array ? String(raw) : raw;
    return isValid(name, value) ? [[name, value]] : [];
  });
  return found.length === 0 ? undefined : found;
}

function onReturn(prototype: object, name: string, hook: (made: object) => void): void {
  replace<Method>(prototype, name, (original) => function make(this: object, ...args) {
    const made = Reflect.apply(original, this, args);
    attempt(() => { hook(made as object); });
    return made;
  });
}
