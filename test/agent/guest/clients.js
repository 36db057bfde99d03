// Every way to call another service. Each maker gets what it needs and returns a function that makes one call and resolves with the headers that arrived.
import http, { get as namedGet } from 'node:http';
import https from 'node:https';
import http2 from 'node:http2';
import dns from 'node:dns';
import { textOf } from './downstream.js';
import { makeStores } from './stores.js';

const few = 2;

// Every name is here: one that is outside the cluster can be called, and what reaches it be seen.
dns.lookup = (_name, options, done = options) => {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
};
const outsideOf = (down) => down.http.replace('127.0.0.1', 'api.example.com');
/** Inside, and sent on from there to outside. */
const awayFrom = (down) => `${down.http}/redirect?${outsideOf(down)}/after`;

function received(request) {
  return new Promise((resolve, reject) => {
    request
      .on('response', (response) => {
        textOf(response).then((text) => {
          resolve(JSON.parse(text));
        }, reject);
      })
      .on('error', reject);
  });
}

function ended(request, body) {
  const answer = received(request);
  request.end(body);
  return answer;
}

function withCallback(start) {
  return new Promise((resolve, reject) => {
    start((response) => {
      textOf(response).then((text) => {
        resolve(JSON.parse(text));
      }, reject);
    })
      .on('error', reject)
      .end();
  });
}

const built = ({ down }) => {
  const url = new URL(down.http);
  const agent = new http.Agent({ keepAlive: true, maxSockets: few });
  const secure = new https.Agent({ keepAlive: true, maxSockets: few, rejectUnauthorized: false });
  const session = http2.connect(down.http2);
  session.unref();
  const stream = (headers) =>
    new Promise((resolve, reject) => {
      const request = session.request(headers);
      textOf(request).then((text) => {
        resolve(JSON.parse(text));
      }, reject);
      request.end();
    });
  const at = (more) => ({ host: url.hostname, port: url.port, agent, ...more });
  return {
    'http.get string': () => ended(http.get(down.http, { agent })),
    'http.get named import': () => ended(namedGet(down.http)),
    'http.request URL': () => ended(http.request(url)),
    'http.request URL, options, callback': () =>
      withCallback((callback) => http.request(url, { agent }, callback)),
    'http.request options, maxSockets': () => ended(http.request(at({}))),
    'http.request options, callback': () => withCallback((callback) => http.request(at({}), callback)),
    'http.request headers array': () =>
      ended(http.request(at({ headers: ['host', url.host, 'x-own', '1'] }))),
    'http.request headers pairs': () =>
      ended(
        http.request(
          at({
            headers: [
              ['host', url.host],
              ['x-own', '1'],
            ],
          }),
        ),
      ),
    'http.request Expect': () =>
      ended(http.request(at({ method: 'PUT', headers: { expect: '100-continue' } })), 'body'),
    'http.request agent: false': () => ended(http.request(at({ agent: false }))),
    'http.request no Host header': () =>
      ended(http.request(at({ setHost: false, headers: { host: url.host } }))),
    'new http.ClientRequest': () => ended(new http.ClientRequest(at({}))),
    'http.request, late end': async () => {
      const request = http.request(at({ method: 'POST' }));
      const answer = received(request);
      // Ended from a timer of nobody's: the request belongs to who made it.
      setTimeout(() => {
        request.end('body');
      }, 1);
      return answer;
    },
    'http forward proxy': () =>
      ended(
        http.request({
          host: new URL(down.proxy).hostname,
          port: new URL(down.proxy).port,
          path: `${down.http}/x`,
          headers: { host: url.host },
        }),
      ),
    ...(down.https === ''
      ? {}
      : {
          'https.get': () => ended(https.get(down.https, { agent: secure })),
          'https.request URL, options, callback': () =>
            withCallback((callback) => https.request(new URL(down.https), { agent: secure }, callback)),
        }),
    'http.get, outside': () => ended(http.get(outsideOf(down), { agent })),
    'http2 session.request': () => stream({ ':path': '/' }),
    'http2 session.request, none': () => stream(undefined),
  };
};

