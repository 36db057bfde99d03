import { test, type Test } from 'tap';
import type { Cluster } from '../../src/cluster/port.ts';
import { inNamespace } from '../../src/model/snapshot.ts';
import { namespace, service, until, workload } from './contract.ts';
import { sendStatus, startFakeApiServer, type FakeApiServer } from './fake-apiserver.ts';
import { openFake } from './open.ts';

type Options = Parameters<typeof openFake>[1];

async function opened(
  t: Test,
  objects: readonly Parameters<FakeApiServer['put']>[0][] = [namespace],
  options: Options = {},
): Promise<{ server: FakeApiServer; cluster: Cluster }> {
  const server = await startFakeApiServer();
  objects.forEach((object) => {
    server.put(object);
  });
  const cluster = openFake(server, options);
  t.teardown(async () => {
    await cluster.close();
    await server.stop();
  });
  await cluster.synced;
  await until(t, cluster, 'Services are watched', () => server.watching('Service') === 1);
  return { server, cluster };
}

const has = (cluster: Cluster, name: string): boolean =>
  inNamespace(cluster.snapshot.services, 'ww-green').has(name);
const fresh = (cluster: Cluster, kind = 'Service') => cluster.freshness().find((one) => one.kind === kind);

test('lists in pages', async (t) => {
  const { server, cluster } = await opened(
    t,
    Array.from({ length: 7 }, (_, index) => service(`s${index}`)),
  );
  t.equal(inNamespace(cluster.snapshot.services, 'ww-green').size, 7);
  t.equal(server.requests('Service', 'list'), 4);
});

test('begins a list anew when a page is too old to go on', async (t) => {
  const server = await startFakeApiServer();
  ['a', 'b', 'c'].forEach((name) => {
    server.put(service(name));
  });
  let refused = 0;
  server.fault = (request, response) => {
    if (refused > 0 || !(request.url ?? '').includes('continue=')) return false;
    refused += 1;
    sendStatus(response, 410, 'the provided continue parameter is too old');
    return true;
  };
  const cluster = openFake(server);
  t.teardown(async () => {
    await cluster.close();
    await server.stop();
  });
  await cluster.synced;
  t.equal(refused, 1);
  t.equal(inNamespace(cluster.snapshot.services, 'ww-green').size, 3);
});

test('goes on from the last event when the server ends a watch in time, without a new list', async (t) => {
  const { server, cluster } = await opened(t);
  const lists = server.requests('Service', 'list');
  server.endWatches('end');
  await until(t, cluster, 'it watches again', () => server.watching('Service') === 1);
  server.put(service('a'));
  await until(t, cluster, 'the event arrives', () => has(cluster, 'a'));
  t.equal(server.requests('Service', 'list'), lists);
  t.equal(fresh(cluster)?.watchRestarts, 0, 'that is no restart');
});

test('misses nothing over a dropped connection', async (t) => {
  const { server, cluster } = await opened(t);
  server.silent = true;
  server.put(service('a'));
  server.endWatches('destroy');
  await until(t, cluster, 'what happened meanwhile arrives', () => has(cluster, 'a'));
  t.ok((fresh(cluster)?.watchRestarts ?? 0) >= 1);
  t.equal(fresh(cluster)?.relistDiffs, 0, 'by watching, not by a list');
});

test('opens a watch anew that says nothing for too long', async (t) => {
  const { server, cluster } = await opened(t, [namespace], { silenceMilliseconds: 60 });
  server.silent = true;
  server.put(service('a'));
  await until(t, cluster, 'the stall is noticed', () => has(cluster, 'a'));
});

test('a bookmark is a word: the watch stays, and the next one begins there', async (t) => {
  const { server, cluster } = await opened(t, [namespace], { silenceMilliseconds: 400 });
  server.write(
    'Service',
    `${JSON.stringify({ type: 'BOOKMARK', object: { kind: 'Service', metadata: { resourceVersion: '9000' } } })}\n`,
  );
  await until(t, cluster, 'the bookmark is heard', () => (fresh(cluster)?.ageMilliseconds ?? 1000) < 400);
  let asked = '';
  server.fault = (request) => {
    if ((request.url ?? '').includes('/services') && (request.url ?? '').includes('watch=1'))
      asked = request.url ?? '';
    return false;
  };
  server.endWatches('end');
  await until(t, cluster, 'it watches again', () => asked.includes('resourceVersion=9000'));
});

test('lists again on 410 in the stream, and counts what it had missed', async (t) => {
  const { server, cluster } = await opened(t, [namespace, service('old')]);
  server.silent = true;
  server.put(service('a'));
  server.remove(service('old'));
  server.compact();
  server.endWatches('destroy');
  await until(t, cluster, 'the list shows it', () => has(cluster, 'a') && !has(cluster, 'old'));
  t.equal(fresh(cluster)?.relistDiffs, 2);
});

