import type { JsonObject } from '../../src/model/json.ts';
import { annotated, deployment, managed, namespace, rollout, service, virtualService } from '../builders.ts';
import { branch, cluster, green, testRules, type Row } from './rules.ts';

const branchPath = 'metadata.annotations[branchline.dev/branch]';
const versionPath = 'spec.template.metadata.labels[version]';
const named = (name: string, version = 'X'): JsonObject => deployment('one-x', { version, branch: name });
const baseline = deployment('one', { version: 'master' });

/** Pods of a version are a branch, here. */
const byLabel = [
  namespace({
    metadata: {
      labels: { 'istio-injection': 'enabled' },
      annotations: { 'branchline.dev/branches': 'by-label' },
    },
  }),
  ...cluster.slice(1),
];
const labelled = deployment('one-x', { version: 'X' });
const publicOne = [
  namespace({
    metadata: {
      labels: { 'istio-injection': 'enabled' },
      annotations: { 'branchline.dev/domain': 'green.io' },
    },
  }),
  service('one', annotated({ context: '/one' })),
  ...cluster.slice(2),
];
const taking = (host: string, more: JsonObject = {}): JsonObject =>
  virtualService('theirs', { hosts: [host], gateways: ['gw'], http: [] }, more);

const names: readonly Row[] = [
  { name: 'a name without a letter or digit', object: named('///'), want: [['BL101', 'deny', branchPath]] },
  { name: 'a name with a digit', object: named('/1/', '1'), want: [] },
  {
    name: 'the name of the baseline, in any case',
    object: named('Master', 'Master'),
    want: [['BL102', 'deny', branchPath]],
  },
  {
    name: 'the name of a long-lived version',
    object: named('v1', 'v1'),
    cluster: [green, service('one', annotated({ versions: 'v1' })), ...cluster.slice(2)],
    want: [['BL102', 'deny', branchPath]],
  },
  {
    name: 'the name that the baseline has elsewhere',
    object: named('master', 'master'),
    cluster: [green, service('one', annotated({ baseline: 'main' })), deployment('one', { version: 'main' })],
    want: [],
  },
];

const existing: readonly Row[] = [
  {
    name: 'an update makes the baseline a branch',
    object: deployment('one', { version: 'X', branch: 'X' }),
    old: baseline,
    want: [['BL103', 'deny', branchPath]],
  },
  {
    name: 'an update makes a workload a branch by its label',
    object: deployment('two', { version: 'X' }),
    old: deployment('two', { version: 'master' }),
    cluster: byLabel,
    want: [['BL103', 'deny', versionPath]],
  },
  {
    name: 'an update leaves a branch by label what it is',
    object: labelled,
    old: labelled,
    cluster: byLabel,
    want: [],
  },
  { name: 'an update of a branch', object: branch, old: branch, want: [] },
  {
    name: 'an update spells the git ref differently',
    object: named('refs/heads/X'),
    old: branch,
    want: [],
  },
  {
    name: 'an update renames a branch',
    object: named('Y', 'Y'),
    old: branch,
    want: [['BL104', 'deny', branchPath]],
  },
  { name: 'an update drops the name', object: labelled, old: branch, want: [['BL104', 'deny', branchPath]] },
  {
    name: 'a branch by label becomes the baseline',
    object: deployment('one-x', { version: 'master' }),
    old: labelled,
    cluster: byLabel,
    want: [['BL104', 'deny', versionPath]],
  },
  {
    name: 'a branch by label declares another name',
    object: named('Y', 'Y'),
    old: labelled,
    cluster: byLabel,
    want: [['BL104', 'deny', branchPath]],
  },
  {
    name: 'a branch by label declares its own name',
    object: branch,
    old: labelled,
    cluster: byLabel,
    want: [],
  },
  {
    name: 'a branch by label becomes another one by label',
    object: deployment('one-x', { version: 'Y' }),
    old: labelled,
    cluster: byLabel,
    want: [],
  },
  {
    name: 'a Rollout that borrows its pod template',
    object: rollout('one-x', {
      branch: 'X',
      more: { spec: { template: null, workloadRef: { name: 'one' } } },
    }),
    want: [['BL129', 'deny', 'spec.template']],
  },
  {
    name: 'a Rollout with a template of its own',
    object: rollout('one-x', { version: 'X', branch: 'X' }),
    want: [],
  },
];

const collisions: readonly Row[] = [
  {
    name: 'a second workload of the same branch',
    object: deployment('one-again', { version: 'X', branch: 'X' }),
    cluster: [...cluster, branch],
    want: [['BL105', 'deny', branchPath]],
  },
  {
    name: 'the same branch of another Service',
    object: deployment('two-x', {
      version: 'X',
      branch: 'X',
      more: { spec: { template: { metadata: { labels: { app: 'two' } } } } },
    }),
    cluster: [
      ...cluster,
      branch,
      service('two'),
      deployment('two', {
        version: 'master',
        more: { spec: { template: { metadata: { labels: { app: 'two' } } } } },
      }),
    ],
    want: [],
  },
  {
    name: 'another spelling that makes the same host',
    object: deployment('one-y', { version: 'x', branch: 'x' }),
    cluster: [...cluster, branch],
    want: [['BL106', 'deny', branchPath]],
  },
  {
    name: 'another name with another host',
    object: deployment('one-y', { version: 'Y', branch: 'Y' }),
    cluster: [...cluster, branch],
    want: [],
  },
  ...(['green.io', 'blue.io'] as const).map((domain): Row => ({
    name: `the same host by another spelling in a namespace with ${domain === 'green.io' ? 'the same' : 'another'} domain`,
    object: branch,
    cluster: [
      ...publicOne,
      namespace({ metadata: { name: 'blue', annotations: { 'branchline.dev/domain': domain } } }),
      deployment('one-x', { version: 'x', branch: 'x', more: { metadata: { namespace: 'blue' } } }),
    ],
    want: domain === 'green.io' ? [['BL106', 'deny', branchPath]] : [],
  })),
  {
    name: 'the public host of another Service',
    object: branch,
    cluster: [...publicOne, service('two', annotated({ hostname: 'x.green.io' }))],
    want: [['BL107', 'deny', branchPath]],
  },
  {
    name: "the host of somebody else's route",
    object: branch,
    cluster: [...publicOne, taking('X.green.io')],
    want: [['BL107', 'deny', branchPath]],
  },
  {
    name: "the host of branchline's own route",
    object: branch,
    cluster: [...publicOne, taking('x.green.io', managed)],
    want: [],
  },
  { name: 'another host', object: branch, cluster: [...publicOne, taking('y.green.io')], want: [] },
];

testRules([...names, ...existing, ...collisions]);
