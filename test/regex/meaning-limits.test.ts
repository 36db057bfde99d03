// Hostile patterns: an answer or `unknown`, within the steps that were set. Steps are counted, not time: machines differ.
import fc from '../property.ts';
import { test } from 'tap';
import { lengthMax } from '../../src/regex/judge.ts';
import { covers, matches, meaningOf, overlap, stepsMax, type Meaning } from '../../src/regex/meaning.ts';
import { statesMax } from '../../src/regex/nfa.ts';

const classes = Array.from({ length: 100 }, (_, at) => `[\\pL\\x${(0x20 + at).toString(16)}]`)
  .join('')
  .slice(0, 1000 - (1000 % 9));

const hostile: readonly string[] = [
  '(a|b)*a(a|b){20}',
  '(a|b)*b(a|b){20}',
  '(?:a|aa)*(?:a|aa){500}',
  '((a|aa){10}){50}',
  '(a{10}){100}',
  '(((a?){10}){10}){10}',
  '(.*){1,50}x',
  '((.*)*)*x',
  '(?:(?:.*){1,10}){1,50}[^x]',
  '[^,]{0,1000}[^;]{0,1000}',
  '(?:\\b.?\\B.?){100}',
  '(?m:(?:^|$|\\b|.)*){200}',
  '(?:.{1,30}a){1,30}',
  '\\p{L}{1000}',
  '(?:x?){1000}x{1000}',
  classes,
  Array.from({ length: 128 }, (_, at) => `OPS-${at}`)
    .join('|')
    .slice(0, lengthMax),
  Array.from({ length: 120 }, (_, at) => `.*${at}.*`)
    .join('|')
    .slice(0, lengthMax),
  `${'('.repeat(500)}a${')'.repeat(500)}`,
  `${'(?:'.repeat(250)}a${')*'.repeat(250)}`,
  `${'(a|'.repeat(250)}b${')'.repeat(250)}`,
  '(?:(){1000}){1}',
  '(?i)'.repeat(20) + '[a-z]{0,400}k{0,400}',
  `(?i)${'s'.repeat(1000)}`,
  '(?:abcdefghijklmnopqrstuvwxyz){1000}',
  `(?:${'[a-f]?'.repeat(30)}){30}g`,
  '(.*a.{15}|.*b.{15})',
  '(?s).*'.repeat(150),
  '(^|,)*($|;)*'.repeat(80),
];

/** Steps that one transition may take on top, with what is paid before a walk: each state of both once, and the alphabets. */
const overshoot = 8 * statesMax;

test('ends within its steps for every pair of hostile patterns', (t) => {
  const max = 20_000;
  const over: unknown[] = [];
  const answers = new Map<string, number>();
  const meanings = hostile.map((pattern) => meaningOf(pattern));
  const check = (
    one: Meaning,
    other: Meaning,
    answer: { readonly answer: string; readonly steps: number },
  ): void => {
    answers.set(answer.answer, (answers.get(answer.answer) ?? 0) + 1);
    if (answer.steps > max + overshoot) over.push([one.pattern, other.pattern, answer]);
  };
  for (const one of meanings)
    for (const other of meanings) {
      check(one, other, overlap(one, other, max));
      check(one, other, covers(one, other, max));
    }
  t.comment([...answers].map(([answer, count]) => `${answer} ${count}`).join(', '));
  t.same(over, []);
  t.end();
});

test('ends within its steps for long values', (t) => {
  const value = 'ab'.repeat(500_000);
  t.same(
    hostile.filter((pattern) => matches(pattern, value).steps > stepsMax + overshoot),
    [],
  );
  t.equal(matches('(?s).*', value, 10_000_000).answer, 'yes');
  t.end();
});

test('tells an overlap where subsets blow up, and of covers nothing wrong', (t) => {
  const [one, other] = ['(a|b)*a(a|b){20}', '(a|b)*b(a|b){20}'];
  t.equal(overlap(one, other).answer, 'no');
  t.equal(covers(one, other).answer, 'no');
  t.equal(covers(`${one}|c`, one).answer, 'unknown');
  t.equal(covers('.*a.{20}|.*b.{20}', other).answer, 'yes');
  t.equal(covers('.*', other).answer, 'yes');
  t.end();
});

test('answers do not depend on what was asked before', (t) => {
  const fresh = (one: string, other: string): unknown => [
    overlap(one, other, 3000),
    covers(one, other, 3000),
  ];
  const kept = hostile.map((pattern) => meaningOf(pattern));
  fc.assert(
    fc.property(fc.nat(kept.length - 1), fc.nat(kept.length - 1), (at, far) => {
      const [one, other] = [kept[at], kept[far]];
      if (one === undefined || other === undefined) return;
      const asked = [overlap(one, other, 3000), covers(one, other, 3000)];
      if (JSON.stringify(asked) !== JSON.stringify(fresh(one.pattern, other.pattern)))
        throw new Error(`${one.pattern} ${other.pattern} ${JSON.stringify(asked)}`);
    }),
    { numRuns: 60 },
  );
  t.end();
});

test('makes sense of no pattern longer than istiod takes', (t) => {
  t.same(matches('a'.repeat(lengthMax + 1), 'a'), { answer: 'unknown', why: 'refused', steps: 0 });
  t.end();
});
