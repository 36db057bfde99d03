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
import { serviceOfHost } from '../model/hosts.ts';
import { isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { createBackoff } from './backoff.ts';
import { changeOf, isHost, isSame, phaseNames, type Change, type Phase, type PhaseName } from './changes.ts';
import { desiredOf, redecide, type Desired } from './desired.ts';
import { type RouteObject } from './istio.ts';
import { byCodeUnit, push } from './layout.ts';
import {
  createLedger,
  delegateReference,
  referencesOf,
  subsetReference,
  subsetsIn,
  versionOfLabels,
  type Ledger,
} from './ledger.ts';
import type { Pace } from './pace.ts';

/** A Service whose endpoints or pods changed. */
export interface TouchedService {
  readonly namespace: string;
  readonly service: string;
}

/** What may be written now, in the order of its phases, and when to ask again; undefined: when something happens. */
interface Due {
  readonly phases: readonly Omit<Phase, 'settleMilliseconds'>[];
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

/** A step of one object: a change that is due, or when to look again (undefined: when something else happens). */
type Step =
  | { readonly phase: PhaseName; readonly change: Change; readonly again?: number | undefined }
  | { readonly waitUntil: number | undefined }
  | undefined;

function inPhases(steps: readonly NonNullable<Step>[], pacerAt: number | undefined): Due {
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

  function stepOf(key: string, wanted: Desired, now: number): Step {
    const step = changeStep(key, wanted, { ledger, now, settings });
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
      const steps = new Map<string, Step>(
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

function changeStep(
  key: string,
  { objects, withheld, namespaces }: Desired,
  { ledger, now, settings }: Pick<Moment, 'ledger' | 'now' | 'settings'>,
): Step {
  if (withheld.has(key)) return undefined;
  const [before, after] = [ledger.objects.get(key), objects.get(key)];
  const object = after ?? before;
  if (object === undefined) return undefined;
  const moment = { ledger, now, settings, objects, namespaces };
  return object.kind === 'DestinationRule'
    ? ruleStep(key, before, after, moment)
    : routeStep(before, after, moment);
}

interface Moment {
  readonly ledger: Ledger;
  readonly now: number;
  readonly settings: Settings;
  readonly objects: Desired['objects'];
  readonly namespaces: Desired['namespaces'];
}

/** A subset that goes, or comes to mean other pods, stays as it was until the proxies have forgotten every route to it. */
function ruleStep(
  key: string,
  before: RouteObject | undefined,
  after: RouteObject | undefined,
  moment: Moment,
): Step {
  const { ledger } = moment;
  if (before === undefined) return { phase: 'subsets added', change: changeOf(before, after) };
  const host = textAt(before.spec, 'host') ?? '';
  const wanted = new Map(subsets(after).map((subset) => [subsetName(subset), subset]));
  const leaving = subsets(before).filter((subset) => !isSame(subset, wanted.get(subsetName(subset))));
  const busy = leaving.filter(
    (subset) =>
      !isFree(key, host, subsetName(subset), moment) &&
      !isBaselines(wanted.get(subsetName(subset)), host, moment),
  );
  const again = earliest(busy.map((subset) => ledger.freeAt(subsetReference(host, subsetName(subset)))));
  if (after === undefined)
    return busy.length > 0
      ? { waitUntil: again }
      : { phase: 'subsets removed', change: changeOf(before, after) };
  for (const subset of busy) wanted.set(subsetName(subset), subset);
  const kept = [...wanted.values()].sort((a, b) => byCodeUnit(subsetName(a), subsetName(b)));
  const between = busy.length === 0 ? after : { ...after, spec: { ...after.spec, subsets: kept } };
  if (isSame(before.spec, between.spec)) return busy.length > 0 ? { waitUntil: again } : undefined;
  return {
    phase: leaving.length > busy.length ? 'subsets removed' : 'subsets added',
    change: changeOf(before, between),
    again,
  };
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function isFree(key: string, host: string, subset: string, { ledger, now }: Moment): boolean {
  const freeAt = ledger.freeAt(subsetReference(host, subset));
  return (freeAt !== undefined && freeAt <= now) || ledger.isElsewhere(key, subset, now);
}

function subsets(object: RouteObject | undefined): readonly JsonObject[] {
  return listAt(object?.spec, 'subsets').filter(isObject);
}

/** The baseline may take over a name of a branch at once: whoever is still routed there meets the baseline. */
function isBaselines(
  subset: JsonObject | undefined,
  host: string,
  { namespaces, settings }: Moment,
): boolean {
  const { namespace, service } = serviceOf(host, settings);
  const baseline = namespaces.get(namespace)?.decided.get(service)?.layout.baseline;
  return (
    subset !== undefined &&
    baseline !== undefined &&
    subsetName(subset) === baseline.subset &&
    Object.values(objectAt(subset, 'labels')).includes(baseline.version)
  );
}

/** Tells whether a subset is to mean other pods than it does. */
function isStale(host: string, subset: string, { ledger, objects }: Moment): boolean {
  return ledger.rulesOf(host).some((key) => {
    const wanted = objects.get(key);
    const labels = wanted === undefined ? undefined : subsetsIn(wanted).get(subset);
    return labels !== undefined && !isSame(labels, ledger.labelsOf(host, subset));
  });
}

function subsetName(subset: JsonObject): string {
  return textAt(subset, 'name') ?? '';
}

function routeStep(before: RouteObject | undefined, after: RouteObject | undefined, moment: Moment): Step {
  if (before !== undefined && after !== undefined && isSame(before.spec, after.spec)) return undefined;
  if (after === undefined && before !== undefined) return removalStep(before, moment);
  const times = [...referencesOf(after as RouteObject)]
    .filter((reference) => reference.startsWith('subset '))
    .map((reference) => {
      const [, host = '', subset = ''] = reference.split(' ');
      return isStale(host, subset, moment) ? undefined : moment.ledger.knownAt(host, subset);
    });
  if (times.includes(undefined)) return { waitUntil: undefined };
  const knownAt = Math.max(-Infinity, ...times.filter((time) => time !== undefined));
  if (knownAt > moment.now) return { waitUntil: knownAt };
  return {
    phase: isHost(after as RouteObject) ? 'hosts written' : 'routes written',
    change: changeOf(before, after),
  };
}

function removalStep(before: RouteObject, { ledger }: Moment): Step {
  const isDelegatedTo =
    ledger.freeAt(delegateReference(before.metadata.namespace, before.metadata.name)) === undefined;
  if (isDelegatedTo) return { waitUntil: undefined };
  return { phase: isHost(before) ? 'hosts written' : 'routes removed', change: changeOf(before, undefined) };
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

/** Returns the service of a host of ours. */
function serviceOf(host: string, settings: Settings): TouchedService {
  const ref = serviceOfHost(host, settings);
  return { namespace: ref?.namespace ?? '', service: ref?.name ?? '' };
}
