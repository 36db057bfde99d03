/** deploy, list, keep, delete and housekeep against an API server: what they print, what they write, and in which order. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { parse } from 'yaml';
import { at, listAt, objectAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { startApiDouble, type ApiDouble } from './api-double.ts';
import { run, type Ran } from './run.ts';
import { branch, control, tenants } from './tenant.ts';

async function opened(
  t: Test,
  more: readonly JsonObject[] = [],
): Promise<{ api: ApiDouble; cli: (...args: readonly string[]) => ReturnType<typeof run> }> {
  const api = await startApiDouble([...tenants(), ...more]);
  api.react = control;
  control(undefined, api);
  t.teardown(() => api.close());
  return { api, cli: (...args) => run([...args, '--kubeconfig', api.kubeconfig]) };
}

const annotationsOf = (object: JsonObject | undefined): JsonObject =>
  objectAt(object, 'metadata', 'annotations');
const quick = ['--settle-milliseconds', '0', '--warn-first', 'false'];

test('deploy clones the baselines of several services, waits until they are routed, and ends with their URLs', async (t) => {
  const { api, cli } = await opened(t);
  const { code, out, err } = await cli(
    'deploy',
    'fact-find-ui,fact-find',
    'ww-green',
    'OPS-1234',
    '--env',
    'LOG=debug',
    '--ttl',
    '12h',
    '--wait',
    '30',
    '--owner',
    'ada',
  );
  t.equal(code, 0, err);
  t.same(out.trim().split('\n'), [
    'https://ops-1234.ww-green.example.io/fact-find-ui',
    'https://ops-1234.ww-green.example.io/fact-find',
  ]);
  const made = api.get('deployments/ww-green/fact-find-ui-ops-1234');
  t.same(at(made, 'spec', 'template', 'spec', 'containers', 0), {
    name: 'app',
    image: 'registry.example.io:5000/fact-find-ui:OPS-1234',
    env: [{ name: 'LOG', value: 'debug' }],
  });
  t.equal(at(made, 'spec', 'replicas'), 1, 'one pod, whatever the baseline has');
  t.same(at(made, 'spec', 'selector', 'matchLabels'), { app: 'fact-find-ui', version: 'OPS-1234' });
  t.same(
    annotationsOf(made),
    {
      'branchline.dev/branch': 'OPS-1234',
      'branchline.dev/service': 'fact-find-ui',
      'branchline.dev/ttl': '12h',
      'branchline.dev/by': 'ada',
    },
    'nothing of Helm',
  );
  t.equal(at(made, 'metadata', 'labels', 'helm.sh/chart'), undefined);
  t.ok(
    api.writes.slice(0, 2).every(({ dryRun }) => dryRun),
    'all are tried before any is written',
  );
});

test('deploying again changes the workload that is there, and wakes it', async (t) => {
  const { api, cli } = await opened(t, [
    branch('OPS-1', {
      replicas: 0,
      annotations: { 'branchline.dev/asleep': '1 since 2026-01-01T00:00:00Z' },
    }),
  ]);
  t.equal(
    (await cli('deploy', 'fact-find-ui', 'ww-green', 'ops-1', '--tag', 'next', '--wait', '10')).code,
    0,
  );
  const made = api.get('deployments/ww-green/fact-find-ui-ops-1');
  t.equal(
    at(made, 'spec', 'template', 'spec', 'containers', 0, 'image'),
    'registry.example.io:5000/fact-find-ui:next',
  );
  t.equal(annotationsOf(made)['branchline.dev/asleep'], undefined);
  t.equal(at(made, 'spec', 'replicas'), 1);
});

test('deploy -o yaml prints and writes nothing', async (t) => {
  const { api, cli } = await opened(t);
  const { code, out } = await cli('deploy', 'fact-find', 'ww-green', 'OPS-9', '-o', 'yaml');
  t.equal(code, 0);
  t.match(out, /^apiVersion: apps\/v1\nkind: Deployment\nmetadata:\n {2}name: fact-find-ops-9\n/);
  t.same(api.writes, []);
});

const shop = `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { branchline.dev/enabled: 'true', istio-injection: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: orders, namespace: shop }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: orders-internal, namespace: shop }
spec: { selector: { app: orders }, ports: [{ name: http, port: 80 }] }
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: orders, namespace: shop, labels: { app: orders, version: master } }
spec:
  selector: { matchLabels: { app: orders } }
  strategy: { blueGreen: { activeService: orders } }
  template:
    metadata: { labels: { app: orders, version: master } }
    spec: { containers: [{ name: app, image: 'orders:1', env: [{ name: LOG, value: info }, { name: OPTS, value: '--level=$(LOG)' }] }] }
`;

async function printed(t: Test, ...args: readonly string[]): Promise<Ran> {
  const folder = await mkdtemp(join(tmpdir(), 'deploy-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'shop.yaml'), shop);
  return run(['deploy', ...args, '-f', folder, '-o', 'yaml']);
}

test('deploy changes a variable in its place, so that those after it still see it, and puts new ones last', async (t) => {
  const { out } = await printed(t, 'orders', 'shop', 'OPS-1', '--env', 'LOG=debug', '--env', 'NEW=1');
  t.same(at(parse(out), 'spec', 'template', 'spec', 'containers', 0, 'env'), [
    { name: 'LOG', value: 'debug' },
    { name: 'OPTS', value: '--level=$(LOG)' },
    { name: 'NEW', value: '1' },
  ]);
});

test("deploy leaves out a Rollout's strategy, which names the Services of its baseline", async (t) => {
  t.same(at(parse((await printed(t, 'orders', 'shop', 'OPS-1')).out), 'spec', 'strategy'), { canary: {} });
});

test('deploy refuses two services of one baseline: one workload cannot be told to be both', async (t) => {
  const { code, err } = await printed(t, 'orders,orders-internal', 'shop', 'OPS-1');
  t.equal(code, 1);
  t.match(
    err,
    /orders and orders-internal have one baseline, so one branch serves both: deploy orders alone/,
  );
});

const wrong: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  [
    'a service that is not there',
    ['nope', 'ww-green', 'OPS-1'],
    1,
    /no Service nope in ww-green; it has fact-find, fact-find-ui/,
  ],
  ['a namespace that is not there', ['fact-find', 'nope', 'OPS-1'], 3, /no namespace nope/],
  ['the baseline as a branch', ['fact-find', 'ww-green', 'Master'], 1, /is the baseline/],
  ['a branch without a name', ['fact-find', 'ww-green', '///'], 2, /no branch name/],
  ['a ttl in words', ['fact-find', 'ww-green', 'OPS-1', '--ttl', 'soon'], 2, /not a lifetime/],
  ['image and tag', ['fact-find', 'ww-green', 'OPS-1', '--image', 'a', '--tag', 'b'], 2, /twice/],
  [
    'one image for several services',
    ['fact-find,fact-find-ui', 'ww-green', 'OPS-1', '--image', 'a'],
    2,
    /one image; deploy them one by one, or give --tag/,
  ],
  [
    'a container that is not there',
    ['fact-find', 'ww-green', 'OPS-1', '--env', 'web:A=b'],
    1,
    /no container "web"; it has app, istio-proxy/,
  ],
  ['a number of pods in words', ['fact-find', 'ww-green', 'OPS-1', '--replicas', 'two'], 2, /whole number/],
];
for (const [name, args, code, words] of wrong) {
  test(`deploy refuses ${name}`, async (t) => {
    const { api, cli } = await opened(t);
    const ran = await cli('deploy', ...args);
    t.equal(ran.code, code, ran.err);
    t.match(ran.err, words);
    t.same(api.writes, []);
  });
}

test("deploy says the API server's refusal and writes none of several services", async (t) => {
  const { api, cli } = await opened(t);
  api.refuse = (method, target) =>
    method === 'PATCH' && target.endsWith('fact-find-ops-1')
      ? [403, 'admission webhook denied the request: [BL118]']
      : undefined;
  const { code, err } = await cli('deploy', 'fact-find-ui,fact-find', 'ww-green', 'OPS-1');
  t.equal(code, 3);
  t.match(err, /403 admission webhook denied the request: \[BL118\]/);
  t.same(
    api.writes.filter(({ dryRun }) => !dryRun),
    [],
  );
});

/** Whatever is applied gets a pod whose container is in this state. */
function withPod(api: ApiDouble, status: JsonObject): void {
  api.react = (write, self) => {
    if (self.get(write.target) === undefined) return;
    self.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'ww-green', labels: { app: 'fact-find', version: 'OPS-1' } },
      spec: { nodeName: 'n' },
      status: { containerStatuses: [{ name: 'app', ...status }] },
    });
  };
}

