import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect } from 'node:net';
import { test } from 'tap';
import { fixedNumbers } from '../../src/config/fixed.ts';
import { startWebhook } from '../../src/webhook/server.ts';
import { createMetrics, metricsTable } from '../../src/telemetry/metrics.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { allow } from '../../src/admission/decision.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import {
  branchWorkload,
  dial,
  plainWorkload,
  post,
  received,
  review,
  run,
  send,
  settingsWith,
  sharedPair,
} from './harness.ts';

const mutate = '/mutate/workloads';

test('speaks TLS 1.2 with forward secrecy and authentication, TLS 1.3, and nothing below', async (t) => {
  const { port } = await run(t);
  const accepted = [
    { minVersion: 'TLSv1.3' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-CHACHA20-POLY1305' },
  ] as const;
  for (const tls of accepted)
    t.equal(
      (await send(port, mutate, { body: review(plainWorkload), tls })).status,
      200,
      JSON.stringify(tls),
    );
  const refused = [
    { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256' },
  ] as const;
  for (const tls of refused) await t.rejects(dial(port, tls), JSON.stringify(tls));
});

test('speaks HTTP/1.1 only, and says so in the handshake', async (t) => {
  const { port } = await run(t);
  const socket = await dial(port, { ALPNProtocols: ['h2', 'http/1.1'] });
  t.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
});

test('keeps idle connections longer than the API server, which drops them after 90 s', async (t) => {
  t.ok(fixedNumbers.keepAliveSeconds > 90);
  const { port } = await run(t);
  const answer = await send(port, mutate, {
    body: review(plainWorkload),
    headers: { connection: 'keep-alive' },
  });
  t.equal(answer.headers['keep-alive'], `timeout=${fixedNumbers.keepAliveSeconds}`);
});

test('connections that idle for less than our time are all used again without an error', async (t) => {
  const { port } = await run(t, { settings: { keepAliveSeconds: 3600 } });
  const agent = new Agent({ keepAlive: true, maxSockets: 40 });
  t.teardown(() => {
    agent.destroy();
  });
  const sockets = new Set<unknown>();
  let idle = 0;
  agent.on('free', (socket) => {
    sockets.add(socket);
    idle += 1;
  });
  for (let round = 1; round <= 4; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => send(port, mutate, { body: review(plainWorkload), agent })),
    );
    t.same(new Set(answers.map(({ status }) => status)), new Set([200]));
    while (idle < 40 * round) await new Promise(setImmediate);
  }
  t.equal(sockets.size, 40, 'all of them on the first connections');
});

test('an idle connection is closed when its time is over', async (t) => {
  const { port } = await run(t, { settings: { keepAliveSeconds: 1 } });
  const socket = await dial(port);
  const closed = once(socket, 'close');
  const begun = performance.now();
  socket.write(post(mutate, review(plainWorkload)));
  await received(socket, /\}$/);
  await closed;
  t.ok(performance.now() - begun > 900, 'not before');
});

test('headers or a body that do not come in time get 408 and no more of our time', async (t) => {
  const { port, webhook } = await run(t, {
    settings: { headersTimeoutSeconds: 1, requestTimeoutSeconds: 2 },
  });
  const slow = [
    'POST /mutate/workloads HTTP/1.1\r\nhost: x\r\n',
    post(mutate, review(plainWorkload)).slice(0, -5),
    '',
  ];
  await Promise.all(
    slow.map(async (bytes) => {
      const socket = await dial(port);
      const closed = once(socket, 'close');
      socket.write(bytes);
      t.match(await received(socket, /\}$/), /^HTTP\/1\.1 408 .*requestTimeoutSeconds/s, bytes);
      await closed;
    }),
  );
  const plain = connect(Number(new URL(webhook.plainUrl).port), '127.0.0.1');
  plain.write('GET /metrics HTTP/1.1\r\n');
  t.match(await received(plain, /\}$/), /^HTTP\/1\.1 408/);
});

