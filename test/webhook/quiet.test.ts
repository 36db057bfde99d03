/** What is in objects stays out of the log: every path is sent objects whose every free value is a mark, and no line may have it. */
import { test } from 'tap';
import { reviewPaths } from '../../src/admission/decide.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { review, run, send, settingsWith } from './harness.ts';

const mark = 'hunter2-Zq7';

const metadata = {
  name: 'web',
  namespace: 'ww-green',
  labels: { team: mark },
  annotations: {
    note: mark,
    'branchline.dev/branch': `OPS-1 ${mark}`,
    'branchline.dev/ttl': mark,
    'branchline.dev/inject': mark,
  },
};
const container = {
  name: 'app',
  image: `registry/${mark}`,
  command: [mark],
  args: [`--password=${mark}`],
  env: [
    { name: 'PASSWORD', value: mark },
    { name: 'NODE_OPTIONS', value: `--require ${mark}` },
  ],
};
const podSpec = {
  containers: [container],
  volumes: [{ name: 'x', csi: { driver: 'd', volumeAttributes: { token: mark } } }],
};
const objects = [
  {
    group: 'apps',
    kind: 'Deployment',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        selector: { matchLabels: { app: mark } },
        template: { metadata: { labels: { app: mark }, annotations: metadata.annotations }, spec: podSpec },
      },
    },
  },
  { group: '', kind: 'Pod', object: { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec } },
  {
    group: '',
    kind: 'Service',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        ...metadata,
        annotations: { 'branchline.dev/context': mark, 'branchline.dev/http': `timeout: ${mark}` },
      },
      spec: { selector: { app: mark }, ports: [{ name: 'http', port: 80 }] },
    },
  },
  {
    group: '',
    kind: 'Namespace',
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'ww-green',
        labels: { 'branchline.dev/enabled': mark },
        annotations: { 'branchline.dev/domain': mark, 'branchline.dev/ttl': mark },
      },
    },
  },
  {
    group: '',
    kind: 'ConfigMap',
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { secret: mark } },
  },
  {
    group: 'networking.istio.io',
    kind: 'VirtualService',
    object: {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: [mark],
        http: [
          {
            match: [{ headers: { authorization: { regex: `(?=${mark})` } } }],
            headers: { request: { set: { authorization: mark } } },
            route: [{ destination: { host: mark, subset: mark } }],
          },
        ],
      },
    },
  },
  {
    group: 'networking.istio.io',
    kind: 'DestinationRule',
    object: {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata,
      spec: { host: mark, subsets: [{ name: mark, labels: { version: mark } }] },
    },
  },
] as const;

const tenant = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'ww-green',
    labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
    annotations: { 'branchline.dev/domain': 'ww-green.example.io' },
  },
};

test('no line of the log has anything of an object but its kind and name, on any path, whatever comes of it', async (t) => {
  const settings = settingsWith();
  const { port, logged, lines } = await run(t, {
    level: 'trace',
    facts: () => ({ settings, snapshot: snapshotOf([tenant]) }),
  });
  let quoted = 0;
  for (const path of reviewPaths) {
    for (const { group, kind, object } of objects) {
      for (const operation of ['CREATE', 'UPDATE']) {
        const body = review(object, {
          kind: { group, version: 'v1', kind },
          operation,
          ...(operation === 'UPDATE' ? { oldObject: object } : {}),
          userInfo: { username: mark, groups: [mark], extra: { token: [mark] } },
        });
        const { status, text } = await send(port, path, { body });
        t.equal(status, 200, `${path} ${kind}`);
        if (text.includes(mark)) quoted += 1;
      }
    }
  }
  t.ok(quoted > 0, 'whoever sent a wrong value is told which');
  t.ok(
    lines.filter(({ msg }) => msg === 'decided').length >= reviewPaths.length * objects.length,
    'each was logged',
  );
  t.ok(
    lines.some(({ outcome }) => outcome === 'denied') && lines.some(({ outcome }) => outcome === 'mutated'),
    'refused and changed ones among them',
  );
  t.notMatch(logged(), mark);
});

test('no line of the log has anything of what could not be read', async (t) => {
  const { port, logged, lines } = await run(t, { level: 'trace', settings: { bodyLimitBytes: 65_536 } });
  const whole = review(objects[0].object);
  const deep = whole.replace('"spec":', `"deep":${'['.repeat(2000)}"${mark}"${']'.repeat(2000)},"spec":`);
  const unreadable = [
    whole.slice(0, -20),
    `${mark}${whole}`,
    `{"kind":"${mark}"}`,
    whole.replace('"AdmissionReview"', `"${mark}"`),
    `"${mark}"`,
    whole.replace('"spec":', `"big":"${mark.repeat(20_000)}","spec":`),
    deep,
  ];
  for (const body of unreadable) await send(port, '/mutate/workloads', { body });
  await send(port, `/${mark}`, { body: whole });
  await send(port, '/mutate/workloads', {
    body: whole,
    headers: { 'content-type': mark, authorization: `Bearer ${mark}` },
  });
  t.ok(lines.length >= unreadable.length, 'each was logged');
  t.notMatch(logged(), mark);
});

test('a bug is logged by its place, not by its words, unless somebody asked for debug', async (t) => {
  const { port, logged } = await run(t, {
    level: 'info',
    decide: () => {
      throw new Error(`cannot read ${mark}`);
    },
  });
  await send(port, '/mutate/workloads', { body: review(objects[0].object) });
  t.match(logged(), /this is a bug/);
  t.notMatch(logged(), mark);
});
