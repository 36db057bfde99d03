/** `branchline check`: what is wrong with route manifests, with the manifests themselves as the cluster; or with those that are in a cluster, or are to go there. */
import { readFile } from 'node:fs/promises';
import { judge } from '../admission/decision.ts';
import { findFiles } from '../cluster/files.ts';
import {
  namespaceFor,
  parseManifests,
  placed,
  readManifestFile,
  readStdin,
  stdinName,
  type Manifest,
  type Manifests,
  type Source,
} from '../cluster/manifests.ts';
import { locate } from '../cluster/places.ts';
import { ClusterError } from '../cluster/port.ts';
import type { ListedKind } from '../cluster/read-once.ts';
import type { Settings } from '../config/settings.ts';
import { textAt, type JsonObject } from '../model/json.ts';
import { severityOf, toText, type Problem } from '../model/problem.ts';
import { snapshotOf, type Snapshot } from '../model/snapshot.ts';
import { ignored, readIgnores } from '../validation/ignores.ts';
import { unknownFields } from '../validation/known-fields.ts';
import { repeatedProblem, strayProblem } from '../validation/manifest-rules.ts';
import { capped } from '../validation/regex-rules.ts';
import { routeProblems } from '../validation/route-problems.ts';
import { objectOf, printJson, printSarif, printText, type CheckProblem } from './check-output.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** How problems are printed. */
export type CheckOutput = 'text' | 'json' | 'sarif';
/** How bad a problem is: an error would be refused by the webhook. */
export type CheckSeverity = 'error' | 'warning';

/** What to check and how to say it. */
export interface CheckRequest {
  /** Files and folders; `-` is standard input. None: the routes of the cluster. */
  readonly files: readonly string[];
  /** The manifests are looked at among what is in the cluster. */
  readonly cluster: boolean;
  /** Only routes of these are checked; none given: all. */
  readonly namespaces: readonly string[];
  readonly output: CheckOutput;
  readonly failOn: CheckSeverity;
  readonly settings: Settings;
  readonly version: string;
}

/** The kinds that are checked. Istio's are those of the resource table, too. */
const routeKinds: readonly ListedKind[] = [
  {
    kind: 'VirtualService',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'virtualservices',
    custom: true,
  },
  {
    kind: 'DestinationRule',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'destinationrules',
    custom: true,
  },
  {
    kind: 'HTTPRoute',
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    plural: 'httproutes',
    custom: true,
  },
  {
    kind: 'GRPCRoute',
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    plural: 'grpcroutes',
    custom: true,
  },
];

function isRoute(object: JsonObject): boolean {
  const group = (textAt(object, 'apiVersion') ?? '').split('/')[0];
  return routeKinds.some((known) => known.kind === object['kind'] && known.group === group);
}

/** Checks every route object among all objects, prints what is wrong. @returns 1 when something is as bad as `failOn`, 3 when the cluster cannot be read. */
export async function check(request: CheckRequest, io: Io): Promise<ExitCode> {
  const { files, output, failOn, settings, version } = request;
  let read: Read;
  let facts: Facts;
  try {
    read = await readAll(files, io);
    facts = request.cluster
      ? await readFacts(request, read, io)
      : {
          snapshot: snapshotOf(read.objects.map(({ object }) => placed(object))),
          before: new Map(),
          routes: read.objects,
          notes: [],
        };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    io.err(`branchline: ${error.message}\n`);
    return error instanceof FilesError ? exitCodes.wrongUse : exitCodes.worldRefused;
  }
  const { snapshot } = facts;
  const routes = facts.routes.filter(({ object }) => isRoute(object) && isWanted(object, request.namespaces));
  const wanted = read.objects.filter(({ object }) => isWanted(object, request.namespaces));
  const found = [
    ...routes.flatMap((manifest) => problemsOf(manifest, facts, settings)),
    ...wanted.flatMap((manifest) => strays(manifest, settings)),
    ...repeated(wanted, settings),
  ];
  const problems = [
    ...read.problems.map((problem) => unreadable(problem, settings)),
    ...(await located(found, read.stdin)),
  ].sort(byPlace);
  const shown = problems.filter(({ ignoredFor }) => ignoredFor === undefined);
  print(
    problems,
    { output, version, colour: io.isTerminal && (io.environment['NO_COLOR'] ?? '') === '' },
    io,
  );
  io.err(
    [
      ...facts.notes,
      ...(request.cluster ? [] : missing(routes.length, snapshot)),
      counts(shown, routes.length),
    ]
      .map((line) => `branchline: ${line}\n`)
      .join(''),
  );
  return shown.some(({ severity }) => severity === 'error' || failOn === 'warning')
    ? exitCodes.problemsFound
    : exitCodes.fine;
}

