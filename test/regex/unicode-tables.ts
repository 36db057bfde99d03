// Writes src/regex/unicode-data.ts from the sources of RE2: node test/regex/unicode-tables.ts <folder with unicode_groups.cc and unicode_casefold.cc> > src/regex/unicode-data.ts
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.';
const groups = readFileSync(join(folder, 'unicode_groups.cc'), 'utf8');
const folds = readFileSync(join(folder, 'unicode_casefold.cc'), 'utf8');

/** `{ 65, 90 },` rows of one C table. */
function rangesOf(table: string): number[][] {
  const body = new RegExp(` ${table}\\[\\] = \\{([^;]*)\\};`).exec(groups)?.[1] ?? '';
  return [...body.matchAll(/\{ (\d+), (\d+) \}/g)].map((row) => [Number(row[1]), Number(row[2])]);
}

/** Gap to the end of the range before, and length less one, in base 36; the length is left out when it is 0. */
function pack(ranges: readonly number[][]): string {
  let end = 0;
  return ranges
    .map(([lo = 0, hi = 0]) => {
      const text = `${(lo - end).toString(36)}${hi > lo ? `.${(hi - lo).toString(36)}` : ''}`;
      end = hi;
      return text;
    })
    .join(' ');
}

const names = [...groups.matchAll(/\{ "([A-Za-z_]+)", \+1/g)].map((match) => match[1] ?? '');
// The one-letter categories are the unions of their two-letter ones: not stored.
const stored = names.filter((name) => name.length > 1);
const rows = stored.map(
  (name) => `  ${name}: '${pack([...rangesOf(`${name}_range16`), ...rangesOf(`${name}_range32`)])}',`,
);
const foldBody = /unicode_casefold\[\] = \{([^;]*)\};/.exec(folds)?.[1] ?? '';
const deltas = new Map([
  ['EvenOdd', '1'],
  ['OddEven', '-1'],
]);
let from = 0;
const foldRows = [...foldBody.matchAll(/\{ (\d+), (\d+), (\w+|-\d+) \}/g)].map(
  ([, lo = '', hi = '', delta = '']) => {
    const row = [
      (Number(lo) - from).toString(36),
      (Number(hi) - Number(lo)).toString(36),
      Number(deltas.get(delta) ?? delta).toString(36),
    ].join('.');
    from = Number(hi);
    return row;
  },
);

console.log(`// Written by test/regex/unicode-tables.ts from RE2's own tables (Unicode 15; google/re2@972a15c, BSD-3-Clause): do not edit.

/** Ranges of each Unicode class that RE2 knows by name: gap to the range before and length less one, base 36. */
export const packedClasses: Readonly<Record<string, string>> = {
${rows.join('\n')}
};

/** Case folding: gap, length less one and distance, base 36; distance 1 pairs even with odd, -1 odd with even. */
export const packedFolds = '${foldRows.join(' ')}';`);
