import { test, type Test } from 'tap';
import { Conflict, type Writes } from '../../src/cluster/writes.ts';
import { ClusterError } from '../../src/cluster/port.ts';
import type { RouteReport } from '../../src/controller/objects.ts';
import { createPasses } from '../../src/controller/passes.ts';
import { listAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { inNamespace } from '../../src/model/snapshot.ts';
import { settingsWith } from '../admission/golden.ts';
import { fakeCluster, type FakeCluster } from '../cluster/fake.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

const namespace: JsonObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'green', labels: { 'branchline.dev/enabled': 'true' } },
};
const service: JsonObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'green', name: 'one' },
  spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
};
const deployment = (name: string, version: string, branch?: string, ready = 1): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    namespace: 'green',
    name,
    annotations: branch === undefined ? {} : { 'branchline.dev/branch': branch },
  },
  spec: { replicas: 1, template: { metadata: { labels: { app: 'one', version } } } },
  status: { replicas: 1, readyReplicas: ready },
});

interface World {
  readonly cluster: FakeCluster;
  readonly clock: FakeClock;
  readonly written: string[];
  readonly reports: RouteReport[];
  /** Throws in place of a write, when it wants to. */
  fault: (what: string) => void;
  /** What anybody writes, shown by the watch. */
  readonly put: (object: JsonObject) => void;
  readonly mesh: () => readonly string[];
}

function open(t: Test, objects: readonly JsonObject[]): World {
  const cluster = fakeCluster(objects);
  const clock = createFakeClock();
  const stop = new AbortController();
  let revision = 100;
  const put = (object: JsonObject): JsonObject => {
    revision += 1;
    const stored = {
      ...object,
      metadata: {
        uid: `uid-${textAt(object, 'metadata', 'name') ?? ''}`,
        ...(object['metadata'] as JsonObject),
        resourceVersion: String(revision),
      },
    };
    cluster.put(stored);
    return stored;
  };
  const nameOf = (object: unknown): string =>
    `${textAt(object, 'kind') ?? ''} ${textAt(object, 'metadata', 'name') ?? ''}`;
  const world: World = {
    cluster,
    clock,
    written: [],
    reports: [],
    fault: () => undefined,
    put: (object) => {
      put(object);
    },
    mesh: () =>
      listAt(inNamespace(cluster.snapshot.virtualServices, 'green').get('one-mesh')?.spec, 'http').map(
        (route) => textAt(route, 'route', 0, 'destination', 'subset') ?? '',
      ),
  };
  const writes: Pick<Writes, 'apply' | 'remove'> = {
    async apply(object, { force }) {
      await Promise.resolve();
      world.fault(`apply ${nameOf(object)}`);
      // The watch tells before the answer does.
      const stored = put(object);
      world.written.push(`${force ? 'configure' : 'create'} ${nameOf(object)}`);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      return { uid: textAt(stored, 'metadata', 'uid') ?? '', revision: String(revision), object: stored };
    },
    async remove(target) {
      await Promise.resolve();
      world.fault(`remove ${target.kind} ${target.name}`);
      cluster.remove({
        apiVersion: 'networking.istio.io/v1',
        kind: target.kind,
        metadata: { namespace: target.namespace, name: target.name },
      });
      world.written.push(`delete ${target.kind} ${target.name}`);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    },
  };
  const passes = createPasses({
    cluster,
    writes,
    clock,
    settings: settingsWith({ settleMilliseconds: '1000', flapSeconds: '5' }),
    held: { signal: stop.signal, isHeld: () => !stop.signal.aborted },
    report: (one) => {
      world.reports.push(one);
    },
    bug: (error) => {
      t.fail(String(error));
    },
  });
  passes.start(() => undefined);
  t.teardown(async () => {
    stop.abort();
    await passes.ended;
  });
  return world;
}

async function routed(t: Test): Promise<World> {
  const world = open(t, [namespace, service, deployment('one', 'master'), deployment('one-x', 'X', 'X')]);
  await world.clock.advance(3000);
  t.same(world.mesh(), ['x', 'master']);
  return world;
}

