import { costOf, growthOf, linearGrowthMax } from '../growth.ts';
import fc from '../property.ts';
import { RE2JS } from 're2js';
import { test } from 'tap';
import { judge, lengthMax, programSizeMax, type Refusal, type Verdict } from '../../src/regex/judge.ts';
import type { Reason } from '../../src/regex/scan.ts';

function refusalOf(verdict: Verdict): Refusal | undefined {
  return verdict.accepted ? undefined : verdict.refusal;
}

interface RefusedRow {
  readonly in: string;
  readonly reason: Reason;
  /** Where, and which text. */
  readonly at: number;
  readonly text: string;
  /** Part of what to write instead. */
  readonly instead: string;
}

const all = 'go re2-utf8 re2-latin1';
const refusedRows: readonly (RefusedRow & { readonly by?: string })[] = [
  { in: '', reason: 'empty', at: 0, text: '', instead: '.*' },
  { in: 'a'.repeat(lengthMax + 1), reason: 'too-long', at: 0, text: '', instead: 'exact' },
  { in: 'é'.repeat(lengthMax / 2 + 1), reason: 'too-long', at: 0, text: '', instead: 'exact' },
  { in: '\\p{L}{28}', reason: 'too-big', at: 0, text: '', instead: 'lower the counts', by: 're2-utf8' },
  {
    in: '[^,]{0,1000}[^;]{0,1000}[^,]{0,1000}[^;]{0,1000}',
    reason: 'too-big',
    at: 0,
    text: '',
    instead: 'lower the counts',
    by: 're2-utf8',
  },
  { in: '/(?!api).*', reason: 'look-ahead', at: 1, text: '(?!', instead: 'a route for the exception' },
  { in: '^(?=x)', reason: 'look-ahead', at: 1, text: '(?=', instead: 'a route for the exception' },
  {
    in: '(?<!Mobile)Safari',
    reason: 'look-behind',
    at: 0,
    text: '(?<!',
    instead: 'a route for the exception',
  },
  { in: 'a(?>b)', reason: 'atomic-group', at: 1, text: '(?>', instead: '(?:' },
  { in: '(?#note)a', reason: 'comment', at: 0, text: '(?#', instead: 'leave it out' },
  { in: "(?'n'a)", reason: 'quoted-name', at: 0, text: "(?'", instead: '(?P<name>...)' },
  { in: '(?|a|b)', reason: 'group-kind', at: 0, text: '(?|', instead: '(?:...)' },
  { in: '(?x)a b', reason: 'flag', at: 0, text: '(?x', instead: 'remove the spaces' },
  { in: '(?u)a', reason: 'flag', at: 0, text: '(?u', instead: 'use i, s, m, U' },
  { in: '(?.*)', reason: 'flag', at: 0, text: '(?.', instead: '(?:...)' },
  { in: '(?P<a-b>c)', reason: 'group-name', at: 0, text: '(?P<a-b>', instead: 'letters, digits and _' },
  { in: '(?P<é>c)', reason: 'group-name', at: 0, text: '(?P<é>', instead: 'letters, digits and _', by: 'go' },
  { in: '(a)\\1', reason: 'backreference', at: 3, text: '\\1', instead: 'write out' },
  { in: '(?P<n>a)\\k<n>', reason: 'backreference', at: 8, text: '\\k', instead: 'write out' },
  { in: '(?P<n>a)(?P=n)', reason: 'group-reference', at: 8, text: '(?P=', instead: 'write out' },
  { in: '(?R)', reason: 'group-reference', at: 0, text: '(?R', instead: 'write out' },
  { in: 'a\\Z', reason: 'escape', at: 1, text: '\\Z', instead: 'the whole value is matched' },
  { in: '\\h+', reason: 'escape', at: 0, text: '\\h', instead: '[ \\t]' },
  { in: '\\u0041', reason: 'escape', at: 0, text: '\\u', instead: '\\x{0041}' },
  { in: 'é\\q', reason: 'escape', at: 1, text: '\\q', instead: 'q without the backslash' },
  { in: '😀\\é', reason: 'escape', at: 2, text: '\\é', instead: 'é without the backslash' },
  { in: 'a\\', reason: 'trailing-backslash', at: 1, text: '\\', instead: '\\\\' },
  { in: '\\x4', reason: 'hex', at: 0, text: '\\x4', instead: '\\x{41}' },
  { in: '\\x{110000}', reason: 'rune-too-high', at: 0, text: '\\x{110000}', instead: '\\x{FF}' },
  {
    in: '[\\x{4e00}-\\x{9fff}]',
    reason: 'rune-over-ff',
    at: 1,
    text: '\\x{4e00}',
    instead: 'the character itself',
    by: 're2-latin1',
  },
  {
    in: '\\777',
    reason: 'rune-over-ff',
    at: 0,
    text: '\\777',
    instead: 'the character itself',
    by: 're2-latin1',
  },
  { in: 'a\\Cb', reason: 'any-byte', at: 1, text: '\\C', instead: '(?s:.)', by: 'go' },
  { in: 'x[a-', reason: 'class-unclosed', at: 1, text: '[a-', instead: '\\[' },
  { in: '[b-a]', reason: 'range', at: 1, text: 'b-a', instead: 'a-b' },
  {
    in: '[\\xe0-é]',
    reason: 'range-in-bytes',
    at: 1,
    text: '\\xe0-é',
    instead: 'one by one',
    by: 're2-latin1',
  },
  { in: '[[:foo:]]', reason: 'posix-class', at: 1, text: '[:foo:]', instead: '[:alpha:]' },
  {
    in: '\\p{Letter}',
    reason: 'unicode-class',
    at: 0,
    text: '\\p{Letter}',
    instead: '\\p{L}',
    by: 're2-utf8 re2-latin1',
  },
  {
    in: '[\\P{greek}]',
    reason: 'unicode-class',
    at: 1,
    text: '\\P{greek}',
    instead: '\\P{Greek}',
    by: 're2-utf8 re2-latin1',
  },
  {
    in: '\\p{Script=Greek}',
    reason: 'unicode-class',
    at: 0,
    text: '\\p{Script=Greek}',
    instead: '\\p{Greek}',
  },
  {
    in: '\\p{Old_Italic}',
    reason: 'unicode-class',
    at: 0,
    text: '\\p{Old_Italic}',
    instead: 'short name',
    by: 'go',
  },
  {
    in: '\\p{ASCII}',
    reason: 'unicode-class',
    at: 0,
    text: '\\p{ASCII}',
    instead: 'short name',
    by: 're2-utf8 re2-latin1',
  },
  { in: '*', reason: 'repeat-nothing', at: 0, text: '*', instead: '.*' },
  { in: '*.example.com', reason: 'repeat-nothing', at: 0, text: '*', instead: '.*' },
  { in: 'a|+b', reason: 'repeat-nothing', at: 2, text: '+', instead: '.+' },
  { in: 'a++', reason: 'repeat-stacked', at: 1, text: '++', instead: 'write +' },
  { in: 'a**', reason: 'repeat-stacked', at: 1, text: '**', instead: '(?:...)' },
  { in: 'a{2}{3}', reason: 'repeat-stacked', at: 1, text: '{2}{3}', instead: '(?:...)' },
  { in: 'a{1001}', reason: 'repeat-size', at: 1, text: '{1001}', instead: 'up to 1000' },
  {
    in: 'a{9999999999}',
    reason: 'repeat-size',
    at: 1,
    text: '{9999999999}',
    instead: 'up to 1000',
    by: 'go',
  },
  { in: 'a{2,1}', reason: 'repeat-order', at: 1, text: '{2,1}', instead: 'the lower one first' },
  { in: '(?:a{100}){11}', reason: 'repeat-product', at: 10, text: '{11}', instead: 'lower one' },
  {
    in: '(?:(?:a{1000}){0}){2}',
    reason: 'repeat-product',
    at: 18,
    text: '{2}',
    instead: 'lower one',
    by: 're2-utf8 re2-latin1',
  },
  { in: 'a(b', reason: 'paren-open', at: 1, text: '(', instead: '\\(' },
  { in: 'a)b', reason: 'paren-close', at: 1, text: ')', instead: '\\)' },
];

