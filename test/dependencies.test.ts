/** What comes with the program from others, by its lock file alone: no network, so it fails for a change and never by chance. Advisories are docs/release.md's business. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { at, objectAt, textAt } from '../src/model/json.ts';

const root = join(import.meta.dirname, '..');
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
const manifest = read('package.json');
const locked = Object.entries(objectAt(read('package-lock.json'), 'packages')).filter(
  ([path]) => path !== '',
);

/** Licences that what we ship may have; a choice of several is fine when one of them is here. */
const licences = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Python-2.0',
  'Unlicense',
];

test('each package is held to its content', (t) => {
  for (const [path, entry] of locked) {
    t.match(textAt(entry, 'integrity'), /^sha512-/, path);
    t.equal(
      textAt(entry, 'resolved'),
      undefined,
      `${path} is named without an address: it comes from whatever registry is set, and its content is checked`,
    );
  }
  t.end();
});

test('each package that may be shipped has a licence that allows it', (t) => {
  for (const [path, entry] of locked.filter(([, one]) => at(one, 'dev') !== true)) {
    const choice = (textAt(entry, 'license') ?? 'none').replace(/[()]/g, '').split(' OR ');
    t.ok(
      choice.some((licence) => licences.includes(licence)),
      `${path}: ${choice.join(' or ')}`,
    );
  }
  t.end();
});

test('only packages that are named run a script at the installation', (t) => {
  const allowed = Object.keys(objectAt(manifest, 'allowScripts'));
  for (const [path, entry] of locked)
    if (at(entry, 'hasInstallScript') === true)
      t.ok(allowed.includes(path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)), path);
  t.end();
});

test('direct dependencies are exact, and SECURITY.md says why each is there', (t) => {
  const security = readFileSync(join(root, 'SECURITY.md'), 'utf8');
  const table = security.slice(security.search(/\| package +\| why +\|/));
  const named = [...table.matchAll(/`(@?[\w/.-]+)`/g)].map(([, name]) => name);
  const direct = objectAt(manifest, 'dependencies');
  for (const [name, version] of Object.entries({ ...direct, ...objectAt(manifest, 'devDependencies') }))
    t.match(String(version), /^\d+\.\d+\.\d+$/, name);
  for (const name of Object.keys(direct)) t.ok(named.includes(name), name);
  t.end();
});
