// What we say of meanings, against another engine: for generated patterns over all short values, and for the corpus.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from '../property.ts';
import { RE2JS } from 're2js';
import { test } from 'tap';
import {
  covers,
  matches,
  meaningOf,
  overlap,
  stepsMax,
  type MatchingReader,
  type Meaning,
} from '../../src/regex/meaning.ts';
import type { Witness } from '../../src/regex/witness.ts';

/** Full match by the other engine. */
type Engine = (value: string) => boolean;

function engineOf(pattern: string): Engine {
  const compiled = RE2JS.compile(pattern);
  return (value) => compiled.matches(value);
}

/** Some seconds in all. */
const runs = 800;

const atoms = [
  'a',
  'b',
  'B',
  '-',
  '\\n',
  '.',
  '[ab]',
  '[^a]',
  '[^a-z]',
  '\\w',
  '\\W',
  '\\b',
  '\\B',
  '^',
  '$',
  '\\A',
  '\\z',
  '(?m:^)',
  '(?m:$)',
  '(?s:.)',
  '(?i:a)',
  '(?i:b-)',
  '(?i:[^b])',
  '()',
  '[^\\x00-\\xff]',
  '[[:upper:]]',
];
/** Of these Latin-1 has none, or reads them in another way. */
const wideAtoms = ['é', '[é-ü]', '\\pL', '\\P{Lu}', '(?i:k)'];
const repeats = ['*', '+', '?', '*?', '{2}', '{0,2}', '{1,3}', '{2,}', '{0}'];

function patternsOf(leaves: readonly string[]): fc.Arbitrary<string> {
  return fc.letrec<{ pattern: string }>((tie) => {
    const inner = tie('pattern');
    const some = fc.array(inner, { minLength: 2, maxLength: 3 });
    return {
      pattern: fc.oneof(
        { maxDepth: 4, depthIdentifier: 'pattern' },
        { weight: 3, arbitrary: fc.constantFrom(...leaves) },
        { weight: 4, arbitrary: some.map((parts) => parts.join('')) },
        { weight: 2, arbitrary: some.map((parts) => `(?:${parts.join('|')})`) },
        {
          weight: 2,
          arbitrary: fc
            .tuple(inner, fc.constantFrom(...repeats))
            .map(([body, repeat]) => `(?:${body})${repeat}`),
        },
      ),
    };
  }).pattern;
}

function valuesOver(runes: readonly string[], length: number): readonly string[] {
  const values = [''];
  for (let from = 0, turn = 0; turn < length; turn++) {
    const end = values.length;
    for (; from < end; from++) for (const rune of runes) values.push((values[from] ?? '') + rune);
  }
  return values;
}

interface Side {
  readonly meaning: Meaning;
  readonly engine: Engine;
}

interface Reading {
  readonly name: string;
  readonly reader: MatchingReader;
  readonly patterns: fc.Arbitrary<string>;
  /** All short values as the other engine is given them, and the same as text. */
  readonly values: readonly { readonly given: string; readonly text: string }[];
  /** How the other engine is given a witness. */
  readonly give: (witness: Witness) => string;
  /** Steps that a question may take: plenty for generated patterns, which nest counts as nobody does. */
  readonly max: number;
}

const latin1 = (bytes: readonly number[]): string => String.fromCharCode(...bytes);

const readings: readonly Reading[] = [
  {
    name: 'code points',
    reader: 're2-utf8',
    patterns: patternsOf([...atoms, ...wideAtoms]),
    values: valuesOver(['a', 'B', '-', '\n', 'é'], 4).map((text) => ({ given: text, text })),
    give: (witness) => witness.text,
    max: 10 * stepsMax,
  },
  {
    name: 'bytes',
    reader: 're2-latin1',
    patterns: patternsOf(atoms),
    values: valuesOver(['a', 'B', '-', '\n', 'é'], 3).map((text) => ({
      given: latin1([...new TextEncoder().encode(text)]),
      text,
    })),
    give: (witness) => latin1(witness.bytes),
    max: 10 * stepsMax,
  },
];

function sideOf(pattern: string, reader: MatchingReader): Side {
  return { meaning: meaningOf(pattern, reader), engine: engineOf(pattern) };
}

function fail(what: string, ...about: readonly unknown[]): never {
  throw new Error(`${what}: ${about.map((one) => JSON.stringify(one)).join(' ')}`);
}

function checkMatches({ meaning, engine }: Side, values: Reading['values']): void {
  for (const { given, text } of values) {
    const { answer } = matches(meaning, text);
    if (answer !== (engine(given) ? 'yes' : 'no')) fail('matches', meaning.pattern, text, answer);
  }
}

function checkOverlap(one: Side, other: Side, reading: Pick<Reading, 'values' | 'give' | 'max'>): void {
  const answer = overlap(one.meaning, other.meaning, reading.max);
  const about = [one.meaning.pattern, other.meaning.pattern, answer];
  if (JSON.stringify(overlap(other.meaning, one.meaning, reading.max)) !== JSON.stringify(answer))
    fail('not symmetric', ...about);
  if (answer.answer === 'unknown') fail('unknown', ...about);
  if (answer.answer === 'no') {
    const common = reading.values.find(({ given }) => one.engine(given) && other.engine(given));
    if (common !== undefined) fail('overlap', ...about, common);
    return;
  }
  const given = reading.give(answer.witness);
  if (!one.engine(given) || !other.engine(given)) fail('witness', ...about);
}

