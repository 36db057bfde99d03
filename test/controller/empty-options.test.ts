import { test } from 'tap';
import { emptyOptionsChanges } from '../../src/controller/empty-options.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';

const namespace = (name: string, enabled: boolean, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'branchline.dev/enabled': String(enabled) }, ...more },
});
const map = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    namespace: name,
    name: 'branchline-node-options',
    labels: { 'app.kubernetes.io/managed-by': 'branchline' },
  },
  immutable: true,
  data: { NODE_OPTIONS: '' },
});
const pod = (name: string, agent?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: name,
    name: 'shop-1',
    uid: 'uid-1',
    annotations: agent === undefined ? {} : { 'branchline.dev/agent': agent },
  },
});

test('makes it where it is missing, immutable and empty', (t) => {
  const { create, remove } = emptyOptionsChanges(
    snapshotOf([
      namespace('ww-green', true),
      namespace('ww-blue', true),
      map('ww-blue'),
      namespace('elsewhere', false),
      namespace('gone', true, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ]),
    true,
  );
  t.same(create, [
    {
      ...map('ww-green'),
      metadata: {
        namespace: 'ww-green',
        name: 'branchline-node-options',
        labels: { 'app.kubernetes.io/managed-by': 'branchline' },
      },
    },
  ]);
  t.same(remove, []);
  t.end();
});

test('takes it away out of scope and where nothing is delivered; pods whose containers may start again and then read it become its owners', (t) => {
  const gone = [{ namespace: 'elsewhere', name: 'branchline-node-options' }];
  const user = pod('elsewhere', '{"containers":["app"]}');
  for (const [isEnabled, isDelivered] of [
    [false, true],
    [false, false],
    [true, false],
  ] as const) {
    const out = [namespace('elsewhere', isEnabled), map('elsewhere')];
    t.same(emptyOptionsChanges(snapshotOf([...out, pod('elsewhere')]), isDelivered), {
      create: [],
      remove: gone,
      own: [],
    });
    const { create, remove, own } = emptyOptionsChanges(snapshotOf([...out, user]), isDelivered);
    t.same(
      { create, remove, own: own.map(({ owners }) => owners.map(({ uid }) => uid)) },
      { create: [], remove: [], own: [['uid-1']] },
    );
  }
  const inScope = emptyOptionsChanges(
    snapshotOf([namespace('elsewhere', true), map('elsewhere'), user]),
    true,
  );
  t.same(inScope, { create: [], remove: [], own: [] });
  t.end();
});
