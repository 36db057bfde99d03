/** `branchline doctor`: does what a branch's requests pass through carry its header? Of a cluster as it is, or of manifests. */
import { listCluster } from '../cluster/listed.ts';
import { readManifests } from '../cluster/manifests.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import type { Check, Finding } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { worldOf, type PodState, type Scope, type World } from '../doctor/world.ts';
import type { JsonObject } from '../model/json.ts';
import { toLine } from '../model/problem.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What to look at and how to print it. */
export interface DoctorRequest extends Scope {
  /** Files and folders, `-` is standard input; none: the cluster. */
  readonly files: readonly string[];
  readonly output: 'text' | 'json';
  readonly settings: Settings;
}

/** Prints the pods and what was found. @returns 1 when something stands in a branch's way, 2 when nothing was asked, 3 when the cluster cannot be read. */
export async function doctor(
  asked: DoctorRequest,
  io: Io,
  list: readonly Check[] = checks,
): Promise<ExitCode> {
  const objects = asked.files.length > 0 ? await readFiles(asked.files, io) : await readCluster(asked, io);
  if (typeof objects === 'number') return objects;
  const world = worldOf(objects, asked.settings, asked);
  if (world.namespaces.length === 0) {
    io.err(`branchline: ${nothingOf(asked)}\n`);
    return exitCodes.wrongUse;
  }
  const found = (await Promise.all(list.map(async (check) => check.run(world)))).flat();
  io.out(asked.output === 'json' ? json(world, list, found) : text(world, found));
  return found.some(({ severity }) => severity === 'problem') ? exitCodes.problemsFound : exitCodes.fine;
}

function nothingOf({ namespace, branch }: Scope): string {
  if (branch !== undefined)
    return `no enabled namespace${namespace === undefined ? '' : ` named ${namespace}`} has a branch ${branch}`;
  return namespace === undefined
    ? 'no namespace is enabled'
    : `namespace ${namespace} is not there or not enabled`;
}

async function readFiles(files: readonly string[], io: Io): Promise<readonly JsonObject[] | ExitCode> {
  try {
    const read = await readManifests(files, io.stdin);
    for (const problem of read.problems) io.err(`${toLine(problem)}\n`);
    return read.objects.map(({ object }) => object);
  } catch (error) {
    return say(error, exitCodes.wrongUse, io);
  }
}

/** What the doctor's rights must cover. */
const collections = ['namespaces', 'services', 'pods', 'workloads', 'agentConfigMaps'] as const;

async function readCluster(
  { settings, namespace }: DoctorRequest,
  io: Io,
): Promise<readonly JsonObject[] | ExitCode> {
  try {
    return await listCluster({
      kubeconfig: settings.kubeconfig,
      context: settings.kubeContext,
      collections,
      namespace,
      signal: io.stop,
    });
  } catch (error) {
    return say(error, exitCodes.worldRefused, io);
  }
}

function say(error: unknown, code: ExitCode, io: Io): ExitCode {
  if (!(error instanceof ClusterError)) throw error;
  io.err(`branchline: ${error.message}\n`);
  return code;
}

function json({ pods }: World, list: readonly Check[], findings: readonly Finding[]): string {
  const shown = pods.map(
    ({ namespace, name, owner, version, services, wantsAgent, carrying, source, without }) => ({
      namespace,
      name,
      owner,
      version,
      services,
      wantsAgent,
      carrying,
      source,
      without: { ...without },
    }),
  );
  return `${JSON.stringify({ checks: list.map(({ name, question }) => ({ name, question })), pods: shown, findings }, null, 2)}\n`;
}

function text({ pods, planned, settings }: World, findings: readonly Finding[]): string {
  const rows = [
    ['NAMESPACE', 'POD', 'VERSION', 'AGENT'],
    ...pods.map((pod) => [
      pod.namespace,
      pod.name,
      pod.version === '' ? '-' : pod.version,
      agentOf(pod, settings),
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const table =
    pods.length === 0
      ? ''
      : rows
          .map(
            (row) =>
              `${row
                .map((cell, column) => cell.padEnd(widths[column] ?? 0))
                .join('  ')
                .trimEnd()}\n`,
          )
          .join('');
  const foreseen =
    planned.length === 0
      ? ''
      : `${planned.length} ${planned.length === 1 ? 'workload without pods was' : 'workloads without pods were'} looked at as admission would look at their pods\n`;
  const count = findings.filter(({ severity }) => severity === 'problem').length;
  const said = findings
    .map(
      ({ severity, subject, message, fix, pods: about }) =>
        `${severity}: ${subject}${about.length > 1 ? ` (${about.length} pods)` : ''}: ${message}\n    ${fix}\n`,
    )
    .join('');
  return [
    table,
    foreseen,
    said,
    `${count === 0 ? 'nothing stands' : `${count} ${count === 1 ? 'thing stands' : 'things stand'}`} in a branch's way\n`,
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function agentOf(pod: PodState, { agentDelivery }: Settings): string {
  if (!pod.wantsAgent) return 'not asked for';
  if (agentDelivery === 'none') return 'brought by others';
  if (pod.carrying.length === 0) return 'none';
  return `${pod.carrying.join(', ')}${pod.source === '' ? '' : ` (${pod.source})`}`;
}
