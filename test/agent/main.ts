/**
 * The header agent on real versions of Node, with real servers, clients and tracing: `npm run test:agent`, or `npm run test:agent -- 18 24 tracing` for some of them.
 * Installs what it needs, once, in a cache outside the checkout. Prints a table; exits 1 when a header was wrong or lost.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildAgent } from '../../scripts/agent.ts';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { cache, install, libraries, tracingText, versions } from './installed.ts';
import { runGuest, type Row } from './run-guest.ts';

const installed = join(cache, 'libraries');
const guest = join(installed, 'guest');
const agent = join(guest, 'agent.cjs');
const tracing = join(guest, 'tracing.cjs');
const certificates = join(cache, 'certs');

const modes: Readonly<Record<string, { readonly preloads: readonly string[]; readonly options: Readonly<Record<string, unknown>>; readonly program?: string }>> = {
  'import': { preloads: [agent], options: {} },
  'require': { preloads: [agent], options: { loader: 'require' } },
  'worker': { preloads: [agent], options: { inside: 'worker' } },
  'child': { preloads: [agent], options: { inside: 'child', loader: 'require' } },
  'global dispatcher of undici 6': { preloads: [agent], options: { global: 'undici6', only: 'fetch' } },
  'bundled': { preloads: [agent], options: {}, program: 'bundled.cjs' },
  'tracing before': { preloads: [tracing, agent], options: {} },
  'tracing after': { preloads: [agent, tracing], options: {} },
};

/** `ok`, or what is not; and in how many of the kind. */
function summary(rows: readonly Row[]): string {
  const tried = rows.filter(({ absent }) => absent === undefined);
  const wrong = tried.reduce((sum, row) => sum + row.wrong, 0);
  const lost = tried.reduce((sum, row) => sum + row.lost, 0);
  const failed = tried.filter(({ error }) => error !== undefined).length;
  return `${tried.length - failed} of ${tried.length}, ${tried.reduce((sum, row) => sum + row.of, 0)} requests: ${wrong} wrong, ${lost} lost`;
}

const wanted = process.argv.slice(2).filter((word) => /^\d+$/.test(word));
const wantedModes = process.argv.slice(2).filter((word) => !/^\d+$/.test(word));
install(installed, libraries);
mkdirSync(guest, { recursive: true });
cpSync(new URL('guest', import.meta.url).pathname, guest, { recursive: true });
writeFileSync(join(guest, 'package.json'), '{ "type": "module" }');
await buildAgent(agent);
writeFileSync(tracing, tracingText);
await build({
  entryPoints: [join(guest, 'bundled.js')], outfile: join(guest, 'bundled.cjs'), bundle: true, platform: 'node', format: 'cjs', logLevel: 'warning',
});
await ensureSelfMadePair(certificates, ['localhost', '127.0.0.1'], Date.now());

console.log('| Node | how | clients | servers |\n|---|---|---|---|');
const remarks: string[] = [];
for (const version of versions.filter((one) => wanted.length === 0 || wanted.some((start) => one.startsWith(`${start}.`)))) {
  const home = join(cache, `node-${version}`);
  install(home, { node: version });
  const node = join(home, 'node_modules', 'node', 'bin', 'node');
  for (const [mode, { preloads, options, program = 'main.js' }] of Object.entries(modes).filter(([name]) => wantedModes.length === 0 || wantedModes.some((word) => name.includes(word)))) {
    const rows = await runGuest({ node, preloads, program: join(guest, program), options: { pair: certificates, ...options } });
    const of = (kind: Row['kind']): readonly Row[] => rows.filter((row) => row.kind === kind);
    console.log(`| ${version} | ${mode} | ${summary(of('client'))} | ${summary(of('server'))} |`);
    for (const row of rows) {
      if (row.absent !== undefined) { if (mode === 'import' && row.name !== 'undici') remarks.push(`${version}: ${row.name} not tried: ${row.absent}`); }
      else if (preloads.includes(tracing) && /^(?:http\.get string|fetch)$/.test(row.name) && row.traced !== row.of) {
        // Or it would show nothing: a tracing library that traces nothing is in nobody's way.
        remarks.push(`${version}, ${mode}: ${row.name}: only ${row.traced} of ${row.of} traced`);
        process.exitCode = 1;
      } else if (row.right !== row.of || row.error !== undefined) {
        remarks.push(`${version}, ${mode}: ${row.name}: ${row.wrong} wrong, ${row.lost} lost of ${row.of}${row.error === undefined ? '' : `; ${row.error}`}`);
        process.exitCode = 1;
      }
    }
  }
}
for (const remark of remarks) console.log(remark);
