import { test } from 'tap';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf, type Snapshot } from '../../src/model/snapshot.ts';
import { desiredOf, problemsOf, redecide } from '../../src/routing/desired.ts';
import { settingsWith } from '../admission/golden.ts';

const meta = (name: string, annotations: JsonObject = {}): JsonObject => ({
  namespace: 'green',
  name,
  annotations,
});
const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'green',
    labels: { 'branchline.dev/enabled': 'true' },
    annotations: { 'branchline.dev/domain': 'green.example.io' },
  },
};
const service = (name: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name, { 'branchline.dev/context': `/${name}` }),
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
});
const deployment = (app: string, version: string, readyReplicas = 1): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(
    `${app}-${version.toLowerCase()}`,
    version === 'master' ? {} : { 'branchline.dev/branch': version },
  ),
  spec: { replicas: 1, template: { metadata: { labels: { app, version } } } },
  status: { replicas: 1, readyReplicas },
});
const foreign = (kind: string, name: string, spec: JsonObject): JsonObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind,
  metadata: meta(name),
  spec,
});

test('what is told after one decision anew after another is what is true then, and the earlier decisions are as they were', (t) => {
  const settings = settingsWith({ objectSizeLimitBytes: '10000' });
  const names = Array.from({ length: 60 }, (_, index) => `service-with-a-long-name-${index}`);
  const after = (gone: number): Snapshot =>
    snapshotOf([
      namespace,
      ...names.flatMap((name, index) => [
        service(name),
        deployment(name, 'master'),
        deployment(name, 'X', index < gone ? 0 : 1),
      ]),
    ]);
  const first = desiredOf(after(0), settings);
  const told = problemsOf(first);
  const withheld = [...first.withheld];
  let desired = first;
  for (const [index, name] of names.entries())
    desired = redecide(desired, { snapshot: after(index + 1), settings }, [
      { namespace: 'green', service: name },
    ]).desired;
  const fresh = desiredOf(after(names.length), settings);
  t.ok(
    told.some(({ code, message }) => code === 'BL407' && message.includes('x.green.example.io')),
    'the host of the branch was too large',
  );
  t.same(problemsOf(desired), problemsOf(fresh));
  t.same([...desired.withheld].sort(), [...fresh.withheld].sort());
  t.same(problemsOf(first), told);
  t.same([...first.withheld], withheld);
  t.end();
});

test('services that are decided anew at once are as if one after the other', (t) => {
  const settings = settingsWith();
  const at = (ready: number): Snapshot =>
    snapshotOf([
      namespace,
      ...['one', 'two'].flatMap((name) => [
        service(name),
        deployment(name, 'master'),
        deployment(name, 'X', ready),
      ]),
    ]);
  const given = { snapshot: at(1), settings };
  const services = ['one', 'two'].map((name) => ({ namespace: 'green', service: name }));
  const both = redecide(desiredOf(at(0), settings), given, services);
  const fresh = desiredOf(at(1), settings);
  t.same(Object.fromEntries(both.desired.objects), Object.fromEntries(fresh.objects));
  t.ok(both.keys.has('green/VirtualService/x.green.example.io'));
  t.end();
});

const stepped: readonly {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly want: readonly string[];
}[] = [
  {
    name: 'a Service whose name ends like that of an object that stepped aside',
    objects: [
      service('shop-branchline'),
      deployment('shop-branchline', 'master'),
      deployment('shop-branchline', 'X'),
      foreign('DestinationRule', 'shop', { host: 'elsewhere.example.io' }),
    ],
    want: [],
  },
  {
    name: 'a Service whose rule has a foreign name',
    objects: [
      service('shop'),
      deployment('shop', 'master'),
      deployment('shop', 'X'),
      foreign('DestinationRule', 'shop', { host: 'elsewhere.example.io' }),
    ],
    want: ['BL404 DestinationRule shop'],
  },
];

for (const { name, objects, want } of stepped) {
  test(`an object is told to have stepped aside when it did: ${name}`, (t) => {
    const desired = desiredOf(snapshotOf([namespace, ...objects]), settingsWith());
    t.same(
      problemsOf(desired).map((problem) => `${problem.code} ${problem.kind} ${problem.name}`),
      want,
    );
    t.end();
  });
}

test('an object that appears when a branch becomes ready is told to have stepped aside', (t) => {
  const settings = settingsWith();
  const at = (ready: number): Snapshot =>
    snapshotOf([
      namespace,
      service('one'),
      deployment('one', 'master'),
      deployment('one', 'X', ready),
      foreign('VirtualService', 'one-mesh', { hosts: ['elsewhere.example.io'] }),
    ]);
  const { desired } = redecide(desiredOf(at(0), settings), { snapshot: at(1), settings }, [
    { namespace: 'green', service: 'one' },
  ]);
  t.same(problemsOf(desired), problemsOf(desiredOf(at(1), settings)));
  t.end();
});
