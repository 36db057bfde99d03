/**
 * What is due when. A planner holds what should be, what exists and how long it has, and says which writes may be made now and when to ask again. It
 * waits for nobody, asks no clock, and starts anew from the facts at any time:
 *
 * | change | due |
 * |---|---|
 * | a subset appears | at once |
 * | a route names a subset | when the subset has stood for the settle time |
 * | a route leaves a subset, or everything | at once |
 * | a subset goes, or means other pods | when no route has named it for the settle time |
 * | what is delegated to goes | when nothing delegates to it |
 * | a write that failed | after a pause that doubles |
 *
 * Ready versions whose subset is not known yet are decided as if they were not ready, so that one route's wait holds up no other.
 */
import type { Settings } from '../config/settings.ts';
import { earliest } from '../model/collections.ts';
import { textAt } from '../model/json.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { createBackoff } from './backoff.ts';
import { phaseNames, type Change, type Phase, type PhaseName } from './changes.ts';
import { desiredOf, redecide, type Desired } from './desired.ts';
import { type RouteObject } from './istio.ts';
import { byCodeUnit, push } from './layout.ts';
import { createLedger, versionOfLabels, type Ledger } from './ledger.ts';
import { nextWrite, serviceOf, type NextWrite } from './next-write.ts';
import type { Pace } from './pace.ts';

/** A Service whose endpoints or pods changed. */
export interface TouchedService {
  readonly namespace: string;
  readonly service: string;
}

/** What may be written now, in the order of its phases, and when to ask again; undefined: when something happens. */
interface Due {
  readonly phases: readonly Phase[];
  readonly nextAt: number | undefined;
}

/** See the head of the file. Times are milliseconds on one clock that never goes back. */
export interface Planner {
  /** Something changed that anything may depend on. */
  touchAll(): void;
  /** Endpoints or pods of a Service changed, and nothing else. */
  touch(service: TouchedService): void;
  /** An object of ours is now so, or is not; whoever did it. */
  observe(key: string, object: RouteObject | undefined, now: number): void;
  /** A write failed: the object is left alone for a while. */
  failed(key: string, now: number): void;
  /** An object is left alone until then, whatever is due. */
  hold(key: string, until: number): void;
  /** Decides what the facts of now ask for. */
  plan(now: number): Due;
  /** What should be, as of the last plan. */
  desired(): Desired;
  readonly ledger: Ledger;
}

/** What a planner works on. */
export interface PlannerSite {
  /** Live: read whenever something was touched. */
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  /** Objects of ours that exist at the start. */
  readonly existing: ReadonlyMap<string, RouteObject>;
  /** First and longest pause after a failed write, in milliseconds. */
  readonly backoffMilliseconds: readonly [number, number];
  readonly now: number;
}

function inPhases(steps: readonly NonNullable<NextWrite>[], pacerAt: number | undefined): Due {
  const phases = new Map<PhaseName, Change[]>();
  for (const step of steps) if ('change' in step) push(phases, step.phase, step.change);
  const times = steps.map((step) => ('change' in step ? step.again : step.waitUntil));
  return {
    phases: phaseNames
      .filter((name) => phases.has(name))
      .map((name) => ({ name, changes: phases.get(name) ?? [] })),
    nextAt: earliest([pacerAt, ...times]),
  };
}

/** Makes a planner that has decided nothing yet. */
export function createPlanner({
  snapshot,
  settings,
  existing,
  backoffMilliseconds,
  now: start,
}: PlannerSite): Planner {
  const ledger = createLedger(existing, settings.settleMilliseconds, start);
  const pacer = createPacer(ledger, settings);
  const failures = createBackoff(backoffMilliseconds);
  const touched = new Map<string, TouchedService>();
  const open = new Set<string>(existing.keys());
  let isAllTouched = true;
  let desired: Desired | undefined;

  function touch(service: TouchedService): void {
    touched.set(nameOf(service), service);
  }

  function decide(now: number): Desired {
    pacer.begin(now);
    pacer.awake(now).forEach(touch);
    if (desired === undefined || isAllTouched) {
      desired = desiredOf(snapshot, settings, pacer);
      for (const key of [...desired.objects.keys(), ...ledger.objects.keys()]) open.add(key);
    } else {
      for (const service of touched.values())
        for (const key of redecide(desired, { snapshot, settings, pace: pacer }, service)) open.add(key);
    }
    isAllTouched = false;
    touched.clear();
    pacer.note(desired);
    return desired;
  }

  function stepOf(key: string, wanted: Desired, now: number): NextWrite {
    const step = nextWrite(key, wanted, { ledger, now, settings });
    const notBefore = failures.notBefore(key);
    if (step === undefined && notBefore <= now) failures.succeeded(key);
    return step !== undefined && notBefore > now ? { waitUntil: notBefore } : step;
  }

  return {
    ledger,
    touchAll() {
      isAllTouched = true;
    },
    touch,
    observe(key, object, now) {
      const rule = [object, ledger.objects.get(key)].find((one) => one?.kind === 'DestinationRule');
      ledger.observe(key, object, now);
      open.add(key);
      // What its subsets are known for is asked again, and so is the time to wait.
      if (rule !== undefined) touch(serviceOf(textAt(rule.spec, 'host') ?? '', settings));
    },
    failed(key, now) {
      failures.failed(key, now);
      open.add(key);
    },
    hold(key, until) {
      failures.hold(key, until);
      open.add(key);
    },
    plan(now) {
      const wanted = decide(now);
      const steps = new Map<string, NextWrite>(
        [...open].sort(byCodeUnit).map((key) => [key, stepOf(key, wanted, now)]),
      );
      for (const [key, step] of steps) if (step === undefined) open.delete(key);
      ledger.prune(now);
      return inPhases(
        [...steps.values()].filter((step) => step !== undefined),
        pacer.nextAt(),
      );
    },
    desired: () => desired ?? desiredOf(snapshot, settings, pacer),
  };
}

