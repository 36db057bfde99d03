import { test } from 'tap';
import { agentChanges, bundleAgent } from '../../src/controller/agent-config-maps.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';

const [old, current] = [bundleAgent('old'), bundleAgent('current')];
const now = Date.parse('2026-11-23T12:00:00Z');
const namespace = (enabled: boolean): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'green', labels: { 'branchline.dev/enabled': String(enabled) } },
});
const map = (name: string, minutesAgo: number, owners: readonly string[] = []): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    namespace: 'green',
    name,
    ownerReferences: owners.map((uid) => ({ apiVersion: 'v1', kind: 'Pod', name: uid, uid })),
    labels: { 'app.kubernetes.io/managed-by': 'branchline' },
    creationTimestamp: new Date(now - minutesAgo * 60_000).toISOString(),
  },
  immutable: true,
  data: { 'agent.cjs': '' },
});
const user = (name: string, pod = 'p'): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'green', name: pod, uid: pod },
  spec: { volumes: [{ name: 'branchline-agent', configMap: { name } }] },
});

const rows: readonly {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly bundle?: typeof old;
  readonly create?: readonly string[];
  readonly remove?: readonly string[];
  readonly own?: readonly string[];
}[] = [
  {
    name: 'makes it in a namespace in scope',
    objects: [namespace(true)],
    bundle: current,
    create: [current.name],
  },
  { name: 'makes none out of scope', objects: [namespace(false)], bundle: current },
  {
    name: 'makes none without an agent, and keeps what is there',
    objects: [namespace(true), map(old.name, 60)],
  },
  { name: 'makes nothing twice', objects: [namespace(true), map(current.name, 60)], bundle: current },
  {
    name: 'keeps the old one while replicas may not know the new one',
    objects: [namespace(true), map(old.name, 60), map(current.name, 9)],
    bundle: current,
  },
  {
    name: 'keeps the old one while the new one is not there',
    objects: [namespace(true), map(old.name, 60)],
    bundle: current,
    create: [current.name],
  },
  {
    name: 'keeps the old one while a pod has it',
    objects: [namespace(true), map(old.name, 60), map(current.name, 11), user(old.name)],
    bundle: current,
  },
  {
    name: 'removes the old one that no pod has',
    objects: [namespace(true), map(old.name, 60), map(current.name, 11), user(current.name)],
    bundle: current,
    remove: [old.name],
  },
  {
    name: 'keeps another one that came a moment ago: another version serves beside us',
    objects: [namespace(true), map(old.name, 9), map(current.name, 60)],
    bundle: current,
  },
  {
    name: 'removes all out of scope that no pod has',
    objects: [namespace(false), map(old.name, 60), map(current.name, 1), user(old.name)],
    bundle: current,
    remove: [current.name],
    own: [`${old.name}: p`],
  },
  {
    name: 'gives what pods have out of scope to all of them',
    objects: [
      namespace(false),
      map(old.name, 60),
      user(old.name, 'p'),
      user(old.name, 'q'),
      user(current.name, 'r'),
    ],
    own: [`${old.name}: p q`],
  },
  {
    name: 'gives it to those that came later, too',
    objects: [namespace(false), map(old.name, 60, ['p']), user(old.name, 'p'), user(old.name, 'q')],
    own: [`${old.name}: p q`],
  },
  {
    name: 'gives nothing twice, and leaves owners that are gone to the garbage collector',
    objects: [namespace(false), map(old.name, 60, ['p', 'gone']), user(old.name, 'p')],
  },
  {
    name: 'takes it back when the namespace is in scope again',
    objects: [namespace(true), map(current.name, 60, ['p']), user(current.name, 'p')],
    bundle: current,
    own: [`${current.name}: `],
  },
  {
    name: 'leaves other ConfigMaps of ours alone',
    objects: [namespace(true), map('other', 60), map(current.name, 60)],
    bundle: current,
  },
];

test('the ConfigMaps of the agent', (t) => {
  for (const { name, objects, bundle, create = [], remove = [], own = [] } of rows) {
    const changes = agentChanges(snapshotOf(objects), bundle, now);
    t.same(
      changes.create.map((object) => textAt(object, 'metadata', 'name')),
      create,
      name,
    );
    t.same(
      changes.remove.map((one) => one.name),
      remove,
      name,
    );
    t.same(
      changes.own.map((one) => `${one.map.name}: ${one.owners.map(({ uid }) => uid).join(' ')}`),
      own,
      name,
    );
  }
  t.end();
});

test('a name is made of the content', (t) => {
  t.not(old.name, current.name);
  t.equal(bundleAgent('old').name, old.name);
  t.match(old.name, /^branchline-agent-[0-9a-f]{12}$/);
  t.end();
});
