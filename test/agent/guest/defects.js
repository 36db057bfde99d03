// Each thing that hpropagate got wrong, and more, done once on behalf of a request with `x-variant-id: v1`; prints what came of it as JSON.
import http, { get as namedGet } from 'node:http';
import { startDownstream, listen, textOf } from './downstream.js';

const down = await startDownstream(undefined);
const target = new URL(down.http);
const facts = {};
const parse = async (response) => JSON.parse(await textOf(response));
const answered = (get, args) =>
  new Promise((resolve, reject) => {
    // Whoever loses the callback must not be waited for.
    setTimeout(() => {
      resolve({ 'x-variant-id': 'no answer' });
    }, 3000).unref();
    get(...args, (response) => {
      parse(response).then(resolve, reject);
    }).on('error', reject);
  });
const call = (...args) => answered(http.get, args);
const shared = { 'x-own': '1' };
const frozen = Object.freeze({
  host: target.hostname,
  port: target.port,
  headers: Object.freeze({ 'x-own': '1' }),
});
const at = (headers) => ({ host: target.hostname, port: target.port, headers });
const variant = async (answer) => (await answer)['x-variant-id'] ?? null;

// No listener is given: hapi and many others add theirs later. hpropagate, to be compared, ends the process then: it is given one.
const serve = async (request, response) => {
  request.resume();
  if (request.url === '/fetch' && typeof fetch === 'function')
    facts.fetchOwn = (await (await fetch(down.http, { headers: { 'X-Variant-Id': 'mine' } })).json())[
      'x-variant-id'
    ];
  facts.urlOptionsCallback = await variant(call(target, { headers: {} }));
  facts.stringCallback = await variant(call(down.http));
  facts.namedImport = await variant(answered(namedGet, [down.http]));
  facts.fetch =
    typeof fetch === 'function' ? ((await (await fetch(down.http)).json())['x-variant-id'] ?? null) : 'v1';
  facts.sharedObject = await variant(call(at(shared)));
  facts.frozen = await variant(call(frozen));
  facts.ownHeader = await variant(call(at({ 'X-Variant-Id': 'mine' })));
  facts.list = await variant(call(at(['host', target.host])));
  facts.ownInList = await variant(call(at(['host', target.host, 'X-Variant-Id', 'mine'])));
  await new Promise((resolve) => {
    const request = http.get(at({ 'x-own': '1' }), (answer) => {
      facts.toldHeaders = Object.keys(request.getHeaders());
      answer.resume().on('end', resolve);
    });
  });
  facts.external = await variant(
    new Promise((resolve, reject) => {
      http
        .get(
          {
            host: 'api.example.com',
            port: target.port,
            path: '/',
            lookup: (_name, options, done) => {
              if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
              else done(null, '127.0.0.1', 4);
            },
          },
          (answer) => {
            parse(answer).then(resolve, reject);
          },
        )
        .on('error', reject);
    }),
  );
  response.end('{}');
};
const server =
  process.argv[2] === 'listener' ? http.createServer(serve) : http.createServer().on('request', serve);
const other = new http.Server().on('request', async (_request, response) => {
  response.end(JSON.stringify({ variant: await variant(call(down.http)) }));
});
const otherPort = await listen(other);
const port = await listen(server);
const send = (headers, path = '/') =>
  new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, headers }, (response) => {
        textOf(response).then(() => {
          resolve(response.headers);
        }, reject);
      })
      .on('error', reject);
  });
const parseBody = (at) =>
  new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port: at, path: '/', headers: { 'x-variant-id': 'v1' } }, (response) => {
        parse(response).then(resolve, reject);
      })
      .on('error', reject);
  });
facts.response = await send({ 'x-variant-id': 'v1', 'x-correlation-id': 'c1' }, '/fetch');
facts.newServer = (await parseBody(otherPort)).variant;
facts.sharedAfter = { ...shared };
facts.outside = await variant(call(at(shared)));
const first = { ...facts };
await send({});
facts.afterwards = facts.urlOptionsCallback;
for (const [name, value] of [
  ['twoIds', 'v1,v2'],
  ['tooLong', 'v'.repeat(300)],
  ['latin', 'v\u00e9'],
]) {
  await send({ 'x-variant-id': value });
  first[name] = facts.urlOptionsCallback;
}
process.stdout.write(
  JSON.stringify({
    ...first,
    afterwards: facts.afterwards,
    status: globalThis[Symbol.for('branchline.agent')] ?? null,
  }),
  () => {
    process.exit();
  },
);
