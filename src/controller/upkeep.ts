/**
 * Everything that is written besides routes: readiness gates first, then the agent's ConfigMaps, then what workloads and Services are told, last Events. Each is
 * decided from the facts of now and compared with what is there, so that nothing is written twice and nothing is forgotten.
 */
import type { Cluster } from '../cluster/port.ts';
import { Gone, type Writes } from '../cluster/writes.ts';
import type { Settings } from '../config/settings.ts';
import { earliest } from '../model/collections.ts';
import type { JsonObject } from '../model/json.ts';
import { fullKey, routedGate, routesFinalizer } from '../model/keys.ts';
import type { Service, Workload } from '../model/kubernetes.ts';
import { inNamespace } from '../model/snapshot.ts';
import { createBackoff } from '../routing/backoff.ts';
import type { Planner } from '../routing/planner.ts';
import { agentChanges, type AgentBundle, type AgentChanges } from './agent-config-maps.ts';
import type { Clock } from './clock.ts';
import { emptyOptionsChanges } from './empty-options.ts';
import type { EventQueue } from './events.ts';
import { gatesOf, type GateChange } from './gates.ts';
import type { Held } from './lease.ts';
import { serviceStatuses, workloadStatuses, type ServiceStatus, type WorkloadStatus } from './statuses.ts';
import { createTurns, type Turns } from './turns.ts';

/** Where upkeep reads, writes and reports. */
export interface UpkeepSite {
  readonly cluster: Pick<Cluster, 'snapshot'>;
  readonly writes: Writes;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly held: Held;
  readonly planner: Pick<Planner, 'desired' | 'ledger'>;
  readonly agent: AgentBundle | undefined;
  readonly events: EventQueue;
  readonly report: (outcome: 'written' | 'failed', kind: string, object: string, reason: string) => void;
  /** Told of every status after each turn. */
  readonly decided: (workloads: readonly WorkloadStatus[], services: readonly ServiceStatus[]) => void;
  readonly bug: (error: unknown) => void;
}

/** One write: the same `id` is about the same object, the same `value` says the same. */
interface Task {
  readonly id: string;
  readonly kind: string;
  readonly value: string;
  readonly run: () => Promise<unknown>;
}

/** First and longest pause after a failed write, in milliseconds. */
const backoffMilliseconds = [500, 5 * 60_000] as const;
/** What was written is not written again for this long while the watch does not show it, in milliseconds. */
const unseenMilliseconds = 5000;
const parallel = 4;
/** Events to a turn: what is decided meanwhile matters more. */
const eventsPerTurn = 20;

/** Starts upkeep; `soon` is called whenever anything may have changed. */
export function startUpkeep(site: UpkeepSite): Turns {
  const { clock, held } = site;
  const backoff = createBackoff(backoffMilliseconds);
  const sent = new Map<string, { readonly value: string; readonly at: number }>();

  async function turn(): Promise<number | undefined> {
    const now = clock.now();
    const gates = gatesOf(factsOf(site), now);
    await carryOut(gates.changes.map((change) => gateTask(change, site)));
    const statuses = {
      workloads: workloadStatuses(factsOf(site), now),
      services: serviceStatuses(factsOf(site)),
    };
    const tasks = [
      ...agentTasks(site),
      ...workloadTasks(site, statuses.workloads),
      ...statuses.services.flatMap((status) => serviceTask(status, site)),
    ];
    await carryOut(tasks);
    site.decided(statuses.workloads, statuses.services);
    const isMore = await sendEvents(site);
    const heldAt = statuses.workloads.some(({ workload, isHeld }) => workload.leaving && isHeld)
      ? clock.now() + 250
      : undefined;
    return isMore
      ? clock.now()
      : earliest([
          gates.nextAt,
          heldAt,
          ...tasks.map(({ id }) => backoff.notBefore(id)).filter((at) => at > clock.now()),
          nextUnseen(tasks),
        ]);
  }

  function nextUnseen(tasks: readonly Task[]): number | undefined {
    return earliest(
      tasks
        .map(({ id }) => sent.get(id))
        .filter((one) => one !== undefined)
        .map(({ at }) => at + unseenMilliseconds),
    );
  }

  async function carryOut(tasks: readonly Task[]): Promise<void> {
    const left = tasks.filter(isDue);
    const worker = async (): Promise<void> => {
      for (let task = left.shift(); task !== undefined && held.isHeld(); task = left.shift()) await run(task);
    };
    await Promise.all(Array.from({ length: Math.min(parallel, left.length) }, worker));
  }

  function isDue({ id, value }: Task): boolean {
    const known = sent.get(id);
    const isUnseen = known?.value === value && known.at + unseenMilliseconds > clock.now();
    return !isUnseen && backoff.notBefore(id) <= clock.now();
  }

  async function run({ id, kind, value, run: write }: Task): Promise<void> {
    try {
      await write();
      sent.set(id, { value, at: clock.now() });
      for (const [old, { at }] of sent) if (at + unseenMilliseconds <= clock.now()) sent.delete(old);
      backoff.succeeded(id);
      site.report('written', kind, id, value);
    } catch (error) {
      backoff.failed(id, clock.now());
      // What is gone needs nothing any more; the watch will say so.
      if (!(error instanceof Gone))
        site.report('failed', kind, id, error instanceof Error ? error.message : String(error));
    }
  }

  const turns = createTurns({ clock, signal: held.signal, bug: site.bug, turn });
  turns.soon();
  return turns;
}

