/** What patterns match, pairwise: 500 branches' patterns of each kind that people write, every two of them. */
import { meaningOf, overlap } from '../../src/regex/meaning.ts';
import { median } from './statistics.ts';
import { round, toTable, verdict } from './table.ts';

const count = 500;
const goalMs = 500;
const turns = 5;

const kinds: Readonly<Record<string, (id: number) => string>> = {
  'both cases': (id) => `(OPS-${id}|ops-${id})`,
  'case folded': (id) => `(?i)ops-${id}`,
  'long names, folded': (id) => `(?i)feature/login-page-for-${id}`,
  'lists beginning with it': (id) => `OPS-${id}(,.*)?`,
  hosts: (id) => `(?i)ops-${id}\\.ww-green\\.example\\.io(:\\d+)?`,
  'anywhere in the value': (id) => `.*OPS-${id}.*`,
  'in baggage': (id) => `^(.*,)?branch=OPS-${id}(,.*)?$`,
};

/** Returns the table. Patterns that may stand anywhere all overlap; each pair has its witness. */
export function regexMeaning(): string {
  const mixed = Object.values(kinds);
  const all = { ...kinds, 'of all kinds': (id: number) => mixed[id % mixed.length]?.(id) ?? '' };
  return toTable(
    `Meaning: ${count} patterns pairwise (${(count * (count - 1)) / 2} pairs), the processor's time, median of ${turns}`,
    Object.entries(all).map(([name, patternOf]) => row(name, patternOf)),
  );
}

function row(name: string, patternOf: (id: number) => string): Readonly<Record<string, string | number>> {
  const runs = Array.from({ length: turns }, () =>
    pairwise(Array.from({ length: count }, (_, at) => patternOf(1000 + at))),
  );
  const ms = median(runs.map((run) => run.readyMs + run.pairsMs));
  const { yes = 0, unknown = 0 } = runs[0] ?? {};
  return {
    patterns: name,
    'ready ms': round(median(runs.map((run) => run.readyMs))),
    'pairs ms': round(median(runs.map((run) => run.pairsMs))),
    overlap: yes,
    unknown,
    goal: `<= ${goalMs} ms`,
    '': verdict(ms <= goalMs),
  };
}

function pairwise(patterns: readonly string[]): {
  readonly readyMs: number;
  readonly pairsMs: number;
  readonly yes: number;
  readonly unknown: number;
} {
  // The processor's time: others work on the machine.
  const usedMs = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const started = usedMs();
  const meanings = patterns.map((pattern) => meaningOf(pattern));
  const ready = usedMs();
  const answers = { yes: 0, no: 0, unknown: 0 };
  meanings.forEach((one, at) =>
    meanings.slice(at + 1).forEach((other) => answers[overlap(one, other).answer]++),
  );
  return { readyMs: ready - started, pairsMs: usedMs() - ready, yes: answers.yes, unknown: answers.unknown };
}
