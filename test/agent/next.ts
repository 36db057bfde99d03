/** A Next.js application, built once as its users do for containers, with the agent preloaded into its server. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cache, install } from './installed.ts';
import type { Row } from './run-guest.ts';

const home = join(cache, 'next');
const built = join(home, '.next', 'standalone', 'server.js');
const atOnce = 60;
const startSeconds = 60;

/** Serves sixty requests at once, twice, every fourth without a header, by `http` and by the `fetch` that Next.js makes its own. @throws Error when it cannot be built or does not start. */
export async function tryNext(node: string, agent: string): Promise<readonly Row[]> {
  if (!existsSync(built)) {
    install(home, { next: '15', react: '19', 'react-dom': '19' });
    cpSync(new URL('guest/next', import.meta.url).pathname, home, { recursive: true });
    writeFileSync(join(home, 'next.config.mjs'), "export default { output: 'standalone' };\n");
    execFileSync('npx', ['next', 'build'], {
      cwd: home,
      env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
      stdio: 'ignore',
    });
  }
  const down = createServer((incoming, response) => {
    setTimeout(() => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(incoming.headers));
    }, 2);
  });
  const address = await listening(down);
  const port = await freePort();
  const child = spawn(node, [built], {
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      HOSTNAME: '127.0.0.1',
      DOWN: address,
      NODE_OPTIONS: `--require ${agent}`,
    },
    stdio: 'ignore',
  });
  try {
    const deadline = performance.now() + startSeconds * 1000;
    while (
      !(await send(port, 'http', undefined).then(
        () => true,
        () => false,
      ))
    ) {
      if (performance.now() > deadline || child.exitCode !== null) throw new Error('Next.js does not start');
      await wait(100);
    }
    return [await measure(port, 'http'), await measure(port, 'fetch')];
  } finally {
    child.kill('SIGKILL');
    down.close();
    down.closeAllConnections();
  }
}

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Next.js does not say which one it took. */
async function freePort(): Promise<number> {
  const server = createServer();
  const { port } = new URL(await listening(server));
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return Number(port);
}

async function measure(port: number, how: string): Promise<Row> {
  const counts = { right: 0, wrong: 0, lost: 0, of: 0 };
  for (const round of ['a', 'b']) {
    const sent = Array.from({ length: atOnce }, (_, index) =>
      index % 4 === 3 ? undefined : `v-${round}-${index}`,
    );
    const arrived = await Promise.all(sent.map((id) => send(port, how, id)));
    arrived.forEach(({ 'x-variant-id': got }, index) => {
      counts.of += 1;
      counts[got === sent[index] ? 'right' : got === undefined ? 'lost' : 'wrong'] += 1;
    });
  }
  return { kind: 'server', name: `Next.js standalone, ${how}`, traced: 0, ...counts };
}

function send(port: number, how: string, id: string | undefined): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const headers = { 'x-how': how, ...(id === undefined ? {} : { 'x-variant-id': id }) };
    request({ host: '127.0.0.1', port, path: '/api', method: 'POST', headers }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => {
          text += chunk;
        })
        .on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text) as IncomingHttpHeaders);
          else reject(new Error(`status ${response.statusCode ?? 0}`));
        });
    })
      .on('error', reject)
      .end('body');
  });
}
