import fc from '../property.ts';
import { RE2JS } from 're2js';
import { test } from 'tap';
import { createTexts, type TextCondition } from '../../src/validation/texts.ts';

const readers = ['go', 're2-utf8', 're2-latin1'] as const;
const exact = (text: string, fold = false): TextCondition => ({ kind: 'exact', text, fold });
const prefix = (text: string, fold = false): TextCondition => ({ kind: 'prefix', text, fold });
const regex = (text: string): TextCondition => ({ kind: 'regex', text, fold: false });
const any: TextCondition = { kind: 'any', text: '', fold: false };

const rows: readonly {
  readonly name: string;
  readonly given: TextCondition;
  readonly wanted: TextCondition;
  readonly implied: boolean;
  readonly apart: boolean;
}[] = [
  { name: 'a value and presence', given: exact('a'), wanted: any, implied: true, apart: false },
  { name: 'presence and a value', given: any, wanted: exact('a'), implied: false, apart: false },
  {
    name: 'a value and its prefix',
    given: exact('/api/v1'),
    wanted: prefix('/api'),
    implied: true,
    apart: false,
  },
  {
    name: 'a prefix and a longer one',
    given: prefix('/a'),
    wanted: prefix('/ab'),
    implied: false,
    apart: false,
  },
  { name: 'two values', given: exact('a'), wanted: exact('b'), implied: false, apart: true },
  {
    name: 'a value in any case and one',
    given: exact('/a', true),
    wanted: exact('/a'),
    implied: false,
    apart: false,
  },
  {
    name: 'a value and the same in any case',
    given: exact('/A'),
    wanted: exact('/a', true),
    implied: true,
    apart: false,
  },
  {
    name: 'a value without letters in any case',
    given: exact('/1', true),
    wanted: exact('/1'),
    implied: true,
    apart: false,
  },
  {
    name: 'a regex of one value and that value',
    given: regex('OPS-1'),
    wanted: exact('OPS-1'),
    implied: true,
    apart: false,
  },
  {
    name: 'a regex of two values and one',
    given: regex('OPS-1|OPS-2'),
    wanted: exact('OPS-1'),
    implied: false,
    apart: false,
  },
  {
    name: 'a value and a regex',
    given: exact('OPS-12'),
    wanted: regex('OPS-.*'),
    implied: true,
    apart: false,
  },
  {
    name: 'a prefix and a regex that ends in anything',
    given: prefix('/a.b'),
    wanted: regex('/a\\.b.*'),
    implied: true,
    apart: false,
  },
  {
    name: 'a prefix and a regex without an end',
    given: prefix('/a'),
    wanted: regex('/a'),
    implied: false,
    apart: false,
  },
  {
    name: 'a regex and its prefix',
    given: regex('/api/v[0-9]+'),
    wanted: prefix('/api/'),
    implied: true,
    apart: false,
  },
  {
    name: 'a regex and another prefix',
    given: regex('/api/v[0-9]+'),
    wanted: prefix('/web/'),
    implied: false,
    apart: true,
  },
  {
    name: 'a folded regex and one of its values',
    given: regex('(?i)ops-1'),
    wanted: regex('OPS-1|ops-1'),
    implied: false,
    apart: false,
  },
  {
    name: 'a narrower regex and a folded one',
    given: regex('OPS-1|ops-1'),
    wanted: regex('(?i)ops-1'),
    implied: true,
    apart: false,
  },
  {
    name: 'a refused regex and anything',
    given: regex('('),
    wanted: regex('a'),
    implied: false,
    apart: false,
  },
];
for (const { name, given, wanted, implied, apart } of rows) {
  test(`compares ${name}`, (t) => {
    const texts = createTexts(readers);
    t.same(
      [
        texts.implies(given, wanted) === true,
        texts.overlap(given, wanted) === false,
        texts.overlap(wanted, given) === false,
      ],
      [implied, apart, apart],
    );
    t.end();
  });
}

test('agrees with what single texts meet', (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', '1', '/'), maxLength: 3 });
  const pattern = fc
    .array(fc.constantFrom('a', 'A', 'b', '.', '[ab]', '(?:a|1)', 'a*', 'b?', '.*', '(?i:a)', '/'), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) => parts.join(''));
  const condition = fc.oneof(
    fc.tuple(text, fc.boolean()).map(([one, fold]) => exact(one, fold)),
    fc.tuple(text, fc.boolean()).map(([one, fold]) => prefix(one, fold)),
    pattern.map(regex),
    fc.constant(any),
  );
  const meets = (value: string, { kind, text: wanted, fold }: TextCondition): boolean => {
    if (kind === 'any') return true;
    if (kind === 'regex') return RE2JS.compile(wanted).matches(value);
    const [a, b] = fold ? [value.toLowerCase(), wanted.toLowerCase()] : [value, wanted];
    return kind === 'exact' ? a === b : a.startsWith(b);
  };
  fc.assert(
    fc.property(
      condition,
      condition,
      fc.array(text, { minLength: 10, maxLength: 40 }),
      (one, other, values) => {
        const texts = createTexts(readers);
        const [implied, apart] = [texts.implies(one, other) === true, texts.overlap(one, other) === false];
        for (const value of values) {
          if (implied && meets(value, one) && !meets(value, other))
            throw new Error(`${JSON.stringify(value)} meets the first and not the second`);
          if (apart && meets(value, one) && meets(value, other))
            throw new Error(`${JSON.stringify(value)} meets both`);
          if (texts.meets(value, one) !== meets(value, one))
            throw new Error(`${JSON.stringify(value)} is told wrongly`);
        }
      },
    ),
    { numRuns: 2000 },
  );
  t.end();
});

test('is bounded for all questions together, and tells nothing beyond that', (t) => {
  const texts = createTexts(readers);
  for (let at = 0; at < 200; at++)
    texts.implies(regex(`(a?){500}a{500}${'b'.repeat(at)}`), regex(`c*(a?){500}a{500}${'b'.repeat(at)}`));
  t.equal(texts.implies(regex('a'), regex('b')), undefined);
  t.equal(texts.overlap(exact('a'), exact('b')), undefined);
  t.end();
});

test('asks the kinds of Envoy that count', (t) => {
  t.equal(createTexts(['re2-latin1']).implies(regex('é'), regex('..')), true, 'two bytes');
  t.equal(createTexts(['re2-utf8']).implies(regex('é'), regex('..')), false, 'one character');
  t.equal(createTexts(readers).implies(regex('é'), regex('..')), undefined, 'not for all');
  t.equal(createTexts(['go']).implies(regex('a'), regex('[ab]')), true);
  t.end();
});
