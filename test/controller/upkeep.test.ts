import { test, type Test } from 'tap';
import { ClusterError } from '../../src/cluster/port.ts';
import { Gone, type Writes } from '../../src/cluster/writes.ts';
import { bundleAgent } from '../../src/controller/agent-config-maps.ts';
import { createEventQueue } from '../../src/controller/events.ts';
import { createUpkeep } from '../../src/controller/upkeep.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { createPlanner } from '../../src/routing/planner.ts';
import { settingsWith } from '../admission/golden.ts';
import { annotated, deployment, namespace, pod, service } from '../builders.ts';
import { fakeCluster } from '../cluster/fake.ts';
import { createFakeClock } from './fake-clock.ts';

const happening = {
  apiVersion: 'v1',
  kind: 'Service',
  namespace: 'green',
  name: 'one',
  uid: '',
  type: 'Normal',
  reason: 'Said',
  note: 'so',
} as const;

/** Upkeep of a leader. `fault` throws in place of a write; `lasts`: writes after which the Lease is lost. */
function open(
  t: Test,
  objects: readonly JsonObject[],
  { delivery = 'none', lasts = Infinity }: { readonly delivery?: string; readonly lasts?: number } = {},
) {
  const cluster = fakeCluster(objects);
  const clock = createFakeClock();
  const stop = new AbortController();
  const settings = settingsWith({ agentDelivery: delivery });
  const planner = createPlanner({
    snapshot: cluster.snapshot,
    settings,
    existing: existingOf(cluster.snapshot),
    backoffMilliseconds: [500, 1000],
    now: clock.now(),
  });
  planner.plan(clock.now());
  const events = createEventQueue(clock, 'me');
  const world = {
    cluster,
    clock,
    events,
    stop,
    sent: [] as string[],
    reports: [] as string[],
    fault: (): void => undefined,
  };
  const nameOf = (object: JsonObject): string =>
    `${textAt(object, 'kind') ?? ''} ${textAt(object, 'metadata', 'name')?.replace(/^(branchline-agent-|one\.).*/, '$1') ?? ''}`;
  const send = async (what: string): Promise<{ uid: string; revision: string; object: unknown }> => {
    await Promise.resolve();
    world.sent.push(what);
    world.fault();
    return { uid: 'u', revision: '1', object: {} };
  };
  const writes: Writes = {
    apply: (object) => send(`apply ${nameOf(object)}`),
    create: (object) => send(`create ${nameOf(object)}`),
    replace: () => t.fail('replaces nothing') as never,
    read: () => t.fail('reads nothing') as never,
    remove: async ({ kind, name }) => {
      await send(`remove ${kind} ${name}`);
    },
    setPodCondition: async ({ name }, { status }) => {
      await send(`gate ${name} ${status}`);
    },
    close: () => undefined,
  };
  const turns = createUpkeep({
    cluster,
    writes,
    settings,
    clock,
    planner,
    events,
    agent: bundleAgent('agent'),
    held: { signal: stop.signal, isHeld: () => !stop.signal.aborted && world.sent.length < lasts },
    report: (outcome, kind) => world.reports.push(`${outcome} ${kind}`),
    decided: () => undefined,
    bug: (error) => t.fail(String(error)),
  });
  turns.soon();
  t.teardown(async () => {
    stop.abort();
    await turns.ended;
  });
  return { ...world, world, soon: () => turns.soon() };
}

const withStatus = annotated({ status: 'of old' });
const lookalike = pod('one-x-1', 'master', {
  spec: { readinessGates: [{ conditionType: 'branchline.dev/routed' }] },
  status: { conditions: [{ type: 'branchline.dev/routed', status: 'True' }] },
});
const baseline = deployment('one', { version: 'master' });
const branch = deployment('one-x', { version: 'X', branch: 'X' });

