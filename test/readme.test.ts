import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import { withTables } from '../scripts/docs.ts';
import { declaredKeys } from '../src/model/keys.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

test("the README's tables of settings, problems and metrics are the code's", (t) => {
  t.equal(withTables(readme), readme, 'run node scripts/docs.ts');
  t.end();
});

test('the README names every key that a person may write', (t) => {
  const written = new Set(['header', 'url', 'status']);
  for (const keys of Object.values(declaredKeys))
    for (const key of keys) if (!written.has(key)) t.match(readme, new RegExp(`\`${key}[\`:]`), key);
  t.end();
});

const pages = [
  'README.md',
  'SECURITY.md',
  'charts/branchline/README.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
];
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

test('each test that a page gives as evidence is there', (t) => {
  for (const page of pages) {
    for (const [, file = '', title = ''] of textOf(page).matchAll(/`(test\/[\w/.-]+\.ts): ([^`]+)`/g))
      t.ok(
        existsSync(join(root, file)) && textOf(file).replaceAll("\\'", "'").includes(title),
        `${page}: ${file}: ${title}`,
      );
  }
  t.match(textOf('SECURITY.md'), /`test\/.+: /);
  t.end();
});

test('every alert is in docs/operations.md, and every alert there is one', (t) => {
  const rules = [...textOf('charts/branchline/files/rules.yaml').matchAll(/alert: (\w+)/g)]
    .map(([, name]) => name)
    .sort();
  const told = [...new Set(textOf('docs/operations.md').match(/\bBranchline[A-Z]\w+/g))].sort();
  t.same(told, rules);
  t.end();
});

test('the map of the source has every folder of src/', (t) => {
  const readme = textOf('README.md');
  for (const { name } of readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  ))
    t.match(readme, new RegExp(`\\| \`src/${name}/\` +\\|`), name);
  t.end();
});

test('the pages name no file or npm script that is not there', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const file of pages) {
    const text = textOf(file);
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g))
      t.ok(existsSync(join(root, dirname(file), target ?? '')), `${file}: ${target ?? ''}`);
    for (const [, name] of text.matchAll(/npm run ([a-z0-9:]+)/g))
      t.ok(scripts[name ?? ''] !== undefined, `${file}: ${name ?? ''}`);
  }
  t.end();
});