function checkCovers(one: Side, other: Side, reading: Pick<Reading, 'values' | 'give' | 'max'>): void {
  const answer = covers(one.meaning, other.meaning, reading.max);
  const about = [one.meaning.pattern, other.meaning.pattern, answer];
  if (covers(one.meaning, one.meaning, reading.max).answer !== 'yes') fail('not reflexive', ...about);
  if (answer.answer === 'unknown') fail('unknown', ...about);
  if (answer.answer === 'yes') {
    const uncovered = reading.values.find(({ given }) => other.engine(given) && !one.engine(given));
    if (uncovered !== undefined) fail('covers', ...about, uncovered);
    return;
  }
  const given = reading.give(answer.witness);
  if (!other.engine(given) || one.engine(given)) fail('witness', ...about);
  // A shortest one: none of the short values that show it is shorter.
  const shorter = reading.values.find(
    (value) => value.given.length < given.length && other.engine(value.given) && !one.engine(value.given),
  );
  if (shorter !== undefined) fail('not shortest', ...about, shorter);
}

for (const reading of readings) {
  test(`agrees with another engine on every short value, in ${reading.name}`, (t) => {
    fc.assert(
      fc.property(reading.patterns, (pattern) =>
        checkMatches(sideOf(pattern, reading.reader), reading.values),
      ),
      { numRuns: runs },
    );
    t.end();
  });

  test(`overlap agrees with brute force, and every witness matches both, in ${reading.name}`, (t) => {
    fc.assert(
      fc.property(reading.patterns, reading.patterns, (one, other) =>
        checkOverlap(sideOf(one, reading.reader), sideOf(other, reading.reader), reading),
      ),
      { numRuns: runs },
    );
    t.end();
  });

  test(`cover agrees with brute force, and every witness matches only one, in ${reading.name}`, (t) => {
    fc.assert(
      fc.property(reading.patterns, reading.patterns, (one, other) =>
        checkCovers(sideOf(one, reading.reader), sideOf(other, reading.reader), reading),
      ),
      { numRuns: runs },
    );
    t.end();
  });
}

test('with few steps the answer is unknown, or right', (t) => {
  const told = new Set<string>();
  fc.assert(
    fc.property(
      patternsOf(atoms),
      patternsOf(atoms),
      fc.integer({ min: 30, max: 4000 }),
      (one, other, max) => {
        const [left, right] = [sideOf(one, 're2-utf8'), sideOf(other, 're2-utf8')];
        const cover = covers(left.meaning, right.meaning, max);
        const common = overlap(left.meaning, right.meaning, max);
        told.add(`covers ${cover.answer}`).add(`overlap ${common.answer}`);
        if (
          cover.answer !== 'unknown' &&
          cover.answer !== covers(left.meaning, right.meaning, 2_000_000).answer
        )
          fail('covers', one, other, max, cover);
        if (
          common.answer !== 'unknown' &&
          common.answer !== overlap(left.meaning, right.meaning, 2_000_000).answer
        )
          fail('overlap', one, other, max, common);
        if (cover.answer === 'no' && (!right.engine(cover.witness.text) || left.engine(cover.witness.text)))
          fail('witness', one, other, cover);
        if (
          common.answer === 'yes' &&
          (!right.engine(common.witness.text) || !left.engine(common.witness.text))
        )
          fail('witness', one, other, common);
      },
    ),
    { numRuns: 2 * runs },
  );
  t.equal(told.size, 6, [...told].join(', '));
  t.end();
});

test('a pattern does not cover less than any of its alternatives, and repeated not less than twice or thrice', (t) => {
  fc.assert(
    fc.property(patternsOf(atoms), patternsOf(atoms), (one, other) => {
      if (covers(`(?:${one})|(?:${other})`, other).answer === 'no') fail('alternative', one, other);
      if (covers(`(?:${one})?`, one).answer === 'no') fail('optional', one);
      if (covers(`(?:${one})*`, `(?:${one}){2,3}`).answer === 'no') fail('repeated', one);
    }),
    { numRuns: runs },
  );
  t.end();
});

interface Row {
  readonly pattern: string;
  readonly go: boolean;
  readonly utf8: number | null;
}

const rows = readFileSync(join(import.meta.dirname, '..', 'cases', 'regex', 'corpus.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);
const accepted = rows
  .filter((row) => row.go && row.utf8 !== null && row.utf8 <= 2000)
  .map((row) => row.pattern);

test('answers for every pattern of the corpus that is no giant, and every witness is one', (t) => {
  const sides = accepted.flatMap((pattern) => {
    try {
      return [sideOf(pattern, 're2-utf8')];
    } catch {
      // Go takes it, the other engine does not.
      return [];
    }
  });
  const byWitness = { values: [], give: (witness: Witness) => witness.text, max: stepsMax };
  sides.forEach((one, at) => {
    for (const far of [1, 7]) {
      const other = sides[(at + far) % sides.length] ?? one;
      checkOverlap(one, other, byWitness);
      checkCovers(one, other, byWitness);
    }
  });
  t.comment(`${sides.length} patterns of ${accepted.length}`);
  t.ok(sides.length > 1000);
  t.end();
});
