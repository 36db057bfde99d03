import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { test } from 'tap';
import { loadSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import { serve } from '../../src/commands/serve.ts';
import type { Io } from '../../src/commands/io.ts';
import { plainWorkload, readAnswer, review, send, temporaryFolder } from '../webhook/harness.ts';

const root = join(import.meta.dirname, '../..');
const tenant = join(root, 'examples/tenant');
const body = review(plainWorkload);

function settingsOf(changes: Partial<Settings>): Settings {
  const loaded = loadSettings({ flags: {}, environment: {} });
  if ('problems' in loaded) throw new Error('the defaults are not valid');
  return { ...loaded.settings, listenPort: 0, plainPort: 0, logLevel: 'fatal', ...changes };
}

interface Said {
  readonly io: Io;
  readonly stop: AbortController;
  err: string;
}

function speak(onText: (text: string) => void = () => undefined): Said {
  const stop = new AbortController();
  const said: Said = {
    stop,
    err: '',
    io: {
      environment: {},
      out: () => undefined,
      stdin: (async function* () {
        /* nothing */
      })(),
      isTerminal: false,
      stop: stop.signal,
      err: (text) => {
        said.err += text;
        onText(said.err);
      },
    },
  };
  return said;
}

test('serves a folder of manifests, says where and what to try, and ends with 0 when told to stop', async (t) => {
  const folder = temporaryFolder(t);
  const announced = Promise.withResolvers<string>();
  const { io, stop } = speak((text) => {
    if (text.includes('bad-branch')) announced.resolve(text);
  });
  const ended = serve(settingsOf({ manifests: [tenant], certDirectory: folder, drainSeconds: 0 }), io);
  const text = await announced.promise;
  const port = Number(/https:\/\/127\.0\.0\.1:([0-9]+)/.exec(text)?.[1]);
  const plain = /http:\/\/127\.0\.0\.1:[0-9]+/.exec(text)?.[0] ?? '';
  t.match(text, `curl -sS --cacert ${folder}/ca.crt`);
  const tls = { ca: readFileSync(join(folder, 'ca.crt')), rejectUnauthorized: true };
  t.equal(readAnswer(await send(port, '/mutate/workloads', { body, tls })).response.uid, 'uid-1');
  while ((await fetch(`${plain}/readyz`)).status !== 200);
  const metrics = await (await fetch(`${plain}/metrics`)).text();
  t.match(metrics, /branchline_cache_objects\{kind="Deployment"\} [1-9]/);
  const expiry = Number(/expiry_timestamp_seconds ([0-9.e+]+)/.exec(metrics)?.[1]);
  t.ok(expiry * 1000 > Date.now() + 300 * 86_400_000, 'a year, in seconds');
  stop.abort();
  t.equal(await ended, 0);
  await t.rejects(fetch(`${plain}/healthz`));
});

test('says in words why it cannot serve, with exit code 3', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => {
    taken.close();
  });
  const { port } = taken.address() as { port: number };
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  const good = { manifests: [tenant], certDirectory: join(folder, 'certs') };
  const rows: readonly { name: string; settings: Partial<Settings>; want: RegExp }[] = [
    {
      name: 'port taken',
      settings: { ...good, listenPort: port },
      want: /address already in use.*--listen-port/,
    },
    {
      name: 'plain port taken',
      settings: { ...good, plainPort: port },
      want: /address already in use.*--plain-port/,
    },
    {
      name: 'address of another machine',
      settings: { ...good, listenHost: '203.0.113.1' },
      want: /no such address.*--listen-host/,
    },
    {
      name: 'folder of certificates is a file',
      settings: { ...good, certDirectory: join(folder, 'file') },
      want: /certDirectory.*tlsCertFile/,
    },
    {
      name: 'no certificate',
      settings: { ...good, tlsCertFile: join(folder, 'no.crt'), tlsKeyFile: join(folder, 'no.key') },
      want: /no\.crt.*ENOENT/,
    },
    { name: 'no manifests', settings: { ...good, manifests: [join(folder, 'nowhere')] }, want: /nowhere/ },
  ];
  for (const { name, settings, want } of rows) {
    const said = speak();
    t.equal(await serve(settingsOf({ drainSeconds: 0, ...settings }), said.io), 3, name);
    t.match(said.err, want, name);
    t.match(said.err.split('\n').filter((line) => line.includes('cannot serve')).length, 1, `${name}: once`);
  }
});

