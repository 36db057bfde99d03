/** A story told step by step: each is tried, timed and printed; one that fails does not hide the next. */

interface Step {
  readonly name: string;
  readonly startedMilliseconds: number;
  readonly milliseconds: number;
  readonly failure: string | undefined;
}

export interface Story {
  /** Runs a step; what it throws is its failure. */
  step(name: string, act: () => Promise<void>): Promise<void>;
  /** Which step was at work at a time of `performance.now()`. */
  during(milliseconds: number): string;
  /** Prints the table and the closing line. @returns whether every step passed. */
  finish(): boolean;
}

export function createStory(): Story {
  const steps: Step[] = [];
  return {
    async step(name, act) {
      const started = performance.now();
      let failure: string | undefined;
      try {
        await act();
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
      const milliseconds = Math.round(performance.now() - started);
      steps.push({ name, startedMilliseconds: started, milliseconds, failure });
      console.log(
        `${failure === undefined ? 'ok' : 'not ok'} ${steps.length} - ${name} (${milliseconds} ms)${failure === undefined ? '' : `\n    ${failure.replaceAll('\n', '\n    ')}`}`,
      );
    },
    during: (at) =>
      steps.findLast(({ startedMilliseconds }) => startedMilliseconds <= at)?.name ?? 'the beginning',
    finish() {
      const failed = steps.filter((step) => step.failure !== undefined).length;
      const width = Math.max(...steps.map((step) => step.name.length));
      console.log(`\n${'what was tried'.padEnd(width)}  result       ms`);
      for (const { name, milliseconds, failure } of steps)
        console.log(
          `${name.padEnd(width)}  ${(failure === undefined ? 'passed' : 'FAILED').padEnd(6)}  ${String(milliseconds).padStart(7)}`,
        );
      console.log(`\n${steps.length - failed} passed, ${failed} failed`);
      return failed === 0;
    },
  };
}

/** Waits until `probe` returns something other than undefined; says what it waited for when it does not. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  timeoutMilliseconds = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMilliseconds;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMilliseconds} ms in vain for ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
}

/** Characters of a value in a message. */
const shownMax = 2000;

/** Throws with what was expected and what was found, when they differ. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b)
    throw new Error(
      `${what}: expected ${b.slice(0, shownMax)}, found ${(a ?? 'undefined').slice(0, shownMax)}`,
    );
}

/** Throws when a text lacks a part. */
export function expectText(text: string, part: string | RegExp, what: string): void {
  if (typeof part === 'string' ? !text.includes(part) : !part.test(text))
    throw new Error(`${what}: expected ${String(part)} in:\n${text}`);
}
