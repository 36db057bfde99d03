import { growthOf, linearGrowthMax } from '../growth.ts';
import fc from '../property.ts';
import { RE2JS } from 're2js';
import { test } from 'tap';
import { bareDots } from '../../src/regex/literal.ts';
import { finiteValues } from '../../src/regex/compare-patterns.ts';

function literalOf(pattern: string): string | undefined {
  const values = [...(finiteValues(pattern) ?? [])];
  return values.length === 1 ? values[0] : undefined;
}

const literals = [
  { in: 'OPS-1234', want: 'OPS-1234' },
  { in: '^OPS-1234$', want: 'OPS-1234' },
  { in: '\\A(OPS)(?:-1234)\\z', want: 'OPS-1234' },
  { in: 'ops-1234\\.ww-green\\.example\\.io', want: 'ops-1234.ww-green.example.io' },
  { in: '\\Qa.b*\\E', want: 'a.b*' },
  { in: 'a[.]b', want: 'a.b' },
  { in: '(?i)123', want: '123' },
  { in: '\\x41', want: 'A' },
  { in: '^$', want: '' },
  { in: '(?i)ops', want: undefined },
  { in: '[Oo]ps', want: undefined },
  { in: 'a.b', want: undefined },
  { in: 'a|b', want: undefined },
  { in: 'a*', want: undefined },
  { in: 'a$b', want: undefined },
  { in: 'a^', want: undefined },
  { in: '\\bops', want: undefined },
  { in: '(?=x)', want: undefined },
];

test('lists the values of a pattern that has a few, and of no other', (t) => {
  t.same([...(finiteValues('(OPS-1|ops-1)') ?? [])], ['OPS-1', 'ops-1']);
  t.same([...(finiteValues('[ab]?') ?? [])], ['', 'a', 'b']);
  t.equal(finiteValues('[a-z]{2}'), undefined);
  t.equal(finiteValues('('), undefined);
  t.same([...(finiteValues('é') ?? [])], ['é']);
  t.equal(finiteValues('é', 're2-latin1'), undefined, 'words of bytes are no values');
  t.end();
});

for (const row of literals) {
  test(`${row.want === undefined ? 'finds no single value for' : 'finds the single value of'} ${row.in}`, (t) => {
    t.equal(literalOf(row.in), row.want);
    t.end();
  });
}

test('a single value is matched in full, and is what quoting it would be', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 30 }), (text) => {
      const found = literalOf(text);
      if (found !== undefined && !RE2JS.compile(text).matches(found))
        throw new Error(`${text} does not match ${found}`);
      t.equal(literalOf(RE2JS.quote(text)), text);
    }),
  );
  t.end();
});

const dots = [
  {
    name: 'finds every dot of a host',
    in: 'ops-1234.ww-green.example.io',
    host: [8, 17, 25],
    other: [8, 17, 25],
  },
  {
    name: 'leaves escaped dots alone',
    in: 'ops-1234\\.ww-green\\.example\\.io(:\\d+)?',
    host: [],
    other: [],
  },
  {
    name: 'finds the one that was forgotten',
    in: 'ops-1234\\.ww-green.example\\.io',
    host: [18],
    other: [18],
  },
  {
    name: 'leaves dots in classes and quotes alone',
    in: 'ops[.]ww[.]example[.]io|\\Qa.example.io\\E',
    host: [],
    other: [],
  },
  { name: 'leaves repeated dots alone', in: '.*\\.example\\.io', host: [], other: [] },
  { name: 'finds a dot after a wildcard', in: '.*.example.io', host: [2, 10], other: [2, 10] },
  {
    name: 'takes two names for a host only where a host is expected',
    in: 'example.io',
    host: [7],
    other: [],
  },
  { name: 'takes no version for a host', in: 'v1.2.3', host: [], other: [] },
  { name: 'takes no address for a host', in: '10.0.0.1', host: [], other: [] },
  { name: 'takes a dot at the end for any character', in: 'ops.', host: [], other: [] },
] as const;

for (const row of dots) {
  test(row.name, (t) => {
    t.same(
      bareDots(row.in, true).map((dot) => dot.offset),
      row.host,
    );
    t.same(
      bareDots(row.in, false).map((dot) => dot.offset),
      row.other,
    );
    t.end();
  });
}

test('each dot that is found is one', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom('.', '\\.', 'a', 'io', '[.]', '[', '\\', '*', '{2}', '\\Q', '\\E', ')', '\n'),
        { maxLength: 60 },
      ),
      (pieces) => {
        const pattern = pieces.join('');
        if (bareDots(pattern, true).some((dot) => pattern[dot.offset] !== '.')) throw new Error(pattern);
      },
    ),
  );
  t.end();
});

for (const part of ['[', '[a', '[[:', '\\Q', 'a.', '.{1', '\\'])
  test(`looks for dots among ${part} in time linear in the pattern`, (t) => {
    const growth = growthOf(1024, (size) => {
      const pattern = part.repeat(size / part.length);
      return () => bareDots(pattern, true);
    });
    t.ok(growth < linearGrowthMax, `eight times the pattern takes ${growth.toFixed(1)} times the time`);
    t.end();
  });
