import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { test, type Test } from 'tap';
import { stringify } from 'yaml';
import { readJson, readLines } from '../../src/cluster/json-stream.ts';
import { listCluster } from '../../src/cluster/listed.ts';
import { textAt } from '../../src/model/json.ts';
import { namespace, service } from './contract.ts';
import { sendStatus, startFakeApiServer, type FakeApiServer } from './fake-apiserver.ts';
import { openFake } from './open.ts';

async function started(t: Test): Promise<{ server: FakeApiServer; kubeconfig: string }> {
  const server = await startFakeApiServer();
  t.teardown(() => server.stop());
  const kubeconfig = join(t.testdir(), 'kubeconfig');
  await writeFile(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
      clusters: [{ name: 'fake', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'fake', user: {} }],
    }),
  );
  return { server, kubeconfig };
}

const signal = new AbortController().signal;

test('lists what is wanted and nothing else, whole, page by page, with its kind', async (t) => {
  const { server, kubeconfig } = await started(t);
  server.put(namespace);
  for (let index = 0; index < 101; index += 1) server.put(service(`s${index}`));
  server.absent.add('Rollout');
  const objects = await listCluster({
    kubeconfig,
    collections: ['namespaces', 'services', 'workloads'],
    namespace: undefined,
    signal,
  });
  t.equal(
    objects.filter((object) => textAt(object, 'kind') === 'Service' && textAt(object, 'apiVersion') === 'v1')
      .length,
    101,
  );
  t.equal(objects.length, 102);
  t.equal(server.requests('Service', 'list'), 2, 'two pages');
  t.equal(server.requests('Pod', 'list'), 0);
});

test('asks for one namespace by rights in it alone', async (t) => {
  const { server, kubeconfig } = await started(t);
  const asked: string[] = [];
  server.fault = (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    asked.push(path);
    response
      .setHeader('content-type', 'application/json')
      .end(
        JSON.stringify(
          path === '/api/v1/namespaces/ww-green'
            ? { metadata: { name: 'ww-green' } }
            : { metadata: {}, items: [] },
        ),
      );
    return true;
  };
  const objects = await listCluster({
    kubeconfig,
    collections: ['namespaces', 'pods'],
    namespace: 'ww-green',
    signal,
  });
  t.same(objects, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ww-green' } }]);
  t.same(asked.sort(), ['/api/v1/namespaces/ww-green', '/api/v1/namespaces/ww-green/pods']);
});

test('says what cannot be read', async (t) => {
  const { server, kubeconfig } = await started(t);
  server.fault = (request, response) => {
    if (!(request.url ?? '').includes('/services')) return false;
    sendStatus(response, 403, 'services is forbidden');
    return true;
  };
  await t.rejects(
    listCluster({ kubeconfig, collections: ['namespaces', 'services'], namespace: undefined, signal }),
    { name: 'ClusterError', message: 'services cannot be read: 403 services is forbidden' },
  );
});

const bodies = [
  { name: 'ends early', body: '{"metadata":{},"items":[{"metadata":{"name":"a' },
  { name: 'is no JSON', body: '<html>a proxy</html>' },
  { name: 'is no list', body: '"items"' },
];
for (const { name, body } of bodies)
  test(`a page that ${name} is a failure of the cluster that may pass`, async (t) => {
    const { server, kubeconfig } = await started(t);
    server.fault = (_request, response) => {
      response.setHeader('content-type', 'application/json').end(body);
      return true;
    };
    await t.rejects(listCluster({ kubeconfig, collections: ['services'], namespace: undefined, signal }), {
      name: 'ClusterError',
      retryable: true,
    });
  });

test('a page or a line without an end is given up before it fills the memory', async (t) => {
  const megabytes = Buffer.alloc(16 * 1024 * 1024, ' ');
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield await Promise.resolve(megabytes);
  }
  await t.rejects(readJson(endless()), { name: 'ClusterError', retryable: true });
  await t.rejects(readLines(endless()).next(), { name: 'ClusterError', retryable: true });
});

for (const [minor, want] of [
  ['35', 35],
  ['34+', 34],
] as const) {
  test(`the API server's minor version "${minor}" is ${want} once it answered, asked for once`, async (t) => {
    const { server } = await started(t);
    let asked = 0;
    server.fault = (request, response) => {
      if (request.url?.startsWith('/version') !== true) return false;
      asked += 1;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ major: '1', minor }));
      return true;
    };
    const cluster = openFake(server, { wantsMinor: true });
    t.teardown(() => cluster.close());
    t.equal(cluster.kubernetesMinor?.(), 0);
    await cluster.synced;
    while (cluster.kubernetesMinor?.() === 0)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    t.equal(cluster.kubernetesMinor?.(), want);
    t.equal(asked, 1);
  });
}

test('the API server is not asked for its version where nobody wants to know it', async (t) => {
  const { server } = await started(t);
  let asked = 0;
  server.fault = (request) => {
    if (request.url?.startsWith('/version') === true) asked += 1;
    return false;
  };
  const cluster = openFake(server);
  await cluster.synced;
  t.equal(cluster.kubernetesMinor, undefined);
  await cluster.close();
  t.equal(asked, 0);
});
