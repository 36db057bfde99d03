/**
 * How work grows with its input, in place of how long it takes: measured on this thread's own processor time and compared with itself, so that neither
 * a busy machine nor a slow one changes the answer.
 */

/** Least that is measured, in milliseconds: the kernel counts in steps of some. */
const leastMilliseconds = 20;

function processorMilliseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds of processor time that one run takes; short ones are repeated until there is something to measure. */
export function costOf(work: () => unknown): number {
  const begun = processorMilliseconds();
  for (let runs = 1; ; runs += 1) {
    work();
    const spent = processorMilliseconds() - begun;
    if (spent >= leastMilliseconds) return spent / runs;
  }
}

/** Between linear growth (8) and quadratic (64), as far from the one as from the other. */
export const linearGrowthMax = 22;

/**
 * Returns how many times the work grows while its input grows eightfold, to `size`: 8 when it is linear, 64 when it is quadratic.
 * Looks again, twice, when that is more than linear: a collection of garbage or a compilation can only add.
 */
export function growthOf(size: number, workOn: (size: number) => () => unknown): number {
  const [small, large] = [workOn(Math.floor(size / 8)), workOn(size)];
  small();
  let growth = Infinity;
  for (let look = 0; look < 3 && growth >= linearGrowthMax; look += 1)
    growth = Math.min(growth, costOf(large) / costOf(small));
  return growth;
}
