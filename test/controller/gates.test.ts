import { test } from 'tap';
import { gatesOf } from '../../src/controller/gates.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { keyOf } from '../../src/routing/istio.ts';
import { createPlanner } from '../../src/routing/planner.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith({ settleMilliseconds: '1000' });
const namespace = (enabled = 'true'): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'green',
    labels: { 'branchline.dev/enabled': enabled },
    annotations: { 'branchline.dev/domain': 'green.example.io' },
  },
});
const service = (name = 'one', annotations = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'green', name, annotations },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
});
const deployment = (name: string, version: string, branch?: string): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    namespace: 'green',
    name,
    annotations: branch === undefined ? {} : { 'branchline.dev/branch': branch },
  },
  spec: { template: { metadata: { labels: { app: 'one', version } } } },
});
const pod = (
  name: string,
  version: string,
  { gate, app = 'one' }: { readonly gate?: 'True' | 'False'; readonly app?: string } = {},
): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'green',
    name: `${name}-6c9f8d-abcde`,
    labels: { app, version, 'pod-template-hash': '6c9f8d' },
  },
  spec: gate === undefined ? {} : { readinessGates: [{ conditionType: 'branchline.dev/routed' }] },
  status: {
    conditions: [
      { type: 'Ready', status: gate === 'False' ? 'False' : 'True' },
      ...(gate === undefined ? [] : [{ type: 'branchline.dev/routed', status: gate }]),
    ],
  },
});

/** Decides gates after the planner's writes up to a time were made, each as soon as it was due. */
function decide(objects: readonly JsonObject[], until: number): readonly string[] {
  const snapshot = snapshotOf(objects);
  const planner = createPlanner({
    snapshot,
    settings,
    existing: existingOf(snapshot),
    backoffMilliseconds: [1, 1],
    now: 0,
  });
  for (let now = 0; now <= until; now += 500) {
    for (let phases = planner.plan(now).phases; phases.length > 0; phases = planner.plan(now).phases) {
      for (const { kind, namespace: inside, name, after } of phases.flatMap(({ changes }) => changes))
        planner.observe(keyOf({ kind, metadata: { namespace: inside, name, labels: {} } }), after, now);
    }
  }
  const { changes } = gatesOf(
    { snapshot, settings, desired: planner.desired(), ledger: planner.ledger },
    until,
  );
  return changes.map(
    ({ pod: { name }, open, reason }) =>
      `${name.split('-6c9')[0] ?? ''} ${open ? 'opens' : 'closes'}: ${reason === '' ? 'DefaultRouteIsOut' : reason}`,
  );
}

const baseline = [namespace(), service(), deployment('one', 'master'), pod('one', 'master')];
const branch = deployment('one-x', 'X', 'X');
const foreign = (subset?: string): JsonObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { namespace: 'green', name: 'theirs' },
  spec: {
    hosts: ['one'],
    http: [{ route: [{ destination: { host: 'one', ...(subset === undefined ? {} : { subset }) } }] }],
  },
});

const rows: readonly {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly until: number;
  readonly want: readonly string[];
  readonly why?: string;
}[] = [
  {
    name: 'stays closed while the default route is not out',
    objects: [...baseline, branch, pod('one-x', 'X', { gate: 'False' })],
    until: 500,
    want: [],
  },
  {
    name: 'stays closed while the proxies may not know the default route',
    objects: [...baseline, branch, pod('one-x', 'X', { gate: 'False' })],
    until: 1500,
    want: [],
  },
  {
    name: 'opens when the default route had time to settle',
    objects: [...baseline, branch, pod('one-x', 'X', { gate: 'False' })],
    until: 2000,
    want: ['one-x opens: DefaultRouteIsOut'],
  },
  {
    name: 'is not written again when it is open',
    objects: [...baseline, branch, pod('one-x', 'X', { gate: 'True' })],
    until: 2000,
    want: [],
  },
  {
    name: 'stays open for a new leader that does not know the age of routes',
    objects: [...baseline, branch, pod('one-x', 'X', { gate: 'True' })],
    until: 0,
    want: [],
  },
  {
    name: 'closes where ready pods look like no baseline',
    objects: [...baseline, pod('old', 'none'), branch, pod('one-x', 'X', { gate: 'True' })],
    until: 2000,
    want: ['one-x closes: Blocked'],
  },
  {
    name: 'closes for a branch pod with the label of the baseline',
    objects: [...baseline, branch, pod('one-x', 'master', { gate: 'True' })],
    until: 2000,
    want: ['one-x closes: LooksLikeTheBaseline'],
  },
  {
    name: 'closes out of scope',
    objects: [namespace('false'), ...baseline.slice(1), branch, pod('one-x', 'X', { gate: 'True' })],
    until: 2000,
    want: ['one-x closes: OutOfScope'],
  },
  {
    name: 'stays closed while a foreign route sends everybody to all pods',
    objects: [...baseline, foreign(), branch, pod('one-x', 'X', { gate: 'False' })],
    until: 5000,
    want: [],
  },
  {
    name: 'opens where a foreign route names subsets only',
    objects: [...baseline, foreign('theirs'), branch, pod('one-x', 'X', { gate: 'False' })],
    until: 0,
    want: ['one-x opens: DefaultRouteIsOut'],
  },
  {
    name: 'opens where no Service selects the pod',
    objects: [...baseline, branch, pod('one-x', 'X', { gate: 'False', app: 'other' })],
    until: 0,
    want: ['one-x opens: DefaultRouteIsOut'],
  },
  {
    name: 'opens when the workload turns out to be no branch',
    objects: [...baseline, deployment('one-v2', 'v2'), pod('one-v2', 'v2', { gate: 'False' })].filter(
      (object) => object !== branch,
    ),
    until: 0,
    want: ['one-v2 opens: DefaultRouteIsOut'],
  },
  {
    name: 'stays closed while the workload is not known',
    objects: [...baseline, pod('one-y', 'Y', { gate: 'False' })],
    until: 5000,
    want: [],
  },
  {
    name: 'waits for the routes from outside, too',
    objects: [
      ...baseline.filter((object) => object['kind'] !== 'Service'),
      service('one', { 'branchline.dev/context': '/one' }),
      branch,
      pod('one-x', 'X', { gate: 'False' }),
    ],
    until: 2000,
    want: ['one-x opens: DefaultRouteIsOut'],
  },
];

test('the gate of a branch pod', (t) => {
  for (const { name, objects, until, want } of rows) t.same(decide(objects, until), want, name);
  t.end();
});
