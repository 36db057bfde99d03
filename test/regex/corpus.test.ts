// What real readers said to each pattern (see oracle.ts), against what we say.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { judge, programSize, programSizeMax } from '../../src/regex/judge.ts';
import { readers, type Reader } from '../../src/regex/scan.ts';

interface Row {
  readonly group: string;
  readonly pattern: string;
  /** Go compiles it. */
  readonly go: boolean;
  /** Program sizes in the two kinds of Envoy; null when it does not compile. */
  readonly utf8: number | null;
  readonly latin1: number | null;
}

const rows = readFileSync(join(import.meta.dirname, '..', 'cases', 'regex', 'corpus.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);

function fits(size: number | null): boolean {
  return size !== null && size <= programSizeMax;
}

function accepted({ go, utf8, latin1 }: Row): Readonly<Record<Reader, boolean>> {
  return { go, 're2-utf8': fits(utf8), 're2-latin1': fits(latin1) };
}

test('the corpus has patterns enough, of every group', (t) => {
  t.ok(rows.length >= 1500, `${rows.length} patterns`);
  t.same([...new Set(rows.map((row) => row.group))].sort(), [
    'branches',
    'construct',
    'generated',
    'mutation',
    'route',
    'unicode class',
  ]);
  t.end();
});

for (const reader of readers) {
  test(`judges every pattern of the corpus as ${reader} does`, (t) => {
    t.same(
      rows.filter((row) => judge(row.pattern, [reader]).accepted !== accepted(row)[reader]),
      [],
    );
    t.end();
  });
}

test('accepts exactly what every reader accepts', (t) => {
  t.same(
    rows.filter((row) => judge(row.pattern).accepted !== Object.values(accepted(row)).every(Boolean)),
    [],
  );
  t.end();
});

test('names the readers that refuse', (t) => {
  const wrong = rows.filter((row) => {
    const verdict = judge(row.pattern);
    return !verdict.accepted && verdict.refusal.readers.some((reader) => accepted(row)[reader]);
  });
  t.same(wrong, []);
  t.end();
});

/** All that makes readers say different things. */
const disagreements = [
  'unicode-class',
  'rune-over-ff',
  'any-byte',
  'group-name',
  'range-in-bytes',
  'repeat-size',
  'repeat-product',
  'too-big',
];

test('knows why readers disagree', (t) => {
  const unexplained = rows.filter((row) => {
    const verdict = judge(row.pattern);
    const isDisputed = new Set(Object.values(accepted(row))).size > 1;
    return isDisputed && (verdict.accepted || !disagreements.includes(verdict.refusal.reason));
  });
  t.same(unexplained, []);
  t.end();
});

test('never says a program is smaller than it is, and is close', (t) => {
  const ratios: number[] = [];
  const under: unknown[] = [];
  for (const row of rows) {
    const size = programSize(row.pattern);
    for (const [estimate, real] of [
      [size.utf8, row.utf8],
      [size.latin1, row.latin1],
    ] as const) {
      if (real === null || estimate === undefined) continue;
      if (estimate < real) under.push({ pattern: row.pattern, estimate, real });
      ratios.push(estimate / real);
    }
  }
  ratios.sort((one, other) => one - other);
  const at = (share: number) => ratios[Math.floor((ratios.length - 1) * share)] ?? 0;
  const exact = ratios.filter((ratio) => ratio === 1).length / ratios.length;
  t.comment(
    `${ratios.length} programs: estimate/real median ${at(0.5)}, 99% ${at(0.99).toFixed(2)}, largest ${at(1).toFixed(2)}; exact for ${(100 * exact).toFixed(1)}%`,
  );
  t.same(under, []);
  t.equal(at(0.5), 1);
  t.ok(at(0.99) < 1.25);
  t.end();
});
