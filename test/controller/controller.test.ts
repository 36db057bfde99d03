import { test, type Test } from 'tap';
import type { Writes } from '../../src/cluster/writes.ts';
import { startController } from '../../src/controller/controller.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { settingsWith } from '../admission/golden.ts';
import { deployment, namespace, service } from '../builders.ts';
import { fakeCluster } from '../cluster/fake.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeLeases } from './fake-leases.ts';

const objects = [
  namespace(),
  service(),
  deployment('one', { version: 'master', more: { status: { readyReplicas: 1 } } }),
  deployment('one-x', { version: 'X', branch: 'X', more: { status: { readyReplicas: 1 } } }),
];

/** A controller and what it wrote besides the Lease. */
function open(t: Test, { isAlone = false, synced = true } = {}) {
  const cluster = fakeCluster(objects, synced);
  const clock = createFakeClock();
  const leases = createFakeLeases();
  const sent: string[] = [];
  const leads: boolean[] = [];
  let closed = 0;
  const send = (object: JsonObject) => {
    sent.push(`${textAt(object, 'kind') ?? ''} ${textAt(object, 'metadata', 'name') ?? ''}`);
    cluster.put(object);
    return Promise.resolve({ uid: 'u', revision: String(sent.length), object });
  };
  const { read, create, replace } = leases.writes('me');
  const writes: Writes = {
    read,
    replace,
    create: (object) => (textAt(object, 'kind') === 'Lease' ? create(object) : send(object)),
    apply: send,
    remove: () => Promise.resolve(),
    setPodCondition: () => Promise.resolve(),
    close() {
      closed += 1;
    },
  };
  const controller = startController({
    cluster,
    writes,
    clock,
    isAlone,
    settings: settingsWith({ settleMilliseconds: '1000', agentDelivery: 'none' }),
    random: () => 0,
    log: createLog('fatal', { write: () => undefined }).log,
    metrics: {
      controller: {
        leads: (isLeader) => leads.push(isLeader),
        passed: () => undefined,
        wrote: () => undefined,
        conflicted: () => undefined,
        routed: () => undefined,
        branches: () => undefined,
      },
    },
    identity: 'me',
    agent: undefined,
  });
  t.teardown(() => controller.close());
  return { cluster, clock, leases, sent, leads, controller, closed: () => closed };
}

const another = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'branchline' },
  spec: { holderIdentity: 'another', leaseDurationSeconds: 15 },
};

test('routes and statuses are written by whoever wins the Lease', async (t) => {
  const { clock, leases, sent, leads } = open(t);
  await clock.advance(3000);
  t.equal(leases.holder(), 'me');
  t.same(leads, [true]);
  for (const kind of ['DestinationRule one', 'Deployment one-x']) t.ok(sent.includes(kind), kind);
});

test('nothing is written, not even a Lease, before the cluster is read', async (t) => {
  const { cluster, clock, leases, sent } = open(t, { synced: false });
  await clock.advance(60_000);
  t.same([leases.holder(), sent], ['', []]);
  cluster.sync();
  await clock.advance(3000);
  t.equal(leases.holder(), 'me');
  t.not(sent.length, 0);
});

test('a follower writes nothing until the Lease is free', async (t) => {
  const { clock, leases, sent, leads } = open(t);
  leases.put(another);
  await clock.advance(14_000);
  t.same([sent, leads], [[], []]);
  await clock.advance(6000);
  t.equal(leases.holder(), 'me');
  t.not(sent.length, 0);
});

test('whoever loses the Lease stops writing, whatever happens then', async (t) => {
  const { cluster, clock, leases, sent, leads } = open(t);
  await clock.advance(3000);
  leases.put(another);
  leases.cut.add('me');
  await clock.advance(11_000);
  t.same(leads, [true, false]);
  const before = sent.length;
  cluster.put(deployment('one-y', { version: 'Y', branch: 'Y', more: { status: { readyReplicas: 1 } } }));
  await clock.advance(60_000);
  t.equal(sent.length, before);
});

test('closing ends the writing, gives the Lease back and says so, once', async (t) => {
  const { cluster, clock, leases, sent, leads, controller, closed } = open(t);
  await clock.advance(3000);
  await controller.close();
  t.equal(leases.holder(), '');
  t.equal(leads.at(-1), false);
  t.equal(closed(), 1);
  const before = sent.length;
  cluster.put(deployment('one-y', { version: 'Y', branch: 'Y', more: { status: { readyReplicas: 1 } } }));
  await clock.advance(60_000);
  t.equal(sent.length, before);
});

test('one that is alone writes without a Lease', async (t) => {
  const { clock, leases, sent } = open(t, { isAlone: true });
  await clock.advance(3000);
  t.equal(leases.lease(), undefined);
  t.not(sent.length, 0);
});