const rows: readonly {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly delivery?: string;
  readonly want: readonly string[];
}[] = [
  { name: 'nothing where there is nothing to say', objects: [namespace(), service(), baseline], want: [] },
  {
    name: "a branch's status",
    objects: [namespace(), service(), baseline, branch],
    want: ['apply Deployment one-x'],
  },
  {
    name: 'away with a status of what is no branch any more',
    objects: [
      namespace(),
      service('one', withStatus),
      deployment('one', { version: 'master', more: withStatus }),
    ],
    want: ['apply Deployment one', 'apply Service one'],
  },
  {
    name: 'away with a finalizer of what is no branch any more',
    objects: [
      namespace(),
      service(),
      deployment('one', { version: 'master', more: { metadata: { finalizers: ['branchline.dev/routes'] } } }),
    ],
    want: ['apply Deployment one'],
  },
  {
    name: 'the ConfigMaps of the agent, where it is delivered',
    objects: [namespace(), service(), baseline],
    delivery: 'configMap',
    want: ['create ConfigMap branchline-agent-', 'create ConfigMap branchline-node-options'],
  },
  {
    name: 'a gate that is to be closed, before anything else',
    objects: [namespace(), service(), baseline, branch, lookalike],
    want: ['gate one-x-1 False', 'apply Deployment one-x'],
  },
];

for (const { name, objects, delivery = 'none', want } of rows) {
  test(`writes ${name}`, async (t) => {
    const { clock, sent, reports } = open(t, objects, { delivery });
    await clock.advance(0);
    t.same(sent, want);
    t.equal(reports.filter((report) => report.startsWith('written')).length, want.length);
  });
}

const full = [namespace(), service(), baseline, branch, lookalike];

test('Events come last, and those that fail are lost; a write that worked once and then fails waits, too', async (t) => {
  const { world, clock, events, sent, reports } = open(t, full);
  events.add(happening);
  await clock.advance(0);
  t.equal(sent.at(-1), 'create Event one.');
  events.add({ ...happening, note: 'again' });
  world.fault = () => {
    throw new ClusterError('no', true);
  };
  sent.length = 0;
  await clock.advance(60_000);
  t.same(sent.filter((what) => what.includes('Event')).length, 1);
  t.ok(reports.includes('failed Event'));
});

for (const lasts of [0, 1, 2]) {
  test(`who has the Lease for ${lasts} writes makes ${lasts}`, async (t) => {
    const { clock, events, sent } = open(t, full, { lasts });
    events.add(happening);
    await clock.advance(4000);
    t.same(sent, ['gate one-x-1 False', 'apply Deployment one-x'].slice(0, lasts));
  });
}

test('what the watch does not show is not written again for five seconds', async (t) => {
  const { clock, soon, sent } = open(t, [namespace(), service(), baseline, branch]);
  await clock.advance(0);
  soon();
  await clock.advance(4900);
  t.equal(sent.length, 1);
  await clock.advance(200);
  t.equal(sent.length, 2);
});

test('a write that fails is tried again, later and later', async (t) => {
  const { world, clock, sent, reports } = open(t, [
    namespace(),
    service(),
    deployment('one', { version: 'master', more: withStatus }),
  ]);
  world.fault = () => {
    throw new ClusterError('no', true);
  };
  for (const [milliseconds, tries] of [
    [0, 1],
    [499, 1],
    [1, 2],
    [999, 2],
    [1, 3],
  ] as const) {
    await clock.advance(milliseconds);
    t.equal(sent.length, tries);
  }
  t.same(reports, ['failed Deployment', 'failed Deployment', 'failed Deployment']);
});

test('what is gone is no failure', async (t) => {
  const { world, clock, sent, reports } = open(t, [
    namespace(),
    service(),
    deployment('one', { version: 'master', more: withStatus }),
  ]);
  world.fault = () => {
    throw new Gone('gone');
  };
  await clock.advance(0);
  t.equal(sent.length, 1);
  t.same(reports, []);
});