interface Served {
  readonly child: ChildProcess;
  readonly port: number;
  readonly plain: string;
}

async function start(
  t: { teardown(work: () => unknown): unknown },
  flags: readonly string[],
): Promise<Served> {
  const child = spawn(
    process.execPath,
    [
      join(root, 'src/main.ts'),
      'serve',
      '--manifests',
      tenant,
      '--cert-directory',
      temporaryFolder(t),
      '--listen-port',
      '0',
      '--plain-port',
      '0',
      ...flags,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.teardown(() => child.kill('SIGKILL'));
  let text = '';
  for await (const chunk of child.stderr) {
    text += String(chunk);
    if (text.includes('bad-branch')) break;
  }
  return {
    child,
    port: Number(/https:\/\/127\.0\.0\.1:([0-9]+)/.exec(text)?.[1]),
    plain: /http:\/\/127\.0\.0\.1:[0-9]+/.exec(text)?.[0] ?? '',
  };
}

test('SIGTERM under load: unready at once while every request is answered; a second signal ends the process', async (t) => {
  const { child, port, plain } = await start(t, ['--drain-seconds', '25']);
  const exited = once(child, 'exit');
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  t.teardown(() => {
    agent.destroy();
  });
  const outcomes = new Map<number | string, number>();
  let isStopping = false;
  const load = Array.from({ length: 8 }, async () => {
    while (!isStopping) {
      const outcome = await send(port, '/mutate/workloads?timeout=10s', { body, agent }).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  });
  const answered = async (count: number): Promise<void> => {
    while ((outcomes.get(200) ?? 0) < count && outcomes.size <= 1) await new Promise(setImmediate);
  };
  await answered(100);
  child.kill('SIGTERM');
  while ((await fetch(`${plain}/readyz`)).status !== 503);
  await answered((outcomes.get(200) ?? 0) + 16);
  isStopping = true;
  await Promise.all(load);
  t.same([...outcomes.keys()], [200]);
  child.kill('SIGTERM');
  t.not((await exited)[0], 0, 'the drain is not over');
});

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal}: when it has drained, the process ends with 0`, async (t) => {
    const { child } = await start(t, ['--drain-seconds', '0']);
    const exited = once(child, 'exit');
    child.kill(signal);
    t.same(await exited, [0, null]);
  });

test('follows new certificate files while it runs', async (t) => {
  const folder = temporaryFolder(t);
  const { ensureSelfMadePair } = await import('../../src/webhook/self-made.ts');
  const files = { '--tls-cert-file': join(folder, 'tls.crt'), '--tls-key-file': join(folder, 'tls.key') };
  const first = temporaryFolder(t);
  const second = temporaryFolder(t);
  await Promise.all([first, second].map((one) => ensureSelfMadePair(one, ['127.0.0.1'], Date.now())));
  const install = (from: string): void => {
    for (const file of ['tls.crt', 'tls.key'])
      writeFileSync(join(folder, file), readFileSync(join(from, file)));
  };
  install(first);
  const announced = Promise.withResolvers<string>();
  const { io, stop } = speak((text) => {
    if (text.includes('webhook https')) announced.resolve(text);
  });
  const ended = serve(
    settingsOf({
      manifests: [tenant],
      tlsCertFile: files['--tls-cert-file'],
      tlsKeyFile: files['--tls-key-file'],
      certReloadSeconds: 1,
      drainSeconds: 0,
    }),
    io,
  );
  const port = Number(/https:\/\/127\.0\.0\.1:([0-9]+)/.exec(await announced.promise)?.[1]);
  const isServed = async (from: string): Promise<boolean> =>
    send(port, '/healthz', {
      method: 'GET',
      tls: { ca: readFileSync(join(from, 'ca.crt')), rejectUnauthorized: true },
    }).then(
      ({ status }) => status === 200,
      () => false,
    );
  t.ok(await isServed(first));
  install(second);
  while (!(await isServed(second)));
  t.notOk(await isServed(first));
  stop.abort();
  t.equal(await ended, 0);
});
