/** `branchline list`: the branches that live, whether requests reach them, and how long they have. */
import { setTimeout as wait } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { Settings } from '../config/settings.ts';
import type { Life } from '../lifecycle/life.ts';
import { planSweep, type Decision } from '../lifecycle/sweep.ts';
import { showSpan } from '../model/duration.ts';
import { branchUrl } from '../model/exposure.ts';
import { inNamespace } from '../model/snapshot.ts';
import { showTime } from '../model/time.ts';
import { listReason } from '../routing/messages.ts';
import { podsOf, type PodCount } from './ready.ts';
import { gatherFacts, workloadName, type Facts, type Source } from './facts.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import { seenStatuses, type SeenStatus } from './seen-status.ts';
import { table, type Cell, type Colour } from './table.ts';

/** What to list, and how. */
export interface ListRequest extends Source {
  readonly output: 'table' | 'wide' | 'json' | 'yaml';
  readonly watch: boolean;
  readonly settings: Settings;
}

/** One line: a branch of one service. */
interface Listed {
  readonly namespace: string;
  readonly branch: string;
  readonly id: string;
  readonly service: string | null;
  readonly kind: string;
  readonly workload: string;
  readonly pods: PodCount;
  readonly routed: boolean;
  /** Why requests do or do not reach it. */
  readonly reason: string;
  readonly url: string | null;
  /** RFC 3339; null where nothing says so. */
  readonly deployed: string | null;
  readonly expires: string | null;
  /** What the next sweep would do, for people. */
  readonly life: string;
  readonly owner: string | null;
}

/** Between two looks of `--watch`. */
const watchMilliseconds = 2000;

/** Lists. @returns 1 when something could not be read. @throws ClusterError when the cluster refuses. */
export async function list(request: ListRequest, io: Io): Promise<ExitCode> {
  let shown = '';
  for (;;) {
    const facts = await gatherFacts(request, request.settings, io);
    if (typeof facts === 'number') return facts;
    facts.close();
    const text = print(rowsOf(facts), request, facts.now, isColoured(io));
    if (text !== shown) io.out(request.watch && io.isTerminal ? `\u001b[2J\u001b[H${text}` : text);
    shown = text;
    if (!request.watch || io.stop.aborted) return facts.incomplete ? exitCodes.problemsFound : exitCodes.fine;
    await wait(watchMilliseconds, undefined, { signal: io.stop }).catch(() => undefined);
    if (io.stop.aborted) return exitCodes.fine;
  }
}

/** @see https://no-color.org */
function isColoured({ isTerminal, environment }: Io): boolean {
  return isTerminal && (environment['NO_COLOR'] ?? '') === '';
}

/** Returns what is listed, in order. */
function rowsOf(facts: Facts): readonly Listed[] {
  const statusOf = seenStatuses(facts.snapshot, facts.settings);
  const decisions = planSweep(facts, { clock: 'given', force: true }).decisions;
  const wanted = new Set(facts.namespaces);
  return decisions
    .filter(({ life }) => wanted.size === 0 || wanted.has('*') || wanted.has(life.workload.namespace))
    .map((decision) => rowOf(decision, statusOf, facts));
}

function rowOf(decision: Decision, statusOf: ReturnType<typeof seenStatuses>, facts: Facts): Listed {
  const { life } = decision;
  const { workload, branch, service, renewed, expires, namespace } = life;
  const owner =
    service === undefined ? undefined : inNamespace(facts.snapshot.services, namespace.name).get(service);
  const { routed, reason } = routing(life, statusOf(life), facts);
  return {
    namespace: workload.namespace,
    branch: branch.name,
    id: branch.id,
    service: service ?? null,
    kind: workload.kind,
    workload: workload.name,
    pods: podsOf(life),
    routed,
    reason,
    url:
      workload.declared['url'] ??
      (owner === undefined ? null : (branchUrl(branch, owner, namespace, facts.settings.urlScheme) ?? null)),
    deployed: renewed === undefined ? null : showTime(renewed),
    expires: expires === undefined ? null : showTime(decision.at ?? expires),
    life: lifeOf(decision, facts.now),
    owner: facts.owners.get(workloadName(workload)) ?? null,
  };
}

/** In manifests without route objects, what would be written counts. */
function routing(
  { branch, service }: Life,
  seen: SeenStatus | undefined,
  { client }: Facts,
): { readonly routed: boolean; readonly reason: string } {
  if (service === undefined) return { routed: false, reason: 'it belongs to no Service' };
  if (seen === undefined) return { routed: false, reason: 'its Service does not know it' };
  const { status, isLedTo } = seen;
  const isUnwritten = status.kind === 'waiting' && status.for === 'writes';
  if (client === undefined && isUnwritten) return { routed: true, reason: 'would be routed' };
  return {
    routed: status.kind === 'routed',
    reason: listReason(status, { id: branch.id, service }, isLedTo && !isUnwritten),
  };
}

function lifeOf({ action, life, at, reason }: Decision, now: number): string {
  if (life.asleep !== undefined) return 'asleep';
  if (life.kept) return 'kept';
  if (life.renewed === undefined) return 'unknown';
  if (at === undefined) return action === 'none' ? reason : action;
  if (at <= now) return 'now';
  return `in ${showSpan((at - now) / 1000)}`;
}

const headings = ['NAMESPACE', 'BRANCH', 'SERVICE', 'PODS', 'ROUTED', 'AGE', 'EXPIRES', 'URL'];
const wideHeadings = [
  'NAMESPACE',
  'BRANCH',
  'SERVICE',
  'PODS',
  'ROUTED',
  'AGE',
  'EXPIRES',
  'URL',
  'WORKLOAD',
  'WHO',
  'WHY',
];

function print(rows: readonly Listed[], { output }: ListRequest, now: number, coloured: boolean): string {
  if (output === 'json') return `${JSON.stringify({ branches: rows }, null, 2)}\n`;
  if (output === 'yaml') return stringify({ branches: rows }, { lineWidth: 0 });
  if (rows.length === 0) return 'no branches\n';
  const cells = rows.map((row) => cellsOf(row, now));
  const wide = rows.map((row) => [`${row.kind}/${row.workload}`, row.owner ?? '-', row.reason]);
  return output === 'wide'
    ? table([wideHeadings, ...cells.map((row, index) => [...row, ...(wide[index] ?? [])])], coloured)
    : table([headings, ...cells], coloured);
}

function cellsOf(row: Listed, now: number): readonly Cell[] {
  const { ready, wanted } = row.pods;
  return [
    // A name may be of any length; the id is as good in every command.
    row.namespace,
    { text: row.branch.length > 63 ? row.id : row.branch, colour: 'bold' },
    row.service ?? '-',
    { text: `${ready}/${wanted}`, colour: ready >= wanted && wanted > 0 ? 'green' : 'yellow' },
    row.routed ? { text: 'yes', colour: 'green' } : { text: 'no', colour: 'red' },
    row.deployed === null ? '-' : showSpan((now - Date.parse(row.deployed)) / 1000),
    { text: row.life, colour: colourOf(row, now) },
    row.url ?? '-',
  ];
}

/** Six hours before the end is soon, whatever the settings warn about. */
function colourOf({ life, expires }: Listed, now: number): Colour {
  if (life === 'kept') return 'blue';
  return expires !== null && Date.parse(expires) - now < 6 * 3600 * 1000 ? 'yellow' : 'grey';
}