test('deploy --wait ends at once with an error that waiting does not mend', async (t) => {
  const { api, cli } = await opened(t);
  withPod(api, { state: { waiting: { reason: 'InvalidImageName', message: "couldn't parse image" } } });
  const { code, out, err } = await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '--wait', '30');
  t.equal(code, 3);
  t.equal(out, '');
  t.match(err, /fact-find does not come up: pod p: container app: InvalidImageName: couldn't parse image/);
});

test('deploy --wait says that an image cannot be pulled', async (t) => {
  const { api, cli } = await opened(t);
  withPod(api, {
    state: {
      waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "fact-find:OPS-1": not found' },
    },
  });
  const { code, err } = await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '--wait', '1');
  t.equal(code, 3);
  t.match(
    err,
    /does not come up: pod p: container app: ImagePullBackOff: Back-off pulling image "fact-find:OPS-1": not found\n$/,
  );
});

test('deploy --wait says that the application crashes, with the last lines of its log and nothing that would move the cursor', async (t) => {
  const { api, cli } = await opened(t);
  withPod(api, {
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' } },
    lastState: { terminated: { exitCode: 1 } },
  });
  api.logs.set('p', 'starting\nError: \u001b[31mno DATABASE_URL\n');
  const { code, err } = await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '--wait', '1');
  t.equal(code, 3);
  t.match(err, /not routed after 1 s/);
  t.match(
    err,
    /does not come up: pod p: container app: CrashLoopBackOff \(exit code 1\): back-off 10s restarting failed container\n {2}starting\n {2}Error: {2}\[31mno DATABASE_URL\n$/,
  );
  api.refuse = (_method, target) =>
    target.startsWith('pods/ww-green/p') ? [403, 'pods/log is forbidden'] : undefined;
  t.match(
    (await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '--wait', '1')).err,
    /\n {2}\(its log cannot be read: .*forbidden/,
  );
});

