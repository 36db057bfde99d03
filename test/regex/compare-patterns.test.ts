import fc from '../property.ts';
import { RE2JS } from 're2js';
import { test } from 'tap';
import {
  compilePattern,
  covers,
  matchesValue,
  overlap,
  type MatchingReader,
} from '../../src/regex/compare-patterns.ts';

const matchRows: readonly {
  readonly name: string;
  readonly in: string;
  readonly yes: readonly string[];
  readonly no: readonly string[];
  readonly reader?: MatchingReader;
}[] = [
  {
    name: 'matches the whole value only',
    in: '(OPS-1234|ops-1234)',
    yes: ['OPS-1234', 'ops-1234'],
    no: ['Ops-1234', ' OPS-1234', 'OPS-12345', ''],
  },
  {
    name: 'takes alternatives without a group for whole values',
    in: '^OPS-1234|ops-1234$',
    yes: ['OPS-1234', 'ops-1234'],
    no: ['OPS-12345', 'xops-1234'],
  },
  {
    name: 'folds case as Unicode does',
    in: '(?i)ops-1234',
    yes: ['oPs-1234', 'op\u017f-1234'],
    no: ['ops-123'],
  },
  {
    name: 'folds ASCII only where bytes are matched',
    in: '(?i)ops-1234',
    yes: ['oPs-1234'],
    no: ['op\u017f-1234'],
    reader: 're2-latin1',
  },
  {
    name: 'takes a bare dot for any character but a newline',
    in: 'ops-1234.ww',
    yes: ['ops-1234.ww', 'ops-1234xww', 'ops-1234éww', 'ops-1234😀ww'],
    no: ['ops-1234ww', 'ops-1234\nww'],
  },
  {
    name: 'takes a dot for one byte where bytes are matched',
    in: 'a.',
    yes: ['ab'],
    no: ['aé'],
    reader: 're2-latin1',
  },
  {
    name: 'takes a character for its bytes where bytes are matched',
    in: 'é|[é]{2}',
    yes: ['é'],
    no: ['e', 'éé'],
    reader: 're2-latin1',
  },
  {
    name: 'finds a name within a value',
    in: '^.*OPS-1234.*$',
    yes: ['xOPS-12345', 'OPS-1234'],
    no: ['OPS-123', 'OPS-1234\n'],
  },
  {
    name: 'knows where a word begins and ends',
    in: '.*\\bOPS\\b.*',
    yes: ['OPS', 'a OPS-1', '-OPS', 'éOPS'],
    no: ['OPSx', 'xOPS', 'OPS_'],
  },
  { name: 'knows where no word begins', in: 'a\\B.*', yes: ['ab', 'a_'], no: ['a', 'a-', 'a b'] },
  { name: 'knows both sides of an empty value', in: '\\B', yes: [''], no: ['a', '-'] },
  { name: 'knows lines', in: '(?m)a$\\n^b$', yes: ['a\nb'], no: ['ab', 'a\nb\n', 'a\n'] },
  { name: 'knows the end of the text from that of a line', in: '(?s)a$.*', yes: ['a'], no: ['a\n', 'ab'] },
  {
    name: 'looks behind one assertion for the next',
    in: '(?:^\\b|-\\B)(?:\\Ba|b)',
    yes: ['b'],
    no: ['a', '-b', '-a'],
  },
  {
    name: 'matches nothing with an impossible assertion',
    in: 'a^b|a\\zb|\\ba\\b-?\\bb',
    yes: ['a-b'],
    no: ['ab'],
  },
  { name: 'matches nothing with an empty class', in: '[^\\x00-\\x{10FFFF}]|b', yes: ['b'], no: ['', 'a'] },
  { name: 'takes empty alternatives', in: '(a|)(|b)', yes: ['', 'a', 'b', 'ab'], no: ['ba'] },
  { name: 'counts', in: '(?:ab){2,3}', yes: ['abab', 'ababab'], no: ['ab', 'abababab', 'aba'] },
  { name: 'counts without an end', in: 'a{2,}?', yes: ['aa', 'aaaaaa'], no: ['a'] },
  { name: 'knows Unicode classes', in: '\\p{Greek}+\\PL', yes: ['αβγ1'], no: ['abc1', 'α'] },
  {
    name: 'knows no Unicode class of bytes over 0xFF',
    in: '\\p{Greek}',
    yes: [],
    no: ['α'],
    reader: 're2-latin1',
  },
  {
    name: 'takes any byte where bytes are matched',
    in: '\\C{2}',
    yes: ['é', 'ab'],
    no: ['a', '漢'],
    reader: 're2-latin1',
  },
];

