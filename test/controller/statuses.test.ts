import { test } from 'tap';
import { workloadStatuses } from '../../src/controller/statuses.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { keyOf } from '../../src/routing/desired.ts';
import { createPlanner } from '../../src/routing/planner.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
const version = (id: string, annotations: Readonly<Record<string, string>> = {}): readonly JsonObject[] => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'green', name: `one-${id.toLowerCase()}`, annotations },
    spec: { template: { metadata: { labels: { app: 'one', version: id } } } },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'green', name: `one-${id.toLowerCase()}-1`, labels: { app: 'one', version: id } },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  },
];
const route: JsonObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: {
    namespace: 'green',
    name: 'one-mesh',
    labels: { 'app.kubernetes.io/managed-by': 'branchline' },
  },
  spec: { hosts: ['one.green.svc.cluster.local'], http: [] },
};

/** The statuses of two ready branches while the route object of their service is not as it should be. */
function statuses(
  first: Readonly<Record<string, string>>,
  ...more: readonly JsonObject[]
): readonly string[] {
  const snapshot = snapshotOf([
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'green', labels: { 'branchline.dev/enabled': 'true' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'green', name: 'one' },
      spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
    },
    ...version('master'),
    ...version('A', { 'branchline.dev/branch': 'A', ...first }),
    ...version('B', { 'branchline.dev/branch': 'B' }),
    ...more,
  ]);
  const planner = createPlanner({
    snapshot,
    settings,
    existing: existingOf(snapshot),
    backoffMilliseconds: [1, 1],
    now: 0,
  });
  for (let now = 0; now <= 10_000; now += 500) {
    for (let phases = planner.plan(now).phases; phases.length > 0; phases = planner.plan(now).phases) {
      for (const { kind, namespace, name, after } of phases.flatMap(({ changes }) => changes))
        planner.observe(keyOf({ kind, metadata: { namespace, name, labels: {} } }), after, now);
    }
  }
  return workloadStatuses(
    { snapshot, settings, desired: planner.desired(), ledger: planner.ledger, isDone: () => false },
    10_000,
  ).map(({ branch, state }) => `${branch} ${state}`);
}

test("a branch that is routed stays so while its service's routes are written anew for another one", (t) => {
  const routed = { 'branchline.dev/status': 'routed' };
  t.same(statuses(routed, route), ['A routed', 'B waiting']);
  t.same(statuses({}, route), ['A waiting', 'B waiting'], 'not before it was');
  t.same(statuses(routed), ['A waiting', 'B waiting'], 'nor where there is no such route any more');
  t.end();
});