test('deploy --wait says what it waited for when the time is over', async (t) => {
  const { api, cli } = await opened(t);
  api.react = (write, self) => {
    const made = self.get(write.target);
    if (made !== undefined)
      self.objects.set(write.target, {
        ...made,
        status: { readyReplicas: 1, replicas: 1, updatedReplicas: 1, observedGeneration: 99 },
      });
  };
  const { code, err } = await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '--wait', '1');
  t.equal(code, 3);
  t.match(err, /not routed after 1 s: fact-find is 1\/1 ready, waiting for its routes/);
});

test('a branch is not routed while one of the routes that are decided for it is not written', async (t) => {
  const { api, cli } = await opened(t);
  api.react = (write, self) => {
    control(write, self);
    self.objects.delete('virtualservices/ww-green/fact-find-ingress');
  };
  const { code, out, err } = await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '--wait', '1');
  t.match({ code, out }, { code: 3, out: '' });
  t.match(err, /not routed after 1 s: fact-find is 1\/1 ready, waiting for its routes/);
  t.match((await cli('list', '-o', 'wide')).out, / no +.*ready; its routes are not written yet\n$/);
  const deployed = 'deployments/ww-green/fact-find-ops-1';
  const object = api.get(deployed) ?? {};
  const metadata = objectAt(object, 'metadata');
  api.objects.set(deployed, {
    ...object,
    metadata: {
      ...metadata,
      annotations: { ...annotationsOf(object), 'branchline.dev/status': 'routed' },
    },
  });
  t.match(
    (await cli('list')).out,
    / yes +/,
    'a VirtualService elsewhere may have the host: the controller, which sees it, says routed',
  );
});

test('list says that written routes still lead to a branch that is not to be routed', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1')]);
  api.put(branch('OPS-1', { annotations: { 'branchline.dev/retiring': '2026-01-01T00:00:00Z' } }));
  t.match((await cli('list', '-o', 'wide')).out, / no +.*OPS-1 is being retired; routes still lead to it\n$/);
});

