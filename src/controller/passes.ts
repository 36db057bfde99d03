/**
 * The passes that write routes: facts change → what is due is decided → it is written, phase after phase → the rest waits for its time. One pass at a
 * time; what changes meanwhile is for the next. No pass waits for time to go by: what is not due yet is the planner's to remember.
 */
import type { Cluster } from '../cluster/port.ts';
import type { Writes } from '../cluster/writes.ts';
import type { Settings } from '../config/settings.ts';
import { earliest } from '../model/collections.ts';
import { existingOf, type Change } from '../routing/changes.ts';
import { createPlanner, type Planner } from '../routing/planner.ts';
import type { Clock } from './clock.ts';
import type { Held } from './lease.ts';
import { createObjects, type RouteReport } from './objects.ts';
import { createRelevance } from './relevance.ts';
import { createTurns } from './turns.ts';

/** Where passes read, write and report. */
export interface PassSite {
  readonly cluster: Pick<Cluster, 'snapshot' | 'onChange'>;
  readonly writes: Pick<Writes, 'apply' | 'remove'>;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly held: Held;
  readonly report: (report: RouteReport) => void;
  /** A pass is over, or has begun to wait: what is decided may be looked at. */
  readonly passed: (milliseconds: number) => void;
  /** A bug in a decision; the next pass tries again later. */
  readonly bug: (error: unknown) => void;
}

/** Passes that run until the held Lease is lost. */
export interface Passes {
  readonly planner: Planner;
  /** Resolves when the last write is answered. */
  readonly ended: Promise<void>;
}

/** First and longest pause after a failed write, in milliseconds. */
const backoffMilliseconds = [500, 60_000] as const;
/** Writes at one time. */
const parallel = 8;
/** Decisions over everything take at most this share of the time. */
const idleShare = 4;
/** Starts passes on what is known now. */
export function startPasses(site: PassSite): Passes {
  const { cluster, clock, held, settings } = site;
  const planner = createPlanner({
    snapshot: cluster.snapshot,
    settings,
    existing: existingOf(cluster.snapshot),
    backoffMilliseconds,
    now: clock.now(),
  });
  const objects = createObjects(site, planner);
  const relevance = createRelevance(cluster.snapshot);
  let everythingAt: number | undefined = clock.now();
  let lastWhole = 0;

  const turns = createTurns({ clock, signal: held.signal, bug: site.bug, turn });

  async function turn(): Promise<number | undefined> {
    const started = clock.now();
    const isWhole = everythingAt !== undefined && everythingAt <= started;
    if (isWhole) {
      everythingAt = undefined;
      planner.touchAll();
    }
    const due = planner.plan(started);
    if (isWhole) lastWhole = clock.now() - started;
    for (const { changes } of due.phases) await eachOf(changes, (change) => objects.write(change));
    site.passed(clock.now() - started);
    if (due.phases.length > 0) return clock.now();
    return earliest([due.nextAt, everythingAt]);
  }

  async function eachOf(changes: readonly Change[], act: (change: Change) => Promise<void>): Promise<void> {
    const left = [...changes];
    const worker = async (): Promise<void> => {
      for (let change = left.shift(); change !== undefined && held.isHeld(); change = left.shift())
        await act(change);
    };
    await Promise.all(Array.from({ length: Math.min(parallel, changes.length) }, worker));
  }

  const leave = cluster.onChange((change) => {
    if (objects.take(change)) {
      turns.soon();
      return;
    }
    const meaning = relevance.of(change);
    if (meaning === 'everything') everythingAt ??= clock.now() + Math.min(1000, lastWhole * idleShare);
    else if (meaning.length > 0)
      meaning.forEach((service) => {
        planner.touch(service);
      });
    else return;
    turns.soon();
  });
  turns.soon();
  return { planner, ended: turns.ended.finally(leave) };
}
