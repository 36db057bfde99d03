/** The tests of test/chart, which need the helm that `npm run test:e2e` makes: run here too, and counted like the steps of a story. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../chart');

/** Runs each file as a process, prints one line a test (what a failed one said, too) and the closing line, and returns the exit code. */
export async function runChartTests(): Promise<number> {
  const counted = { passed: 0, failed: 0, skipped: 0 };
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.ts'))) {
    const { code, lines } = await outputOf(join(folder, file));
    const found = resultsOf(lines);
    const failed =
      found.failed === 0 && (code !== 0 || found.passed + found.skipped === 0) ? 1 : found.failed;
    console.log(
      lines
        .filter((line) => failed > 0 || isResult(line))
        .map((line) => line.replace(/^# \{/, '#  {'))
        .join('\n'),
    );
    counted.passed += found.passed;
    counted.failed += failed;
    counted.skipped += found.skipped;
  }
  const { passed, failed, skipped } = counted;
  console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
  return failed === 0 ? 0 : 1;
}

/** A test of its own, not one of its assertions: those are indented. */
function isResult(line: string): boolean {
  return /^(not )?ok \d/.test(line);
}

function resultsOf(lines: readonly string[]): {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
} {
  const results = lines.filter(isResult);
  const skipped = results.filter((line) => / # skip\b/i.test(line)).length;
  const failed = results.filter((line) => line.startsWith('not ok')).length;
  return { passed: results.length - failed - skipped, failed, skipped };
}

async function outputOf(file: string): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, lines: text.split('\n') };
}
