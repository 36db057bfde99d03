import fc from '../property.ts';
import jsonPatch from 'fast-json-patch';
import { test } from 'tap';
import { isEqual } from '../../src/model/equal.ts';
import { applyPatch, diff, withValue } from '../../src/admission/json-patch.ts';
import type { JsonObject } from '../../src/model/json.ts';

const rows: readonly {
  name: string;
  before: JsonObject;
  path: readonly (string | number)[];
  value: unknown;
  want: unknown;
}[] = [
  {
    name: 'makes missing parents',
    before: {},
    path: ['a', 'b', 'c'],
    value: 1,
    want: [{ op: 'add', path: '/a', value: { b: { c: 1 } } }],
  },
  {
    name: 'makes a parent of null',
    before: { a: null },
    path: ['a', 'b'],
    value: 1,
    want: [{ op: 'replace', path: '/a', value: { b: 1 } }],
  },
  {
    name: 'escapes keys',
    before: { a: {} },
    path: ['a', 'x/y~z'],
    value: 1,
    want: [{ op: 'add', path: '/a/x~1y~0z', value: 1 }],
  },
  {
    name: 'replaces a value that is there',
    before: { a: { b: 0 } },
    path: ['a', 'b'],
    value: 1,
    want: [{ op: 'replace', path: '/a/b', value: 1 }],
  },
  {
    name: 'removes a key',
    before: { a: { b: 0 } },
    path: ['a', 'b'],
    value: undefined,
    want: [{ op: 'remove', path: '/a/b' }],
  },
  {
    name: 'appends to a list',
    before: { a: [1] },
    path: ['a', 1],
    value: 2,
    want: [{ op: 'add', path: '/a/-', value: 2 }],
  },
  {
    name: 'changes one member of a list',
    before: { a: [{ b: 1 }, { b: 2 }] },
    path: ['a', 1, 'c'],
    value: 3,
    want: [{ op: 'add', path: '/a/1/c', value: 3 }],
  },
  {
    name: 'does nothing for a value that is there already',
    before: { a: { b: 1 } },
    path: ['a', 'b'],
    value: 1,
    want: [],
  },
  {
    name: 'does nothing below a value of another shape',
    before: { a: 'text' },
    path: ['a', 'b'],
    value: 1,
    want: [],
  },
  {
    name: 'replaces a parent whose key no path may name',
    before: { a: { x: 1 } },
    path: ['a', '__proto__'],
    value: 'y',
    want: [{ op: 'replace', path: '/a', value: JSON.parse('{"x":1,"__proto__":"y"}') as unknown }],
  },
];

for (const row of rows) {
  test(row.name, (t) => {
    const copy = structuredClone(row.before);
    const after = withValue(row.before, row.path, row.value);
    t.same(JSON.stringify(diff(row.before, after)), JSON.stringify(row.want));
    t.same(row.before, copy, 'the original is untouched');
    t.end();
  });
}

test('replaces a list that got shorter as a whole', (t) => {
  t.same(diff({ a: [1, 2] }, { a: [1] }), [{ op: 'replace', path: '/a', value: [1] }]);
  t.end();
});

test('puts a member in front of others by one operation, also where the others change', (t) => {
  const [first, second] = [{ name: 'a', image: 'x' }, { name: 'b' }];
  t.same(diff({ l: [first, second] }, { l: [{ name: 'new' }, first, second] }), [
    { op: 'add', path: '/l/0', value: { name: 'new' } },
  ]);
  t.same(diff({ l: [first] }, { l: [{ name: 'new' }, { ...first, image: 'y' }] }), [
    { op: 'add', path: '/l/0', value: { name: 'new' } },
    { op: 'replace', path: '/l/1/image', value: 'y' },
  ]);
  const shifted = diff({ l: [first, second] }, { l: [{ name: 'new' }, first] });
  t.notOk(
    shifted.some(({ op, path }) => op === 'add' && path === '/l/0'),
    'a member that went away is no member put in front',
  );
  t.end();
});

test('the operations between any two objects turn one into the other', (t) => {
  const json = fc.dictionary(
    fc.oneof(fc.constantFrom('a', 'b', '~', '/', 'constructor'), fc.string()),
    fc.jsonValue({ maxDepth: 4 }),
  );
  fc.assert(
    fc.property(json, json, (before, after) => {
      const [from, to] = [JSON.parse(JSON.stringify(before)), JSON.parse(JSON.stringify(after))] as [
        JsonObject,
        JsonObject,
      ];
      const operations = diff(from, to);
      const applied = applyPatch(from, operations);
      const isSame = 'after' in applied && isEqual(applied.after, to);
      return isSame && isEqual(from, JSON.parse(JSON.stringify(before)));
    }),
  );
  t.end();
});

test("agrees with a library's comparison on what changed", (t) => {
  const before = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'a' }] } };
  const after = withValue(
    withValue(before, ['metadata', 'labels', 'version'], 'v'),
    ['spec', 'containers', 0, 'env'],
    [],
  );
  t.same(
    [...diff(before, after)].sort((a, b) => (a.path < b.path ? -1 : 1)),
    jsonPatch.compare(before, after).sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
  t.end();
});

test('says why a patch does not apply', (t) => {
  t.match(applyPatch({}, [{ op: 'add', path: '/a/b', value: 1 }]), { reason: /./ });
  t.end();
});

test('compares values 200 000 levels deep without running out of stack', (t) => {
  const deep = (): unknown => JSON.parse('['.repeat(200_000) + ']'.repeat(200_000));
  t.ok(isEqual(deep(), deep()));
  t.notOk(isEqual(deep(), []));
  t.end();
});
