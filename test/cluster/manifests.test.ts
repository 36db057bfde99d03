import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'tap';
import { parseManifests, readManifests } from '../../src/cluster/manifests.ts';
import { textAt } from '../../src/model/json.ts';

const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;
const names = (objects: readonly { readonly object: unknown }[]): readonly (string | undefined)[] =>
  objects.map(({ object }) => textAt(object, 'metadata', 'name'));

test('reads documents with their lines, and leaves empty ones out', (t) => {
  const { objects, problems } = parseManifests(`# a\n---\n${map('a')}---\n---\n${map('b')}`, 'x.yaml');
  t.same(names(objects), ['a', 'b']);
  t.same(
    objects.map(({ line }) => line),
    [3, 8],
  );
  t.same(problems, []);
  t.end();
});

test('takes lists apart and reads JSON', (t) => {
  const list = JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } },
    ],
  });
  t.same(names(parseManifests(list, 'x.json').objects), ['a', 'b']);
  t.end();
});

const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
  .split('')
  .map(
    (key, index) =>
      `${key}: &${key} [${Array.from({ length: 10 }, () => `*${'abcdefghi'[index] ?? 'a'}`).join(',')}]`,
  )
  .join('\n')}\napiVersion: v1\nkind: ConfigMap\n`;
const bad: readonly (readonly [string, string])[] = [
  ['a mapping that does not end', 'a: [\n'],
  ['text', 'hello\n'],
  ['an object without kind', 'apiVersion: v1\n'],
  ['an object without apiVersion', 'kind: ConfigMap\n'],
  ['a key twice', 'apiVersion: v1\nkind: ConfigMap\nkind: Secret\n'],
  ['an alias bomb', bomb],
  ['a tab', 'a:\n\tb: c\n'],
  ['nesting of 100 000 levels', `${'['.repeat(100_000)}\n`],
];
for (const [what, text] of bad) {
  test(`reports ${what} with file and line, and keeps the rest`, (t) => {
    const { objects, problems } = parseManifests(
      `${map('before')}---\n${text}---\n${map('after')}`,
      'x.yaml',
    );
    t.ok(problems.length >= 1);
    t.match(problems[0], { code: 'BL010', source: /^x\.yaml:\d+$/, message: /./ });
    t.ok(names(objects).includes('before'));
    t.end();
  });
}

test('reads folders in the order of their paths, files as given, and standard input', async (t) => {
  const folder = t.testdir({
    'b.yaml': map('b'),
    'a.yml': map('a'),
    'c.txt': 'not a manifest',
    below: { 'd.json': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}}' },
  });
  t.same(names((await readManifests([folder])).objects), ['a', 'b', 'd']);
  t.same(names((await readManifests(['-'], Readable.from([map('in')]))).objects), ['in']);
});

test('says which path is not there', async (t) => {
  await t.rejects(readManifests(['/nowhere/at/all']), { name: 'ClusterError', message: /nowhere/ });
});

test('ends with links that lead in circles', async (t) => {
  const folder = t.testdir({ 'a.yaml': map('a') });
  await mkdir(join(folder, 'sub'));
  await symlink('..', join(folder, 'sub', 'up'));
  await writeFile(join(folder, 'sub', 'b.yaml'), map('b'));
  const { objects } = await readManifests([folder]);
  t.ok(names(objects).includes('a') && names(objects).includes('b'));
});