const fetches = ({ down }) =>
  typeof fetch === 'undefined'
    ? {}
    : {
        fetch: async () => (await fetch(down.http)).json(),
        'fetch Request': async () =>
          (await fetch(new Request(down.http, { method: 'POST', body: 'x' }))).json(),
        'fetch redirect': async () => (await fetch(`${down.http}/redirect`)).json(),
        'fetch redirect, outside': async () => (await fetch(awayFrom(down))).json(),
        'fetch, outside': async () => (await fetch(outsideOf(down))).json(),
      };

const undici =
  (name) =>
  async ({ down, load }) => {
    const {
      Agent,
      Client,
      Pool,
      RetryAgent,
      ProxyAgent,
      BalancedPool,
      request,
      fetch: ownFetch,
      stream,
      interceptors,
    } = await load(name);
    const body = async (answer) => (await answer).body.json();
    const pool = new Pool(down.http, { connections: few });
    const away = new Pool(outsideOf(down), { connections: few });
    const client = new Client(down.http);
    const agent = new Agent({ connections: few });
    const balanced = new BalancedPool([down.http], { connections: few });
    const viaStream = (dispatcher) =>
      new Promise((resolve, reject) => {
        let text = '';
        dispatcher.stream(
          { path: '/', method: 'GET' },
          () =>
            new (globalThis.process.getBuiltinModule?.('stream') ?? streamModule).Writable({
              write(chunk, _encoding, done) {
                text += chunk;
                done();
              },
            }),
          (error) => {
            if (error) reject(error);
            else resolve(JSON.parse(text));
          },
        );
      });
    const all = {
      request: () => body(request(down.http)),
      'request headers array': () => body(request(down.http, { headers: ['x-own', '1'], dispatcher: agent })),
      Client: () => body(client.request({ path: '/', method: 'GET' })),
      'Pool of 2': () => body(pool.request({ path: '/', method: 'GET' })),
      'Pool of 2, callback': () =>
        new Promise((resolve, reject) => {
          pool.request({ path: '/', method: 'GET' }, (error, answer) => {
            if (error) reject(error);
            else resolve(answer.body.json());
          });
        }),
      'Pool of 2, stream': () => viaStream(pool),
      'BalancedPool of 2': () => body(balanced.request({ path: '/', method: 'GET' })),
      'Agent of 2': () => body(request(down.http, { dispatcher: agent })),
      'Agent of 2, fetch': async () => (await ownFetch(down.http, { dispatcher: agent })).json(),
      'Agent of 2, fetch redirect, outside': async () =>
        (await ownFetch(awayFrom(down), { dispatcher: agent })).json(),
      'Pool of 2, outside': () => body(away.request({ path: '/', method: 'GET' })),
    };
    if (RetryAgent) {
      const retry = new RetryAgent(new Agent({ connections: few }));
      all['RetryAgent of 2'] = () => body(request(down.http, { dispatcher: retry }));
    }
    if (interceptors?.retry) {
      const composed = new Agent({ connections: few }).compose(
        interceptors.retry(),
        interceptors.redirect({ maxRedirections: 2 }),
      );
      all['interceptors of 2'] = () => body(request(`${down.http}/redirect`, { dispatcher: composed }));
      all['interceptors of 2, redirect, outside'] = () =>
        body(request(awayFrom(down), { dispatcher: composed }));
    }
    const proxy = new ProxyAgent({ uri: down.proxy, connections: few });
    all['ProxyAgent'] = async () => {
      const answer = await body(request(down.http, { dispatcher: proxy }));
      if (down.connects.some((headers) => 'x-variant-id' in headers)) throw new Error('CONNECT was told');
      return answer;
    };
    if (globalThis.AGENT_GLOBAL_DISPATCHER === name) {
      const { setGlobalDispatcher } = await load(name);
      setGlobalDispatcher(new Agent({ connections: few }));
      all['global dispatcher of 2, fetch'] = async () => (await fetch(down.http)).json();
    }
    void stream;
    return Object.fromEntries(Object.entries(all).map(([key, call]) => [`${name} ${key}`, call]));
  };
