/** `branchline check`: what is wrong with route manifests, offline, with the manifests themselves as the cluster. */
import { readFile } from 'node:fs/promises';
import { judge } from '../admission/decision.ts';
import { findFiles } from '../cluster/files.ts';
import { namespaceFor, parseManifests, placed, readManifestFile, readStdin, stdinName, type Manifest, type Manifests, type Source } from '../cluster/manifests.ts';
import { locate } from '../cluster/places.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { textAt } from '../model/json.ts';
import { severityOf, toText, type Problem } from '../model/problem.ts';
import { snapshotOf, type Snapshot } from '../model/snapshot.ts';
import { ignored, readIgnores } from '../validation/ignores.ts';
import { unknownFields } from '../validation/known-fields.ts';
import { routeProblems } from '../validation/route-problems.ts';
import { printJson, printSarif, printText, type CheckProblem } from './check-output.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** How problems are printed. */
export type CheckOutput = 'text' | 'json' | 'sarif';
/** How bad a problem is: an error would be refused by the webhook. */
export type CheckSeverity = 'error' | 'warning';

/** What to check and how to say it. */
export interface CheckRequest {
  /** Files and folders; `-` is standard input. */
  readonly files: readonly string[];
  readonly output: CheckOutput;
  readonly failOn: CheckSeverity;
  readonly settings: Settings;
  readonly version: string;
}

const routeKinds: ReadonlySet<string> = new Set(['networking.istio.io/VirtualService', 'networking.istio.io/DestinationRule', 'gateway.networking.k8s.io/HTTPRoute', 'gateway.networking.k8s.io/GRPCRoute']);

/** Checks every route object among all objects, prints what is wrong. @returns 1 when something is as bad as `failOn`. */
export async function check({ files, output, failOn, settings, version }: CheckRequest, io: Io): Promise<ExitCode> {
  let read: Read;
  try {
    read = await readAll(files, io);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    io.err(`branchline: ${error.message}\n`);
    return exitCodes.wrongUse;
  }
  const snapshot = snapshotOf(read.objects.map(({ object }) => placed(object)));
  const routes = read.objects.filter(({ object }) => routeKinds.has(`${(textAt(object, 'apiVersion') ?? '').split('/')[0] ?? ''}/${textAt(object, 'kind') ?? ''}`));
  const found = routes.flatMap((manifest) => problemsOf(manifest, snapshot, settings));
  const problems = [...read.problems.map((problem) => unreadable(problem, settings)), ...await located(found, read.stdin)].sort(byPlace);
  const shown = problems.filter(({ ignoredFor }) => ignoredFor === undefined);
  print(problems, { output, version, colour: io.isTerminal && (io.environment['NO_COLOR'] ?? '') === '' }, io);
  io.err(summary(shown, routes.length, snapshot));
  return shown.some(({ severity }) => severity === 'error' || failOn === 'warning') ? exitCodes.problemsFound : exitCodes.fine;
}

interface Read extends Manifests {
  readonly stdin: Source | undefined;
}

async function readAll(paths: readonly string[], io: Io): Promise<Read> {
  const { files, unreadable: gone } = await findFiles(paths.filter((path) => path !== '-'));
  if (gone[0] !== undefined) throw new ClusterError(gone[0].reason, false);
  const stdin = paths.includes('-') ? await readStdin(io.stdin) : undefined;
  const parts = stdin === undefined ? [] : [parseManifests(stdin.content, stdinName)];
  for (const { path } of files) parts.push(await readManifestFile(path));
  return { objects: parts.flatMap(({ objects }) => objects), problems: parts.flatMap(({ problems }) => problems), stdin };
}

/** A problem of an object, before it is known where in the file. */
interface Found {
  readonly manifest: Manifest;
  readonly problem: Problem;
  readonly severity: CheckSeverity;
  readonly ignoredFor: string | undefined;
}

