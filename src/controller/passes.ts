/**
 * The passes that write routes: facts change → what is due is decided → it is written, phase after phase → the rest waits for its time. One pass at a
 * time; what changes meanwhile is for the next. No pass waits for time to go by: what is not due yet is the planner's to remember.
 */
import type { Cluster } from '../cluster/port.ts';
import type { Writes } from '../cluster/writes.ts';
import type { Settings } from '../config/settings.ts';
import { earliest, forEachConcurrently } from '../model/collections.ts';
import { existingOf } from '../routing/changes.ts';
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
  /** A bug in a decision; the next pass tries again later. */
  readonly bug: (error: unknown) => void;
}

/** Passes that run, once started, until the held Lease is lost. */
export interface Passes {
  readonly planner: Planner;
  /** Starts on what is known now; `passed` is told of every pass that is over: what is decided may be looked at. */
  start(passed: (milliseconds: number) => void): void;
  /** Resolves when the last write is answered. */
  readonly ended: Promise<void>;
}

/** First and longest pause after a failed write, in milliseconds. */
const backoffMilliseconds = [500, 60_000] as const;
/** Writes at one time. */
const parallel = 8;
/** Decisions over everything take at most this share of the time. */
const idleShare = 4;
/** Makes passes that have not started. */
export function createPasses(site: PassSite): Passes {
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
  let tellPassed: (milliseconds: number) => void = () => undefined;

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
    for (const { changes } of due.phases)
      await forEachConcurrently(changes, parallel, async (change) => {
        if (held.isHeld()) await objects.write(change);
      });
    tellPassed(clock.now() - started);
    if (due.phases.length > 0) return clock.now();
    return earliest([due.nextAt, everythingAt]);
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
  return {
    planner,
    start(passed) {
      tellPassed = passed;
      turns.soon();
    },
    ended: turns.ended.finally(leave),
  };
}
