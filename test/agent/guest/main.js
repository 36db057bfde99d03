// Runs every server and every client that can be had here under sixty requests at once, every fourth without a header, and prints what arrived
// downstream as JSON: right, wrong (somebody else's header), lost (none where there should be one), of so many; or why it could not be tried.
import { createRequire } from 'node:module';
import { readFileSync, writeSync } from 'node:fs';
import { makeClients } from './clients.js';
import { listen, startDownstream } from './downstream.js';
import { makeServers, sendHttp } from './servers.js';
import http from 'node:http';
import { Worker, isMainThread } from 'node:worker_threads';
import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

const {
  loader = 'import',
  pair: pairFolder,
  only = '',
  global: globalDispatcher,
  at = 60,
  inside,
} = JSON.parse(process.argv[2] ?? '{}');
// The same again in a worker, in a child process, or in one that gets its connections from this one: each has the agent by itself.
if (inside !== undefined) {
  const options = JSON.stringify({ ...JSON.parse(process.argv[2]), inside: undefined });
  const self = fileURLToPath(import.meta.url);
  const starts = {
    worker: () => new Worker(self, { argv: [options] }),
    child: () => fork(self, [options]),
    cluster: () => {
      cluster.setupPrimary({ exec: self, args: [options] });
      return cluster.fork();
    },
  };
  const code = await new Promise((resolve) => {
    starts[inside]().on('exit', resolve);
  });
  process.exit(code);
}
globalThis.AGENT_GLOBAL_DISPATCHER = globalDispatcher;
const require = createRequire(import.meta.url);
const atOnce = at;
const patienceMs = 600_000;

const load = async (name) => {
  if (loader !== 'require') return import(name);
  const loaded = require(name);
  return typeof loaded === 'function' || loaded.default === undefined
    ? Object.assign(Object.create(loaded), { default: loaded.default ?? loaded })
    : loaded;
};
const pair =
  pairFolder === undefined
    ? undefined
    : { key: readFileSync(`${pairFolder}/tls.key`), cert: readFileSync(`${pairFolder}/tls.crt`) };
const down = await startDownstream(pair);
const rows = [];

/** Sends them all at once, twice: the first burst opens connections, the second finds them. */
async function measure(kind, name, send) {
  const row = { kind, name, right: 0, wrong: 0, lost: 0, traced: 0, of: 0 };
  rows.push(row);
  try {
    for (const round of ['a', 'b']) {
      const sent = Array.from({ length: atOnce }, (_, index) =>
        index % 4 === 3 ? undefined : `v-${round}-${index}`,
      );
      const arrived = await within(
        Promise.all(
          sent.map((id) => send(id === undefined ? {} : { 'x-variant-id': id, 'x-unlisted': '1' })),
        ),
      );
      arrived.forEach((headers, index) => {
        if (headers.error !== undefined) throw new Error(headers.error);
        const want = name.endsWith('outside') ? undefined : sent[index];
        const got = headers['x-variant-id'];
        row.of += 1;
        if (headers.traceparent !== undefined) row.traced += 1;
        if (got === want) row.right += 1;
        else if (got === undefined) row.lost += 1;
        else row.wrong += 1;
      });
    }
  } catch (error) {
    row.error = String(error?.message ?? error).split('\n')[0];
  }
}

function within(promise) {
  let timer;
  return Promise.race([
    promise,
    new Promise((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error('no answer'));
      }, patienceMs);
    }),
  ]).finally(() => {
    clearTimeout(timer);
  });
}

const wants = (name) => only === '' || new RegExp(only).test(name);
const clients = await makeClients({ down, load });
let call;
const port = await listen(
  http.createServer((request, response) => {
    request
      .on('data', () => undefined)
      .on('end', () => {
        call().then(
          (value) => {
            response.end(JSON.stringify(value));
          },
          (error) => {
            response.statusCode = 500;
            response.end(JSON.stringify({ error: String(error) }));
          },
        );
      });
  }),
);
for (const [name, client] of Object.entries(clients)) {
  if (!wants(name)) continue;
  if (typeof client !== 'function') {
    rows.push({ kind: 'client', name, absent: String(client?.message ?? client).split('\n')[0] });
    continue;
  }
  call = client;
  await measure('client', name, sendHttp(port));
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
const serve = () =>
  new Promise((resolve, reject) => {
    http
      .get(down.http, { agent }, (response) => {
        let text = '';
        response
          .on('data', (chunk) => {
            text += chunk;
          })
          .on('end', () => {
            resolve(JSON.parse(text));
          });
      })
      .on('error', reject);
  });
for (const [name, start] of Object.entries(makeServers({ serve, pair, load, down }))) {
  if (!wants(name)) continue;
  try {
    const started = await start({ down });
    await measure('server', name, typeof started === 'number' ? sendHttp(started) : started.send);
  } catch (error) {
    rows.push({ kind: 'server', name, absent: String(error?.message ?? error).split('\n')[0] });
  }
}
if (isMainThread)
  process.stdout.write(JSON.stringify(rows), () => {
    process.exit();
  });
else {
  writeSync(1, JSON.stringify(rows));
  process.exit();
}
