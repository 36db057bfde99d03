import type { JsonObject } from '../../src/model/json.ts';
import { annotated, deployment, endpointSlice, pod, service } from '../builders.ts';
import { branch, cluster, green, testRules, type Row } from './rules.ts';

const branchPath = 'metadata.annotations[branchline.dev/branch]';
const versionPath = 'spec.template.metadata.labels[version]';
const baseline = deployment('one', { version: 'master' });
const unready: JsonObject = { status: { conditions: [{ type: 'Ready', status: 'False' }] } };

/** A new branch beside what serves everybody. */
const beside: readonly (Omit<Row, 'object' | 'cluster'> & { readonly others: readonly JsonObject[] })[] = [
  { name: 'no baseline', others: [service()], want: [['BL112', 'warn', branchPath]] },
  {
    name: 'no baseline, and another branch',
    others: [service(), deployment('one-y', { version: 'Y', branch: 'Y' })],
    want: [['BL112', 'warn', branchPath]],
  },
  {
    name: 'no workload, and a ready pod of something else',
    others: [service(), pod('p', 'master')],
    want: [],
  },
  {
    name: 'a Service without a selector has its endpoints from elsewhere',
    others: [service('one', { spec: { selector: null } })],
    want: [['BL108', 'warn', 'spec.template.metadata.labels']],
  },
  { name: 'a baseline with its version', others: [service(), baseline, pod('p', 'master')], want: [] },
  {
    name: 'a ready pod of the baseline without a version',
    others: [service(), baseline, pod('p')],
    want: [['BL113', 'deny', '']],
  },
  {
    name: 'a ready pod of the baseline with another version',
    others: [service(), baseline, pod('p', 'v2')],
    want: [['BL113', 'deny', '']],
  },
  {
    name: 'a pod without a version that is not ready',
    others: [service(), baseline, pod('p', undefined, unready), pod('q', 'master')],
    want: [],
  },
  {
    name: 'a ready pod without a version that is no endpoint',
    others: [service(), baseline, pod('p'), pod('q', 'master'), endpointSlice({ p: false, q: true })],
    want: [],
  },
  {
    name: 'a ready pod without a version that is an endpoint',
    others: [service(), baseline, pod('p'), pod('q', 'master'), endpointSlice({ p: true, q: true })],
    want: [['BL113', 'deny', '']],
  },
  {
    name: 'a baseline of the name that the Service gives it',
    others: [
      service('one', annotated({ baseline: 'main' })),
      deployment('one', { version: 'main' }),
      pod('p', 'main'),
    ],
    want: [],
  },
  {
    name: 'a long-lived version beside the baseline',
    others: [
      service('one', annotated({ versions: 'v2', ingress: 'false' })),
      baseline,
      deployment('one-v2', { version: 'v2' }),
      pod('p', 'master'),
      pod('q', 'v2'),
    ],
    want: [],
  },
  {
    name: "another branch's pod",
    others: [
      service(),
      baseline,
      deployment('one-y', { version: 'Y', branch: 'Y' }),
      pod('p', 'master'),
      pod('q', 'Y'),
    ],
    want: [],
  },
  {
    name: 'no pods are known, and the template has no version',
    others: [service(), deployment('one')],
    want: [['BL113', 'deny', '']],
  },
  {
    name: 'no pods are known, and the workload without a version has none',
    others: [service(), baseline, deployment('old', { more: { spec: { replicas: 0 } } })],
    want: [],
  },
];

/** A workload that is no branch, behind a Service with one. */
const everybodys: readonly Row[] = [
  { name: 'the baseline itself', object: baseline, cluster: [...cluster, branch], want: [] },
  {
    name: 'a new workload without a version beside a branch',
    object: deployment('two'),
    cluster: [...cluster, branch],
    want: [['BL128', 'deny', versionPath]],
  },
  {
    name: 'a new workload of another version beside a branch',
    object: deployment('two', { version: 'v2' }),
    cluster: [...cluster, branch],
    want: [['BL128', 'deny', versionPath]],
  },
  { name: 'without a branch', object: deployment('two', { version: 'v2' }), want: [] },
  {
    name: 'one of a long-lived version',
    object: deployment('two', { version: 'v2' }),
    cluster: [green, service('one', annotated({ versions: 'v2' })), ...cluster.slice(2), branch],
    want: [],
  },
  {
    name: 'one that no Service with a branch selects',
    object: deployment('two', { more: { spec: { template: { metadata: { labels: { app: 'two' } } } } } }),
    cluster: [...cluster, branch],
    want: [],
  },
  {
    name: 'the baseline takes another version',
    object: deployment('one', { version: 'v2' }),
    old: baseline,
    cluster: [...cluster, branch],
    want: [['BL128', 'deny', versionPath]],
  },
  {
    name: 'an update of one that was so before',
    object: deployment('two', { version: 'v2' }),
    old: deployment('two', { version: 'v2' }),
    cluster: [...cluster, branch],
    want: [],
  },
  {
    name: 'one beside others that are so already',
    object: deployment('two', { version: 'v2' }),
    cluster: [...cluster, branch, deployment('three', { version: 'v3' })],
    want: [],
  },
];

testRules([
  ...beside.map(({ others, ...row }): Row => ({ ...row, object: branch, cluster: [green, ...others] })),
  ...everybodys,
]);
