import type { JsonObject } from '../../src/model/json.ts';
import { annotated, deployment, namespace } from '../builders.ts';
import { branch, cluster, green, testRules, type Row } from './rules.ts';

const pathOf = (key: string): string => `metadata.annotations[branchline.dev/${key}]`;
const declaring = (declared: Readonly<Record<string, string>>): JsonObject =>
  deployment('one-x', { version: 'X', branch: 'X', more: annotated(declared) });
const templated: JsonObject = {
  spec: { template: { metadata: { annotations: { 'branchline.dev/branch': 'X' } } } },
};

/** Value → whether it is refused. */
const values: readonly {
  readonly key: string;
  readonly good: readonly string[];
  readonly bad: readonly string[];
  readonly code: string;
}[] = [
  { key: 'ttl', good: ['12h', '7d', '1w', '30m'], bad: ['tomorrow', '', '-1d', '0d'], code: 'BL117' },
  { key: 'keep-until', good: ['2026-12-24T18:00:00Z'], bad: ['soon', '', '24.12.2026'], code: 'BL117' },
  { key: 'keep', good: ['true', 'false'], bad: ['yes', '', 'True'], code: 'BL121' },
  { key: 'propagate', good: ['true', 'false'], bad: ['no', '1'], code: 'BL121' },
];

const rows: readonly Row[] = [
  { name: 'a good branch has nothing said about it', object: branch, want: [] },
  ...values.flatMap(({ key, good, bad, code }) => [
    ...good.map((value): Row => ({
      name: `${key} ${JSON.stringify(value)} is right`,
      object: declaring({ [key]: value }),
      want: [],
    })),
    ...bad.map((value): Row => ({
      name: `${key} ${JSON.stringify(value)} is wrong`,
      object: declaring({ [key]: value }),
      want: [[code, 'deny', pathOf(key)]],
    })),
  ]),
  {
    name: 'every container that is named and not in the pod is said',
    object: declaring({ containers: 'app, web, db' }),
    want: [
      ['BL122', 'warn', pathOf('containers')],
      ['BL122', 'warn', pathOf('containers')],
    ],
  },
  {
    name: 'a container may be an init container',
    object: deployment('one-x', {
      version: 'X',
      branch: 'X',
      more: {
        ...annotated({ containers: 'app,migrate' }),
        spec: { template: { spec: { initContainers: [{ name: 'migrate' }] } } },
      },
    }),
    want: [],
  },
  {
    name: 'a key that means nothing on a workload',
    object: declaring({ baselin: 'x' }),
    want: [['BL123', 'warn', pathOf('baselin')]],
  },
  {
    name: 'a key that means something on a Service only',
    object: declaring({ hostname: 'shop.io' }),
    want: [['BL123', 'warn', pathOf('hostname')]],
  },
  {
    name: 'the branch on the pod template alone',
    object: deployment('two', { more: templated }),
    want: [['BL124', 'warn', 'spec.template.metadata.annotations[branchline.dev/branch]']],
    cluster: [green],
  },
  {
    name: 'the branch on the pod template, too',
    object: deployment('one-x', { version: 'X', branch: 'X', more: templated }),
    want: [],
  },
  {
    name: 'a spelling that stands there already is only warned about',
    object: declaring({ ttl: 'tomorrow' }),
    old: declaring({ ttl: 'tomorrow' }),
    want: [['BL117', 'warn', pathOf('ttl')]],
  },
  {
    name: 'one that an update brings is refused',
    object: declaring({ ttl: 'tomorrow' }),
    old: branch,
    want: [['BL117', 'deny', pathOf('ttl')]],
  },
  {
    name: 'a rule whose severity is off says nothing',
    object: declaring({ ttl: 'tomorrow' }),
    settings: { severities: 'BL117=off' },
    want: [],
  },
  {
    name: 'out of scope nothing is said of spelling',
    object: declaring({ ttl: 'tomorrow' }),
    cluster: [
      namespace({ metadata: { labels: { 'branchline.dev/enabled': 'false' } } }),
      ...cluster.slice(1),
    ],
    want: [['BL126', 'warn', 'metadata.namespace']],
  },
];

testRules(rows);
