import { test } from 'tap';
import type { Happening } from '../../src/controller/events.ts';
import { createStatusReporter } from '../../src/controller/status-reporter.ts';
import type { ServiceStatus, WorkloadStatus } from '../../src/controller/statuses.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import type { RouteStatus } from '../../src/routing/route-status.ts';

const routed: RouteStatus = { kind: 'routed' };
const writes: RouteStatus = { kind: 'waiting', for: 'writes' };
const unready: RouteStatus = { kind: 'waiting', for: 'no-ready-pod' };

interface Told {
  /** What the annotation says. */
  readonly written?: string;
  readonly text?: string;
  readonly isReady?: boolean;
  readonly isLeaving?: boolean;
}

function statusOf(
  status: RouteStatus,
  { written, text = status.kind, isReady = true, isLeaving = false }: Told = {},
): WorkloadStatus {
  const snapshot = snapshotOf([
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        namespace: 'green',
        name: 'one-x',
        uid: 'u',
        annotations: written === undefined ? {} : { 'branchline.dev/status': written },
        ...(isLeaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
      },
      spec: {},
    },
  ]);
  const [workload] = snapshot.workloads.get('green')?.values() ?? [];
  if (workload === undefined) throw new Error('no workload');
  return { workload, branch: 'X', service: 'one', status, text, isReady, isHeld: false };
}

/** A reporter, and what it said: the Events' reasons, the milliseconds until branches were routed, the kinds of status. */
function open() {
  let now = 1000;
  const events: Happening[] = [];
  const times: number[] = [];
  let counted: readonly string[] = [];
  const tell = createStatusReporter({
    clock: { now: () => now },
    metrics: {
      routed: (milliseconds) => void times.push(milliseconds),
      branches: (kinds) => {
        counted = kinds;
      },
    },
    events: { add: (event) => void events.push(event) },
  });
  return {
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    times,
    events,
    counted: () => counted,
    tell: (workloads: readonly WorkloadStatus[], services: readonly ServiceStatus[] = []) => {
      tell(workloads, services);
    },
    reasons: () => events.map(({ reason }) => reason),
  };
}

const rows: readonly {
  readonly name: string;
  readonly told: readonly WorkloadStatus[];
  readonly want: readonly string[];
}[] = [
  { name: 'a new workload', told: [statusOf(unready)], want: ['Waiting'] },
  {
    name: 'one that becomes routed',
    told: [statusOf(unready), statusOf(writes, { written: 'a' }), statusOf(routed, { written: 'b' })],
    want: ['Waiting', 'Waiting', 'Routed'],
  },
  {
    name: 'one that stays as it is',
    told: [statusOf(routed), statusOf(routed, { written: 'routed' })],
    want: ['Routed'],
  },
  {
    name: 'one that an earlier leader told, in the words of an earlier release',
    told: [
      statusOf(unready, { written: 'waits for pods', text: 'waiting: for ready pods' }),
      statusOf(unready, { written: 'waiting: for ready pods', text: 'waiting: for ready pods' }),
    ],
    want: [],
  },
  {
    name: 'one that changes after an earlier leader told of it',
    told: [statusOf(writes, { written: 'waiting: for ready pods' }), statusOf(routed)],
    want: ['Routed'],
  },
  {
    name: 'one whose status is only reworded',
    told: [statusOf(unready, { text: 'one' }), statusOf(unready, { text: 'another' })],
    want: ['Waiting'],
  },
  {
    name: 'one whose status says whatever somebody wrote there',
    told: [statusOf(unready), statusOf(unready, { written: 'routed' })],
    want: ['Waiting'],
  },
  {
    name: 'one that is withheld',
    told: [statusOf(routed), statusOf({ kind: 'withheld', by: { kind: 'no-room' } })],
    want: ['Routed', 'Withheld'],
  },
  { name: 'one that is being deleted', told: [statusOf(unready, { isLeaving: true })], want: [] },
];
for (const { name, told, want } of rows) {
  test(`Events of ${name}`, (t) => {
    const { tell, reasons } = open();
    for (const one of told) tell([one]);
    t.same(reasons(), want);
    t.end();
  });
}

test('a workload that was gone is a new one', (t) => {
  const { tell, reasons } = open();
  for (const statuses of [[statusOf(unready)], [], [statusOf(unready)]]) tell(statuses);
  t.same(reasons(), ['Waiting', 'Waiting']);
  t.end();
});

test('problems of a Service are Events of the Service', (t) => {
  const { tell, events } = open();
  const [service] =
    snapshotOf([
      { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'green', name: 'one' }, spec: {} },
    ])
      .services.get('green')
      ?.values() ?? [];
  if (service === undefined) throw new Error('no Service');
  const problem = {
    code: 'BL401',
    path: '',
    kind: 'Service',
    namespace: 'green',
    name: 'one',
    message: 'm',
  } as const;
  tell([], [{ service, text: 'm [BL401]', problems: [problem] }]);
  t.match(events, [
    { kind: 'Service', name: 'one', type: 'Warning', reason: 'RoutingProblem', note: 'm [BL401]' },
  ]);
  t.end();
});

test('the time until a branch is routed begins when it is ready, and is told once', (t) => {
  const { tell, times, pass } = open();
  tell([statusOf(unready, { isReady: false })]);
  pass(1000);
  tell([statusOf(writes)]);
  pass(300);
  tell([statusOf(routed)]);
  pass(300);
  tell([statusOf(routed)]);
  t.same(times, [300]);
  t.end();
});

test('the time while nothing was ready does not count, and what was routed at the start is not timed', (t) => {
  const { tell, times, pass } = open();
  tell([statusOf(routed)]);
  pass(1000);
  tell([statusOf({ kind: 'waiting', for: 'retiring' }, { isReady: false })]);
  pass(60_000);
  tell([statusOf(writes)]);
  pass(200);
  tell([statusOf(routed)]);
  t.same(times, [200]);
  t.end();
});

test('the kinds of all statuses are counted', (t) => {
  const { tell, counted } = open();
  tell([statusOf(routed), statusOf(unready)]);
  t.same(counted(), ['routed', 'waiting']);
  t.end();
});