/** What the objects are checked among. */
interface Facts {
  readonly snapshot: Snapshot;
  readonly routes: readonly Manifest[];
  /** What the cluster has in place of a manifest. */
  readonly before: ReadonlyMap<string, JsonObject>;
  readonly notes: readonly string[];
}

/** Where an object stands that was read in a cluster. */
const inCluster = { file: '', line: 0, document: { start: 0, end: 0 }, member: undefined };

/** The client is loaded only when it is asked for. */
async function readFacts({ files, settings }: CheckRequest, { objects }: Read, io: Io): Promise<Facts> {
  const { readCluster } = await import('../cluster/read-once.ts');
  const { snapshot, kept, problems } = await readCluster({
    kubeconfig: settings.kubeconfig,
    context: settings.kubeContext,
    keep: routeKinds,
    over: objects.map(({ object }) => object),
    signal: io.stop,
    silenceMilliseconds: settings.watchSilenceSeconds * 1000,
  });
  const live = kept.map((object) => ({ object, ...inCluster }));
  return {
    snapshot,
    routes: files.length === 0 ? live : objects,
    before: new Map(kept.map((object) => [identityOf(object), object])),
    notes: problems.map(({ message }) => message),
  };
}

function identityOf(object: JsonObject): string {
  return `${textAt(object, 'kind') ?? ''}/${namespaceFor(object, true)}/${textAt(object, 'metadata', 'name') ?? ''}`;
}

function isWanted(object: JsonObject, namespaces: readonly string[]): boolean {
  return namespaces.length === 0 || namespaces.includes(namespaceFor(object, true));
}

/** A path that was named cannot be read. */
class FilesError extends ClusterError {}

interface Read extends Manifests {
  readonly stdin: Source | undefined;
}

async function readAll(paths: readonly string[], io: Io): Promise<Read> {
  const { files, unreadable: gone } = await findFiles(paths.filter((path) => path !== '-'));
  if (gone[0] !== undefined) throw new FilesError(gone[0].reason, false);
  const stdin = paths.includes('-') ? await readInput(io) : undefined;
  const parts = stdin === undefined ? [] : [parseManifests(stdin.content, stdinName)];
  for (const { path } of files) parts.push(await readManifestFile(path));
  return {
    objects: parts.flatMap(({ objects }) => objects),
    problems: parts.flatMap(({ problems }) => problems),
    stdin,
  };
}

async function readInput(io: Io): Promise<Source> {
  return readStdin(io.stdin).catch((error: unknown) => {
    throw error instanceof ClusterError ? new FilesError(error.message, false) : error;
  });
}

/** A problem of an object, before it is known where in the file. */
interface Found {
  readonly manifest: Manifest;
  readonly problem: Problem;
  readonly severity: CheckSeverity;
  readonly ignoredFor: string | undefined;
}

function problemsOf(manifest: Manifest, { snapshot, before }: Facts, settings: Settings): readonly Found[] {
  const { object, file } = manifest;
  const named = {
    namespace: namespaceFor(object, true),
    name: textAt(object, 'metadata', 'name') ?? '',
    oldObject: file === '' ? undefined : before.get(identityOf(object)),
  };
  const ignores = readIgnores(object);
  return judged(
    manifest,
    [
      ...ignores.problems,
      ...unknownFields(object),
      ...capped(routeProblems(object, named, { settings, snapshot })),
    ],
    settings,
  );
}

function strays(manifest: Manifest, settings: Settings): readonly Found[] {
  const stray = strayProblem(manifest.object);
  return stray === undefined ? [] : judged(manifest, [stray], settings);
}

function repeated(manifests: readonly Manifest[], settings: Settings): readonly Found[] {
  const first = new Map<string, Manifest>();
  const found: Found[] = [];
  for (const manifest of manifests) {
    const identity = identityOf(manifest.object);
    const before = first.get(identity);
    if (!isRoute(manifest.object) || textAt(manifest.object, 'metadata', 'name') === undefined) continue;
    if (before === undefined) first.set(identity, manifest);
    else
      found.push(
        ...judged(manifest, [repeatedProblem(textAt(manifest.object, 'kind') ?? '', before)], settings),
      );
  }
  return found;
}