for (const row of refusedRows) {
  test(`refuses ${JSON.stringify(row.in.length > 30 ? `${row.in.slice(0, 27)}...` : row.in)}: ${row.reason}`, (t) => {
    const refusal = refusalOf(judge(row.in));
    t.match(refusal, { reason: row.reason, offset: row.at, text: row.text });
    t.ok(refusal?.instead.includes(row.instead), refusal?.instead ?? 'accepted');
    if (row.by !== undefined) t.same(refusal?.readers.join(' '), row.by);
    else if (row.reason !== 'empty' && row.in.charCodeAt(0) < 0x80) t.same(refusal?.readers.join(' '), all);
    t.end();
  });
}

const acceptedRows = [
  '(?i)ops-1234',
  '(?i:ops)-1234',
  '^(OPS-1234|ops-1234)$',
  '.*',
  '()',
  '|',
  'a{,2}',
  'a{',
  '{',
  ']',
  '}',
  '[]a]',
  '[^]]',
  '^*',
  'a??',
  '(?P<n>a)(?<n>b)',
  '\\Qa.b\\E',
  '\\A\\z',
  '\\pL',
  '\\p{Greek}',
  '\\P{^Any}',
  '[[:word:]]',
  '\\_',
  '\\-',
  '\\/',
  '\\012',
  '\\x{ff}',
  'é',
  '[é-ü]',
  'a{1000}',
  '(?:a{100}){10}',
  '(?)a',
  '(?i)(?-i)a',
  'a(?i)*',
  '\0',
  'a\nb',
];

