/** `branchline keep` and `branchline delete`: what a person decides about one branch, in all its services. */
import type { Settings } from '../config/settings.ts';
import { keepPatch, type Keep } from '../lifecycle/change.ts';
import { livesOf, type Life } from '../lifecycle/life.ts';
import { isSameId, parseBranch } from '../model/branch.ts';
import { parseLifetimeSeconds } from '../model/duration.ts';
import { maximumOf } from '../model/lifetime.ts';
import { commaList } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import { showTime } from '../model/time.ts';
import { gatherFacts, type Facts, type Source } from './facts.ts';
import { carryOutAll } from './hands.ts';
import { sayFailures } from './housekeep.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** Which branch. */
export interface BranchRequest extends Source {
  readonly branch: string;
  /** Only these services of it, separated by commas; undefined: all. */
  readonly services: string | undefined;
  readonly settings: Settings;
}

/** How a branch is kept. */
export interface KeepRequest extends BranchRequest {
  /** Lifetime from now, e.g. `7d`; undefined: for ever. */
  readonly for: string | undefined;
  readonly unkeep: boolean;
}

/** Keeps a branch, wakes it when it sleeps, or lets it go again. @returns 1 when there is no such branch, or it may not live that long. */
export async function keep(request: KeepRequest, io: Io): Promise<ExitCode> {
  const seconds = request.for === undefined ? undefined : parseLifetimeSeconds(request.for);
  if (request.for !== undefined && seconds === undefined) {
    io.err(
      `branchline: --for ${quote(request.for)} is not a lifetime; write a whole number and m, h, d or w, e.g. 12h or 7d\n`,
    );
    return exitCodes.wrongUse;
  }
  return withBranch(request, io, async (lives, facts) => {
    const { client, now } = facts;
    if (client === undefined) return exitCodes.wrongUse;
    for (const life of lives) {
      const most = maximumOf(life.namespace, request.settings);
      if (!request.unkeep && most !== undefined && (seconds ?? Infinity) > most.seconds) {
        io.err(
          `branchline: ${life.workload.namespace} allows branches ${most.text} at most; keep it --for ${most.text}, or ask for another branchline.dev/max-ttl there\n`,
        );
        return exitCodes.problemsFound;
      }
    }
    for (const life of lives) {
      const object = await client.read(life.workload);
      if (object === undefined) continue;
      const how = keepOf(seconds, request.unkeep, now);
      await client.patch(life.workload, keepPatch(object, how));
      io.out(
        `${life.branch.name} of ${life.service ?? life.workload.name} in ${life.workload.namespace}: ${said(how, life)}\n`,
      );
    }
    return exitCodes.fine;
  });
}

function keepOf(seconds: number | undefined, unkeep: boolean, now: number): Keep {
  if (unkeep) return { for: 'lifetime' };
  return seconds === undefined ? { for: 'ever' } : { for: 'until', time: now + seconds * 1000 };
}

function said(how: Keep, { asleep, renewed, lifetime }: Life): string {
  const woken = asleep === undefined || how.for === 'lifetime' ? '' : ', and woken';
  if (how.for === 'ever') return `kept${woken}`;
  if (how.for === 'until') return `kept until ${showTime(how.time)}${woken}`;
  return renewed === undefined
    ? 'not kept'
    : `not kept; expires ${showTime(renewed + lifetime.seconds * 1000)}`;
}

/** Removes a branch: routes first, then its workloads. @returns 1 when there is no such branch, or it could not be removed. */
export function deleteBranch(
  request: BranchRequest & { readonly force: boolean },
  io: Io,
): Promise<ExitCode> {
  return withBranch(request, io, async (lives, { client, snapshot, settings }) => {
    if (client === undefined) return exitCodes.wrongUse;
    const decisions = lives.map(
      (life) => ({ action: 'remove', life, reason: 'asked for', at: undefined, asked: true }) as const,
    );
    const results = await carryOutAll(decisions, { client, snapshot, settings, force: request.force }, io);
    for (const {
      decision: { life },
      outcome,
    } of results)
      if (outcome.did === 'removed')
        io.out(
          `${life.branch.name} of ${life.service ?? life.workload.name} in ${life.workload.namespace}: removed\n`,
        );
    return sayFailures(results, io);
  });
}

/** Finds the branch's lives and acts on them. */
async function withBranch(
  request: BranchRequest,
  io: Io,
  act: (lives: readonly Life[], facts: Facts) => Promise<ExitCode>,
): Promise<ExitCode> {
  const branch = parseBranch(request.branch);
  if (branch === undefined) {
    io.err(`branchline: ${quote(request.branch)} is no branch name: nothing of it could stand in a label\n`);
    return exitCodes.wrongUse;
  }
  const facts = await gatherFacts(request, request.settings, io);
  if (typeof facts === 'number') return facts;
  try {
    const services = commaList(request.services);
    const lives = livesOf(facts).filter(
      (life) =>
        isSameId(life.branch.id, branch.id) &&
        (services.length === 0 || services.includes(life.service ?? '')),
    );
    if (lives.length > 0) return await act(lives, facts);
    io.err(
      `branchline: there is no branch ${request.branch}${services.length > 0 ? ` of ${services.join(', ')}` : ''} in ${facts.namespaces.join(', ')}; branchline list --all shows what there is\n`,
    );
    return exitCodes.problemsFound;
  } finally {
    facts.close();
  }
}