function judged(manifest: Manifest, problems: readonly Problem[], settings: Settings): readonly Found[] {
  const ignores = readIgnores(manifest.object);
  return judge(problems, settings.severities).map((problem) => ({
    manifest,
    problem,
    severity: problem.severity === 'deny' ? 'error' : 'warning',
    ignoredFor: ignored(problem, ignores),
  }));
}

/** Each file with problems is read once more, for the places; nothing else of it was kept. */
async function located(found: readonly Found[], stdin: Source | undefined): Promise<readonly CheckProblem[]> {
  const byFile = Map.groupBy(found, ({ manifest }) => manifest.file);
  const problems: CheckProblem[] = [];
  for (const [file, inFile] of byFile) {
    if (file === '') {
      for (const one of inFile) problems.push(describe(one, nowhere, []));
      continue;
    }
    const content =
      file === stdinName && stdin !== undefined ? stdin.content : await readFile(file).catch(() => '');
    const places = locate(
      content,
      inFile.map(({ manifest, problem }) => ({
        item: manifest,
        path: problem.path,
        name: problem.code === 'BL240',
      })),
    );
    const lines = linesOf(content);
    for (const [index, one] of inFile.entries())
      problems.push(
        describe(one, places[index] ?? { line: one.manifest.line, column: 1, endColumn: 2 }, lines),
      );
  }
  return problems;
}

/** The place of what is in a cluster. */
const nowhere = { line: 0, column: 0, endColumn: 0 };

/** Longest text whose lines are shown, in bytes. */
const excerptLimitBytes = 16 * 1024 * 1024;

function linesOf(content: Uint8Array | string): readonly string[] {
  if (content.length > excerptLimitBytes) return [];
  return (typeof content === 'string' ? content : new TextDecoder().decode(content)).split(/\r?\n/);
}

function describe(
  { manifest, problem, severity, ignoredFor }: Found,
  place: { readonly line: number; readonly column: number; readonly endColumn: number },
  lines: readonly string[],
): CheckProblem {
  const { object, file } = manifest;
  return {
    code: problem.code,
    severity,
    kind: textAt(object, 'kind') ?? '',
    namespace: namespaceFor(object, true),
    name: textAt(object, 'metadata', 'name') ?? '',
    path: problem.path,
    message: toText(problem.message),
    fix: toText(problem.fix ?? ''),
    file,
    ...place,
    source: lines[place.line - 1] ?? '',
    ignoredFor,
  };
}

function unreadable(
  { code, message, source }: Manifests['problems'][number],
  settings: Settings,
): CheckProblem {
  const [, file = source, line = '1'] = /^(.*):([0-9]+)$/s.exec(source) ?? [];
  const severity = severityOf(code, settings.severities) === 'deny' ? 'error' : 'warning';
  return {
    code,
    severity,
    kind: '',
    namespace: '',
    name: '',
    path: '',
    message: toText(message.startsWith(`${source}: `) ? message.slice(source.length + 2) : message),
    fix: '',
    file,
    line: Number(line),
    column: 1,
    endColumn: 2,
    source: '',
    ignoredFor: undefined,
  };
}

function byPlace(a: CheckProblem, b: CheckProblem): number {
  return (
    compare(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    (a.file === '' ? compare(objectOf(a), objectOf(b)) : 0) ||
    compare(a.code, b.code) ||
    compare(a.path, b.path)
  );
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function print(
  problems: readonly CheckProblem[],
  {
    output,
    version,
    colour,
  }: { readonly output: CheckOutput; readonly version: string; readonly colour: boolean },
  io: Io,
): void {
  const shown = problems.filter(({ ignoredFor }) => ignoredFor === undefined);
  if (output === 'json') io.out(printJson(shown));
  else if (output === 'sarif') io.out(printSarif(problems, version));
  else io.out(printText(shown, colour));
}

/** What was not looked at is said, so that silence is not taken for praise. */
function missing(routes: number, snapshot: Snapshot): readonly string[] {
  const kinds = [
    ...(snapshot.destinationRules.size === 0 ? ['DestinationRule: subsets'] : []),
    ...(snapshot.gateways.size === 0 ? ['Gateway: hosts'] : []),
  ];
  return routes === 0
    ? []
    : kinds.map((what) => `these manifests have no ${what} were not compared with one`);
}

function counts(problems: readonly CheckProblem[], routes: number): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return `${count(errors, 'error')}, ${count(problems.length - errors, 'warning')} in ${count(routes, 'route object')}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
