import { test } from 'tap';
import { readRevisions } from '../../src/controller/revisions.ts';
import { revisionKey } from '../../src/lifecycle/life.ts';
import { at, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { settingsWith } from '../admission/golden.ts';
import { deployment, namespace, replicaSet, rollout, service, statefulSet } from '../builders.ts';

const now = Date.parse('2026-11-23T12:00:00Z');
const old = '2026-01-01T00:00:00Z';
const young = '2026-11-23T11:00:00Z';
const made = (creationTimestamp: string, annotations: JsonObject = {}) => ({
  version: 'X',
  branch: 'X',
  more: { metadata: { creationTimestamp, uid: 'uid-x', annotations } },
});
const baseline = deployment('one', { version: 'master', more: { metadata: { creationTimestamp: old } } });

/** Reads with a client that holds these ReplicaSets. */
async function read(workloads: readonly JsonObject[], replicaSets: readonly JsonObject[] = []) {
  const asked: string[] = [];
  const revisions = await readRevisions(
    {
      list({ kind, namespace: inside, metadataOnly }, each) {
        asked.push(`${kind} ${inside ?? ''} ${metadataOnly === true ? 'metadata' : 'whole'}`);
        replicaSets.filter((one) => at(one, 'kind') === kind).forEach(each);
        return Promise.resolve();
      },
    },
    {
      snapshot: snapshotOf([namespace(), service(), baseline, ...workloads]),
      settings: settingsWith({ branchTtl: '7d' }),
      now,
    },
  );
  return { asked: asked.sort(), revisions };
}

const rows: readonly {
  readonly name: string;
  readonly workloads: readonly JsonObject[];
  readonly want: readonly string[];
}[] = [
  { name: 'nothing where there is no branch', workloads: [], want: [] },
  {
    name: 'nothing for a branch that is young itself',
    workloads: [deployment('one-x', made(young))],
    want: [],
  },
  {
    name: 'ReplicaSets for an old Deployment',
    workloads: [deployment('one-x', made(old))],
    want: ['ReplicaSet green metadata'],
  },
  {
    name: 'ReplicaSets for an old Rollout',
    workloads: [rollout('one-x', made(old))],
    want: ['ReplicaSet green metadata'],
  },
  {
    name: 'ControllerRevisions for an old StatefulSet',
    workloads: [statefulSet('one-x', made(old))],
    want: ['ControllerRevision green metadata'],
  },
  {
    name: 'nothing for a branch that is kept',
    workloads: [deployment('one-x', made(old, { 'branchline.dev/keep': 'true' }))],
    want: [],
  },
  {
    name: 'ReplicaSets for a young branch that sleeps: it may have been deployed since',
    workloads: [deployment('one-x', made(young, { 'branchline.dev/asleep': `1 since ${young}` }))],
    want: ['ReplicaSet green metadata'],
  },
  {
    name: 'once for all branches of a namespace and kind',
    workloads: [
      deployment('one-x', made(old)),
      deployment('one-y', { ...made(old), version: 'Y', branch: 'Y' }),
      statefulSet('one-z', { ...made(old), version: 'Z', branch: 'Z' }),
    ],
    want: ['ControllerRevision green metadata', 'ReplicaSet green metadata'],
  },
];

for (const { name, workloads, want } of rows) {
  test(`asks for ${name}`, async (t) => {
    t.same((await read(workloads)).asked, want);
  });
}

test('keeps the newest revision of each workload', async (t) => {
  const branch = deployment('one-x', made(old));
  const { revisions } = await read(
    [branch],
    [replicaSet(branch, '2026-11-01T00:00:00Z'), replicaSet(branch, young), replicaSet(branch, old)],
  );
  t.same([...revisions], [[revisionKey('Deployment', 'green', 'one-x', 'uid-x'), Date.parse(young)]]);
});

test('fails when the cluster cannot be asked', async (t) => {
  await t.rejects(
    readRevisions(
      { list: () => Promise.reject(new Error('forbidden')) },
      {
        snapshot: snapshotOf([namespace(), service(), baseline, deployment('one-x', made(old))]),
        settings: settingsWith(),
        now,
      },
    ),
    { message: 'forbidden' },
  );
});
