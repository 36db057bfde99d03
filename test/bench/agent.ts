/** What the header agent costs a service: a request, the start, memory; against none, hpropagate and OpenTelemetry. */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buildAgent } from '../../scripts/agent.ts';
import { cache, hpropagateText, install, libraries, tracingText } from '../agent/installed.ts';
import { median } from './statistics.ts';
import { round, toTable, type Row } from './table.ts';

const connections = 50;
const rounds = 5;
const requestsARound = 1500;
const memoryRequests = 30_000;
const starts = 11;
const scenarios = { A: 'hello', B: '200 awaits', C: 'express and one call' };

/** Who is measured, and whether its load carries the header; `after`: the load has none, but a request before had. */
const contenders = [
  { name: 'none', preload: undefined, isCarrying: true, isSeen: false },
  { name: 'agent, never a branch', preload: 'agent.cjs', isCarrying: false, isSeen: false },
  { name: 'agent, a branch before', preload: 'agent.cjs', isCarrying: false, isSeen: true },
  { name: 'agent, every request', preload: 'agent.cjs', isCarrying: true, isSeen: true },
  { name: 'hpropagate, every request', preload: 'hpropagate.cjs', isCarrying: true, isSeen: true },
  { name: 'OpenTelemetry, every request', preload: 'tracing-http.cjs', isCarrying: true, isSeen: true },
] as const;

interface Cost {
  readonly cpuUs: number;
  readonly rssMb: number;
  readonly heapMb: number;
}
interface Started {
  readonly port: number;
  ask(what: string): Promise<Cost>;
  end(): void;
}

/** Returns the tables. Processor time of the service is counted, not the clock: others work on the machine. */
export async function agent(): Promise<string> {
  const installed = join(cache, 'libraries');
  const guest = join(installed, 'guest');
  install(installed, libraries);
  mkdirSync(guest, { recursive: true });
  cpSync(new URL('../agent/guest', import.meta.url).pathname, guest, { recursive: true });
  writeFileSync(join(guest, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(guest, 'hpropagate.cjs'), hpropagateText);
  writeFileSync(join(guest, 'tracing-http.cjs'), tracingText.replace(', new UndiciInstrumentation()', ''));
  await buildAgent(join(guest, 'agent.cjs'));
  const down = createServer((_request, response) => {
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => down.once('listening', resolve));
  const downstream = `http://127.0.0.1:${(down.address() as AddressInfo).port}`;
  try {
    const rows: Row[] = [];
    for (const scenario of Object.keys(scenarios) as (keyof typeof scenarios)[])
      rows.push(...(await compare(guest, scenario, downstream)));
    return `${toTable(`Header agent: processor time of a service per request, ${connections} connections, ${rounds} rounds of ${requestsARound} in turn`, rows)}\n${toTable('Header agent: start and memory', [startRow(guest), await memoryRow(guest, downstream)])}`;
  } finally {
    down.close();
    down.closeAllConnections();
  }
}

async function compare(
  guest: string,
  scenario: keyof typeof scenarios,
  downstream: string,
): Promise<readonly Row[]> {
  const started = await Promise.all(
    contenders.map(async (contender) => ({
      ...contender,
      server: await start(guest, contender.preload, [scenario, downstream]),
      costs: [] as number[],
    })),
  );
  for (const { server, isSeen, isCarrying } of started) {
    if (isSeen) await load(server.port, 50, true);
    await load(server.port, requestsARound, isCarrying);
  }
  for (let index = 0; index < rounds; index += 1) {
    for (const { server, isCarrying, costs } of started) {
      const before = await server.ask('cost');
      await load(server.port, requestsARound, isCarrying);
      costs.push(((await server.ask('cost')).cpuUs - before.cpuUs) / requestsARound);
    }
  }
  for (const { server } of started) server.end();
  const bare = started[0]?.costs ?? [];
  return started.map(({ name, costs }) => ({
    scenario: `${scenario}: ${scenarios[scenario]}`,
    preloaded: name,
    'CPU µs': round(median(costs), 1),
    'more µs': round(median(costs.map((cost, index) => cost - (bare[index] ?? cost))), 1),
    'more %': round(median(costs.map((cost, index) => (cost / (bare[index] ?? cost) - 1) * 100)), 1),
  }));
}

function startRow(guest: string): Row {
  const time = (preloads: readonly string[]): number => {
    const before = performance.now();
    spawnSync(process.execPath, [...preloads, '-e', 'require("http");require("https")']);
    return performance.now() - before;
  };
  const [bare, ours]: [number[], number[]] = [[], []];
  for (let index = 0; index < starts; index += 1) {
    bare.push(time([]));
    ours.push(time(['--require', join(guest, 'agent.cjs')]));
  }
  return { what: 'start, ms', none: round(median(bare), 1), agent: round(median(ours), 1), goal: '+5' };
}

async function memoryRow(guest: string, downstream: string): Promise<Row> {
  const memory = async (preload: string | undefined): Promise<string> => {
    const server = await start(guest, preload, ['C', downstream]);
    await load(server.port, memoryRequests / 3, true);
    const early = await server.ask('collect');
    await load(server.port, (memoryRequests * 2) / 3, true);
    const late = await server.ask('collect');
    server.end();
    return `${round(early.heapMb, 1)} → ${round(late.heapMb, 1)} heap, ${round(late.rssMb)} resident`;
  };
  return {
    what: `MB after ${memoryRequests / 3} → ${memoryRequests} requests`,
    none: await memory(undefined),
    agent: await memory('agent.cjs'),
    goal: 'flat',
  };
}

async function start(guest: string, preload: string | undefined, args: readonly string[]): Promise<Started> {
  const execArgv = ['--expose-gc', ...(preload === undefined ? [] : ['--require', join(guest, preload)])];
  const child: ChildProcess = fork(join(guest, 'bench.js'), args, {
    execArgv,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const next = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      const onExit = (): void => {
        reject(new Error(`${preload ?? 'bare'} ended`));
      };
      child.once('exit', onExit).once('message', (message) => {
        child.off('exit', onExit);
        resolve(message as T);
      });
    });
  const { port } = await next<{ port: number }>();
  return {
    port,
    ask: (what) => {
      const answer = next<Cost>();
      child.send(what);
      return answer;
    },
    end: () => {
      child.disconnect();
    },
  };
}

/** Sends so many requests, each connection its next as soon as it has an answer. */
async function load(port: number, requests: number, isCarrying: boolean): Promise<void> {
  const pool = new Agent({ keepAlive: true, maxSockets: connections });
  const headers = isCarrying ? { 'x-variant-id': 'ops-1234' } : {};
  let left = requests;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, agent: pool, headers }, (response) => {
        response.resume().on('end', resolve);
      }).on('error', reject);
    });
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left > 0) {
        left -= 1;
        await one();
      }
    }),
  );
  pool.destroy();
}