test('what is no HTTP, or has too much header, is told so', async (t) => {
  const { port } = await run(t);
  const rows = [
    ['hello\r\n\r\n', /^HTTP\/1\.1 400 .*no HTTP/s],
    [`GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 .*16 KiB/s],
  ] as const;
  for (const [bytes, want] of rows) {
    const socket = await dial(port);
    socket.write(bytes);
    t.match(await received(socket, /\}$/), want);
  }
});

test('health is on both ports, and readiness says in words what is missing', async (t) => {
  let reasons: readonly string[] = ['the cluster is not read yet: Pod', 'another reason'];
  const { port, webhook } = await run(t, { unready: () => reasons });
  const ask = async (path: string): Promise<readonly { status: number; text: string }[]> => {
    const plain = await fetch(webhook.plainUrl + path);
    const secure = await send(port, path, { method: 'GET' });
    return [
      { status: plain.status, text: await plain.text() },
      { status: secure.status, text: secure.text },
    ];
  };
  for (const { status, text } of await ask('/healthz')) t.same([status, text], [200, 'ok\n']);
  for (const { status, text } of await ask('/readyz'))
    t.same([status, text], [503, 'not ready: the cluster is not read yet: Pod; another reason\n']);
  t.equal(
    (await send(port, mutate, { body: review(plainWorkload) })).status,
    200,
    'reviews are answered all the same',
  );
  reasons = [];
  for (const { status, text } of await ask('/readyz')) t.same([status, text], [200, 'ok\n']);
  webhook.drain();
  for (const { status, text } of await ask('/readyz'))
    t.same([status, text], [503, 'not ready: it is shutting down\n']);
  for (const { status } of await ask('/healthz')) t.equal(status, 200);
  t.equal((await send(port, '/healthz', { method: 'HEAD' })).status, 200);
});

test('metrics are on the plain port only', async (t) => {
  const { port, webhook } = await run(t);
  t.equal((await send(port, '/metrics', { method: 'GET' })).status, 404);
  const answer = await fetch(`${webhook.plainUrl}/metrics`);
  t.match(answer.headers.get('content-type'), 'text/plain; version=0.0.4');
  t.match(
    await (await fetch(`${webhook.plainUrl}/elsewhere`)).text(),
    /here are \/healthz, \/readyz and \/metrics/,
  );
});

test('metrics have the values of what happened', async (t) => {
  const { port, metrics } = await run(t, {
    decide: (path, { object }) =>
      path === '/validate/routes'
        ? {
            outcome: 'denied',
            code: 403,
            reason: 'Forbidden',
            message: 'm',
            warnings: [],
            problems: [
              { code: 'BL201', path: '', message: 'm', severity: 'deny' },
              { code: 'BL205', path: '', message: 'm', severity: 'warn' },
            ],
          }
        : object?.['kind'] === 'Deployment'
          ? {
              outcome: 'mutated',
              patch: [{ op: 'add', path: '/a', value: 1 }],
              after: {},
              warnings: [],
              problems: [],
            }
          : allow(),
  });
  for (let count = 0; count < 3; count += 1) await send(port, mutate, { body: review(branchWorkload) });
  await send(port, '/mutate/pods', { body: review({ kind: 'Pod' }, { operation: 'UPDATE' }) });
  for (let count = 0; count < 2; count += 1)
    await send(port, '/validate/routes', { body: review({ kind: 'VirtualService' }) });
  await send(port, '/validate/declarations', { body: 'no review' });
  const values = valuesOf(await metrics());
  const want = {
    'branchline_webhook_requests_total{path="/mutate/workloads",operation="CREATE",outcome="mutated"}': 3,
    'branchline_webhook_requests_total{path="/mutate/pods",operation="UPDATE",outcome="allowed"}': 1,
    'branchline_webhook_requests_total{path="/validate/routes",operation="CREATE",outcome="denied"}': 2,
    'branchline_webhook_requests_total{path="/validate/declarations",operation="",outcome="unreadable"}': 1,
    'branchline_webhook_latency_seconds_count{path="/mutate/workloads"}': 3,
    'branchline_webhook_latency_seconds_bucket{le="+Inf",path="/validate/routes"}': 2,
    'branchline_webhook_requests_in_flight{path="/mutate/workloads"}': 0,
    'branchline_problems_total{code="BL201",severity="deny"}': 2,
    'branchline_problems_total{code="BL205",severity="warn"}': 2,
    'branchline_cache_objects{kind="Deployment"}': 3,
    'branchline_cache_age_seconds{kind="Deployment"}': 1.5,
    'branchline_watch_restarts_total{kind="Deployment"}': 2,
    'branchline_relist_diffs_total{kind="Deployment"}': 1,
    branchline_shed_total: 0,
  };
  for (const [name, value] of Object.entries(want)) t.equal(values.get(name), value, name);
  t.notOk(values.has('branchline_cache_age_seconds{kind="Pod"}'), 'no age before the first list');
  t.ok((values.get('branchline_webhook_latency_seconds_sum{path="/mutate/workloads"}') ?? 0) > 0);
  t.ok((values.get('process_resident_memory_bytes') ?? 0) > 0);
  t.same(
    valuesOf(await metrics()).get('branchline_watch_restarts_total{kind="Deployment"}'),
    2,
    'a second scrape counts nothing twice',
  );
});

test('every metric of the table is scraped with its type and help, and no other of ours', async (t) => {
  const { metrics } = await run(t);
  const text = await metrics();
  for (const { name, kind, help } of metricsTable)
    t.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`), name);
  const ours = [...text.matchAll(/^# TYPE (branchline_\S+)/gm)].map(([, name]) => name).sort();
  t.same(ours, metricsTable.map(({ name }) => name).sort());
});

function valuesOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

test('says which address is taken, and leaves nothing open', async (t) => {
  const { port, webhook } = await run(t);
  const start = async (settings: Parameters<typeof settingsWith>[0]): Promise<unknown> =>
    startWebhook({
      settings: settingsWith(settings),
      log: createLog('info', { write: () => undefined }).log,
      metrics: createMetrics(() => []),
      pair: await sharedPair(),
      clientCa: undefined,
      unready: () => [],
      facts: () => ({ settings: settingsWith(), snapshot: snapshotOf([]) }),
    });
  await t.rejects(start({ listenPort: port }), { code: 'EADDRINUSE', message: new RegExp(`:${port}$`) });
  await t.rejects(start({ plainPort: Number(new URL(webhook.plainUrl).port) }), { code: 'EADDRINUSE' });
});
