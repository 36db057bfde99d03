import fc from '../property.ts';
import { test } from 'tap';
import { stringify } from 'yaml';
import { parseManifests } from '../../src/cluster/manifests.ts';
import { locate } from '../../src/cluster/places.ts';

const head = 'apiVersion: v1\nkind: A\n';
const read = (text: string): readonly unknown[] =>
  parseManifests(text, 'a.yaml').objects.map(({ object }) => object);

const scalars: readonly { readonly in: string; readonly want: unknown }[] = [
  { in: '', want: null },
  { in: '~', want: null },
  { in: 'Null', want: null },
  { in: 'nULL', want: 'nULL' },
  { in: 'yes', want: true },
  { in: 'y', want: true },
  { in: 'off', want: false },
  { in: 'N', want: false },
  { in: 'oN', want: 'oN' },
  { in: '-0', want: 0 },
  { in: '+5', want: 5 },
  { in: '007', want: 7 },
  { in: '08', want: 8 },
  { in: '1_000', want: 1000 },
  { in: '0b11', want: 3 },
  { in: '0x1F', want: 31 },
  { in: '0o17', want: '0o17' },
  { in: '-.5', want: -0.5 },
  { in: '5.', want: 5 },
  { in: '.', want: '.' },
  { in: '1e5', want: 100000 },
  { in: 'e5', want: 'e5' },
  { in: '.inf', want: null },
  { in: '1.2.3', want: '1.2.3' },
  { in: '10.0.0.1:80', want: '10.0.0.1:80' },
  { in: '1:30', want: '1:30' },
  { in: '2026-01-01', want: '2026-01-01' },
  { in: '12ab', want: '12ab' },
  { in: 'a#b', want: 'a#b' },
  { in: 'a # b', want: 'a' },
  { in: '"yes"', want: 'yes' },
  { in: "'1'", want: '1' },
  { in: "'it''s'", want: "it's" },
  { in: '"\\u00e9\\n"', want: 'é\n' },
  { in: '{ a, b: }', want: { a: null, b: null } },
  { in: '|\n  a\n   b\n', want: 'a\n b\n' },
  { in: '>-\n  a\n  b\n\n  c\n', want: 'a b\nc' },
  { in: '!!str 1', want: '1' },
];
for (const { in: scalar, want } of scalars) {
  test(`reads ${JSON.stringify(scalar).replace(/[^ -~]/g, '?')} as kubectl does`, (t) => {
    t.strictSame(read(`${head}a: ${scalar}\n`), [{ apiVersion: 'v1', kind: 'A', a: want }]);
    t.end();
  });
}

const words = fc.constantFrom(
  ...['a', 'items', 'kind', 'spec', 'x-variant-id', '80', 'true', 'null', ' ', 'a: b', '#', '- a', "it's"],
  ...['"q"', 'é', '1.50', '0x1', '=', '|', 'long text with blanks '.repeat(8), 'two\nlines', 'two\nlines\n'],
  ...['\ttab', '*star', '&and', '!bang', '%', '@', '`', '?'],
);
const tree = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    words,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(words, tie('value'), { maxKeys: 4 }),
  ),
}));

test('reads what was written, in any style of text', (t) => {
  fc.assert(
    fc.property(
      fc.array(tree.value, { maxLength: 3 }),
      fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE'),
      fc.boolean(),
      (values, style, flow) => {
        const objects = values.map((spec) => ({
          apiVersion: 'v1',
          kind: 'A',
          metadata: { name: 'a' },
          spec,
        }));
        const text = objects
          .map((object) =>
            stringify(object, {
              defaultStringType: style as 'PLAIN',
              defaultKeyType: 'PLAIN',
              version: '1.1',
              ...(flow ? { collectionStyle: 'flow' as const } : {}),
              aliasDuplicateObjects: false,
            }),
          )
          .join('---\n');
        const want = JSON.stringify(objects);
        if (JSON.stringify(read(text)) !== want) throw new Error(`${text}\n${want}`);
      },
    ),
    { numRuns: 1000 },
  );
  t.end();
});

const whole =
  '%YAML 1.1\n---\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: A\n    a: [1, "b", {c: d}]\n  - {apiVersion: v1, kind: B, b: >-\n      x\n      y\n}\n---\n# nothing\n---\napiVersion: v1\nkind: C\nc:\n- - a\n  - b\n- ? x\n  : y\n...\n# between\n---\napiVersion: v1\nkind: D\n';
const damage = fc.constantFrom(
  ...['', '\n', ' ', '- ', ': ', '"', "'", '#', '[', '}', '\t', '---\n', '...\n', '|', 'x', '\r\n', '?'],
);

test('finds in a damaged text the same places as in the text itself', (t) => {
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(6), damage, (at, length, put) => {
      const text = whole.slice(0, at) + put + whole.slice(at + length);
      const { objects } = parseManifests(text, 'a.yaml');
      const places = locate(
        text,
        objects.map((item) => ({ item, path: '' })),
      );
      for (const [index, { line }] of objects.entries())
        if (places[index]?.line !== line)
          throw new Error(`${JSON.stringify(text)}: ${line} is not ${places[index]?.line ?? 'there'}`);
    }),
    { numRuns: 3000 },
  );
  t.end();
});

test('knows where documents and items begin', (t) => {
  const text =
    '# c\n---\n\napiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: B\n\n  - kind: C\n    apiVersion: v1\n';
  t.same(
    parseManifests(text, 'a').objects.map(({ line, member, object }) => [line, member, object['kind']]),
    [
      [4, undefined, 'A'],
      [10, 0, 'B'],
      [13, 1, 'C'],
    ],
  );
  t.end();
});

test('finds fields behind directives, comments, document ends and lists, without reading other documents', (t) => {
  const text = `a: [\n---\n${head}...\n%YAML 1.1\n# c\n---\n${head}x: &x {k: 1}\nz: *x\n---\napiVersion: v1\nkind: List\nitems:\n- ${head.replace('\n', '\n  ')}- ${head.replace('\n', '\n  ')}  z: {k: 1}\n`;
  const { objects } = parseManifests(text, 'a');
  const places = locate(
    text,
    objects.map((item) => ({ item, path: 'z.k' })),
  );
  t.same(
    places.map((place) => [place?.line, place?.column]),
    [
      [3, 1],
      [11, 11],
      [17, 3],
      [21, 10],
    ],
  );
  t.end();
});
