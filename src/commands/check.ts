/** `branchline check`: what is wrong with route manifests, with the manifests themselves as the cluster; or with those that are in a cluster, or are to go there. */
import { namespaceFor } from '../cluster/manifests.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import type { JsonObject } from '../model/json.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { printJson, printSarif, printText, type CheckProblem } from './check-output.ts';
import { byPlace, located, unreadable } from './check-places.ts';
import { findProblems } from './check-problems.ts';
import { FilesError, isRoute, readAll, readFacts, type Facts, type Read } from './check-read.ts';
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

/** Checks every route object among all objects, prints what is wrong. @returns 1 when something is as bad as `failOn`, 3 when the cluster cannot be read. */
export async function check(request: CheckRequest, io: Io): Promise<ExitCode> {
  const { files, output, failOn, settings, version } = request;
  let read: Read;
  let facts: Facts;
  try {
    read = await readAll(files, io);
    facts = await readFacts(request, read, io);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    io.err(`branchline: ${error.message}\n`);
    return error instanceof FilesError ? exitCodes.wrongUse : exitCodes.worldRefused;
  }
  const checked = facts.checked.filter(({ object }) => isWanted(object, request.namespaces));
  const routes = checked.filter(({ object }) => isRoute(object)).length;
  const found = findProblems(checked, facts, settings);
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
    [...facts.notes, ...(request.cluster ? [] : missing(routes, facts.snapshot)), counts(shown, routes)]
      .map((line) => `branchline: ${line}\n`)
      .join(''),
  );
  return shown.some(({ severity }) => severity === 'error' || failOn === 'warning')
    ? exitCodes.problemsFound
    : exitCodes.fine;
}

function isWanted(object: JsonObject, namespaces: readonly string[]): boolean {
  return namespaces.length === 0 || namespaces.includes(namespaceFor(object, true));
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
