/** What becomes of a deployed branch: its pods, then its routes. One line that is drawn over on a terminal, a line a change otherwise. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../cluster/client.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { livesOf, type Life } from '../lifecycle/life.ts';
import { podsProgress, type PodFault, type PodsProgress } from '../lifecycle/pods.ts';
import type { Branch } from '../model/branch.ts';
import { numberAt, textAt, type JsonObject } from '../model/json.ts';
import { snapshotOf } from '../model/snapshot.ts';
import { sayAddresses, type Deployed } from './deployed.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import { seenStatuses } from './seen-status.ts';

/** What is waited for. */
export interface Waiting {
  readonly client: Client;
  readonly namespace: string;
  readonly branch: Branch;
  readonly deployed: readonly Deployed[];
  readonly seconds: number;
  readonly settings: Settings;
}

/** Between two looks. */
const lookMilliseconds = 500;
/** A pod that fails is looked at again for this long: images appear, probes recover. */
const patienceMilliseconds = 15_000;
/** Lines of a crashed container's log. */
const logLines = 20;

/** Where one service of the branch stands. */
interface Stage {
  readonly deployed: Deployed;
  readonly text: string;
  readonly isDone: boolean;
  readonly fault: PodFault | undefined;
}

/** Waits. @returns 3 with the pods' own words when they do not come up in time. */
export async function waitUntilRouted(waiting: Waiting, io: Io): Promise<ExitCode> {
  const line = createLine(io);
  const deadline = performance.now() + waiting.seconds * 1000;
  const failing = new Map<string, number>();
  for (;;) {
    const stages = await lookAll(waiting);
    line.show(stages.map(({ deployed, text }) => `${deployed.service.name}: ${text}`));
    if (stages.every(({ isDone }) => isDone)) return finish(waiting, line, io);
    const broken = lasting(stages, failing);
    if (broken !== undefined) return sayFault(broken, waiting, line, io);
    if (performance.now() > deadline || io.stop.aborted) {
      line.end();
      const open = stages
        .filter(({ isDone }) => !isDone)
        .map(({ deployed, text }) => `${deployed.service.name} is ${text}`);
      io.err(
        `branchline: ${io.stop.aborted ? 'stopped' : `not routed after ${waiting.seconds} s`}: ${open.join('; ')}\n`,
      );
      const faulty = io.stop.aborted ? undefined : stages.find(({ fault }) => fault !== undefined);
      return faulty === undefined ? exitCodes.worldRefused : sayFault(faulty, waiting, line, io);
    }
    await wait(lookMilliseconds, undefined, { signal: io.stop }).catch(() => undefined);
  }
}

function finish({ deployed, branch, settings }: Waiting, line: Line, io: Io): ExitCode {
  line.end();
  sayAddresses(deployed, branch, settings, io);
  return exitCodes.fine;
}

/** The first fault that stayed for longer than our patience. */
function lasting(stages: readonly Stage[], failing: Map<string, number>): Stage | undefined {
  const now = performance.now();
  for (const { deployed, fault } of stages) {
    if (fault === undefined) failing.delete(deployed.service.name);
    else if (!failing.has(deployed.service.name)) failing.set(deployed.service.name, now);
  }
  return stages.find(
    ({ deployed, fault }) =>
      fault !== undefined &&
      (fault.isFinal || now - (failing.get(deployed.service.name) ?? now) >= patienceMilliseconds),
  );
}

async function sayFault(
  { deployed, fault }: Stage,
  { client, namespace }: Waiting,
  line: Line,
  io: Io,
): Promise<ExitCode> {
  line.end();
  if (fault === undefined) return exitCodes.worldRefused;
  io.err(`branchline: ${deployed.service.name} does not come up: pod ${fault.pod}: ${fault.text}\n`);
  if (fault.crashed !== undefined) {
    const name = { namespace, name: fault.pod, container: fault.crashed };
    const log = await client
      .log(name, logLines, true)
      .catch(() => client.log(name, logLines, false))
      .catch(
        (error: unknown) =>
          `(its log cannot be read: ${error instanceof Error ? error.message : String(error)})`,
      );
    io.err(
      log
        .trimEnd()
        .split('\n')
        .map((text) => `  ${text.replace(/[\p{Cc}]/gu, ' ')}\n`)
        .join(''),
    );
  }
  return exitCodes.worldRefused;
}

async function lookAll({
  client,
  namespace,
  branch,
  deployed,
  settings,
}: Waiting): Promise<readonly Stage[]> {
  const objects: JsonObject[] = [];
  const read = (kind: string, labelSelector?: string): Promise<void> =>
    client.list(
      { kind, namespace, ...(labelSelector === undefined ? {} : { labelSelector }) },
      (object) => void objects.push(object),
    );
  const tolerant = (reading: Promise<void>): Promise<boolean> =>
    reading.then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof ClusterError)) throw error;
        return false;
      },
    );
  const kinds = [...new Set(deployed.map(({ object }) => textAt(object, 'kind') ?? ''))];
  const owner = await client.read({ kind: 'Namespace', namespace: '', name: namespace });
  if (owner !== undefined) objects.push(owner);
  await Promise.all([
    ...kinds.map((kind) => read(kind)),
    read('Service'),
    tolerant(read('Pod', `${settings.versionLabel}=${branch.id}`)),
  ]);
  const seesRoutes = (
    await Promise.all([tolerant(read('VirtualService')), tolerant(read('DestinationRule'))])
  ).every(Boolean);
  const snapshot = snapshotOf(objects);
  const statusOf = seenStatuses(snapshot, settings);
  const lives = livesOf({ snapshot, revisions: new Map(), settings, now: 0 });
  return deployed.map((one) => {
    const name = textAt(one.object, 'metadata', 'name');
    const life = lives.find(
      ({ workload }) => workload.name === name && workload.kind === textAt(one.object, 'kind'),
    );
    const live = objects.find(
      (object) =>
        textAt(object, 'metadata', 'name') === name && textAt(object, 'kind') === textAt(one.object, 'kind'),
    );
    const pods = podsProgress(
      objects.filter((object) => textAt(object, 'kind') === 'Pod'),
      live,
      numberAt(one.object, 'spec', 'replicas') ?? 1,
    );
    return stageOf(one, pods, {
      life,
      routed: seesRoutes ? life !== undefined && statusOf(life)?.status.kind === 'routed' : undefined,
    });
  });
}

/** `routed` is undefined for who may not read routes: the status that the controller writes says it then. */
function stageOf(
  deployed: Deployed,
  pods: PodsProgress,
  { life, routed }: { readonly life: Life | undefined; readonly routed: boolean | undefined },
): Stage {
  const status = life?.workload.declared['status'];
  const isRouted = routed ?? status === 'routed';
  if (!pods.isReady) return { deployed, text: pods.text, isDone: false, fault: pods.fault };
  if (pods.wanted === 0) return { deployed, text: 'scaled to zero', isDone: true, fault: undefined };
  return {
    deployed,
    text: isRouted
      ? 'routed'
      : `${pods.text}, waiting for its routes${status === undefined || status === 'routed' ? '' : ` (${status})`}`,
    isDone: isRouted,
    fault: undefined,
  };
}

interface Line {
  readonly show: (texts: readonly string[]) => void;
  readonly end: () => void;
}

function createLine(io: Io): Line {
  let shown = '';
  return {
    show(texts) {
      const text = texts.join(' | ');
      if (text === shown) return;
      shown = text;
      io.err(io.isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
    },
    end() {
      if (io.isTerminal && shown !== '') io.err('\n');
    },
  };
}
