import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import { withTables } from '../scripts/docs.ts';
import { declaredKeys } from '../src/model/keys.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

test('the README\'s tables of settings, problems and metrics are the code\'s', (t) => {
  t.equal(withTables(readme), readme, 'run node scripts/docs.ts');
  t.end();
});

test('the README names every key that a person may write', (t) => {
  const written = new Set(['header', 'url', 'status']);
  for (const keys of Object.values(declaredKeys)) for (const key of keys) if (!written.has(key)) t.match(readme, new RegExp(`\`${key}[\`:]`), key);
  t.end();
});

test('the README and docs/ name no file or npm script that is not there', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  for (const file of ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) t.ok(existsSync(join(root, dirname(file), target ?? '')), `${file}: ${target ?? ''}`);
    for (const [, name] of text.matchAll(/npm run ([a-z0-9:]+)/g)) t.ok(scripts[name ?? ''] !== undefined, `${file}: ${name ?? ''}`);
  }
  t.end();
});