interface Pacer extends Pace {
  /** The time of what is asked from now on. */
  begin(now: number): void;
  /** Returns the services whose wait is over. */
  awake(now: number): readonly TouchedService[];
  /** Remembers which versions have routes by now. */
  note(desired: Desired): void;
  nextAt(): number | undefined;
}

/** Answers what routes may rest on, and remembers whom it told to wait. */
function createPacer(ledger: Ledger, settings: Settings): Pacer {
  const flapMilliseconds = settings.flapSeconds * 1000;
  const waiting = new Map<string, { readonly service: TouchedService; readonly until: number }>();
  const shown: Shown = new Map();
  let now = 0;

  function wait({ namespace, service }: TouchedService, until: number): void {
    const key = nameOf({ namespace, service });
    const known = waiting.get(key)?.until ?? Infinity;
    waiting.set(key, { service: { namespace, service }, until: Math.min(known, until) });
  }

  return {
    begin(at) {
      now = at;
    },
    awake(at) {
      const over = [...waiting].filter(([, { until }]) => until <= at);
      for (const [key] of over) waiting.delete(key);
      return over.map(([, { service }]) => service);
    },
    note({ namespaces }) {
      for (const [namespace, { decided }] of namespaces) {
        for (const [service, { routes }] of decided)
          noteService(
            shown,
            nameOf({ namespace, service }),
            new Set(routes.filter(({ branch }) => branch !== undefined).map(({ version }) => version)),
            now,
          );
      }
      for (const versions of shown.values())
        for (const [version, { since, isShown }] of versions)
          if (!isShown && since + flapMilliseconds <= now) versions.delete(version);
    },
    nextAt: () =>
      waiting.size === 0 ? undefined : Math.min(...[...waiting.values()].map(({ until }) => until)),
    isKnown(host, subset, version) {
      const labels = ledger.labelsOf(host, subset);
      if (labels === undefined || versionOfLabels(labels, settings.versionLabel) !== version) return false;
      const knownAt = ledger.knownAt(host, subset);
      if (knownAt !== undefined && knownAt > now) {
        wait(serviceOf(host, settings), knownAt);
      }
      return knownAt !== undefined && knownAt <= now;
    },
    isRouted: ledger.isRouted,
    mayAppear(place) {
      const known = shown.get(nameOf(place))?.get(place.version);
      if (known === undefined || known.isShown || known.since + flapMilliseconds <= now) return true;
      wait(place, known.since + flapMilliseconds);
      return false;
    },
    subsetsOf: (host) =>
      new Map(
        [...ledger.subsetsOf(host)].map(([name, labels]) => [
          name,
          versionOfLabels(labels, settings.versionLabel),
        ]),
      ),
  };
}

/** Service → version → when its route last appeared, and whether it is still there. It may appear again a while after, and so comes and goes at most once in that while. */
type Shown = Map<string, Map<string, { readonly since: number; readonly isShown: boolean }>>;

function noteService(shown: Shown, service: string, versions: ReadonlySet<string>, now: number): void {
  const known =
    shown.get(service) ?? new Map<string, { readonly since: number; readonly isShown: boolean }>();
  for (const version of versions)
    if (known.get(version)?.isShown !== true) known.set(version, { since: now, isShown: true });
  for (const [version, { since, isShown }] of known)
    if (isShown && !versions.has(version)) known.set(version, { since, isShown: false });
  if (known.size > 0) shown.set(service, known);
}

function nameOf({ namespace, service }: TouchedService): string {
  return `${namespace}/${service}`;
}
