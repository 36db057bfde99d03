/** From the start of the process to its first answer, as a pod that is being replaced makes others wait. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { openConnection, post } from './connection.ts';
import { reviewOf } from './reviews.ts';
import { startBare, startOurs, type Server, type Site } from './site.ts';
import { median } from './statistics.ts';
import { round, toTable, verdict, type Row } from './table.ts';

const runs = 11;
const goalMs = 300;
const answerBytes = 1500;

/** Returns the table. Each run is a new process; the kinds take turns. */
export async function startUp(site: Site): Promise<string> {
  const request = post('/mutate/workloads?timeout=5s', reviewOf('branch', 8192));
  const times = { kept: [] as number[], made: [] as number[], large: [] as number[], bare: [] as number[] };
  const small = ['--manifests', new URL('../../examples/tenant', import.meta.url).pathname];
  for (let run = 0; run < runs; run += 1) {
    const empty = await mkdtemp(join(site.folder, 'first-'));
    times.kept.push(await untilFirstAnswer(() => startOurs(site, { cluster: small }), request));
    times.made.push(
      await untilFirstAnswer(() => startOurs(site, { cluster: small, certificates: empty }), request),
    );
    times.large.push(await untilFirstAnswer(() => startOurs(site), request));
    times.bare.push(await untilFirstAnswer(() => startBare(site, answerBytes), request));
  }
  return toTable(`From process start to the first answer, ${runs} runs each`, [
    toRow('bundle, the example tenant, certificates are there', times.kept, goalMs),
    toRow('bundle, first start: makes two RSA keys and certificates', times.made),
    toRow('bundle, with 100 workloads and Services of YAML to read', times.large),
    toRow('bare server (its TypeScript is stripped first)', times.bare),
  ]);
}

async function untilFirstAnswer(start: () => Promise<Server>, request: Buffer): Promise<number> {
  const { process, endpoint } = await start();
  try {
    const connection = await openConnection(endpoint);
    const { status } = await connection.send(request);
    const milliseconds = performance.now() - process.startedAt;
    connection.close();
    if (status !== 200) throw new Error(`the first answer was ${status}`);
    return milliseconds;
  } finally {
    await process.kill();
  }
}

function toRow(what: string, all: readonly number[], goal?: number): Row {
  const middle = median(all);
  return {
    what,
    'median ms': round(middle),
    'fastest ms': round(Math.min(...all)),
    'slowest ms': round(Math.max(...all)),
    goal: goal === undefined ? '' : `<= ${goal} ms`,
    '': goal === undefined ? '' : verdict(middle <= goal),
  };
}