test('lists again on 410 as the answer to a watch', async (t) => {
  const { server, cluster } = await opened(t);
  let refused = 0;
  server.fault = (request, response) => {
    if (refused > 0 || !(request.url ?? '').includes('/services') || !(request.url ?? '').includes('watch=1'))
      return false;
    refused += 1;
    sendStatus(response, 410, 'too old');
    return true;
  };
  const lists = server.requests('Service', 'list');
  server.endWatches('end');
  await until(
    t,
    cluster,
    'it lists again',
    () => server.requests('Service', 'list') > lists && server.watching('Service') === 1,
  );
});

const broken: readonly (readonly [string, string])[] = [
  ['half a line', '{"type":"ADDED","object":{"metadata":{"na'],
  ['a line that is no JSON', 'garbage\n'],
  ['an error event', `${JSON.stringify({ type: 'ERROR', object: { code: 500, message: 'etcd' } })}\n`],
];
for (const [what, text] of broken) {
  test(`survives ${what}`, async (t) => {
    const { server, cluster } = await opened(t);
    server.write('Service', text);
    server.silent = true;
    server.put(service('a'));
    server.endWatches('destroy');
    await until(t, cluster, 'the event arrives', () => has(cluster, 'a'));
    t.notOk(has(cluster, 'na'));
  });
}

test('reads a line that comes in pieces, cut inside a character', async (t) => {
  const { server, cluster } = await opened(t);
  const bytes = Buffer.from(
    `${JSON.stringify({ type: 'ADDED', object: { ...service('a'), spec: { selector: { app: 'caf\u00e9' } } } })}\n`,
  );
  const cut = bytes.indexOf(0xc3) + 1;
  server.write('Service', bytes.subarray(0, cut) as unknown as string);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  server.write('Service', bytes.subarray(cut) as unknown as string);
  await until(
    t,
    cluster,
    'it arrives whole',
    () => inNamespace(cluster.snapshot.services, 'ww-green').get('a')?.selector['app'] === 'caf\u00e9',
  );
});

test('waits as long as Retry-After says', async (t) => {
  const { server, cluster } = await opened(t);
  let first = 0;
  let second = 0;
  server.fault = (request, response) => {
    if (!(request.url ?? '').includes('/services')) return false;
    if (first === 0) {
      first = performance.now();
      sendStatus(response, 429, 'too many requests', { 'retry-after': '1' });
      return true;
    }
    second ||= performance.now();
    return false;
  };
  server.endWatches('end');
  await until(t, cluster, 'it asks again', () => second > 0);
  t.ok(second - first >= 990, `after ${Math.round(second - first)} ms`);
});

test('follows again after a restart of the API server', async (t) => {
  const { server, cluster } = await opened(t);
  await server.stop();
  await until(t, cluster, 'the outage is a problem', () => cluster.problems().length > 0);
  t.ok(cluster.snapshot.synced, 'what was known stays');
  t.match(cluster.problems()[0], { code: 'BL011' });
  await server.start();
  server.put(service('a'));
  await until(t, cluster, 'it follows', () => has(cluster, 'a') && cluster.problems().length === 0);
});

test('is not synced while a kind may not be read, says which, and is once it may', async (t) => {
  const server = await startFakeApiServer();
  let allowed = false;
  server.fault = (request, response) => {
    if (allowed || !(request.url ?? '').includes('/pods')) return false;
    sendStatus(response, 403, 'pods is forbidden: User "x" cannot list resource "pods"');
    return true;
  };
  const cluster = openFake(server);
  t.teardown(async () => {
    await cluster.close();
    await server.stop();
  });
  const told: string[] = [];
  cluster.onProblems((problems) => {
    told.push(...problems.map(({ message }) => message));
  });
  await until(t, cluster, 'the right is missed', () => told.length > 0);
  t.match(told[0], /pods cannot be read: 403 .*forbidden/);
  t.notOk(cluster.snapshot.synced);
  t.equal(fresh(cluster, 'Pod')?.synced, false);
  allowed = true;
  await cluster.synced;
  t.ok(cluster.snapshot.synced);
});

test('a custom resource that is not served counts as none, and is found once it is', async (t) => {
  const server = await startFakeApiServer();
  server.absent.add('Rollout');
  const cluster = openFake(server);
  t.teardown(async () => {
    await cluster.close();
    await server.stop();
  });
  await cluster.synced;
  t.same(cluster.problems(), []);
  server.put({ ...workload('Deployment', 'a'), apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout' });
  server.absent.delete('Rollout');
  await until(t, cluster, 'the Rollout shows', () =>
    inNamespace(cluster.snapshot.workloads, 'ww-green').has('Rollout/a'),
  );
});

test('rejects at once when no kubeconfig tells where the cluster is', async (t) => {
  const { openKubernetes } = await import('../../src/cluster/kubernetes.ts');
  const cluster = openKubernetes({ kubeconfig: '/nowhere/config' });
  await t.rejects(cluster.synced, { name: 'ClusterError', retryable: false });
  await cluster.close();
});

test('rejects when it is closed before it is synced', async (t) => {
  const server = await startFakeApiServer();
  t.teardown(() => server.stop());
  server.fault = () => true;
  const cluster = openFake(server);
  const rejected = t.rejects(cluster.synced, { name: 'ClusterError' });
  await cluster.close();
  await rejected;
});
