// amqplib's real channels where they are installed, else a class of their shape, over no connection: what is published for a request, and whom a consumer works for.
import { createRequire } from 'node:module';
import http from 'node:http';
import { listen, startDownstream, textOf } from './downstream.js';

const { Channel } = createRequire(import.meta.url)(process.argv[2]);
const down = await startDownstream(undefined);
const sent = [];
const channel = Object.create(Channel.prototype);
let deliver;
Object.assign(channel, {
  sendMessage: (_fields, properties) => {
    sent.push(properties.headers ?? null);
    return true;
  },
  _rpc: (_method, _fields, _expect, done) => {
    done(null, { fields: { consumerTag: 't' } });
  },
  registerConsumer: (_tag, callback) => {
    deliver = callback;
  },
});
const options = Object.freeze({ headers: Object.freeze({ own: '1' }) });
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
const seen = [];
const port = await listen(
  http.createServer(async (request, response) => {
    request.resume();
    channel.publish('e', 'k', Buffer.from(''), options);
    channel.sendToQueue('q', Buffer.from(''));
    // Consumers are often started while a request is served: what they get is not that request's.
    await channel.consume('q', (message) => {
      seen.push(carriedNow());
      void message;
    });
    deliver({ properties: { headers: { 'x-variant-id': 'v2' } } });
    deliver({ properties: { headers: {} } });
    deliver({ properties: {} });
    deliver(null);
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
channel.publish('e', 'k', Buffer.from(''), options);
process.stdout.write(
  JSON.stringify({
    sent: sent.map((headers) => headers && { own: headers.own, variant: headers['x-variant-id'] }),
    seen: await Promise.all(seen),
  }),
  () => {
    process.exit();
  },
);
