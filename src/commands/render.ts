/** `branchline render`: the routes that manifests make, offline, with the manifests themselves as the cluster. */
import { stringify } from 'yaml';
import type { Settings } from '../config/settings.ts';
import { severityOf, toLine } from '../model/problem.ts';
import { existingOf } from '../routing/changes.ts';
import { desiredOf, problemsOf, type Desired } from '../routing/desired.ts';
import { byCodeUnit, type RoutingProblem } from '../routing/layout.ts';
import { planOf, type Plan } from '../routing/plan.ts';
import { gatewayApiObjects } from '../routing/gateway-api/objects.ts';
import { admitted } from './admitted.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What to render and how to print it. */
export interface RenderRequest {
  /** Files and folders; `-` is standard input. */
  readonly files: readonly string[];
  readonly output: 'yaml' | 'json';
  /** The kinds of object: Istio's own, or those of the Gateway API. */
  readonly api: 'istio' | 'gateway';
  /** Print what the controller would write, and when, from the route objects in the manifests, in place of the objects. */
  readonly diff: boolean;
  readonly settings: Settings;
}

/** Prints the route objects, sorted, on stdout and problems on stderr. @returns 1 when something cannot be routed or read. */
export async function render(
  { files, output, api, diff, settings }: RenderRequest,
  io: Io,
): Promise<ExitCode> {
  if (diff && api === 'gateway') {
    io.err(
      "branchline: --diff compares Istio's objects only; leave out --diff, and compare those of --api gateway with kubectl diff --server-side -f -\n",
    );
    return exitCodes.wrongUse;
  }
  const facts = await admitted(files, settings, io);
  if (typeof facts === 'number') return facts;
  const desired = desiredOf(facts.snapshot, settings);
  if (api === 'gateway') {
    const { objects, problems } = gatewayApiObjects({
      desired,
      snapshot: facts.snapshot,
      raw: facts.objects,
      settings,
    });
    io.out(printList(objects, output));
    return exitOf(sayProblems([...problemsOf(desired), ...problems], settings, io) || facts.unreadable);
  }
  const failed = sayProblems(problemsOf(desired), settings, io);
  if (diff) io.out(printPlan(planOf(facts.snapshot, settings, existingOf(facts.snapshot)), output));
  else io.out(printObjects(desired, output));
  return exitOf(failed || facts.unreadable);
}

function exitOf(failed: boolean): ExitCode {
  return failed ? exitCodes.problemsFound : exitCodes.fine;
}

/** Says what cannot be routed, a line each. @returns whether anything is worse than a warning. */
export function sayProblems(problems: readonly RoutingProblem[], { severities }: Settings, io: Io): boolean {
  let failed = false;
  for (const problem of problems) {
    const severity = severityOf(problem.code, severities);
    if (severity === 'off') continue;
    failed ||= severity === 'deny';
    const where = [problem.namespace, problem.name].filter((part) => part !== '').join('/');
    io.err(`${problem.kind} ${where}: ${severity === 'deny' ? 'refused' : 'Warning'}: ${toLine(problem)}\n`);
  }
  return failed;
}

function printObjects({ objects }: Desired, output: RenderRequest['output']): string {
  const items = [...objects].sort(([a], [b]) => byCodeUnit(a, b)).map(([, object]) => object);
  return printList(items, output);
}

function printList(items: readonly unknown[], output: RenderRequest['output']): string {
  return print(items, output, { apiVersion: 'v1', kind: 'List', items });
}

function printPlan({ phases }: Plan, output: RenderRequest['output']): string {
  const items = phases.map(({ name, afterMilliseconds, changes }) => ({
    phase: name,
    after: showWait(afterMilliseconds),
    changes: changes.map(({ action, kind, namespace, name: object, before, after }) => ({
      action,
      kind,
      namespace,
      name: object,
      ...(before === undefined ? {} : { before: before.spec }),
      ...(after === undefined ? {} : { after: after.spec }),
    })),
  }));
  return print(items, output, items);
}

/** Shows how long after the first write another one is made, e.g. `5 s`. */
export function showWait(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}

function print(items: readonly unknown[], output: RenderRequest['output'], whole: unknown): string {
  if (output === 'json') return `${JSON.stringify(whole, null, 2)}\n`;
  return items.map((item) => stringify(item, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
}
