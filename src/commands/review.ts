/** `branchline review`: the webhook's words on manifests, offline, with the manifests themselves as the cluster. */
import { stringify } from 'yaml';
import { decide, type Facts } from '../admission/decide.ts';
import { judge, type JudgedProblem } from '../admission/decision.ts';
import { isEqual } from '../model/equal.ts';
import type { Operation } from '../admission/json-patch.ts';
import type { Review } from '../admission/review.ts';
import { readManifests, type Manifest, type Manifests } from '../cluster/manifests.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { listAt, textAt, type JsonObject } from '../model/json.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import { workloadKinds } from '../model/kubernetes.ts';
import { toLine, type Problem } from '../model/problem.ts';
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
  /** What the manifests had under this name before: to `kubectl apply -f` the second one of a name is an update of the first. */
  readonly earlier: Reviewed | undefined;
  readonly patch: readonly Operation[];
  readonly after: JsonObject;
  /** What is said beside problems: where the branch will be. */
  readonly notes: readonly string[];
  readonly problems: readonly JudgedProblem[];
}

/** Mutates every object among all of them, then validates each. Prints the objects, says what was found. @returns 1 when one is refused. */
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
  // Twice: what admission gives one object (a baseline its label) tells what another is.
  const mutated = mutateAll(
    read.objects,
    snapshotOf(mutateAll(read.objects, before, settings).map((one) => one.after)),
    settings,
  );
  const after = snapshotOf(mutated.map((one) => one.after));
  for (const problem of read.problems) io.err(`${toLine(problem)}\n`);
  const refused = mutated.filter((one) => say(one, validate(one, after, settings), io));
  io.out(print(mutated, output));
  return refused.length > 0 || read.problems.length > 0 ? exitCodes.problemsFound : exitCodes.fine;
}

/** One after the other, as `kubectl apply -f` sends them. */
function mutateAll(
  manifests: readonly Manifest[],
  snapshot: Snapshot,
  settings: Settings,
): readonly Reviewed[] {
  const known = new Map<string, Reviewed>();
  return manifests.map((manifest) => {
    const identity = identityOf(manifest.object);
    const reviewed = mutate(manifest, known.get(identity), { snapshot, settings });
    // An object without a name is another one each time: the API server makes its name.
    if (textAt(manifest.object, 'metadata', 'name') !== undefined) known.set(identity, reviewed);
    return reviewed;
  });
}

function identityOf(object: JsonObject): string {
  const { group, kind, namespace, name } = creationOf(object);
  return JSON.stringify([group, kind, namespace, name]);
}

function mutate(manifest: Manifest, earlier: Reviewed | undefined, facts: Facts): Reviewed {
  const isPod = textAt(manifest.object, 'kind') === 'Pod';
  const review = reviewOf(manifest.object, earlier);
  const decision = decide(isPod ? '/mutate/pods' : '/mutate/workloads', review, facts);
  return {
    manifest,
    earlier,
    after: decision.outcome === 'mutated' ? decision.after : manifest.object,
    problems: decision.problems,
    patch: decision.outcome === 'mutated' ? decision.patch : [],
    notes: isPod ? [] : decision.warnings,
  };
}

function reviewOf(object: JsonObject, earlier: Reviewed | undefined): Review {
  const creation = creationOf(object);
  return earlier === undefined ? creation : { ...creation, operation: 'UPDATE', oldObject: earlier.after };
}

function validate(
  { after, earlier }: Reviewed,
  snapshot: Snapshot,
  settings: Settings,
): readonly JudgedProblem[] {
  const found = (['/validate/declarations', '/validate/routes'] as const).flatMap(
    (path) => decide(path, reviewOf(after, earlier), { settings, snapshot }).problems,
  );
  return [...found, ...judge(astray(after), settings.severities)];
}

/** The API server does not ask us about other kinds: only here can their authors be told. What another object owns has its annotations from there. */
function astray(object: JsonObject): readonly Problem[] {
  const kind = textAt(object, 'kind') ?? '';
  if (
    [...workloadKinds, 'Service', 'Namespace'].includes(kind) ||
    textAt(object, 'metadata', 'annotations', fullKey('branch')) === undefined
  )
    return [];
  if (listAt(object, 'metadata', 'ownerReferences').length > 0) return [];
  return [
    {
      code: 'BL123',
      path: annotationPath('branch'),
      message: `${fullKey('branch')} does nothing on a ${kind}; a branch is a ${workloadKinds.join(', ')}`,
    },
  ];
}

/** Says what was found about one object, a line each. @returns whether it is refused. */
function say(
  { manifest, earlier, notes, problems }: Reviewed,
  found: readonly JudgedProblem[],
  io: Io,
): boolean {
  const { file, line, object } = manifest;
  const what = `${file}:${line}: ${textAt(object, 'kind') ?? ''} ${textAt(object, 'metadata', 'name') ?? `${textAt(object, 'metadata', 'generateName') ?? ''}*`}`;
  if (earlier !== undefined && !isEqual(object, earlier.manifest.object))
    io.err(
      `${what}: Warning: it stands at ${earlier.manifest.file}:${earlier.manifest.line} already; reviewed as an update of that one, as kubectl apply would send it\n`,
    );
  for (const note of notes) io.err(`${what}: Warning: ${note}\n`);
  for (const problem of [...problems, ...found]) {
    io.err(
      `${what}: ${problem.severity === 'deny' ? 'refused' : 'Warning'}: ${toLine(problem)}${problem.path === '' ? '' : ` (${problem.path})`}\n`,
    );
  }
  return [...problems, ...found].some(({ severity }) => severity === 'deny');
}

function print(mutated: readonly Reviewed[], output: ReviewRequest['output']): string {
  if (mutated.length === 0) return '';
  if (output === 'yaml') return mutated.map((one) => stringify(one.after, { lineWidth: 0 })).join('---\n');
  if (output === 'json')
    return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: mutated.map((one) => one.after) }, null, 2)}\n`;
  const patches = mutated
    .filter((one) => one.patch.length > 0)
    .map(({ manifest, patch }) => ({
      file: manifest.file,
      line: manifest.line,
      kind: textAt(manifest.object, 'kind'),
      namespace: textAt(manifest.object, 'metadata', 'namespace'),
      name: textAt(manifest.object, 'metadata', 'name'),
      patch,
    }));
  return `${JSON.stringify(patches, null, 2)}\n`;
}
