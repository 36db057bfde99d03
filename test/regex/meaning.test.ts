import { test } from 'tap';
import {
  covers,
  matches,
  meaningOf,
  overlap,
  type CoverAnswer,
  type MatchAnswer,
  type MatchingReader,
  type OverlapAnswer,
} from '../../src/regex/meaning.ts';

/** The answer in short: `unknown` with its reason. */
function inShort(answer: MatchAnswer | OverlapAnswer | CoverAnswer): string {
  return answer.answer === 'unknown'
    ? `unknown: ${answer.why}`
    : 'witness' in answer
      ? `${answer.answer} ${JSON.stringify(answer.witness.text)}`
      : answer.answer;
}

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
    const meaning = meaningOf(row.in, row.reader);
    t.same(
      row.yes.filter((value) => matches(meaning, value).answer !== 'yes'),
      [],
    );
    t.same(
      row.no.filter((value) => matches(meaning, value).answer !== 'no'),
      [],
    );
    t.end();
  });
}

const overlapRows: readonly {
  readonly one: string;
  readonly other: string;
  readonly want: string;
  readonly reader?: MatchingReader;
}[] = [
  { one: 'OPS-1234', other: 'OPS-1234', want: 'yes "OPS-1234"' },
  { one: 'OPS-1234', other: 'OPS-12345', want: 'no' },
  { one: '(OPS-1234|ops-1234)', other: '(?i)ops-1234', want: 'yes "OPS-1234"' },
  { one: 'OPS-1234.*', other: 'OPS-12345', want: 'yes "OPS-12345"' },
  { one: 'OPS-[0-9]+', other: 'OPS-12', want: 'yes "OPS-12"' },
  { one: '.*OPS-1.*', other: '.*TS-2.*', want: 'yes "OPS-1TS-2"' },
  { one: '(.*,)?v=OPS-1(,.*)?', other: '(.*,)?v=TS-2(,.*)?', want: 'yes "v=OPS-1,v=TS-2"' },
  { one: 'a.*b', other: 'b.*a', want: 'no' },
  { one: '.*a', other: '.*b', want: 'no' },
  { one: '(aa)+', other: '(aaa)+', want: 'yes "aaaaaa"' },
  { one: '(aa)*', other: 'a(aa)*', want: 'no' },
  { one: '\\bfoo.*', other: '.*oo\\b', want: 'yes "foo"' },
  { one: 'a\\b.', other: 'a\\w', want: 'no' },
  { one: '[^\\x00-\\x{10FFFF}]', other: '.*', want: 'no' },
  { one: '\\p{Lu}+', other: '\\p{Ll}+', want: 'no' },
  { one: '\\p{Greek}', other: '[^ -~]', want: 'yes "Ͱ"' },
  { one: '[é]', other: '.', want: 'yes "é"' },
  { one: '[é]', other: '.', want: 'yes "\\\\xA9"', reader: 're2-latin1' },
  { one: 'é+', other: '..', want: 'yes "é"', reader: 're2-latin1' },
  { one: '(?=a)', other: 'a', want: 'unknown: refused' },
  { one: 'a', other: 'a\\Cb', want: 'unknown: bytes' },
  { one: '(?:abcdefghijklmnopqrstuvwxyz0123456789){1000}', other: 'a', want: 'unknown: too-large' },
];

for (const row of overlapRows) {
  test(`tells whether ${row.one} and ${row.other} overlap${row.reader === undefined ? '' : ' in bytes'}`, (t) => {
    const [one, other] = [meaningOf(row.one, row.reader), meaningOf(row.other, row.reader)];
    t.equal(inShort(overlap(one, other)), row.want);
    t.same(overlap(one, other), overlap(other, one), 'the same either way round, and again');
    t.end();
  });
}

const coverRows: readonly { readonly one: string; readonly other: string; readonly want: string }[] = [
  { one: 'OPS-.*', other: 'OPS-\\d+', want: 'yes' },
  { one: 'OPS-\\d+', other: 'OPS-.*', want: 'no "OPS-"' },
  { one: '.*', other: '(?i)ops-1234', want: 'yes' },
  { one: '.*', other: '(?s).*', want: 'no "\\n"' },
  { one: '(?i)ops-1234', other: '(OPS-1234|ops-1234)', want: 'yes' },
  { one: '(OPS-1234|ops-1234)', other: '(?i)ops-1234', want: 'no "OPs-1234"' },
  { one: '[^,]{0,1000}', other: '[^,]{0,999}', want: 'yes' },
  { one: '[^,]{0,999}', other: '[^,]{0,1000}', want: `no ${JSON.stringify('a'.repeat(1000))}` },
  { one: '(a|b)*', other: '(a*b*)*', want: 'yes' },
  { one: '\\w+', other: '\\bab\\b', want: 'yes' },
  { one: '.*\\b.*', other: 'a|-', want: 'no "-"' },
  { one: 'a', other: '[^\\x00-\\x{10FFFF}]', want: 'yes' },
  { one: '[^\\x00-\\x{10FFFF}]', other: 'a*', want: 'no ""' },
  { one: '\\pL+', other: '\\p{Greek}', want: 'no "͵"' },
  { one: '(?=a)', other: 'a', want: 'unknown: refused' },
];

for (const row of coverRows) {
  test(`tells whether ${row.one} covers ${row.other}`, (t) => {
    t.equal(inShort(covers(row.one, row.other)), row.want);
    t.end();
  });
}

test('compares nothing that different readers read', (t) => {
  t.equal(inShort(overlap(meaningOf('a'), meaningOf('a', 're2-latin1'))), 'unknown: different-readers');
  t.equal(inShort(covers(meaningOf('a'), meaningOf('a', 're2-latin1'))), 'unknown: different-readers');
  t.end();
});

test('gives the bytes of a witness', (t) => {
  const wide = overlap('é+', '.');
  const narrow = overlap(meaningOf('[é]a', 're2-latin1'), meaningOf('..', 're2-latin1'));
  t.same(wide.answer === 'yes' && wide.witness.bytes, [0xc3, 0xa9]);
  t.same(narrow.answer === 'yes' && narrow.witness.bytes, [0xa9, 0x61]);
  t.end();
});

test('gives no answer within too few steps, and the same one with steps enough', (t) => {
  t.equal(inShort(overlap('(.a)*b', '.*(..b)+', 20)), 'unknown: too-many-steps');
  t.equal(inShort(covers('.*b', '.*ab', 20)), 'unknown: too-many-steps');
  t.equal(inShort(matches('.*ab', 'x'.repeat(100), 20)), 'unknown: too-many-steps');
  t.equal(inShort(overlap('(.a)*b', '.*(..b)+')), 'yes "aab"');
  t.end();
});
