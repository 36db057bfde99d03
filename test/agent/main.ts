/**
 * The header agent on real versions of Node, with real servers, clients and tracing: `npm run test:agent`, or `npm run test:agent -- 18 24 tracing` for some of them.
 * Installs what it needs, once, in a cache outside the checkout. Prints a table; exits 1 when a header was wrong or lost.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { defects } from './defects.ts';
import { cache, install, versions } from './installed.ts';
import { tryNext } from './next.ts';
import { runGuest, type Row } from './run-guest.ts';
import { makeGuest, ways } from './ways.ts';

const certificates = join(cache, 'certs');

/** How many were tried and answered, and what became of their headers. */
function summary(rows: readonly Row[]): string {
  const tried = rows.filter(({ absent }) => absent === undefined);
  const wrong = tried.reduce((sum, row) => sum + row.wrong, 0);
  const lost = tried.reduce((sum, row) => sum + row.lost, 0);
  const failed = tried.filter(({ error }) => error !== undefined).length;
  return `${tried.length - failed} of ${tried.length}, ${tried.reduce((sum, row) => sum + row.of, 0)} requests: ${wrong} wrong, ${lost} lost`;
}

const wanted = process.argv.slice(2).filter((word) => /^\d+$/.test(word));
const wantedWays = process.argv.slice(2).filter((word) => !/^\d+$/.test(word));
const guest = await makeGuest();
await ensureSelfMadePair(certificates, ['localhost', '127.0.0.1'], Date.now());

const isWanted = (name: string): boolean =>
  wantedWays.length === 0 || wantedWays.some((word) => name.includes(word));

console.log('| Node | how | clients | servers |\n|---|---|---|---|');
const remarks: string[] = [];
for (const version of versions.filter(
  (one) => wanted.length === 0 || wanted.some((start) => one.startsWith(`${start}.`)),
)) {
  const home = join(cache, `node-${version}`);
  install(home, { node: version });
  const node = join(home, 'node_modules', 'node', 'bin', 'node');
  if (isWanted('queues')) await queues(version, node);
  for (const [name, way] of Object.entries(ways).filter(([one]) => isWanted(one))) {
    const run = way({ path: node, version }, guest);
    if (run === undefined) continue;
    const { preloads = [guest.agent] } = run;
    report(
      { version, name, isTraced: preloads.includes(guest.tracing) },
      await runGuest({ ...run, preloads, options: { pair: certificates, ...run.options } }).catch(
        (error: unknown) => failed(`${version}, ${name}`, error),
      ),
    );
  }
  if (isWanted('next'))
    report(
      { version, name: 'next', isTraced: false },
      await tryNext(node, guest.agent).catch((error: unknown) => failed(`${version}, next`, error)),
    );
}
for (const remark of remarks) console.log(remark);

if (wantedWays.length === 0) {
  console.log('\n| hpropagate 1.0.1 … | with hpropagate | with the agent |\n|---|---|---|');
  const [theirs, ours] = await Promise.all(
    [guest.hpropagate, guest.agent].map((preload) => factsOf(preload)),
  );
  for (const { name, fact, want } of defects) {
    const [isTheirs, isOurs] = [theirs, ours].map(
      (facts) => JSON.stringify(facts?.[fact]) === JSON.stringify(want),
    );
    console.log(`| ${name} | ${JSON.stringify(theirs?.[fact])} | ${JSON.stringify(ours?.[fact])} |`);
    // A defect that is none proves nothing.
    if (isTheirs === true || isOurs !== true) process.exitCode = 1;
  }
}

/** What could not be run at all. */
function failed(what: string, error: unknown): readonly Row[] {
  remarks.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
  return [];
}

/** Prints a line, and keeps a remark for each that was not as it must be. */
function report(
  {
    version,
    name,
    isTraced,
  }: { readonly version: string; readonly name: string; readonly isTraced: boolean },
  rows: readonly Row[],
): void {
  const of = (kind: Row['kind']): readonly Row[] => rows.filter((row) => row.kind === kind);
  console.log(`| ${version} | ${name} | ${summary(of('client'))} | ${summary(of('server'))} |`);
  for (const row of rows) {
    if (row.absent !== undefined) {
      if (name === 'import' && row.name !== 'undici')
        remarks.push(`${version}: ${row.name} not tried: ${row.absent}`);
    } else if (isTraced && /^(?:http\.get string|fetch)$/.test(row.name) && row.traced !== row.of) {
      // Or it would show nothing: a tracing library that traces nothing is in nobody's way.
      remarks.push(`${version}, ${name}: ${row.name}: only ${row.traced} of ${row.of} traced`);
      process.exitCode = 1;
    } else if (row.right !== row.of || row.error !== undefined) {
      remarks.push(
        `${version}, ${name}: ${row.name}: ${row.wrong} wrong, ${row.lost} lost of ${row.of}${row.error === undefined ? '' : `; ${row.error}`}`,
      );
      process.exitCode = 1;
    }
  }
}

/** Real amqplib over no connection, and real kafkajs without a broker. */
async function queues(version: string, node: string): Promise<void> {
  const ask = async (program: string, library: string): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(
      node,
      ['--require', guest.agent, join(guest.folder, program), guest.installed(library)],
      { timeout: 60_000 },
    );
    return JSON.parse(stdout) as unknown;
  };
  const found = JSON.stringify([
    await ask('messages.js', 'amqplib/lib/channel_model.js'),
    await ask('messages.js', 'amqplib/lib/callback_model.js'),
    await ask('kafka.js', 'kafkajs'),
  ]);
  const messages = {
    sent: [{ own: '1', variant: 'v1' }, { variant: 'v1' }, { own: '1' }],
    seen: ['v2', null, null, null],
  };
  if (found === JSON.stringify([messages, messages, { hooked: [true, true] }])) return;
  remarks.push(`${version}: queues: ${found}`);
  process.exitCode = 1;
}

/** What `defects.js` prints in this Node. */
async function factsOf(preload: string): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--require', preload, join(guest.folder, 'defects.js'), 'listener'],
    { timeout: 60_000 },
  );
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
}
