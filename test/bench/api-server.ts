/**
 * What we add to a request of the API server, as whoever deploys sees it: creations that are not carried out, in a namespace that we are asked about and in one
 * that we are not, on a real API server. A section of `main.ts`; run as a script it is the part inside the cluster's network.
 */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureArtifacts } from '../box/binaries.ts';
import { runInside } from '../box/inside.ts';
import { missingTools } from '../box/missing-tools.ts';
import { isInside } from '../box/network.ts';
import { clusterArtifacts } from '../box/recipes.ts';
import {
  apiEndpoint,
  branchDeployment,
  creation,
  judgeBranch,
  judgeCreated,
  untilAdmitted,
} from '../faults/admissions.ts';
import { createFleet } from '../faults/fleet.ts';
import { createService, send } from '../faults/service.ts';
import { startSite, tenantNamespace, type Site } from '../faults/site.ts';
import { shareCores } from './cores.ts';
import { loadFully, startSteadyLoad, type Load } from './load.ts';
import { median, quantile } from './statistics.ts';
import { round, toTable, type Row } from './table.ts';

const rounds = 5;
const roundMs = 3000;
const connections = 10;
const perSecond = 50;
const outside = 'not-asked';

/** Returns the table; a sentence where this machine cannot run a cluster. */
export async function apiServer(): Promise<string> {
  const missing = await missingTools(clusterArtifacts);
  if (missing.length > 0)
    return `\nThrough the API server: skipped, since this machine lacks ${missing.join('; ')}`;
  await ensureArtifacts(clusterArtifacts);
  const file = join(await mkdtemp(join(tmpdir(), 'branchline-bench-')), 'table');
  if ((await runInside(import.meta.filename, [file])) !== 0)
    throw new Error('the measurement through the API server failed');
  return readFile(file, 'utf8');
}

/** What is created, and what a creation must be answered with. */
interface Subject {
  readonly what: string;
  readonly object: object;
  readonly judge: Load['judge'];
}

const copy = branchDeployment('fact-find-ui') as { metadata: object };
const subjects: readonly Subject[] = [
  { what: 'a branch: 2 calls', object: copy, judge: judgeBranch },
  {
    what: 'a baseline: 2 calls',
    object: { ...copy, metadata: { name: 'fact-find-ui-new' } },
    judge: judgeCreated,
  },
];

interface Round {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

async function measureAll(site: Site): Promise<string> {
  const rows: Row[] = [];
  for (const { what, object, judge = judgeCreated } of subjects) {
    const loads = {
      without: {
        endpoint: apiEndpoint(site.box),
        request: creation(site.box, outside, object),
        connections,
        judge: judgeCreated,
      },
      with: {
        endpoint: apiEndpoint(site.box),
        request: creation(site.box, tenantNamespace, object),
        connections,
        judge,
      },
    };
    const names = ['without', 'with'] as const;
    const measured = { without: [] as Round[], with: [] as Round[] };
    for (const name of names) await steady(loads[name]);
    for (let round = 0; round < rounds; round += 1) {
      for (const name of round % 2 === 0 ? names : names.toReversed())
        measured[name].push({ perSecond: await fully(loads[name]), latenciesMs: await steady(loads[name]) });
    }
    rows.push(...names.map((name) => toRow(what, name, measured)));
  }
  return toTable(
    `Through the API server (dry-run creations): throughput of ${connections} connections, latency at a steady ${perSecond}/s; ${rounds} interleaved rounds of ${roundMs / 1000} s`,
    rows,
  );
}

async function fully(load: Load): Promise<number> {
  const { requests, failures, seconds } = await loadFully(load, roundMs);
  if (failures.size > 0) throw new Error(`failed: ${JSON.stringify([...failures])}`);
  return requests / seconds;
}

async function steady(load: Load): Promise<readonly number[]> {
  const running = startSteadyLoad(load, perSecond);
  await sleep(roundMs);
  const { latenciesMs, failures } = await running.stop();
  if (failures.size > 0) throw new Error(`failed: ${JSON.stringify([...failures])}`);
  return latenciesMs;
}

function toRow(
  what: string,
  name: 'with' | 'without',
  measured: Readonly<Record<'with' | 'without', readonly Round[]>>,
): Row {
  const middle = (of: 'with' | 'without', read: (one: Round) => number): number =>
    median(measured[of].map(read));
  const at =
    (share: number) =>
    ({ latenciesMs }: Round): number =>
      quantile(latenciesMs, share);
  const added = (share: number): number | string =>
    name === 'with' ? round(middle('with', at(share)) - middle('without', at(share)), 1) : '';
  return {
    creation: what,
    branchline: name,
    'creations/s': round(middle(name, (one) => one.perSecond)),
    'p50 ms': round(middle(name, at(0.5)), 1),
    'p99 ms': round(middle(name, at(0.99)), 1),
    'added p50 ms': added(0.5),
    'added p99 ms': added(0.99),
  };
}

if (import.meta.main && isInside()) {
  shareCores();
  const site = await startSite();
  try {
    const fleet = createFleet(
      site,
      await createService(site.api, 'branchline', [{ name: 'https', port: 443 }]),
    );
    await fleet.add();
    await fleet.add();
    await untilAdmitted(site.box);
    await send(site.api, 'POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: outside },
    });
    await writeFile(process.argv[2] ?? '', await measureAll(site));
  } finally {
    await site.close();
  }
}
