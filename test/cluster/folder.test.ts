import { rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { stringify } from 'yaml';
import { openFolder } from '../../src/cluster/folder.ts';
import type { Cluster } from '../../src/cluster/port.ts';
import { inNamespace } from '../../src/model/snapshot.ts';
import { namespace, service, until } from './contract.ts';

const text = (...objects: readonly unknown[]): string =>
  objects.map((object) => stringify(object)).join('---\n');
const has = (cluster: Cluster, name: string): boolean =>
  inNamespace(cluster.snapshot.services, 'ww-green').has(name);

async function opened(
  t: Test,
  files: Parameters<Test['testdir']>[0],
): Promise<{ folder: string; cluster: Cluster }> {
  const folder = t.testdir(files);
  const cluster = openFolder([folder], { debounceMilliseconds: 5, rescanMilliseconds: 40 });
  t.teardown(() => cluster.close());
  await cluster.synced;
  return { folder, cluster };
}

test('a bad file is a problem with file and line, takes nothing else down, and is none once mended', async (t) => {
  const { folder, cluster } = await opened(t, {
    'a.yaml': text(namespace, service('a')),
    'b.yaml': `${text(service('b'))}---\na: [\n`,
  });
  t.ok(has(cluster, 'a') && has(cluster, 'b'));
  t.match(cluster.problems()[0], { code: 'BL010', source: /b\.yaml:\d+/ });
  await writeFile(join(folder, 'b.yaml'), text(service('b')));
  await until(t, cluster, 'the problem is gone', () => cluster.problems().length === 0);
});

test('a half-saved file takes nothing away that was there', async (t) => {
  const { folder, cluster } = await opened(t, { 'a.yaml': text(service('a'), service('b')) });
  await writeFile(join(folder, 'a.yaml'), 'apiVersion: [');
  await until(t, cluster, 'it is reported', () => cluster.problems().length > 0);
  t.ok(has(cluster, 'a') && has(cluster, 'b'));
  await writeFile(join(folder, 'a.yaml'), text(service('a')));
  await until(
    t,
    cluster,
    'the whole file counts',
    () => !has(cluster, 'b') && cluster.problems().length === 0,
  );
});

test('a file that an editor puts in place of another is read', async (t) => {
  const { folder, cluster } = await opened(t, { 'a.yaml': text(service('a')) });
  await writeFile(join(folder, '.a.yaml.swp'), text(service('b')));
  await rename(join(folder, '.a.yaml.swp'), join(folder, 'a.yaml'));
  await until(t, cluster, 'the new content shows', () => has(cluster, 'b') && !has(cluster, 'a'));
});

test('a folder behind a link that is swapped is read again, as a mounted ConfigMap is', async (t) => {
  const root = t.testdir({ one: { 'a.yaml': text(service('a')) }, two: { 'a.yaml': text(service('b')) } });
  await symlink('one', join(root, 'data'));
  const cluster = openFolder([join(root, 'data')], { debounceMilliseconds: 5, rescanMilliseconds: 40 });
  t.teardown(() => cluster.close());
  await cluster.synced;
  t.ok(has(cluster, 'a'));
  await symlink('two', join(root, 'next'));
  await rename(join(root, 'next'), join(root, 'data'));
  await until(t, cluster, 'the other folder shows', () => has(cluster, 'b') && !has(cluster, 'a'));
});

test('of one object in two files one counts, the same one whatever the order, and the other is reported', async (t) => {
  const { folder, cluster } = await opened(t, {
    'a.yaml': text(service('x', 'first')),
    'b.yaml': text(service('x', 'second')),
  });
  const chosen = inNamespace(cluster.snapshot.services, 'ww-green').get('x')?.selector['app'];
  t.match(cluster.problems()[0], { code: 'BL010', message: /x/ });
  await unlink(join(folder, 'b.yaml'));
  await until(
    t,
    cluster,
    'the other file counts',
    () => inNamespace(cluster.snapshot.services, 'ww-green').get('x')?.selector['app'] === 'first',
  );
  await writeFile(join(folder, 'b.yaml'), text(service('x', 'second')));
  await until(
    t,
    cluster,
    'the same one as at first',
    () => inNamespace(cluster.snapshot.services, 'ww-green').get('x')?.selector['app'] === chosen,
  );
});

test('folders and files that come later are watched too', async (t) => {
  const { folder, cluster } = await opened(t, { 'a.yaml': text(namespace) });
  await mkdir(join(folder, 'new'));
  await writeFile(join(folder, 'new', 'b.yaml'), text(service('b')));
  await until(t, cluster, 'it shows', () => has(cluster, 'b'));
});

test('a folder that vanishes keeps its objects and is a problem', async (t) => {
  const { folder, cluster } = await opened(t, { 'a.yaml': text(service('a')) });
  await rm(folder, { recursive: true });
  await until(t, cluster, 'it is reported', () => cluster.problems().length > 0);
  t.ok(has(cluster, 'a'));
});

test('a folder that is not there rejects, in words', async (t) => {
  const cluster = openFolder(['/nowhere/at/all']);
  await t.rejects(cluster.synced, { name: 'ClusterError', message: /nowhere/ });
  await cluster.close();
});
