import { test } from 'tap';
import { emptyOptionsChanges } from '../../src/controller/empty-options.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';

const namespace = (name: string, enabled: boolean, more: object = {}) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'branchline.dev/enabled': String(enabled) }, ...more } });
const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: name, name: 'branchline-node-options', labels: { 'app.kubernetes.io/managed-by': 'branchline' } }, immutable: true, data: { NODE_OPTIONS: '' } });
const pod = (name: string, agent?: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: name, name: 'shop-1', annotations: agent === undefined ? {} : { 'branchline.dev/agent': agent } } });

test('makes it where it is missing, immutable and empty', (t) => {
  const { create, remove } = emptyOptionsChanges(snapshotOf([namespace('ww-green', true), namespace('ww-blue', true), map('ww-blue'), namespace('elsewhere', false), namespace('gone', true, { deletionTimestamp: '2026-01-01T00:00:00Z' })]));
  t.same(create, [{ ...map('ww-green'), metadata: { namespace: 'ww-green', name: 'branchline-node-options', labels: { 'app.kubernetes.io/managed-by': 'branchline' } } }]);
  t.same(remove, []);
  t.end();
});

test('takes it away out of scope, once no pod is left whose containers may start again and read it', (t) => {
  const out = [namespace('elsewhere', false), map('elsewhere')];
  t.same(emptyOptionsChanges(snapshotOf([...out, pod('elsewhere', '{"containers":["app"]}')])), { create: [], remove: [] });
  t.same(emptyOptionsChanges(snapshotOf([...out, pod('elsewhere')])), { create: [], remove: [{ namespace: 'elsewhere', name: 'branchline-node-options' }] });
  t.end();
});
