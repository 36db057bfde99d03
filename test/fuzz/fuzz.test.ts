import { test } from 'tap';
import seeds from './seeds.json' with { type: 'json' };
import { runFuzz } from './fuzz.ts';

test('answers 3 000 damaged reviews with AdmissionReviews whose patches apply, once', (t) => {
  const result = runFuzz({ seed: 20_261_123, count: 3000 });
  t.same(result.failures, []);
  t.ok(
    result.mutated > 300 && result.denied > 100 && result.unreadable > 10,
    `the run reaches every outcome: ${JSON.stringify({ ...result, failures: [] })}`,
  );
  t.end();
});

test('stays right on every seed that ever failed', (t) => {
  for (const seed of seeds as readonly number[])
    t.same(runFuzz({ seed, count: 1 }).failures, [], `seed ${seed}`);
  t.end();
});
