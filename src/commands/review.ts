/** `branchline review`: the webhook's words on manifests, offline, with the manifests themselves as the cluster. */
import { stringify } from 'yaml';
import { decide, type ReviewPath } from '../admission/decide.ts';
import type { Decision } from '../admission/decision.ts';
import type { Operation } from '../admission/json-patch.ts';
import { readManifests, type Manifest, type Manifests } from '../cluster/manifests.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { textAt, type JsonObject } from '../model/json.ts';
import { toLine } from '../model/problem.ts';
import { snapshotOf, type Snapshot } from '../model/snapshot.ts';
import { creationOf } from './admitted.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What to review and how to print it. */
export interface ReviewRequest {
  /** Files and folders; `-` is standard input. */
  readonly files: readonly string[];
  readonly output: 'yaml' | 'json' | 'patch';
  readonly settings: Settings;
}

interface Reviewed {
  readonly manifest: Manifest;
  readonly patch: readonly Operation[];
  readonly after: JsonObject;
  readonly warnings: readonly string[];
}

/** Mutates every object, then validates each among all of them. Prints the objects, says what was found. @returns 1 when one is refused. */
export async function review({ files, output, settings }: ReviewRequest, io: Io): Promise<ExitCode> {
  let read: Manifests;
  try {
    read = await readManifests(files, io.stdin);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    io.err(`branchline: ${error.message}\n`);
    return exitCodes.wrongUse;
  }
  const before = snapshotOf(read.objects.map(({ object }) => object));
  const mutated = read.objects.map((manifest) => mutate(manifest, before, settings));
  const after = snapshotOf(mutated.map((one) => one.after));
  for (const problem of read.problems) io.err(`${toLine(problem)}\n`);
  const refused = mutated.filter((one) => say(one, validate(one.after, after, settings), io));
  io.out(print(mutated, output));
  return refused.length > 0 || read.problems.length > 0 ? exitCodes.problemsFound : exitCodes.fine;
}

function mutate(manifest: Manifest, snapshot: Snapshot, settings: Settings): Reviewed {
  const path: ReviewPath = textAt(manifest.object, 'kind') === 'Pod' ? '/mutate/pods' : '/mutate/workloads';
  const object = structuredClone(manifest.object);
  const decision = decide(path, creationOf(object), { settings, snapshot });
  return { manifest, after: object, patch: decision.outcome === 'mutated' ? decision.patch : [], warnings: decision.warnings };
}

function validate(object: JsonObject, snapshot: Snapshot, settings: Settings): readonly Decision[] {
  return (['/validate/declarations', '/validate/routes'] as const).map((path) => decide(path, creationOf(object), { settings, snapshot }));
}

/** Says what was found about one object. @returns whether it is refused. */
function say({ manifest, warnings }: Reviewed, decisions: readonly Decision[], io: Io): boolean {
  const { file, line, object } = manifest;
  const what = `${file}:${line}: ${textAt(object, 'kind') ?? ''} ${textAt(object, 'metadata', 'name') ?? ''}`;
  for (const warning of warnings) io.err(`${what}: Warning: ${warning}\n`);
  for (const problem of decisions.flatMap((decision) => decision.problems)) {
    io.err(`${what}: ${problem.severity === 'deny' ? 'refused' : 'Warning'}: ${toLine(problem)}${problem.path === '' ? '' : ` (${problem.path})`}\n`);
  }
  return decisions.some((decision) => decision.outcome === 'denied');
}

function print(mutated: readonly Reviewed[], output: ReviewRequest['output']): string {
  if (mutated.length === 0) return '';
  if (output === 'yaml') return mutated.map((one) => stringify(one.after, { lineWidth: 0 })).join('---\n');
  if (output === 'json') return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: mutated.map((one) => one.after) }, null, 2)}\n`;
  const patches = mutated.filter((one) => one.patch.length > 0).map(({ manifest, patch }) => ({
    file: manifest.file, line: manifest.line, kind: textAt(manifest.object, 'kind'), namespace: textAt(manifest.object, 'metadata', 'namespace'), name: textAt(manifest.object, 'metadata', 'name'), patch,
  }));
  return `${JSON.stringify(patches, null, 2)}\n`;
}
