import { test } from 'tap';
import { ApiError } from '../../src/cluster/api-server.ts';
import { carryOut, type EndingSite } from '../../src/controller/ending.ts';
import { livesOf } from '../../src/lifecycle/life.ts';
import type { Decision } from '../../src/lifecycle/sweep.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { settingsWith } from '../admission/golden.ts';
import { annotated, deployment, mergePatch, namespace, service } from '../builders.ts';

const start = Date.parse('2026-11-23T12:00:00Z');
const settings = settingsWith({ settleMilliseconds: '1000', retireSeconds: '20' });
const branch = (more: JsonObject = {}): JsonObject =>
  deployment('one-x', {
    version: 'X',
    branch: 'X',
    more: mergePatch(
      {
        metadata: { uid: 'uid-x', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
        spec: { replicas: 3 },
      },
      more,
    ) as JsonObject,
  });

type Changing = (object: JsonObject) => JsonObject | undefined;
const merging =
  (more: JsonObject): Changing =>
  (object) =>
    mergePatch(object, more) as JsonObject;

interface Given {
  readonly action: Decision['action'];
  readonly object?: JsonObject;
  /** Looks at the routes that find one that leads there; `unseen`: who asks may not see routes. */
  readonly routedLooks?: number | 'unseen';
  /** What somebody else does just before the nth write or removal. */
  readonly meanwhile?: { readonly write: number; readonly change: Changing };
  /** What somebody else does while the routes go. */
  readonly whileWaiting?: Changing;
  readonly site?: Partial<EndingSite>;
  readonly asked?: true;
}

/** Carries out a decision on one workload whose API server refuses what is about an earlier state. */
async function run({ routedLooks = 0, ...given }: Given) {
  const { action, object = branch(), meanwhile, whileWaiting, asked } = given;
  const [life] = livesOf({
    snapshot: snapshotOf([namespace(), service(), deployment('one', { version: 'master' }), object]),
    revisions: new Map(),
    settings,
    now: start,
  });
  if (life === undefined) throw new Error('there is no branch');
  const did: string[] = [];
  let stored: JsonObject | undefined = object;
  let revision = 1;
  let writes = 0;
  let looks = 0;
  let passed = 0;
  const change = (by: Changing): void => {
    revision += 1;
    const next = stored === undefined ? undefined : by(stored);
    stored =
      next === undefined ? undefined : merging({ metadata: { resourceVersion: String(revision) } })(next);
  };
  const arrive = (expected: string | undefined): void => {
    writes += 1;
    if (meanwhile?.write === writes) change(meanwhile.change);
    if (stored === undefined || textAt(stored, 'metadata', 'resourceVersion') !== expected)
      throw new ApiError(409, 'the object has been modified');
  };
  const outcome = await carryOut(
    { action, life, reason: 'why', at: start + 60_000, ...(asked === undefined ? {} : { asked }) },
    {
      settings,
      now: () => start + passed,
      sleep(milliseconds) {
        did.push(`wait ${milliseconds}`);
        passed += milliseconds;
        if (whileWaiting !== undefined) change(whileWaiting);
        return Promise.resolve();
      },
      stopped: () => false,
      hands: {
        read: () => Promise.resolve(stored),
        async patch(_target, body) {
          await Promise.resolve();
          arrive(textAt(body, 'metadata', 'resourceVersion'));
          const { annotations = {} } = body['metadata'] as { annotations?: JsonObject };
          const keys = Object.entries(annotations).map(
            ([key, value]) => `${value === null ? '-' : '+'}${key.replace('branchline.dev/', '')}`,
          );
          did.push(`patch ${keys.join(' ')}${'spec' in body ? ` ${JSON.stringify(body['spec'])}` : ''}`);
          change(merging(body));
        },
        async remove(_target, precondition) {
          await Promise.resolve();
          arrive(precondition.resourceVersion);
          did.push(`remove ${precondition.uid}`);
          stored = undefined;
        },
        tell(_life, { reason }) {
          did.push(`tell ${reason}`);
          return Promise.resolve();
        },
        isRouted() {
          looks += 1;
          return Promise.resolve(routedLooks === 'unseen' ? undefined : looks <= routedLooks);
        },
      },
      ...given.site,
    },
  );
  return { outcome: outcome.did, did };
}

const asleep = branch(
  mergePatch(annotated({ asleep: '3 since 2026-11-20T12:00:00Z' }), { spec: { replicas: 0 } }) as JsonObject,
);
const retiring = branch(annotated({ retiring: '2026-11-23T11:00:00Z' }));
const kept = merging(annotated({ keep: 'true' }));
const untilLater = merging(annotated({ 'keep-until': '2026-12-24T18:00:00Z' }));
const deployed = merging({ spec: { template: { metadata: { labels: { build: '2' } } } } });
const status = merging({ status: { readyReplicas: 1 } });
const another = merging({ metadata: { uid: 'another' } });
const sleepPatch = 'patch +asleep -retiring -warned {"replicas":0}';

const rows: readonly (Given & {
  readonly name: string;
  readonly outcome: string;
  readonly did: readonly string[];
})[] = [
  { name: 'nothing is decided', action: 'none', outcome: 'unchanged', did: [] },
  {
    name: 'a warning: the Event, then the mark',
    action: 'warn',
    outcome: 'warned',
    did: ['tell BranchExpiring', 'patch +warned'],
  },
  {
    name: 'one that is not routed is removed at once',
    action: 'remove',
    outcome: 'removed',
    did: ['remove uid-x'],
  },
  {
    name: 'one that is routed loses its routes first, and the proxies hear of it',
    action: 'remove',
    routedLooks: 2,
    outcome: 'removed',
    did: ['patch +retiring', 'wait 250', 'wait 1000', 'remove uid-x'],
  },
  {
    name: 'one that retires already is not marked again',
    action: 'remove',
    object: retiring,
    routedLooks: 2,
    outcome: 'removed',
    did: ['wait 250', 'wait 1000', 'remove uid-x'],
  },
  {
    name: 'who may not see routes marks it and waits for the proxies',
    action: 'remove',
    routedLooks: 'unseen',
    outcome: 'removed',
    did: ['patch +retiring', 'wait 1000', 'remove uid-x'],
  },
  {
    name: 'one goes to sleep: routes away, no pods, and it is said',
    action: 'sleep',
    routedLooks: 1,
    outcome: 'put to sleep',
    did: ['patch +retiring', 'wait 1000', sleepPatch, 'tell BranchAsleep'],
  },
  {
    name: 'one wakes with the pods that it had',
    action: 'wake',
    object: asleep,
    outcome: 'woken',
    did: ['patch -asleep -retiring -warned +keep-until {"replicas":3}'],
  },
  {
    name: 'one gets its routes back',
    action: 'revive',
    object: retiring,
    outcome: 'revived',
    did: ['patch -retiring -warned'],
  },
  {
    name: 'the status changes in between: read and written again',
    action: 'remove',
    meanwhile: { write: 1, change: status },
    outcome: 'removed',
    did: ['remove uid-x'],
  },
  {
    name: 'the status changes between the mark and the removal',
    action: 'remove',
    routedLooks: 1,
    whileWaiting: status,
    outcome: 'removed',
    did: ['patch +retiring', 'wait 1000', 'remove uid-x'],
  },
  ...(
    [
      ['kept', kept],
      ['kept until a time', untilLater],
      ['deployed', deployed],
      ['given another lifetime', merging(annotated({ ttl: '30d' }))],
      ['replaced by another one of its name', another],
      ['deleted', () => undefined],
    ] as const
  ).flatMap(([what, change]) => [
    {
      name: `one that is ${what} while its routes go stays`,
      action: 'remove' as const,
      routedLooks: 1,
      whileWaiting: change,
      outcome: 'skipped',
      did: ['patch +retiring', 'wait 1000'],
    },
    {
      name: `one that is ${what} just before it is removed stays`,
      action: 'remove' as const,
      meanwhile: { write: 1, change },
      outcome: 'skipped',
      did: [],
    },
  ]),
  {
    name: 'one that is kept is removed all the same when a person asked for it by name',
    action: 'remove',
    object: branch(annotated({ keep: 'true' })),
    asked: true,
    outcome: 'removed',
    did: ['remove uid-x'],
  },
  {
    name: 'one that is kept before its warning is not warned',
    action: 'warn',
    meanwhile: { write: 1, change: kept },
    outcome: 'skipped',
    did: ['tell BranchExpiring'],
  },
  {
    name: 'a wake survives a status that changed in between',
    action: 'wake',
    object: asleep,
    meanwhile: { write: 1, change: status },
    outcome: 'woken',
    did: ['patch -asleep -retiring -warned +keep-until {"replicas":3}'],
  },
  {
    name: 'told to stop while the routes go, it stops',
    action: 'remove',
    routedLooks: 99,
    site: { stopped: () => true },
    outcome: 'skipped',
    did: ['patch +retiring'],
  },
];

for (const { name, outcome, did, ...given } of rows) {
  test(name, async (t) => {
    t.same(await run(given), { outcome, did });
  });
}

test('routes that do not go keep it, unless it is forced', async (t) => {
  const waits = Array.from({ length: 80 }, () => 'wait 250');
  t.same(await run({ action: 'remove', routedLooks: Infinity }), {
    outcome: 'skipped',
    did: ['patch +retiring', ...waits],
  });
  t.same(await run({ action: 'remove', routedLooks: Infinity, site: { force: true } }), {
    outcome: 'removed',
    did: ['patch +retiring', ...waits, 'remove uid-x'],
  });
});

test('an object that changes at every try is given up on, with the error', async (t) => {
  const [life] = livesOf({
    snapshot: snapshotOf([namespace(), service(), branch()]),
    revisions: new Map(),
    settings,
    now: start,
  });
  if (life === undefined) throw new Error('there is no branch');
  for (const [code, tries] of [
    [409, 8],
    [403, 1],
  ] as const) {
    let removals = 0;
    const error: unknown = await carryOut(
      { action: 'remove', life, reason: 'why', at: undefined },
      {
        settings,
        now: () => start,
        sleep: () => Promise.resolve(),
        stopped: () => false,
        hands: {
          read: () => Promise.resolve(branch()),
          patch: () => Promise.resolve(),
          tell: () => Promise.resolve(),
          isRouted: () => Promise.resolve(false),
          remove() {
            removals += 1;
            return Promise.reject(new ApiError(code, 'no'));
          },
        },
      },
    ).catch((thrown: unknown) => thrown);
    t.ok(error instanceof ApiError && error.status === code);
    t.equal(removals, tries, String(code));
  }
});
