// kafkajs, or a class of its shape: what is sent for a request, and whom a consumer works for. Prints whether both are hooked where there is no broker to ask.
import { createRequire } from 'node:module';
import http from 'node:http';
import { listen, startDownstream, textOf } from './downstream.js';

const { Kafka } = createRequire(import.meta.url)(process.argv[2]);
const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: 0 });
const [producer, consumer] = [kafka.producer(), kafka.consumer({ groupId: 'g' })];
const isHooked = (method) =>
  Object.getOwnPropertySymbols(method).some(({ description }) => description === 'branchline');
if (producer.sent === undefined) {
  process.stdout.write(JSON.stringify({ hooked: [isHooked(producer.send), isHooked(consumer.run)] }), () => {
    process.exit();
  });
} else {
  const down = await startDownstream(undefined);
  const seen = [];
  const carriedNow = () =>
    new Promise((resolve, reject) => {
      http
        .get(down.http, (response) => {
          textOf(response).then((text) => {
            resolve(JSON.parse(text)['x-variant-id'] ?? null);
          }, reject);
        })
        .on('error', reject);
    });
  const record = Object.freeze({
    topic: 't',
    messages: Object.freeze([
      Object.freeze({ value: 'a', headers: Object.freeze({ own: '1' }) }),
      Object.freeze({ value: 'b' }),
    ]),
  });
  const port = await listen(
    http.createServer(async (request, response) => {
      request.resume();
      await producer.send(record);
      // Consumers are often started while a request is served: what they get is not that request's.
      await consumer.run({
        eachMessage: async () => {
          seen.push(await carriedNow());
        },
      });
      for (const headers of [
        { 'x-variant-id': Buffer.from('v2') },
        {},
        undefined,
        { 'x-variant-id': [Buffer.from('a'), Buffer.from('b')] },
      ])
        await consumer.deliver({ topic: 't', partition: 0, message: { value: Buffer.from(''), headers } });
      response.end('{}');
    }),
  );
  await new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, headers: { 'x-variant-id': 'v1' } }, (response) => {
        textOf(response).then(resolve, reject);
      })
      .on('error', reject);
  });
  await producer.send(record);
  process.stdout.write(JSON.stringify({ sent: producer.sent, seen }), () => {
    process.exit();
  });
}