test('the subset first, its route when it has settled, and then nothing', async (t) => {
  const world = open(t, [namespace, service, deployment('one', 'master'), deployment('one-x', 'X', 'X')]);
  await world.clock.advance(900);
  t.same(world.written, ['create DestinationRule one']);
  await world.clock.advance(2000);
  t.same(world.written, ['create DestinationRule one', 'create VirtualService one-mesh']);
  t.same(world.mesh(), ['x', 'master']);
  await world.clock.advance(3_600_000);
  t.equal(world.written.length, 2, 'in a quiet hour');
  t.same(
    world.reports.map(({ outcome }) => outcome),
    ['written', 'written'],
    "our own writes are nobody else's",
  );
});

test("the last ready pod's end is acted on without time going by; a route that comes back often is damped", async (t) => {
  const world = await routed(t);
  world.put(deployment('one-x', 'X', 'X', 0));
  await world.clock.advance(0);
  t.same(world.mesh(), ['master']);
  world.put(deployment('one-x', 'X', 'X', 1));
  await world.clock.advance(1000);
  t.same(world.mesh(), ['master'], 'it came a moment ago');
  await world.clock.advance(5000);
  t.same(world.mesh(), ['x', 'master']);
});

test('what others do to our objects is undone and told', async (t) => {
  const world = await routed(t);
  const ours = inNamespace(world.cluster.snapshot.virtualServices, 'green').get('one-mesh');
  world.put({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: {
      namespace: 'green',
      name: 'one-mesh',
      labels: { 'app.kubernetes.io/managed-by': 'branchline' },
    },
    spec: { ...ours?.spec, http: [] },
  });
  await world.clock.advance(0);
  t.same(world.mesh(), ['x', 'master']);
  world.cluster.remove({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { namespace: 'green', name: 'one-mesh' },
  });
  await world.clock.advance(1000);
  t.same(world.mesh(), ['x', 'master']);
  t.same(
    world.reports.filter(({ outcome }) => outcome === 'put back').map(({ reason }) => reason),
    ['somebody changed it', 'somebody deleted it'],
  );
});

test('a tug of war ends: the object is left alone for a while', async (t) => {
  const world = await routed(t);
  for (let round = 0; round < 10; round += 1) {
    world.put({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: {
        namespace: 'green',
        name: 'one-mesh',
        labels: { 'app.kubernetes.io/managed-by': 'branchline' },
      },
      spec: { hosts: ['x'], http: [{ name: `${round}` }] },
    });
    await world.clock.advance(1000);
  }
  t.equal(world.written.filter((what) => what === 'configure VirtualService one-mesh').length, 3);
  t.ok(world.reports.some(({ outcome }) => outcome === 'left alone'));
  await world.clock.advance(11 * 60_000);
  t.same(world.mesh(), ['x', 'master'], 'until they have stopped');
});

test('a write that fails is tried again, later and later, and holds up nothing else', async (t) => {
  const world = open(t, [namespace, service, deployment('one', 'master'), deployment('one-x', 'X', 'X')]);
  let tries = 0;
  world.fault = (what) => {
    if (!what.includes('DestinationRule one')) return;
    tries += 1;
    throw new ClusterError('etcdserver: request timed out', true);
  };
  await world.clock.advance(8000);
  t.ok(tries >= 3 && tries <= 6, `${tries} tries in 8 s`);
  t.same(world.mesh(), [], 'no route to a subset that could not be written');
  world.fault = () => undefined;
  await world.clock.advance(20_000);
  t.same(world.mesh(), ['x', 'master']);
});

test('an object of somebody else that came a moment before ours is a conflict, and not forced', async (t) => {
  const world = open(t, [namespace, service, deployment('one', 'master'), deployment('one-x', 'X', 'X')]);
  world.fault = (what) => {
    if (what.includes('VirtualService')) throw new Conflict('conflict with "kubectl"');
  };
  await world.clock.advance(5000);
  t.ok(world.reports.some(({ outcome, kind }) => outcome === 'conflict' && kind === 'VirtualService'));
  t.notOk(world.written.some((what) => what.startsWith('configure VirtualService')));
});
