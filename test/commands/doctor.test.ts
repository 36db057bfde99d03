import { stringify } from 'yaml';
import { join } from 'node:path';
import { test } from 'tap';
import { run } from './run.ts';

const tenant = join(import.meta.dirname, '../../examples/tenant');
const pod = stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'fact-find-ui-1',
    namespace: 'ww-green',
    labels: { app: 'fact-find-ui', version: 'master' },
  },
  spec: {
    containers: [
      { name: 'app', image: 'x' },
      { name: 'istio-proxy', image: 'y' },
    ],
  },
});

test('doctor looks at manifests without pods as admission would look at their pods', async (t) => {
  const { code, out, err } = await run(['doctor', '-f', tenant]);
  t.equal(code, 0);
  t.equal(err, '');
  t.equal(
    out,
    "3 workloads without pods were looked at as admission would look at their pods\n\nnothing stands in a branch's way\n",
  );
});

test('doctor prints pods, what it found and what to do, and exits with 1', async (t) => {
  const { code, out } = await run(['doctor', '-f', tenant, '-f', '-'], pod);
  t.equal(code, 1);
  t.match(out, 'NAMESPACE  POD             VERSION  AGENT\nww-green   fact-find-ui-1  master   none\n');
  t.match(
    out,
    'problem: Pod ww-green/fact-find-ui-1: container app was started before the header agent was there, or while branchline was away\n    kubectl -n ww-green delete pod fact-find-ui-1, and make it anew\n',
  );
  t.match(out, "2 things stand in a branch's way\n");
});

test('doctor -o json is one object', async (t) => {
  const { code, out } = await run(
    ['doctor', '-f', tenant, '-f', '-', '--branch', 'OPS-1234', '-o', 'json'],
    pod,
  );
  t.equal(code, 1);
  const told = JSON.parse(out) as {
    checks: readonly { name: string }[];
    pods: readonly object[];
    findings: readonly object[];
  };
  t.same(told.pods, [
    {
      namespace: 'ww-green',
      name: 'fact-find-ui-1',
      owner: 'Pod/fact-find-ui-1',
      version: 'master',
      services: ['fact-find-ui'],
      wantsAgent: true,
      carrying: [],
      source: '',
      without: {},
    },
  ]);
  t.same(
    told.checks.map(({ name }) => name),
    ['delivery', 'agent', 'sidecar', 'node-options', 'node-version', 'unseen'],
  );
  t.match(told.findings, [
    { check: 'delivery' },
    { check: 'agent', severity: 'problem', pods: ['fact-find-ui-1'] },
  ]);
});

const wrong: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly err: RegExp;
}[] = [
  {
    name: 'a branch that is nowhere',
    args: ['-f', tenant, '--branch', 'OPS-9'],
    code: 2,
    err: /no enabled namespace has a branch OPS-9/,
  },
  {
    name: 'a namespace that is not there',
    args: ['-f', tenant, '-n', 'nowhere'],
    code: 2,
    err: /namespace nowhere is not there or not enabled/,
  },
  { name: 'a file that is not there', args: ['-f', '/no/such/file'], code: 2, err: /no such file/ },
  {
    name: 'a cluster that cannot be reached',
    args: ['--kubeconfig', '/no/such/kubeconfig'],
    code: 3,
    err: /kubeconfig cannot be read/,
  },
];
for (const { name, args, code, err } of wrong) {
  test(`doctor says what is wrong with ${name}`, async (t) => {
    const ran = await run(['doctor', ...args]);
    t.equal(ran.code, code);
    t.equal(ran.out, '');
    t.match(ran.err, err);
  });
}