function factsOf({ cluster, settings, planner }: UpkeepSite) {
  return {
    snapshot: cluster.snapshot,
    settings,
    desired: planner.desired(),
    ledger: planner.ledger,
  };
}

function gateTask(
  { pod: { namespace, name }, open, reason, message }: GateChange,
  { writes, clock }: UpkeepSite,
): Task {
  const condition = {
    type: routedGate,
    status: open ? 'True' : 'False',
    reason,
    message,
    lastTransitionTime: new Date(clock.wall()).toISOString().replace(/\.[0-9]+Z$/, 'Z'),
  } as const;
  return {
    id: `Pod ${namespace}/${name}`,
    kind: 'Pod',
    value: `${open} ${reason}`,
    run: () => writes.setPodCondition({ kind: 'Pod', namespace, name }, condition),
  };
}

function agentTasks({ cluster, settings, agent, writes, clock }: UpkeepSite): readonly Task[] {
  const byConfigMap = agentChanges(
    cluster.snapshot,
    settings.agentDelivery === 'configMap' ? agent : undefined,
    clock.wall(),
  );
  const options = emptyOptionsChanges(cluster.snapshot, settings.agentDelivery !== 'none');
  const create = [...byConfigMap.create, ...options.create];
  const remove = [...byConfigMap.remove, ...options.remove];
  const idOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
    `ConfigMap ${namespace}/${name}`;
  return [
    ...create.map((object): Task => ({
      id: idOf(object['metadata'] as { namespace: string; name: string }),
      kind: 'ConfigMap',
      value: 'there',
      run: () => writes.create(object),
    })),
    ...remove.map((target): Task => ({
      id: idOf(target),
      kind: 'ConfigMap',
      value: 'gone',
      run: () => writes.remove({ kind: 'ConfigMap', ...target }),
    })),
    ...[...byConfigMap.own, ...options.own].map((change) => ownerTask(idOf(change.map), change, writes)),
  ];
}

/** Server-side apply of nothing but the owners: those that were said before and are not said now go. */
function ownerTask(
  id: string,
  { map: { namespace, name, uid }, owners }: AgentChanges['own'][number],
  writes: Writes,
): Task {
  const ownerReferences = owners.map((pod) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    name: pod.name,
    uid: pod.uid,
  }));
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name, uid, ...(owners.length === 0 ? {} : { ownerReferences }) },
  };
  return {
    id,
    kind: 'ConfigMap',
    value: `owned by ${owners.map((pod) => pod.uid).join(' ')}`,
    run: () => writes.apply(object, { force: true }),
  };
}

/** Branch workloads get their status; others that have something of ours lose it. */
function workloadTasks(site: UpkeepSite, statuses: readonly WorkloadStatus[]): readonly Task[] {
  const known = new Set<Workload>(statuses.map(({ workload }) => workload));
  const tasks = statuses.flatMap(({ workload, text, isHeld }) =>
    workloadTask(site, workload, { text: workload.leaving ? workload.declared['status'] : text, isHeld }),
  );
  for (const inside of site.cluster.snapshot.workloads.values()) {
    for (const workload of inside.values()) {
      if (!known.has(workload) && (workload.held || workload.declared['status'] !== undefined))
        tasks.push(...workloadTask(site, workload, { text: undefined, isHeld: false }));
    }
  }
  return tasks;
}

function workloadTask(
  site: UpkeepSite,
  now: Workload,
  { text, isHeld }: { readonly text: string | undefined; readonly isHeld: boolean },
): readonly Task[] {
  const { kind, namespace, name } = now;
  if (now.declared['status'] === text && now.held === isHeld) return [];
  const object: JsonObject = {
    apiVersion: kind === 'Rollout' ? 'argoproj.io/v1alpha1' : 'apps/v1',
    kind,
    metadata: {
      namespace,
      name,
      ...(now.uid === '' ? {} : { uid: now.uid }),
      ...(text === undefined ? {} : { annotations: { [fullKey('status')]: text } }),
      ...(isHeld ? { finalizers: [routesFinalizer] } : {}),
    },
  };
  return [
    {
      id: `${kind} ${namespace}/${name}`,
      kind,
      value: `${text ?? ''} ${isHeld}`,
      run: () => site.writes.apply(object, { force: true }),
    },
  ];
}

function serviceTask(
  { service: { namespace, name }, text }: ServiceStatus,
  { cluster, writes }: UpkeepSite,
): readonly Task[] {
  const now: Service | undefined = inNamespace(cluster.snapshot.services, namespace).get(name);
  if (now === undefined || (now.declared['status'] ?? '') === text) return [];
  const object: JsonObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      namespace,
      name,
      ...(now.uid === '' ? {} : { uid: now.uid }),
      ...(text === '' ? {} : { annotations: { [fullKey('status')]: text } }),
    },
  };
  return [
    {
      id: `Service ${namespace}/${name}`,
      kind: 'Service',
      value: text,
      run: () => writes.apply(object, { force: true }),
    },
  ];
}

/** An Event that cannot be written is lost: nothing depends on it. @returns whether there are more. */
async function sendEvents({ events, writes, held, report }: UpkeepSite): Promise<boolean> {
  for (let count = 0; count < eventsPerTurn; count += 1) {
    const event = held.isHeld() ? events.take() : undefined;
    if (event === undefined) return false;
    await writes.create(event).catch((error: unknown) => {
      report('failed', 'Event', '', error instanceof Error ? error.message : String(error));
    });
  }
  return true;
}
