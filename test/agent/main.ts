/**
 * The header agent on real versions of Node, with real servers, clients and tracing: `npm run test:agent`, or `npm run test:agent -- 18 24` for some of them.
 * Installs what it needs, once, in a cache outside the checkout. Prints a table; exits 1 when a header was wrong or lost.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildAgent } from '../../scripts/agent.ts';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { libraries, versions } from './installed.ts';
import { runGuest, type Row } from './run-guest.ts';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'branchline', 'agent');

const installed = join(cache, 'libraries');
const guest = join(installed, 'guest');
const agent = join(guest, 'agent.cjs');
const tracing = join(guest, 'tracing.cjs');
const certificates = join(cache, 'certs');

/** Traces http and undici with W3C trace context and baggage, and sends the spans nowhere. */
const tracingText = `
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { CompositePropagator, W3CTraceContextPropagator, W3CBaggagePropagator } = require('@opentelemetry/core');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
new NodeTracerProvider().register({ propagator: new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }) });
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()] });
`;

const modes: Readonly<Record<string, { readonly preloads: readonly string[]; readonly options: Readonly<Record<string, unknown>> }>> = {
  'import': { preloads: [agent], options: {} },
  'require': { preloads: [agent], options: { loader: 'require' } },
  'worker': { preloads: [agent], options: { inside: 'worker' } },
  'child': { preloads: [agent], options: { inside: 'child', loader: 'require' } },
  'global dispatcher of undici 6': { preloads: [agent], options: { global: 'undici6', only: 'fetch' } },
  'tracing before': { preloads: [tracing, agent], options: {} },
  'tracing after': { preloads: [agent, tracing], options: {} },
};

/** Installs packages in a folder of the cache, unless the same ones are there. */
function install(folder: string, dependencies: Readonly<Record<string, string>>): void {
  const manifest = JSON.stringify({ name: 'agent-matrix', private: true, dependencies });
  const done = join(folder, `.installed-${Buffer.from(manifest).toString('base64url').slice(-24)}`);
  if (existsSync(done)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), manifest);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel', 'error', '--legacy-peer-deps'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(done, '');
}

/** `ok`, or what is not; and in how many of the kind. */
function summary(rows: readonly Row[]): string {
  const tried = rows.filter(({ absent }) => absent === undefined);
  const wrong = tried.reduce((sum, row) => sum + row.wrong, 0);
  const lost = tried.reduce((sum, row) => sum + row.lost, 0);
  const failed = tried.filter(({ error }) => error !== undefined).length;
  return `${tried.length - failed} of ${tried.length}, ${tried.reduce((sum, row) => sum + row.of, 0)} requests: ${wrong} wrong, ${lost} lost`;
}

const wanted = process.argv.slice(2);
install(installed, libraries);
mkdirSync(guest, { recursive: true });
cpSync(new URL('guest', import.meta.url).pathname, guest, { recursive: true });
writeFileSync(join(guest, 'package.json'), '{ "type": "module" }');
await buildAgent(agent);
writeFileSync(tracing, tracingText);
await ensureSelfMadePair(certificates, ['localhost', '127.0.0.1'], Date.now());

console.log('| Node | how | clients | servers |\n|---|---|---|---|');
const remarks: string[] = [];
for (const version of versions.filter((one) => wanted.length === 0 || wanted.some((start) => one.startsWith(`${start}.`)))) {
  const home = join(cache, `node-${version}`);
  install(home, { node: version });
  const node = join(home, 'node_modules', 'node', 'bin', 'node');
  for (const [mode, { preloads, options }] of Object.entries(modes)) {
    const rows = await runGuest({ node, preloads, program: join(guest, 'main.js'), options: { pair: certificates, ...options } });
    const of = (kind: Row['kind']): readonly Row[] => rows.filter((row) => row.kind === kind);
    console.log(`| ${version} | ${mode} | ${summary(of('client'))} | ${summary(of('server'))} |`);
    for (const row of rows) {
      if (row.absent !== undefined) { if (mode === 'import') remarks.push(`${version}: ${row.name} not tried: ${row.absent}`); }
      else if (row.right !== row.of || row.error !== undefined) {
        remarks.push(`${version}, ${mode}: ${row.name}: ${row.wrong} wrong, ${row.lost} lost of ${row.of}${row.error === undefined ? '' : `; ${row.error}`}`);
        process.exitCode = 1;
      }
    }
  }
}
for (const remark of remarks) console.log(remark);
