/** `branchline housekeep`: ends the branches whose time is up, or whose git branch is merged or gone; with `--dry-run`, or from manifests, says what it would do. */
import type { Settings } from '../config/settings.ts';
import { parseLabelFilter } from '../lifecycle/label-filter.ts';
import { planSweep, type Decision, type Sweep, type SweepOptions } from '../lifecycle/sweep.ts';
import { showTime } from '../model/time.ts';
import { gatherFacts, type Facts, type Source } from './facts.ts';
import { endedInGit, type GitQuestion } from './git.ts';
import { carryOutAll, type Ended } from './hands.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import { table } from './table.ts';

/** What to sweep, and how. */
export interface HousekeepRequest extends Source {
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly maxDays: number | undefined;
  readonly git: GitQuestion | undefined;
  readonly output: 'text' | 'json';
  readonly settings: Settings;
}

/** Sweeps once. @returns 1 when something was held back or could not be ended. @throws ClusterError when the cluster refuses. */
export async function housekeep(request: HousekeepRequest, io: Io): Promise<ExitCode> {
  const filter = parseLabelFilter(request.settings.labelFilter);
  if (filter === undefined) {
    io.err(
      `branchline: --label-filter ${JSON.stringify(request.settings.labelFilter)} is no label selector; write it as for kubectl, e.g. version,version!=master\n`,
    );
    return exitCodes.wrongUse;
  }
  const facts = await gatherFacts({ ...request, ends: true }, request.settings, io);
  if (typeof facts === 'number') return facts;
  try {
    const clock: SweepOptions['clock'] =
      facts.isGiven || facts.client === undefined ? 'given' : { now: facts.now, server: facts.server };
    const ended = request.git === undefined ? undefined : await endedInGit(request.git, facts, io);
    if (typeof ended === 'number') return ended;
    const sweep = planSweep(facts, {
      force: request.force,
      filter,
      clock,
      ...(request.maxDays === undefined ? {} : { maxDays: request.maxDays }),
      ...(ended === undefined ? {} : { ended }),
    });
    return await act(within(sweep, facts.namespaces), facts, request, io);
  } finally {
    facts.close();
  }
}

/** Manifests may hold more namespaces than were asked for. */
function within(sweep: Sweep, namespaces: readonly string[]): Sweep {
  if (namespaces.length === 0 || namespaces.includes('*')) return sweep;
  return {
    ...sweep,
    decisions: sweep.decisions.filter(({ life }) => namespaces.includes(life.workload.namespace)),
  };
}

async function act(
  sweep: Sweep,
  facts: Facts,
  { dryRun, force, output, settings }: HousekeepRequest,
  io: Io,
): Promise<ExitCode> {
  const due = sweep.decisions.filter(({ action }) => action !== 'none');
  const { client, snapshot } = facts;
  const results =
    dryRun || client === undefined
      ? undefined
      : await carryOutAll(due, { client, snapshot, settings, force }, io);
  io.out(
    output === 'json'
      ? `${JSON.stringify(toJson(sweep.decisions, results), null, 2)}\n`
      : toText(sweep.decisions, results),
  );
  if (sweep.held !== undefined)
    io.err(`branchline: held back: ${sweep.held}; look at it with --dry-run, and do it with --force\n`);
  return worst([
    sayFailures(results ?? [], io),
    sweep.held !== undefined || facts.incomplete ? exitCodes.problemsFound : exitCodes.fine,
  ]);
}

/** Says what did not happen. @returns 3 when the cluster refused, 1 when something stood in the way. */
export function sayFailures(results: readonly Ended[], io: Io): ExitCode {
  const failures = results.filter(({ outcome }) => outcome.did === 'failed' || outcome.did === 'skipped');
  for (const {
    decision: { life },
    outcome,
  } of failures)
    io.err(`branchline: ${life.workload.namespace}/${life.workload.name} ${outcome.did}: ${outcome.note}\n`);
  if (failures.some(({ outcome }) => outcome.did === 'failed')) return exitCodes.worldRefused;
  return failures.length > 0 ? exitCodes.problemsFound : exitCodes.fine;
}

function worst(codes: readonly ExitCode[]): ExitCode {
  return codes.reduce((one, other) => (other > one ? other : one), exitCodes.fine);
}

function toJson(decisions: readonly Decision[], results: readonly Ended[] | undefined): readonly unknown[] {
  return decisions.map((decision) => {
    const { action, life, reason, at } = decision;
    const outcome = results?.find((one) => one.decision === decision)?.outcome;
    return {
      namespace: life.workload.namespace,
      branch: life.branch.name,
      id: life.branch.id,
      service: life.service,
      kind: life.workload.kind,
      name: life.workload.name,
      action,
      reason,
      ...(at === undefined ? {} : { at: showTime(at) }),
      ...(outcome === undefined ? {} : { did: outcome.did, note: outcome.note }),
    };
  });
}

const headings = ['NAMESPACE', 'BRANCH', 'WORKLOAD', 'ACTION', 'WHEN', 'WHY'];

function toText(decisions: readonly Decision[], results: readonly Ended[] | undefined): string {
  if (decisions.length === 0) return 'no branches\n';
  return table([
    headings,
    ...decisions.map((decision) => {
      const { action, life, reason, at } = decision;
      const outcome = results?.find((one) => one.decision === decision)?.outcome;
      const doing =
        results === undefined && action !== 'none' ? `would ${verbs[action]}` : (outcome?.did ?? '-');
      return [
        life.workload.namespace,
        life.branch.name,
        life.workload.name,
        doing,
        at === undefined ? '-' : showTime(at),
        reason,
      ];
    }),
  ]);
}

const verbs = {
  none: '-',
  warn: 'warn',
  remove: 'remove',
  sleep: 'put to sleep',
  wake: 'wake',
  revive: 'revive',
} as const;