test("list shows branches of the context's namespace, of one that is named, and of all", async (t) => {
  const { cli } = await opened(t, [
    branch('OPS-1', { annotations: { 'branchline.dev/by': 'ada' } }),
    branch('OPS-2', { namespace: 'ww-red', annotations: { 'branchline.dev/keep': 'true' } }),
  ]);
  const own = await cli('list');
  t.match(
    own.out,
    /^NAMESPACE +BRANCH +SERVICE +PODS +ROUTED +AGE +EXPIRES +URL\nww-green +OPS-1 +fact-find-ui +1\/1 +yes +1h +in 2d22h +https:\/\/ops-1\.ww-green\.example\.io\/fact-find-ui\n$/,
  );
  t.match((await cli('list', '--context', 'ww-red')).out, /ww-red +OPS-2 .* kept /);
  t.match((await cli('list', '-n', 'ww-red')).out, /OPS-2/);
  const all = JSON.parse((await cli('list', '--all', '-o', 'json')).out) as {
    branches: readonly JsonObject[];
  };
  t.same(
    all.branches.map((one) => [one['branch'], one['owner'], one['routed']]),
    [
      ['OPS-1', 'ada', true],
      ['OPS-2', null, true],
    ],
  );
  t.notMatch(own.out, '\u001b', 'no colours in a pipe');
});

test('list --watch shows what changes, in place on a terminal, until it is stopped', async (t) => {
  const { api } = await opened(t, [branch('OPS-1')]);
  for (const isTerminal of [true, false]) {
    const stop = new AbortController();
    const shown: string[] = [];
    const out = (text: string): void => {
      shown.push(text);
      if (shown.length === 1) api.put(branch('OPS-2', { app: 'fact-find' }));
      else stop.abort();
    };
    api.objects.delete('deployments/ww-green/fact-find-ops-2');
    t.equal(
      (
        await run(['list', '--watch', '--kubeconfig', api.kubeconfig], '', {
          isTerminal,
          stop: stop.signal,
          out,
        })
      ).code,
      0,
    );
    t.equal(shown.length, 2);
    t.notMatch(shown[0], 'OPS-2');
    t.match(shown[1], 'OPS-2');
    t.equal(
      shown.every((text) => text.startsWith('\u001b[2J\u001b[HNAMESPACE')),
      isTerminal,
    );
  }
});

test('list is coloured on a terminal, unless NO_COLOR says otherwise, and plain in a pipe', async (t) => {
  const { api } = await opened(t, [branch('OPS-1')]);
  const shown = async (more: Parameters<typeof run>[2]): Promise<string> =>
    (await run(['list', '--kubeconfig', api.kubeconfig], '', more)).out;
  const plain = await shown({});
  t.notMatch(plain, '\u001b');
  t.match(await shown({ isTerminal: true }), '\u001b[1mOPS-1\u001b[0m');
  t.equal(await shown({ isTerminal: true, environment: { NO_COLOR: '1' } }), plain);
  t.equal((await shown({ isTerminal: true })).replace(/\u001b\[\d+m/g, ''), plain);
});

test('list shows the id in place of a name that would fill the screen', async (t) => {
  const name = `feature/${'x'.repeat(200)}`;
  const { cli } = await opened(t, [branch('OPS-1', { annotations: { 'branchline.dev/branch': name } })]);
  t.ok((await cli('list')).out.split('\n').every((line) => line.length < 250));
  t.match((await cli('list', '-o', 'json')).out, name);
});

test('list says why a branch is not routed', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { replicas: 0 })]);
  api.put({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'b', namespace: 'ww-green', labels: { app: 'fact-find-ui', version: 'master' } },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  t.match((await cli('list', '-o', 'wide')).out, / no +.*no ready pod of OPS-1\n$/);
});

test('list says what it may not read, and shows the rest', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1')]);
  api.refuse = (_method, target) =>
    target.startsWith('virtualservices/') ? [403, 'virtualservices is forbidden'] : undefined;
  const { code, out, err } = await cli('list');
  t.equal(code, 1);
  t.match(out, /OPS-1/);
  t.match(err, /VirtualServices of ww-green cannot be read.*forbidden/);
});

