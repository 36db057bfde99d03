import fc from '../property.ts';
import { test } from 'tap';
import { stringify } from 'yaml';
import { parseManifests } from '../../src/cluster/manifests.ts';
import { readPlainYaml } from '../../src/cluster/plain-yaml.ts';

/** A directive is left to the full reading. It adds two lines. */
function readInFull(text: string): ReturnType<typeof parseManifests> {
  const { objects, problems } = parseManifests(`%YAML 1.1\n---\n${text}`, 'a.yaml');
  return { objects: objects.map((one) => ({ ...one, line: one.line - 2 })), problems };
}

const scalars: readonly string[] = [
  '',
  '~',
  'null',
  'Null',
  'nULL',
  'true',
  'yes',
  'y',
  'N',
  'off',
  'OFF',
  'oN',
  '0',
  '-0',
  '+5',
  '007',
  '08',
  '1_000',
  '0b11',
  '0o17',
  '0x1F',
  '1.5',
  '-.5',
  '5.',
  '.',
  '._',
  '1e5',
  'e5',
  '.e5',
  '1.e',
  '.inf',
  '-.INF',
  '.nan',
  '.NAN',
  '12345678901234567890',
  '0.1234567890123456789',
  '1.2.3',
  '10.0.0.1',
  '10.0.0.1:80',
  '1:30',
  '2026-01-01',
  '2026-01-01T00:00:00Z',
  '12ab',
  'é',
  'a b',
  'a#b',
  'a # b',
  '"yes"',
  "'1'",
  '"\\u00e9\\n"',
  "'it''s'",
  '[a, 1, yes]',
  '{ a: 1 }',
  '{ a, b: }',
  '|\n  a\n   b\n',
  '>-\n  a\n  b\n\n  c\n',
  '-',
  '- a',
  '@a',
  '`a',
  '%a',
  '!!str 1',
  '&x 1',
  '*x',
  '<<',
  '=',
  '{',
  ']',
  '\ta',
  'a: b',
  '"a',
  '>',
  '|',
  '!x y',
  '? a',
  ': a',
  '\u2028',
  '\u0000',
];
for (const scalar of scalars) {
  test(`reads ${JSON.stringify(scalar).replace(/[^ -~]/g, '?')} as the full reading does, or leaves it`, (t) => {
    for (const text of [
      `apiVersion: v1\nkind: A\na: ${scalar}\n`,
      `apiVersion: v1\nkind: A\n${scalar}: a\n`,
      `apiVersion: v1\nkind: A\nb:\n- ${scalar}\n- c: ${scalar}\n`,
    ]) {
      const plain = readPlainYaml(text);
      if (plain !== undefined) t.same(parseManifests(text, 'a.yaml').objects, readInFull(text).objects);
    }
    t.end();
  });
}

const words = fc.constantFrom(
  'a',
  'items',
  'kind',
  'spec',
  'x-variant-id',
  '80',
  'true',
  'null',
  ' ',
  'a: b',
  '#',
  '- a',
  "it's",
  '"q"',
  'é',
  '1.50',
  '0x1',
  '=',
  '|',
  'long text with blanks '.repeat(8),
  'two\nlines',
  'two\nlines\n',
  '\ttab',
  '*star',
  '&and',
  '!bang',
  '%',
  '@',
  '`',
  '?',
);
const tree = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    words,
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(words, tie('value'), { maxKeys: 4 }),
  ),
}));

test('reads what was written, and what the full reading reads, in any style of text', (t) => {
  let plain = 0;
  fc.assert(
    fc.property(
      fc.array(tree.value, { maxLength: 3 }),
      fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL', 'BLOCK_FOLDED'),
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
        if (readPlainYaml(text) !== undefined) plain++;
        const [found, full] = [parseManifests(text, 'a.yaml'), readInFull(text)];
        if (JSON.stringify(found.objects) !== JSON.stringify(full.objects))
          throw new Error(`${text}\n${JSON.stringify(found.objects)}\n${JSON.stringify(full.objects)}`);
      },
    ),
    { numRuns: 2000 },
  );
  t.ok(plain > 1000, `${plain} of 2000 were read the fast way`);
  t.end();
});

test('agrees about texts that are damaged', (t) => {
  const whole =
    'apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: A\n    a: [1, "b", {c: d}]\n  - {apiVersion: v1, kind: B, b: >-\n      x\n      y\n}\n---\n# nothing\n---\napiVersion: v1\nkind: C\nc:\n- - a\n  - b\n- ? x\n  : y\n';
  fc.assert(
    fc.property(
      fc.nat(whole.length),
      fc.nat(6),
      fc.constantFrom(
        '',
        '\n',
        ' ',
        '- ',
        ': ',
        '"',
        "'",
        '#',
        '[',
        '}',
        '\t',
        '---\n',
        '...\n',
        '|',
        'x',
        '\r\n',
        '?',
      ),
      (at, length, put) => {
        const text = whole.slice(0, at) + put + whole.slice(at + length);
        if (readPlainYaml(text) === undefined) return;
        const [found, full] = [parseManifests(text, 'a.yaml'), readInFull(text)];
        if (full.problems.length === 0 && JSON.stringify(found.objects) !== JSON.stringify(full.objects))
          throw new Error(
            `${JSON.stringify(text)}\n${JSON.stringify(found.objects)}\n${JSON.stringify(full.objects)}`,
          );
      },
    ),
    { numRuns: 5000 },
  );
  t.end();
});

test('leaves what it does not follow: anchors, tags, merges, directives, keys twice, deep nesting', (t) => {
  for (const text of [
    'a: &x 1',
    'a: !!str 1',
    '<<: {a: 1}',
    '%YAML 1.2\n---\na: 1',
    'a: 1\na: 2',
    `a: ${'['.repeat(600)}${']'.repeat(600)}`,
    'a: [',
    '? [a]\n: b',
    '__proto__: 1',
    'a: 0x1',
  ])
    t.equal(readPlainYaml(text), undefined, text.slice(0, 20));
  t.end();
});

test('knows where documents and items begin', (t) => {
  const text =
    '# c\n---\n\napiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: B\n\n  - kind: C\n    apiVersion: v1\n';
  t.not(readPlainYaml(text), undefined);
  t.same(
    parseManifests(text, 'a').objects.map(({ line, index, object }) => [line, index, object['kind']]),
    [
      [4, 0, 'A'],
      [10, 1, 'B'],
      [13, 2, 'C'],
    ],
  );
  t.end();
});
