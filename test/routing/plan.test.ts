import { test } from 'tap';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { desiredOf, keyOf } from '../../src/routing/desired.ts';
import { planOf } from '../../src/routing/plan.ts';
import { createPlanner } from '../../src/routing/planner.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
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
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta('one'),
  spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
};
const deployment = (name: string, version: string): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta(name, version === 'master' ? {} : { 'branchline.dev/branch': version }),
  spec: { replicas: 1, template: { metadata: { labels: { app: 'one', version } } } },
});
const baseline = [namespace, service, deployment('one', 'master')];

/** What the controller wrote for these objects, its rules changed. */
function written(objects: readonly JsonObject[], change: (subset: JsonObject) => JsonObject): JsonObject[] {
  return [...desiredOf(snapshotOf(objects), settings).objects.values()].map((object) =>
    object.kind !== 'DestinationRule'
      ? (object as unknown as JsonObject)
      : {
          ...object,
          spec: { ...object.spec, subsets: (object.spec['subsets'] as JsonObject[]).map(change) },
        },
  );
}

function linesOf(objects: readonly JsonObject[]): readonly string[] {
  const snapshot = snapshotOf(objects);
  return planOf(snapshot, settings, existingOf(snapshot)).phases.map(
    ({ name, afterMilliseconds, changes }) =>
      `${afterMilliseconds} ${name}: ${changes.map((change) => `${change.action} ${change.name}`).join(', ')}`,
  );
}

const withBranch = [...baseline, deployment('one-x', 'X')];

const rows: readonly {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly want: readonly string[];
}[] = [
  {
    name: 'routes come after the subsets that they name, and the settle time',
    objects: withBranch,
    want: ['0 subsets added: create one', '5000 routes written: create one-mesh'],
  },
  {
    name: 'a subset that comes to mean other pods has no route meanwhile',
    objects: [
      ...withBranch,
      ...written(withBranch, (subset) =>
        subset['name'] === 'x' ? { ...subset, labels: { version: 'x' } } : subset,
      ),
    ],
    want: [
      '0 routes written: configure one-mesh',
      '5000 subsets removed: configure one',
      '10000 routes written: configure one-mesh',
    ],
  },
  {
    name: 'the last route goes before its subsets, and the settle time',
    objects: [...baseline, ...written(withBranch, (subset) => subset)],
    want: ['0 routes removed: delete one-mesh', '5000 subsets removed: delete one'],
  },
  {
    name: 'what is as it should be is not written',
    objects: [...withBranch, ...written(withBranch, (subset) => subset)],
    want: [],
  },
];

for (const { name, objects, want } of rows) {
  test(name, (t) => {
    t.same(linesOf(objects), want);
    t.end();
  });
}

test('a service with more branches than fit in its objects comes to rest', (t) => {
  const branches = Array.from({ length: 60 }, (_, index) => `branch-with-a-long-name-${index}`);
  const snapshot = snapshotOf([...baseline, ...branches.map((name) => deployment(`one-${name}`, name))]);
  const planner = createPlanner({
    snapshot,
    settings: settingsWith({ objectSizeLimitBytes: '10000' }),
    existing: new Map(),
    backoffMilliseconds: [1, 1],
    now: 0,
  });
  let now: number | undefined = 0;
  for (let steps = 0; steps < 20 && now !== undefined; steps += 1) {
    const due = planner.plan(now);
    for (const change of due.phases.flatMap(({ changes }) => changes))
      planner.observe(
        keyOf({ ...change, metadata: { namespace: change.namespace, name: change.name, labels: {} } }),
        change.after,
        now,
      );
    if (due.phases.length === 0) now = due.nextAt;
  }
  t.equal(now, undefined, 'nothing is left to do');
  t.ok(planner.ledger.objects.has('green/VirtualService/one-mesh'));
  t.end();
});