function problemsOf(manifest: Manifest, snapshot: Snapshot, settings: Settings): readonly Found[] {
  const { object } = manifest;
  const named = { namespace: namespaceFor(object, true), name: textAt(object, 'metadata', 'name') ?? '' };
  const ignores = readIgnores(object);
  const problems = [...ignores.problems, ...unknownFields(object), ...routeProblems(object, named, { settings, snapshot })];
  return judge(problems, settings.severities).map((problem) => ({
    manifest, problem, severity: problem.severity === 'deny' ? 'error' : 'warning', ignoredFor: ignored(problem, ignores),
  }));
}

/** Each file with problems is read once more, for the places; nothing else of it was kept. */
async function located(found: readonly Found[], stdin: Source | undefined): Promise<readonly CheckProblem[]> {
  const byFile = Map.groupBy(found, ({ manifest }) => manifest.file);
  const problems: CheckProblem[] = [];
  for (const [file, inFile] of byFile) {
    const content = file === stdinName && stdin !== undefined ? stdin.content : await readFile(file).catch(() => '');
    const places = locate(content, inFile.map(({ manifest, problem }) => ({ index: manifest.index, path: problem.path, name: problem.code === 'BL240' })));
    const lines = linesOf(content);
    problems.push(...inFile.map((one, index) => describe(one, places[index] ?? { line: one.manifest.line, column: 1, endColumn: 2 }, lines)));
  }
  return problems;
}

/** Longest text whose lines are shown, in bytes. */
const excerptLimitBytes = 16 * 1024 * 1024;

function linesOf(content: Uint8Array | string): readonly string[] {
  if (content.length > excerptLimitBytes) return [];
  return (typeof content === 'string' ? content : new TextDecoder().decode(content)).split(/\r?\n/);
}

function describe({ manifest, problem, severity, ignoredFor }: Found, place: { readonly line: number; readonly column: number; readonly endColumn: number }, lines: readonly string[]): CheckProblem {
  const { object, file } = manifest;
  return {
    code: problem.code, severity, kind: textAt(object, 'kind') ?? '', namespace: namespaceFor(object, true), name: textAt(object, 'metadata', 'name') ?? '',
    path: problem.path, message: toText(problem.message), fix: toText(problem.fix ?? ''), file, ...place, source: lines[place.line - 1] ?? '', ignoredFor,
  };
}

function unreadable({ code, message, source }: Manifests['problems'][number], settings: Settings): CheckProblem {
  const [, file = source, line = '1'] = /^(.*):([0-9]+)$/s.exec(source) ?? [];
  const severity = severityOf(code, settings.severities) === 'deny' ? 'error' : 'warning';
  return {
    code, severity, kind: '', namespace: '', name: '', path: '', message: toText(message.startsWith(`${source}: `) ? message.slice(source.length + 2) : message),
    fix: '', file, line: Number(line), column: 1, endColumn: 2, source: '', ignoredFor: undefined,
  };
}

function byPlace(a: CheckProblem, b: CheckProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (a.code < b.code ? -1 : 1);
}

function print(problems: readonly CheckProblem[], { output, version, colour }: { readonly output: CheckOutput; readonly version: string; readonly colour: boolean }, io: Io): void {
  const shown = problems.filter(({ ignoredFor }) => ignoredFor === undefined);
  if (output === 'json') io.out(printJson(shown));
  else if (output === 'sarif') io.out(printSarif(problems, version));
  else io.out(printText(shown, colour));
}

/** What was not looked at is said, so that silence is not taken for praise. */
function summary(problems: readonly CheckProblem[], routes: number, snapshot: Snapshot): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const missing = [...(snapshot.destinationRules.size === 0 ? ['DestinationRule: subsets'] : []), ...(snapshot.gateways.size === 0 ? ['Gateway: hosts'] : [])];
  const notes = routes === 0 ? [] : missing.map((what) => `branchline: these manifests have no ${what} were not compared with one\n`);
  return `${notes.join('')}branchline: ${count(errors, 'error')}, ${count(problems.length - errors, 'warning')} in ${count(routes, 'route object')}\n`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