for (const row of matchRows) {
  test(row.name, (t) => {
    const compiled = compilePattern(row.in, row.reader);
    const isMatched = (value: string): boolean | undefined => compiled && matchesValue(compiled, value).told;
    t.same(
      row.yes.filter((value) => isMatched(value) !== true),
      [],
    );
    t.same(
      row.no.filter((value) => isMatched(value) !== false),
      [],
    );
    t.end();
  });
}

const pairs: readonly {
  readonly one: string;
  readonly other: string;
  /** Whether they have a value in common; whether one has all values of the other. */
  readonly shared: boolean | undefined;
  readonly covered: boolean | undefined;
}[] = [
  { one: 'OPS-1234', other: 'OPS-12345', shared: false, covered: false },
  { one: '(?i)ops-1234', other: '(OPS-1234|ops-1234)', shared: true, covered: true },
  { one: 'OPS-.*', other: 'OPS-\\d+', shared: true, covered: true },
  { one: 'OPS-\\d+', other: 'OPS-.*', shared: true, covered: false },
  { one: '.+', other: '.*OPS-6.*', shared: true, covered: true },
  { one: '.*', other: '(a|b)+', shared: true, covered: true },
  { one: '.*OPS-1.*', other: '.*TS-2.*', shared: true, covered: false },
  { one: '^(.*?;)?(user=jason)(;.*)?$', other: '^(.*?;)?(user=mary)(;.*)?$', shared: true, covered: false },
  { one: '/v[0-9]+/a', other: '/v[0-9]+/b', shared: false, covered: false },
  { one: '/v[0-9]+/.*', other: '/v[0-9]+/users/[^/]+', shared: true, covered: true },
  { one: '/login/[a-z0-9-]+', other: '.*\\.(png|jpg)', shared: false, covered: false },
  { one: '.*a', other: '.*b', shared: false, covered: false },
  { one: '\\bfoo.*', other: '.*oo\\b', shared: true, covered: false },
  { one: '(ab)*', other: '(abab)*', shared: true, covered: undefined },
  { one: '(aa)*c', other: 'a(aa)*c', shared: undefined, covered: false },
];

for (const { one, other, shared, covered } of pairs) {
  test(`compares ${one} with ${other}`, (t) => {
    const [first, second] = [compilePattern(one), compilePattern(other)];
    if (first === undefined || second === undefined) throw new Error('refused');
    t.equal(overlap(first, second).told, shared);
    t.equal(overlap(second, first).told, shared, 'the same either way round');
    t.equal(covers(first, second).told, covered);
    t.end();
  });
}

test('makes nothing of what a reader refuses', (t) => {
  t.equal(compilePattern('(?=a)'), undefined);
  t.equal(compilePattern('('), undefined);
  t.end();
});

test('answers for the largest program that Envoy takes', (t) => {
  const compiled = compilePattern('(?:a?){1000}'.repeat(16));
  t.equal(compiled && matchesValue(compiled, 'a'.repeat(40)).told, true);
  t.equal(compiled && matchesValue(compiled, 'ab').told, false);
  t.end();
});

test('never tells what values contradict', (t) => {
  const atoms = [
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '\\b',
    '^',
    '$',
    '(?i:a)',
    '(?:a|b)?',
    'a*',
    '.*',
    '(?:ab)*',
    'b{2}',
  ];
  const pattern = fc.array(fc.constantFrom(...atoms), { maxLength: 4 }).map((parts) => parts.join(''));
  const value = fc.string({ unit: fc.constantFrom('a', 'A', 'b', '-'), maxLength: 4 });
  const readers: readonly MatchingReader[] = ['re2-utf8', 're2-latin1'];
  fc.assert(
    fc.property(
      fc.constantFrom(...readers),
      pattern,
      pattern,
      fc.array(value, { minLength: 20, maxLength: 40 }),
      (reader, one, other, values) => {
        const [first, second] = [compilePattern(one, reader), compilePattern(other, reader)];
        if (first === undefined || second === undefined) return;
        const [left, right] = [RE2JS.compile(one), RE2JS.compile(other)];
        const [shared, covered] = [overlap(first, second).told, covers(first, second).told];
        for (const text of values) {
          if (matchesValue(first, text).told !== left.matches(text)) throw new Error(`${one} and ${text}`);
          if (shared === false && left.matches(text) && right.matches(text))
            throw new Error(`${one} and ${other} have ${text} in common`);
          if (covered === true && right.matches(text) && !left.matches(text))
            throw new Error(`${one} does not cover ${other}: ${text}`);
        }
      },
    ),
    { numRuns: 2000 },
  );
  t.end();
});