test('manifests are asked for the namespaces that were named, each service is cloned once, and printing waits for nothing', async (t) => {
  const { api, cli } = await opened(t);
  const tenant = join(import.meta.dirname, '../../examples/tenant');
  t.match(await run(['housekeep', '-f', tenant, '-n', 'ww-green']), { code: 0, out: /OPS-1234/ });
  t.match(await run(['housekeep', '-f', tenant, '-n', 'nowhere']), { code: 0, out: 'no branches\n' });
  t.equal(
    (await cli('deploy', 'fact-find,fact-find', 'ww-green', 'OPS-1', '-o', 'yaml')).out.match(
      /^kind: Deployment$/gm,
    )?.length,
    1,
  );
  t.match(await cli('deploy', 'fact-find', 'ww-green', 'OPS-1', '-o', 'yaml', '--wait'), {
    code: 2,
    err: /only printed/,
  });
  t.same(api.writes, []);
});

test('what may not be read is said, and the rest is done', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 200 })]);
  const refusing = (pattern: RegExp): void => {
    api.refuse = (method, target) => (pattern.test(`${method} ${target}`) ? [403, 'forbidden'] : undefined);
  };
  refusing(/GET replicasets/);
  const listed = await cli('list');
  t.match(listed, {
    code: 1,
    out: /OPS-1 +fact-find-ui +1\/1 +yes +8d8h/,
    err: /revisions cannot be read, so branches look as old as their workloads: .*forbidden/,
  });
  t.match(
    await cli('housekeep', ...quick),
    { code: 3, err: /forbidden/ },
    'it may have been deployed a minute ago',
  );
  t.ok(api.get('deployments/ww-green/fact-find-ui-ops-1'));
  refusing(/GET pods/);
  t.match(await cli('deploy', 'fact-find-ui', 'ww-green', 'OPS-2', '--wait', '20'), {
    code: 0,
    out: 'https://ops-2.ww-green.example.io/fact-find-ui\n',
  });
  refusing(/GET namespaces\/\/$/);
  t.match(await cli('list', '--all'), {
    code: 3,
    err: /forbidden; name the namespaces that you may read: -n/,
  });
});

test('keep keeps for ever, for a while, and no more', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1')]);
  const live = (): JsonObject => annotationsOf(api.get('deployments/ww-green/fact-find-ui-ops-1'));
  t.equal((await cli('keep', 'ops-1')).code, 0);
  t.equal(live()['branchline.dev/keep'], 'true');
  t.equal((await cli('keep', 'OPS-1', '--for', '7d')).code, 0);
  t.match(live()['branchline.dev/keep-until'], /^20.*Z$/);
  t.equal(live()['branchline.dev/keep'], undefined);
  t.equal((await cli('keep', 'OPS-1', '--unkeep')).code, 0);
  t.same([live()['branchline.dev/keep'], live()['branchline.dev/keep-until']], [undefined, undefined]);
});

test('keep wakes a branch that sleeps', async (t) => {
  const { api, cli } = await opened(t, [
    branch('OPS-1', {
      replicas: 0,
      annotations: { 'branchline.dev/asleep': '2 since 2026-01-01T00:00:00Z' },
    }),
  ]);
  t.match((await cli('keep', 'OPS-1', '--for', '1d')).out, /, and woken\n$/);
  t.equal(at(api.get('deployments/ww-green/fact-find-ui-ops-1'), 'spec', 'replicas'), 2);
});

test("keep does not go beyond the namespace's maximum, and says no branch where there is none", async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1')]);
  const namespace = api.get('namespaces//ww-green');
  api.put({
    ...namespace,
    metadata: { ...objectAt(namespace, 'metadata'), annotations: { 'branchline.dev/max-ttl': '5d' } },
  });
  for (const args of [
    ['keep', 'OPS-1'],
    ['keep', 'OPS-1', '--for', '7d'],
  ]) {
    const { code, err } = await cli(...args);
    t.equal(code, 1);
    t.match(err, /allows branches 5d at most/);
  }
  t.equal((await cli('keep', 'OPS-1', '--for', '5d')).code, 0);
  t.match(await cli('keep', 'OPS-7'), { code: 1, err: /no branch OPS-7 in ww-green/ });
  t.match(await cli('keep', 'OPS-1', '--for', 'ever'), { code: 2 });
});