for (const pattern of acceptedRows) {
  test(`accepts ${JSON.stringify(pattern)}`, (t) => {
    t.equal(refusalOf(judge(pattern)), undefined);
    t.end();
  });
}

test('accepts what it tells people to write instead', (t) => {
  for (const { in: pattern } of refusedRows) {
    const advice = /^write (\S+)$/.exec(refusalOf(judge(pattern))?.instead ?? '')?.[1];
    if (advice !== undefined && !/[.]{3}|^[*+?{(]/.test(advice))
      t.ok(judge(advice).accepted, `${pattern}: ${advice}`);
  }
  t.end();
});

const differences = [
  { in: 'abc', want: undefined },
  { in: '.*', want: undefined },
  { in: 'caf\u00e9', want: { kind: 'character', offset: 3 } },
  { in: 'a[\\xe9]', want: { kind: 'character', offset: 2 } },
  { in: '\\Qé\\E', want: { kind: 'character', offset: 2 } },
  { in: '\u{1f600}é', want: { kind: 'character', offset: 0 } },
  { in: 'a\\p{L}', want: { kind: 'unicode-class', offset: 1 } },
  { in: '[\\pL]', want: { kind: 'unicode-class', offset: 1 } },
];

for (const row of differences) {
  test(`${row.want === undefined ? 'sees no difference' : 'sees where UTF-8 and Latin-1 readers differ'} in ${JSON.stringify(row.in)}`, (t) => {
    const verdict = judge(row.in);
    t.same(verdict.accepted && verdict.difference, row.want);
    t.end();
  });
}

test('asks only the readers it is told to', (t) => {
  t.ok(judge('\\p{Letter}', ['go']).accepted);
  t.ok(judge('\\C', ['re2-utf8', 're2-latin1']).accepted);
  t.ok(judge('\\x{4e00}', ['go', 're2-utf8']).accepted);
  t.ok(judge('\\p{L}{28}', ['go', 're2-latin1']).accepted);
  t.notOk(judge('\\p{L}{28}', ['re2-utf8']).accepted);
  t.end();
});

/** Pieces that patterns are made of, right and wrong. */
const piece = fc.constantFrom(
  ...'()[]{}*+?|^$.\\-,:=!<>Pi19aZé\u{1f600}\ud800\0'.split(''),
  '(?:',
  '(?i)',
  '(?=',
  '[^',
  '[[:alpha:]]',
  '\\pL',
  '\\p{',
  '\\x{',
  '{2,5}',
  '{1000}',
  '\\Q',
  '\\E',
  'ops-1234',
);
const anyPattern = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
);

test('never throws, and points into the pattern', (t) => {
  fc.assert(
    fc.property(anyPattern, (pattern) => {
      const refusal = refusalOf(judge(pattern));
      if (refusal === undefined) return;
      if (refusal.offset < 0 || refusal.offset > pattern.length) throw new Error(`offset ${refusal.offset}`);
      if (pattern.slice(refusal.offset, refusal.offset + refusal.text.length) !== refusal.text)
        throw new Error(`text ${refusal.text}`);
      if (refusal.readers.length === 0 || refusal.what === '' || refusal.instead === '')
        throw new Error('no words');
    }),
    { numRuns: 5000 },
  );
  t.end();
});

/** re2js stops at what every reader takes: a name used twice, and counts that RE2 reads as text. */
function compilesInRe2js(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch (error) {
    return /duplicate/i.test(String(error));
  }
}

test('accepts nothing that re2js refuses, duplicate group names aside', (t) => {
  fc.assert(
    fc.property(anyPattern, (pattern) => !judge(pattern).accepted || compilesInRe2js(pattern)),
    { numRuns: 5000 },
  );
  t.end();
});

test('says the same for the same pattern, and for a pattern in a group', (t) => {
  fc.assert(
    fc.property(anyPattern, (pattern) => {
      const verdict = judge(pattern);
      t.strictSame(judge(pattern), verdict);
      if (verdict.accepted && !pattern.includes('\\Q') && pattern.length < 500)
        t.ok(judge(`(?:${pattern})`).accepted, pattern);
    }),
    { numRuns: 300 },
  );
  t.end();
});

/** Makes a pattern of at most so many bytes. */
type Maker = (bytes: number) => string;

const fill =
  (piece: string, before = ''): Maker =>
  (bytes) =>
    before + piece.repeat(Math.floor((bytes - before.length) / Buffer.byteLength(piece)));
const nested =
  (open: string, close: string): Maker =>
  (bytes) => {
    const depth = Math.floor((bytes - 1) / (open.length + close.length));
    return `${open.repeat(depth)}a${close.repeat(depth)}`;
  };
const numbered =
  (piece: (at: number) => string, before = ''): Maker =>
  (bytes) =>
    before + Array.from({ length: Math.floor(bytes / 11) }, (_, at) => piece(at)).join('');
const hostile: readonly (readonly [string, Maker])[] = [
  ['one long literal', fill('a')],
  ['many alternatives', fill('a|')],
  ['no alternatives', fill('|')],
  ['deep groups', nested('(', ')')],
  ['open groups', fill('(')],
  ['closing groups', fill(')')],
  ['deep choices', nested('(a|', ')')],
  ['deep repeats', nested('(?:', ')*')],
  ['counts', fill('a{1000}')],
  ['counts of choices', fill('(?:a|){900}')],
  ['counts to three', nested('(', '){0,1}')],
  ['folded letters', fill('ks', '(?i)')],
  ['Unicode classes', fill('\\PL')],
  ['folded Unicode classes', fill('\\PL', '(?i)')],
  ['classes each of its own', numbered((at) => `[\\pL${at}]`)],
  ['folded classes each of its own', numbered((at) => `[^\\pN${at}]`, '(?i)')],
  ['one large class', (bytes) => `[${fill('\\pL\\PM')(bytes - 2)}]`],
  ['open classes', fill('[a-')],
  ['class names', fill('[[:')],
  ['open names', fill('\\p{')],
  ['open codes', fill('\\x{')],
  ['common beginnings', numbered((at) => `abcdefg${at}|`)],
  ['quotes', fill('\\Q.\\E')],
  ['flags', fill('(?i)')],
  ['beyond ASCII', fill('é')],
];

for (const [name, make] of hostile) {
  test(`takes time linear in the pattern for ${name}`, (t) => {
    const pattern = make(lengthMax);
    t.ok(Buffer.byteLength(pattern) <= lengthMax && Buffer.byteLength(pattern) > 0.5 * lengthMax);
    const verdict = judge(pattern);
    t.ok(verdict.accepted || verdict.refusal.instead !== '');
    const growth = growthOf(lengthMax, (bytes) => {
      const one = make(bytes);
      return () => judge(one);
    });
    t.ok(growth < linearGrowthMax, `eight times the pattern takes ${growth.toFixed(1)} times the time`);
    t.end();
  });
}

test('does not even read what is far too long', (t) => {
  const [long, longer] = ['('.repeat(625_000), '('.repeat(5_000_000)];
  t.equal(refusalOf(judge(longer))?.reason, 'too-long');
  t.ok(costOf(() => judge(longer)) < 4 * costOf(() => judge(long)), 'eight times as long');
  t.end();
});

test('accepts a program just below the limit', (t) => {
  const verdict = judge('\\pL{27}');
  t.ok(verdict.accepted && verdict.size <= programSizeMax && verdict.size > 0.9 * programSizeMax);
  t.end();
});
