import { mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { stringify } from 'yaml';
import { openFolder } from '../../src/cluster/folder.ts';
import { textAt } from '../../src/model/json.ts';
import { contract, type World } from './contract.ts';
import { fakeCluster } from './fake.ts';
import { startFakeApiServer } from './fake-apiserver.ts';
import { openFake } from './open.ts';

test('the test fake', (t) => {
  contract(t, () => {
    const cluster = fakeCluster();
    return Promise.resolve({
      put: (object) => {
        cluster.put(object);
      },
      remove: (object) => {
        cluster.remove(object);
      },
      open: () => cluster,
      close: () => cluster.close(),
    });
  });
  t.end();
});

test('a folder of manifests', (t) => {
  contract(t, async (): Promise<World> => {
    const folder = await mkdtemp(join(tmpdir(), 'manifests-'));
    await mkdir(join(folder, 'below'));
    const file = (object: unknown): string =>
      join(
        folder,
        'below',
        `${textAt(object, 'kind') ?? ''}-${textAt(object, 'metadata', 'name') ?? ''}.yaml`,
      );
    return {
      put: (object) => writeFile(file(object), stringify(object)),
      remove: (object) => unlink(file(object)),
      open: () => openFolder([folder], { debounceMilliseconds: 5, rescanMilliseconds: 50 }),
      close: () => rm(folder, { recursive: true, force: true }),
    };
  });
  t.end();
});

test('Kubernetes', (t) => {
  contract(t, async (): Promise<World> => {
    const server = await startFakeApiServer();
    return {
      put: (object) => {
        server.put(object as Parameters<typeof server.put>[0]);
      },
      remove: (object) => {
        server.remove(object as Parameters<typeof server.remove>[0]);
      },
      open: () => openFake(server),
      close: () => server.stop(),
    };
  });
  t.end();
});
