/** The long run: `npm run test:fuzz -- [reviews] [seed]`. Seeds that ever failed are kept in seeds.json and run first. */
import seeds from './seeds.json' with { type: 'json' };
import { runFuzz } from './fuzz.ts';

const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_000);
const started = performance.now();
const kept = seeds.map((one) => runFuzz({ seed: one, count: 1 }));
const run = runFuzz({ seed, count });
const failures = [...kept, run].flatMap((result) => result.failures);
const seconds = (performance.now() - started) / 1000;
console.table([
  {
    reviews: count,
    seed,
    mutated: run.mutated,
    denied: run.denied,
    unreadable: run.unreadable,
    failures: failures.length,
    seconds: Math.round(seconds),
    'per second': Math.round(count / seconds),
  },
]);
for (const failure of failures)
  console.error(`seed ${failure.seed} ${failure.path}: ${failure.reason}\n${failure.text.slice(0, 2000)}\n`);
console.log(`${count + kept.length - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
