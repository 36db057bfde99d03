/** Plans a generated cluster in a process of its own and prints what it took as JSON: `node test/bench/plan-process.ts <branches>`. */
import { loadSettings } from '../../src/config/load.ts';
import { snapshotOf, type Snapshot } from '../../src/model/snapshot.ts';
import { existingOf, planChanges } from '../../src/routing/changes.ts';
import { desiredOf, redecide, type Desired } from '../../src/routing/desired.ts';

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

/** One branch of one service loses its endpoint, and gets it back. */
function replanOne(
  snapshot: Snapshot,
  desired: Desired,
  branches: number,
): { readonly medianMilliseconds: number; readonly worstMilliseconds: number; readonly objects: number } {
  const existing = new Map(desired.objects);
  const perService = branches / tenants / servicesPerTenant;
  const versions = [
    'master',
    ...Array.from({ length: perService }, (_, branch) => `OPS-${7 * perService + branch}`),
  ];
  const inside = snapshot.endpointSlices.get('tenant-0') as Map<string, unknown>;
  const times: number[] = [];
  let objects = 0;
  for (let turn = 0; turn < replans; turn += 1) {
    const changed = snapshotOf([
      slice('tenant-0', 'service-7', versions, turn % 2 === 0 ? versions[1] : undefined),
    ])
      .endpointSlices.get('tenant-0')
      ?.get('service-7-x');
    inside.set('service-7-x', changed);
    const { value, milliseconds } = timed(() =>
      planChanges(
        desired,
        existing,
        settings,
        redecide(desired, { snapshot, settings }, { namespace: 'tenant-0', service: 'service-7' }),
      ),
    );
    times.push(milliseconds);
    objects = Math.max(objects, value.phases.flatMap(({ changes }) => changes).length);
  }
  times.sort((a, b) => a - b);
  return { medianMilliseconds: times[replans / 2] ?? 0, worstMilliseconds: times.at(-1) ?? 0, objects };
}

const branches = Number(process.argv[2] ?? 10_000);
const snapshot = snapshotOf(objectsOf(branches));
const before = process.memoryUsage().rss;
const first = timed(() => {
  const desired = desiredOf(snapshot, settings);
  return { desired, plan: planChanges(desired, existingOf(snapshot), settings) };
});
const { desired, plan } = first.value;
console.log(
  JSON.stringify({
    branches,
    objects: desired.objects.size,
    changes: plan.phases.flatMap(({ changes }) => changes).length,
    planMilliseconds: first.milliseconds,
    megabytes: process.memoryUsage().rss / 1e6,
    megabytesBefore: before / 1e6,
    ...prefixed(replanOne(snapshot, desired, branches)),
  }),
);

function prefixed({ medianMilliseconds, worstMilliseconds, objects }: ReturnType<typeof replanOne>): object {
  return {
    replanMilliseconds: medianMilliseconds,
    replanWorstMilliseconds: worstMilliseconds,
    replanObjects: objects,
  };
}
