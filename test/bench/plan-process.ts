/** Plans a generated cluster in a process of its own and prints what it took as JSON: `node test/bench/plan-process.ts <branches>`. */
import { loadSettings } from '../../src/config/load.ts';
import { snapshotOf, type Snapshot } from '../../src/model/snapshot.ts';
import { keyOf } from '../../src/routing/desired.ts';
import { createPlanner, type Planner } from '../../src/routing/planner.ts';

const tenants = 5;
const servicesPerTenant = 100;
const replans = 200;

const loaded = loadSettings({ flags: {}, environment: {} });
if ('problems' in loaded) throw new Error('no settings');
const { settings } = loaded;

function* objectsOf(branches: number): Generator<object> {
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    const namespace = `tenant-${tenant}`;
    yield {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'branchline.dev/enabled': 'true' },
        annotations: { 'branchline.dev/domain': `${namespace}.example.io`, 'branchline.dev/ingress': 'all' },
      },
    };
    for (let service = 0; service < servicesPerTenant; service += 1)
      yield* serviceObjects(
        namespace,
        `service-${service}`,
        branches / tenants / servicesPerTenant,
        tenant * servicesPerTenant + service,
      );
  }
}

function* serviceObjects(namespace: string, app: string, branches: number, index: number): Generator<object> {
  yield {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace },
    spec: { selector: { app }, ports: [{ name: 'http', port: 80 }] },
  };
  const versions = [
    'master',
    ...Array.from({ length: branches }, (_, branch) => `OPS-${index * branches + branch}`),
  ];
  for (const version of versions) {
    const name = version === 'master' ? app : `${app}-${version.toLowerCase()}`;
    const labels = { app, version };
    yield {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name,
        namespace,
        annotations: version === 'master' ? {} : { 'branchline.dev/branch': version },
      },
      spec: { replicas: 1, template: { metadata: { labels } } },
    };
    yield {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-0`, namespace, labels },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    };
  }
  yield slice(namespace, app, versions, undefined);
}

function slice(
  namespace: string,
  app: string,
  versions: readonly string[],
  unready: string | undefined,
): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${app}-x`, namespace, labels: { 'kubernetes.io/service-name': app } },
    endpoints: versions.map((version) => ({
      conditions: { ready: version !== unready },
      targetRef: { kind: 'Pod', name: `${version === 'master' ? app : `${app}-${version.toLowerCase()}`}-0` },
    })),
  };
}

function timed<T>(run: () => T): { readonly value: T; readonly milliseconds: number } {
  const start = performance.now();
  return { value: run(), milliseconds: performance.now() - start };
}

/** What one plan asks to be written is written, at once. */
function write(planner: Planner, { phases }: ReturnType<Planner['plan']>, now: number): number {
  const changes = phases.flatMap((phase) => phase.changes);
  for (const { kind, namespace, name, after } of changes)
    planner.observe(keyOf({ kind, metadata: { namespace, name, labels: {} } }), after, now);
  return changes.length;
}

/** Plans and writes until nothing is left to do. @returns the time then */
function rest(planner: Planner, from: number): number {
  let now = from;
  for (;;) {
    const due = planner.plan(now);
    if (write(planner, due, now) > 0) continue;
    if (due.nextAt === undefined) return now;
    now = due.nextAt;
  }
}

/** One branch of one service loses its endpoint, and gets it back, long after the proxies know the last change. */
function replanOne(
  snapshot: Snapshot,
  planner: Planner,
  branches: number,
): { readonly medianMilliseconds: number; readonly worstMilliseconds: number; readonly objects: number } {
  const perService = branches / tenants / servicesPerTenant;
  const versions = [
    'master',
    ...Array.from({ length: perService }, (_, branch) => `OPS-${7 * perService + branch}`),
  ];
  const inside = snapshot.endpointSlices.get('tenant-0') as Map<string, unknown>;
  const times: number[] = [];
  let objects = 0;
  let now = 0;
  for (let turn = 0; turn < replans; turn += 1) {
    now = rest(planner, now) + 1_000_000;
    const changed = snapshotOf([
      slice('tenant-0', 'service-7', versions, turn % 2 === 0 ? versions[1] : undefined),
    ])
      .endpointSlices.get('tenant-0')
      ?.get('service-7-x');
    inside.set('service-7-x', changed);
    planner.touch({ namespace: 'tenant-0', service: 'service-7' });
    const at = now;
    const { value, milliseconds } = timed(() => planner.plan(at));
    times.push(milliseconds);
    objects = Math.max(objects, write(planner, value, at));
  }
  times.sort((a, b) => a - b);
  return { medianMilliseconds: times[replans / 2] ?? 0, worstMilliseconds: times.at(-1) ?? 0, objects };
}

const branches = Number(process.argv[2] ?? 10_000);
const snapshot = snapshotOf(objectsOf(branches));
const before = process.memoryUsage().rss;
const first = timed(() => {
  const planner = createPlanner({
    snapshot,
    settings,
    existing: new Map(),
    backoffMilliseconds: [1, 1],
    now: 0,
  });
  return { planner, due: planner.plan(0) };
});
const { planner, due } = first.value;
const changes = write(planner, due, 0);
const megabytes = process.memoryUsage().rss / 1e6;
const one = replanOne(snapshot, planner, branches);
console.log(
  JSON.stringify({
    branches,
    objects: planner.ledger.objects.size,
    changes,
    planMilliseconds: first.milliseconds,
    megabytes,
    megabytesBefore: before / 1e6,
    replanMilliseconds: one.medianMilliseconds,
    replanWorstMilliseconds: one.worstMilliseconds,
    replanObjects: one.objects,
  }),
);