test('delete takes the routes away first, then the workload, kept or not, and nothing else', async (t) => {
  const { api, cli } = await opened(t, [
    branch('OPS-1', { annotations: { 'branchline.dev/keep': 'true' } }),
    branch('OPS-1', { app: 'fact-find' }),
    branch('OPS-2'),
  ]);
  let routedAtRemoval = false;
  api.react = (write, self) => {
    if (write.method === 'DELETE')
      routedAtRemoval ||= JSON.stringify(self.get('virtualservices/ww-green/fact-find-ui-mesh')).includes(
        'ops-1',
      );
    control(write, self);
  };
  const { code, out, err } = await cli('delete', 'OPS-1', '--settle-milliseconds', '0');
  t.equal(code, 0, err);
  t.equal(out.split('\n').length, 3);
  t.same(api.writes.map(({ method, target }) => `${method} ${target}`).sort(), [
    'DELETE deployments/ww-green/fact-find-ops-1',
    'DELETE deployments/ww-green/fact-find-ui-ops-1',
    'PATCH deployments/ww-green/fact-find-ops-1',
    'PATCH deployments/ww-green/fact-find-ui-ops-1',
  ]);
  t.notOk(routedAtRemoval);
  t.ok(api.get('deployments/ww-green/fact-find-ui-ops-2'));
});

test('delete leaves what is still routed after the wait, unless it is forced', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1')]);
  api.react = () => undefined;
  const args = ['delete', 'OPS-1', '--settle-milliseconds', '0', '--retire-seconds', '0'];
  t.match(await cli(...args), { code: 1, err: /routes still lead to it/ });
  t.ok(api.get('deployments/ww-green/fact-find-ui-ops-1'));
  t.equal((await cli(...args, '--force')).code, 0);
  t.notOk(api.get('deployments/ww-green/fact-find-ui-ops-1'));
});

test('housekeep removes what is due, with its reason, and a second run does nothing', async (t) => {
  const { api, cli } = await opened(t, [
    branch('OPS-1', { hours: 100 }),
    branch('OPS-2', { hours: 10 }),
    branch('OPS-3', { hours: 100, annotations: { 'branchline.dev/keep': 'true' } }),
  ]);
  const { code, out, err } = await cli('housekeep', ...quick);
  t.equal(code, 0, err);
  t.match(out, /OPS-1 +fact-find-ui-ops-1 +removed .* deployed 4d4h ago, lives for 3d\n/);
  t.match(out, /OPS-2 +fact-find-ui-ops-2 +- .*expires in 2d1\dh/);
  t.match(out, /OPS-3 .* kept\n/);
  t.notOk(api.get('deployments/ww-green/fact-find-ui-ops-1'));
  const writes = api.writes.length;
  t.equal((await cli('housekeep', ...quick)).code, 0);
  t.equal(api.writes.length, writes);
});

test('housekeep --dry-run says the same and writes nothing', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 100 })]);
  const { code, out } = await cli('housekeep', '--dry-run', ...quick);
  t.equal(code, 0);
  t.match(out, /would remove .* deployed 4d4h ago/);
  t.same(api.writes, []);
});

test('housekeep warns first, by an Event and in the workload, and removes nothing yet', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 100 })]);
  t.equal((await cli('housekeep')).code, 0);
  const events = [...api.objects]
    .filter(([target]) => target.startsWith('events/'))
    .map(([, object]) => object);
  t.equal(events.length, 1);
  t.match(events[0], {
    type: 'Warning',
    reason: 'BranchExpiring',
    regarding: { kind: 'Deployment', name: 'fact-find-ui-ops-1' },
  });
  t.match(annotationsOf(api.get('deployments/ww-green/fact-find-ui-ops-1'))['branchline.dev/warned'], /Z$/);
  t.equal((await cli('housekeep')).code, 0);
  t.equal([...api.objects.keys()].filter((target) => target.startsWith('events/')).length, 1, 'once');
});

test('housekeep looks at the newest ReplicaSet', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 100 })]);
  api.put({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'r',
      namespace: 'ww-green',
      ownerReferences: [
        {
          kind: 'Deployment',
          name: 'fact-find-ui-ops-1',
          uid: textAt(api.get('deployments/ww-green/fact-find-ui-ops-1'), 'metadata', 'uid'),
          controller: true,
        },
      ],
    },
  });
  t.match((await cli('housekeep', ...quick)).out, /OPS-1 .* expires in 2d23h/);
});

test("housekeep ends nothing on a clock that is not the API server's", async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 100 })]);
  api.skew = -10 * 60 * 1000;
  const { code, err } = await cli('housekeep', ...quick);
  t.equal(code, 1);
  t.match(err, /our clock is \d+m\d*s? ?.*ahead of the API server's: nothing is ended/);
  t.same(api.writes, []);
});

