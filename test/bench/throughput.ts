/** How many reviews a second, against the least that a webhook in Node can be. */
import { startContenders, type Contender } from './contenders.ts';
import { loadFully } from './load.ts';
import type { Subject } from './reviews.ts';
import type { Site } from './site.ts';
import { median, quantile } from './statistics.ts';
import { round, toTable, verdict, type Row } from './table.ts';

const reviews = [
  ['branch', 8192],
  ['branch', 81_920],
  ['baseline', 8192],
  ['baseline', 81_920],
] as const;
const connections = 10;
/** Pairs of rounds: other work on the machine disturbs some, so that medians count. */
const rounds = 7;
const roundMs = 2500;
const warmUpMs = 3000;
const goalRatio = 0.85;

interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number;
}

/** Returns the table. Each row is the median of its rounds; the ratio is the median of the ratios within each pair of rounds. */
export async function throughput(site: Site): Promise<string> {
  const rows: Row[] = [];
  for (const [subject, bytes] of reviews) rows.push(...(await compare(site, subject, bytes)));
  return toTable(
    `Throughput: ${connections} keep-alive connections, one core each, ${rounds} interleaved rounds of ${roundMs / 1000} s`,
    rows,
  );
}

async function compare(site: Site, subject: Subject, bytes: number): Promise<readonly Row[]> {
  const contenders = await startContenders(site, subject, bytes);
  const { ours, bare } = contenders;
  try {
    for (const contender of [ours, bare]) await loadFully({ ...contender, connections }, warmUpMs);
    const measured = { ours: [] as Round[], bare: [] as Round[] };
    for (let round = 0; round < rounds; round += 1) {
      // In turn first and second, so that neither profits from a machine that becomes faster or slower.
      for (const contender of round % 2 === 0 ? [ours, bare] : [bare, ours])
        measured[contender.name].push(await measure(contender));
    }
    const paired = (read: (round: Round) => number): number =>
      median(measured.ours.map((round, index) => read(round) / read(measured.bare[index] ?? round)));
    const size = `${subject}, ${bytes / 1024} KB`;
    const ratio = paired((round) => round.perSecond);
    return [
      {
        ...toRow(size, 'ours', measured.ours),
        'ours/bare': round(ratio, 2),
        'CPU bare/ours': round(1 / paired((one) => one.cpuMicroseconds), 2),
        goal: `>= ${goalRatio}`,
        '': verdict(ratio >= goalRatio),
      },
      { ...toRow(size, 'bare', measured.bare), 'ours/bare': '', 'CPU bare/ours': '', goal: '', '': '' },
    ];
  } finally {
    await contenders.close();
  }
}

async function measure({ server, ...load }: Contender): Promise<Round> {
  const cpuBefore = await server.process.cpuMs();
  const { requests, latenciesMs, failures, seconds } = await loadFully({ ...load, connections }, roundMs);
  if (failures.size > 0) throw new Error(`${load.name} failed: ${JSON.stringify([...failures])}`);
  const cpuMs = (await server.process.cpuMs()) - cpuBefore;
  return {
    perSecond: requests / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuMicroseconds: (cpuMs * 1000) / requests,
  };
}

function toRow(size: string, name: string, all: readonly Round[]): Row {
  const middle = (read: (round: Round) => number): number => median(all.map(read));
  return {
    review: size,
    server: name,
    'reviews/s': round(middle((one) => one.perSecond)),
    'p50 ms': round(
      middle((one) => one.p50Ms),
      2,
    ),
    'p99 ms': round(
      middle((one) => one.p99Ms),
      2,
    ),
    'CPU µs each': round(middle((one) => one.cpuMicroseconds)),
  };
}
