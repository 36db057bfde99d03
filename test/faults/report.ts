/** Runs the parts of a run in order and says what came of them. */
import { toTable } from '../bench/table.ts';
import { failed, isPassed, type Trial } from './trial.ts';

/** Trials that go together. */
export interface Part {
  readonly name: string;
  run(): Promise<readonly Trial[]>;
}

/** Prints a table, reasons, and the closing line; sets the exit code. A part that breaks is a trial that failed, and hides no other. */
export async function report(title: string, parts: readonly Part[]): Promise<void> {
  const trials: Trial[] = [];
  for (const part of parts) {
    const started = performance.now();
    trials.push(
      ...(await part.run().catch((error: unknown): readonly Trial[] => [broken(part.name, error)])),
    );
    console.log(`${part.name}: ${Math.round((performance.now() - started) / 1000)} s`);
  }
  const rows = trials.map((trial) => ({
    'what was tried': trial.what,
    requests: trial.requests,
    failed: failed(trial),
    '': verdict(trial),
    notes: trial.notes,
  }));
  console.log(toTable(title, rows));
  for (const { what, failures, problems } of trials) {
    for (const [reason, times] of failures) console.log(`${what}: ${times} × ${reason}`);
    for (const problem of problems) console.log(`${what}: ${problem}`);
  }
  const passed = trials.filter(isPassed).length;
  console.log(`\n${passed} passed, ${trials.length - passed} failed`);
  process.exitCode = trials.length > 0 && passed === trials.length ? 0 : 1;
}

function broken(name: string, error: unknown): Trial {
  return {
    what: `${name}: broke off`,
    requests: 0,
    failures: new Map(),
    expected: 'none',
    notes: '',
    problems: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  };
}

function verdict(trial: Trial): string {
  if (!isPassed(trial)) return 'FAILED';
  return trial.expected === 'counted' ? 'counted' : 'ok';
}
