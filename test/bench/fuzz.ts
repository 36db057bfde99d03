/** The long fuzz run: generated and mutated reviews, in this process. */
import seeds from '../fuzz/seeds.json' with { type: 'json' };
import { runFuzz } from '../fuzz/fuzz.ts';
import { round, toTable, verdict } from './table.ts';

const reviews = 100_000;
/** The same reviews in every run, so that times can be compared; `npm run test:fuzz` takes others. */
const seed = 1_000_000;

/** Returns the table, and the failures in words. */
export function fuzz(): string {
  const started = performance.now();
  const kept = seeds.map((one) => runFuzz({ seed: one, count: 1 }));
  const run = runFuzz({ seed, count: reviews });
  const seconds = (performance.now() - started) / 1000;
  const failures = [...kept, run].flatMap((result) => result.failures);
  const table = toTable(
    `Fuzz: seeds ${seed} to ${seed + reviews - 1}, and the ${seeds.length} that are kept`,
    [
      {
        reviews: reviews + kept.length,
        patched: run.mutated,
        denied: run.denied,
        unreadable: run.unreadable,
        seconds: round(seconds, 1),
        'reviews/s': round((reviews + kept.length) / seconds),
        failures: failures.length,
        goal: '0 failures',
        '': verdict(failures.length === 0),
      },
    ],
  );
  return [
    table,
    ...failures.map(({ seed: failed, path, reason }) => `seed ${failed} ${path}: ${reason}`),
  ].join('\n');
}
