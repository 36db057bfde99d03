/** How long a review takes when they come at a steady rate, counted from the moment that each was due. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startContenders, type Contender } from './contenders.ts';
import { startSteadyLoad } from './load.ts';
import type { Site } from './site.ts';
import { median, quantile } from './statistics.ts';
import { round, toTable, verdict, type Row } from './table.ts';

const reviewSizes = [
  ['8 KB', 8192],
  ['80 KB', 81_920],
] as const;
const perSecond = 200;
const connections = 25;
const rounds = 3;
const roundMs = 5000;
const warmUpMs = 3000;
const goalP99Ms = 5;

interface Round {
  readonly requests: number;
  readonly latenciesMs: readonly number[];
}

/** Returns the table: the median of the rounds' quantiles. */
export async function steady(site: Site): Promise<string> {
  const rows: Row[] = [];
  for (const [size, bytes] of reviewSizes) rows.push(...(await compare(site, size, bytes)));
  return toTable(
    `Latency at a steady ${perSecond} reviews/s, from when each was due; ${rounds} interleaved rounds of ${roundMs / 1000} s`,
    rows,
  );
}

async function compare(site: Site, size: string, bytes: number): Promise<readonly Row[]> {
  const contenders = await startContenders(site, 'branch', bytes);
  const { ours, bare } = contenders;
  try {
    const measured = { ours: [] as Round[], bare: [] as Round[] };
    for (const contender of [ours, bare]) await measure(contender, warmUpMs);
    for (let round = 0; round < rounds; round += 1) {
      for (const contender of [ours, bare]) measured[contender.name].push(await measure(contender, roundMs));
    }
    return [toRow(size, 'ours', measured.ours), toRow(size, 'bare', measured.bare)];
  } finally {
    await contenders.close();
  }
}

async function measure({ name, endpoint, request }: Contender, milliseconds: number): Promise<Round> {
  const load = startSteadyLoad({ endpoint, request, connections }, perSecond);
  await sleep(milliseconds);
  const { requests, latenciesMs, failures } = await load.stop();
  if (failures.size > 0) throw new Error(`${name} failed: ${JSON.stringify([...failures])}`);
  return { requests, latenciesMs };
}

function toRow(size: string, name: string, all: readonly Round[]): Row {
  const middle = (share: number): number =>
    round(median(all.map(({ latenciesMs }) => quantile(latenciesMs, share))), 2);
  const p99 = middle(0.99);
  const goal =
    name === 'ours'
      ? { goal: `p99 <= ${goalP99Ms} ms`, '': verdict(p99 <= goalP99Ms) }
      : { goal: '', '': '' };
  return {
    review: size,
    server: name,
    reviews: all.reduce((sum, one) => sum + one.requests, 0),
    'p50 ms': middle(0.5),
    'p99 ms': p99,
    'p99.9 ms': middle(0.999),
    ...goal,
  };
}
