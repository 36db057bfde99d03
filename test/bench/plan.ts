/** What planning costs: 500 services with 1 000 and with 10 000 branches from nothing, and one endpoint's change. Each in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { round, toTable, verdict, type Row } from './table.ts';

interface Measured {
  readonly branches: number;
  readonly objects: number;
  readonly planMilliseconds: number;
  readonly megabytes: number;
  readonly replanMilliseconds: number;
  readonly replanObjects: number;
}

const goals = { planMilliseconds: 1000, megabytes: 400, replanMilliseconds: 1, growth: 10 };

/** Measures and returns the table. */
export async function plan(): Promise<string> {
  const small = await measure(1_000);
  const large = await measure(10_000);
  const growth = large.planMilliseconds / small.planMilliseconds;
  const isMet =
    large.planMilliseconds <= goals.planMilliseconds &&
    large.megabytes <= goals.megabytes &&
    large.replanMilliseconds <= goals.replanMilliseconds &&
    growth <= goals.growth;
  const title = `plan: 500 services; goals for 10 000 branches: ${goals.planMilliseconds} ms, ${goals.megabytes} MB, re-plan ${goals.replanMilliseconds} ms, at most ${goals.growth} times 1 000 branches (here ${round(growth, 1)}): ${verdict(isMet)}`;
  return toTable(title, [small, large].map(rowOf));
}

async function measure(branches: number): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(import.meta.dirname, 'plan-process.ts'),
    String(branches),
  ]);
  return JSON.parse(stdout) as Measured;
}

function rowOf({
  branches,
  objects,
  planMilliseconds,
  megabytes,
  replanMilliseconds,
  replanObjects,
}: Measured): Row {
  return {
    branches,
    objects,
    'plan ms': round(planMilliseconds),
    'resident MB': round(megabytes),
    'one endpoint, median ms': round(replanMilliseconds, 2),
    'objects it changed': replanObjects,
  };
}