test('housekeep leaves one that was kept, or deployed, while its routes went', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 100 }), branch('OPS-2', { hours: 100 })]);
  api.react = (write, self) => {
    const object = self.get(write.target);
    control(write, self);
    if (
      object === undefined ||
      annotationsOf(object)['branchline.dev/retiring'] === undefined ||
      annotationsOf(object)['note'] !== undefined
    )
      return;
    if (write.target.endsWith('-1'))
      self.put({
        ...object,
        metadata: {
          ...objectAt(object, 'metadata'),
          annotations: { ...annotationsOf(object), note: '', 'branchline.dev/keep': 'true' },
        },
      });
    else
      self.put({
        ...object,
        metadata: { ...objectAt(object, 'metadata'), annotations: { ...annotationsOf(object), note: '' } },
        spec: { ...objectAt(object, 'spec'), replicas: 3 },
      });
  };
  const { code, err } = await cli('housekeep', ...quick);
  t.equal(code, 1);
  t.match(err, /ops-1 skipped: it was kept meanwhile/);
  t.match(err, /ops-2 skipped: it was deployed meanwhile/);
  t.ok(api.get('deployments/ww-green/fact-find-ui-ops-1'));
  t.ok(api.get('deployments/ww-green/fact-find-ui-ops-2'));
});

test('housekeep scales to zero where that is asked, and remembers how many pods there were', async (t) => {
  const { api, cli } = await opened(t, [branch('OPS-1', { hours: 100, replicas: 2 })]);
  t.equal((await cli('housekeep', ...quick, '--expiry-action', 'sleep')).code, 0);
  const live = api.get('deployments/ww-green/fact-find-ui-ops-1');
  t.equal(at(live, 'spec', 'replicas'), 0);
  t.match(annotationsOf(live)['branchline.dev/asleep'], /^2 since /);
  t.match((await cli('list')).out, /OPS-1 .* asleep /);
  t.equal((await cli('housekeep', ...quick, '--expiry-action', 'sleep')).code, 0);
  t.equal(at(api.get('deployments/ww-green/fact-find-ui-ops-1'), 'spec', 'replicas'), 0, 'it sleeps on');
});

test("housekeep has kube-housekeeper's four settings", async (t) => {
  const { api, cli } = await opened(t, [
    branch('OPS-1', { hours: 80 }),
    branch('OPS-2', { hours: 70 }),
    branch('OPS-1', { hours: 80, namespace: 'ww-red' }),
  ]);
  const args = [
    'housekeep',
    '-n',
    'ww-green',
    '--max-days',
    '3',
    '--label-filter',
    'version,version!=master',
    '--warn-first',
    'false',
    '--settle-milliseconds',
    '0',
  ];
  t.match((await cli(...args, '--dry-run')).out, /would remove/);
  t.same(api.writes, [], 'DRY_RUN');
  t.equal((await cli(...args)).code, 0);
  t.same(
    listAt(
      [...api.objects.keys()]
        .filter((target) => target.startsWith('deployments/') && target.includes('ops-'))
        .sort(),
    ),
    ['deployments/ww-green/fact-find-ui-ops-2', 'deployments/ww-red/fact-find-ui-ops-1'],
    'NAMESPACES, MAX_DAYS, DEPLOYMENT_LABEL_FILTER',
  );
  t.equal((await cli('housekeep', '--label-filter', 'a in (b')).code, 2);
});

test("a cluster that cannot be reached is the world's refusal, wrong words are the caller's", async (t) => {
  t.match(await run(['list', '--kubeconfig', '/no/such/file']), { code: 3, err: /kubeconfig/ });
  const { api } = await opened(t);
  await api.close();
  t.match(await run(['list', '--kubeconfig', api.kubeconfig]), {
    code: 3,
    err: /the API server at http:\/\/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/,
  });
  t.equal((await run(['housekeep', '--merged-into', 'main'])).code, 2);
  t.equal((await run(['housekeep', '--gone'])).code, 2);
  t.equal((await run(['list', '-f', '/no/such/file'])).code, 2);
  t.equal((await run(['list', '-f', '-', '--now', 'soon'])).code, 2);
  t.equal((await run(['keep', 'x', '--for', '1d', '--unkeep'])).code, 2);
});