const streamModule = await import('node:stream');

const libraries = async ({ down, load }) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: few });
  const found = {};
  const add = async (name, make) => {
    try {
      found[name] = await make(await load(name.split(/,? /)[0]));
    } catch (error) {
      found[name] = error;
    }
  };
  // Each is asked for a URL; a second time for one that sends it on to outside.
  const both = async (name, make) => {
    await add(name, (it) => {
      const call = make(it.default ?? it);
      return () => call(down.http);
    });
    await add(`${name} redirect, outside`, (it) => {
      const call = make(it.default ?? it);
      return () => call(awayFrom(down));
    });
  };
  await both('axios', (axios) => async (url) => (await axios.get(url, { httpAgent: agent })).data);
  await both('axios fetch', (axios) => async (url) => (await axios.get(url, { adapter: 'fetch' })).data);
  for (const name of ['got11', 'got14'])
    await both(name, (got) => (url) => got(url, { agent: { http: agent } }).json());
  for (const name of ['node-fetch2', 'node-fetch3'])
    await both(name, (call) => async (url) => (await call(url, { agent })).json());
  await both(
    'superagent',
    (superagent) => async (url) => JSON.parse((await superagent.get(url).agent(agent).buffer(true)).text),
  );
  // It leaves the answer that redirects unread: a pool of few would stand still.
  await both(
    'needle',
    (needle) => async (url) =>
      (await needle('get', url, url === down.http ? { agent } : { follow_max: 2 })).body,
  );
  await both('ky', (ky) => (url) => ky(url).json());
  await add('@elastic/elasticsearch', ({ Client }) => {
    const client = new Client({ node: down.http });
    return () => client.info();
  });
  const { NodeHttpHandler } = await load('@smithy/node-http-handler').catch(() => ({}));
  const s3 = ({ S3Client, GetObjectCommand, PutObjectCommand }, options) => {
    const client = new S3Client({
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      requestHandler: new NodeHttpHandler({ httpAgent: agent }),
      ...options,
    });
    // A PUT waits for 100-continue; what it got is in the answer to the GET.
    return async (method) => {
      if (method === 'PUT')
        await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'key', Body: 'body' }));
      return JSON.parse(
        await (
          await client.send(new GetObjectCommand({ Bucket: 'bucket', Key: 'key' }))
        ).Body.transformToString(),
      );
    };
  };
  await add('@aws-sdk/client-s3', (it) => {
    const get = s3(it, { endpoint: down.http, forcePathStyle: true });
    return () => get('GET');
  });
  await add('@aws-sdk/client-s3 PUT', (it) => {
    const put = s3(it, { endpoint: down.http, forcePathStyle: true });
    return () => put('PUT');
  });
  await add('@aws-sdk/client-s3, outside', (it) => {
    const get = s3(it, { endpoint: down.http.replace('127.0.0.1', 's3.eu-west-1.amazonaws.com') });
    return () => get('GET');
  });
  return found;
};

const grpc = async ({ load }) => {
  const { startGrpc } = await import('./grpc.js');
  return startGrpc(await load('@grpc/grpc-js'));
};

/** Returns every client that can be had: name → call, or the error that it ended in. One that ends in `outside` calls a host outside the cluster: nothing may arrive there. */
export async function makeClients(context) {
  const makers = {
    built,
    fetches,
    libraries,
    stores: makeStores,
    grpc,
    undici: undici('undici'),
    undici5: undici('undici5'),
    undici6: undici('undici6'),
    undici7: undici('undici7'),
    undici8: undici('undici8'),
  };
  const clients = {};
  for (const [name, make] of Object.entries(makers)) {
    try {
      Object.assign(clients, await make(context));
    } catch (error) {
      clients[name] = error;
    }
  }
  return clients;
}
