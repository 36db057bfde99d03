/**
 * What a sweep does: lives → decisions. In: what is known, the clock, settings, what else ended a branch (its git branch). Out: for every branch one
 * decision with its reason and time, in a fixed order. Nothing is written here; the same facts give the same decisions.
 */
import type { Settings } from '../config/settings.ts';
import { showSpan } from '../model/duration.ts';
import { isSameId } from '../model/branch.ts';
import { baselineOf, versionsOf } from '../model/membership.ts';
import { inNamespace } from '../model/snapshot.ts';
import { parseTime, showTime } from '../model/time.ts';
import { distrust, type ClockReading } from './clock.ts';
import { meets, type Requirement } from './label-filter.ts';
import { livesOf, noticeOf, parseAsleep, type Life, type LifeFacts } from './life.ts';

/**
 * | none | nothing, and why |
 * | warn | say that it goes at `at` |
 * | remove, sleep | routes away, then the workload away or without pods |
 * | wake | it sleeps, and was deployed or scaled since: its pods back, a new life |
 * | revive | it was about to go and is not any more: its routes back |
 */
export type Action = 'none' | 'warn' | 'remove' | 'sleep' | 'wake' | 'revive';

/** What happens to one branch of one service, and why. */
export interface Decision {
  readonly action: Action;
  readonly life: Life;
  /** One clause, for people. */
  readonly reason: string;
  /** When it goes, or went over its time, in milliseconds since 1970; undefined where it does not go. */
  readonly at: number | undefined;
  /** A person asked for it by name: being kept does not count. */
  readonly asked?: true;
}

/** What a sweep may differ in. */
export interface SweepOptions {
  /** Does what a guard would hold back. */
  readonly force?: boolean;
  /** Branch id → why it ended before its time, e.g. `merged into main`. Only these are ended, when given. */
  readonly ended?: ReadonlyMap<string, string>;
  /** Days that a branch may live, in place of its own, its namespace's and the settings' lifetime where those are longer or not its own. */
  readonly maxDays?: number;
  /** Parsed `labelFilter`. */
  readonly filter?: readonly Requirement[];
  /** The clock was given by whoever asks: it is not checked. */
  readonly clock: ClockReading | 'given';
}

/** Decisions for every branch, and what held all removals back. */
export interface Sweep {
  readonly decisions: readonly Decision[];
  /** Why nothing is ended although something is due; undefined when nothing is held back. */
  readonly held: string | undefined;
}

/** Decides. Total: no facts make it throw. */
export function planSweep(facts: LifeFacts, options: SweepOptions): Sweep {
  const lives = livesOf(withMaxDays(facts, options.maxDays)).map((life) => cut(life, facts, options.maxDays));
  const wanted = lives.map((life) => decide(life, facts, options));
  const held = options.force === true ? undefined : guard(wanted, facts, options);
  return held === undefined
    ? { decisions: wanted, held: undefined }
    : { decisions: wanted.map((decision) => hold(decision, held)), held: held.reason };
}

function withMaxDays(facts: LifeFacts, maxDays: number | undefined): LifeFacts {
  return maxDays === undefined
    ? facts
    : { ...facts, settings: { ...facts.settings, branchTtl: `${maxDays}d`, maxTtl: '' } };
}

/** A ttl of its own that is shorter than `maxDays` stays; anything longer, and a namespace's default, is that many days. */
function cut(life: Life, { settings }: LifeFacts, maxDays: number | undefined): Life {
  const seconds = (maxDays ?? 0) * 86_400;
  const isOwn = life.lifetime.from === 'branch' && life.lifetime.seconds <= seconds;
  if (maxDays === undefined || isOwn || life.expires === undefined || life.renewed === undefined) return life;
  const lifetime = { seconds, text: `${maxDays}d`, from: 'maximum' } as const;
  const expires = Math.max(
    life.renewed + seconds * 1000,
    parseTime(life.workload.declared['keep-until'] ?? '') ?? 0,
  );
  return { ...life, lifetime, expires, warns: expires - noticeOf(lifetime, settings) };
}

function decide(life: Life, facts: LifeFacts, options: SweepOptions): Decision {
  for (const [excuse, whenLifted] of excuses) {
    const reason = excuse(life, facts, options);
    if (reason !== undefined) return { action: whenLifted(life, facts), life, reason, at: life.expires };
  }
  return ended(life, facts, options) ?? woken(life) ?? due(life, facts, options);
}

type Excuse = (life: Life, facts: LifeFacts, options: SweepOptions) => string | undefined;

const alone = (): Action => 'none';

/** Who keeps a branch wants it back, too, when it sleeps or is on its way out. */
function back(life: Life, facts: LifeFacts): Action {
  if (life.asleep !== undefined) return 'wake';
  return isLeftRetiring(life, facts) ? 'revive' : 'none';
}

/** Its routes are away, and whoever took them away has had the time to end it: a deletion that is under way is not undone. */
function isLeftRetiring({ workload }: Life, { now, settings }: Pick<LifeFacts, 'now' | 'settings'>): boolean {
  const retiring = workload.declared['retiring'];
  return retiring !== undefined && !(now - (parseTime(retiring) ?? 0) < settings.retireSeconds * 1000);
}

/** Why a branch is left alone whatever its age, in order of importance, and what is done then. What serves everybody, or is chosen by path, is never ended, whatever it declares. */
const excuses: readonly (readonly [Excuse, (life: Life, facts: LifeFacts) => Action])[] = [
  [protection, alone],
  [({ workload }) => (workload.leaving ? 'it is being deleted' : undefined), alone],
  [
    ({ workload }, _facts, { filter = [] }) =>
      meets(workload.labels, filter) ? undefined : 'its labels do not meet the label filter',
    alone,
  ],
  [({ kept }) => (kept ? 'kept' : undefined), back],
];

function protection(
  { workload, branch, service, namespace }: Life,
  { snapshot, settings }: LifeFacts,
): string | undefined {
  const owner =
    service === undefined ? undefined : inNamespace(snapshot.services, namespace.name).get(service);
  const baseline = baselineOf(namespace, owner, settings);
  const names = [branch.id, workload.templateLabels[settings.versionLabel] ?? branch.id];
  if (names.some((name) => isSameId(name, baseline))) return `it is the baseline ${baseline}`;
  const versions = owner === undefined ? [] : versionsOf(owner);
  return names.some((name) => versions.includes(name)) ? 'it is a long-lived version' : undefined;
}

/** A branch that sleeps: it was scaled or deployed since, or it sleeps on. */
function woken(life: Life): Decision | undefined {
  const asleep = parseAsleep(life.workload.declared['asleep']);
  if (asleep === undefined) return undefined;
  const { renewed, workload } = life;
  const why =
    workload.desired > 0
      ? 'scaled'
      : renewed !== undefined && renewed > asleep.since
        ? 'deployed'
        : undefined;
  return why === undefined
    ? { action: 'none', life, reason: 'asleep', at: undefined }
    : { action: 'wake', life, reason: `it was ${why} since it went to sleep`, at: undefined };
}

/** Its git branch ended. Where that is asked, age does not count. */
function ended(
  life: Life,
  { now, settings }: LifeFacts,
  { ended: reasons }: SweepOptions,
): Decision | undefined {
  if (reasons === undefined) return undefined;
  const why = reasons.get(life.branch.id);
  const none = (reason: string, at: number | undefined): Decision => ({ action: 'none', life, reason, at });
  if (why === undefined) return none('its git branch is alive, or not known', life.expires);
  if (life.renewed === undefined) return none(`${why}, and its age is not known`, undefined);
  const until = parseTime(life.workload.declared['keep-until'] ?? '') ?? 0;
  if (until > now) return none(`${why}, and kept until ${showTime(until)}`, until);
  const since = life.renewed + settings.gitGraceSeconds * 1000;
  return since > now
    ? none(`${why}, and deployed ${showSpan((now - life.renewed) / 1000)} ago`, since)
    : { action: 'remove', life, reason: why, at: now };
}

/** By age. */
function due(life: Life, { now, settings }: LifeFacts, options: SweepOptions): Decision {
  const { expires, warns } = life;
  if (expires === undefined || warns === undefined)
    return { action: 'none', life, reason: 'its age is not known', at: undefined };
  if (now < warns) return waiting(life, `expires in ${showSpan((expires - now) / 1000)}`, expires);
  const promised = promise(life, settings, now);
  if (promised === undefined && (settings.warnFirst || now < expires)) return warning(life, settings, now);
  const at = Math.max(expires, promised ?? 0);
  return now < at
    ? waiting(life, `warned; goes in ${showSpan((at - now) / 1000)}`, at)
    : overdue({ life, at, now }, settings, options);
}

function overdue(
  { life, at, now }: { readonly life: Life; readonly at: number; readonly now: number },
  { expiryAction }: Settings,
  { maxDays }: SweepOptions,
): Decision {
  const reason = `deployed ${showSpan((now - (life.renewed ?? now)) / 1000)} ago, lives for ${life.lifetime.text}`;
  return expiryAction === 'sleep' && maxDays === undefined
    ? sleeping(life, reason, at)
    : { action: 'remove', life, reason, at };
}

/** Not yet. One that was on its way out has its routes back. */
function waiting(life: Life, reason: string, at: number): Decision {
  return { action: life.workload.declared['retiring'] === undefined ? 'none' : 'revive', life, reason, at };
}

function sleeping(life: Life, reason: string, at: number): Decision {
  return life.workload.desired === 0
    ? { action: 'none', life, reason: 'it has no pods', at }
    : { action: 'sleep', life, reason, at };
}

/** When it goes, as a warning for this very end said; undefined when there was none. */
function promise(
  { workload, lifetime, expires = 0 }: Life,
  settings: Settings,
  now: number,
): number | undefined {
  const said = parseTime(workload.declared['warned'] ?? '');
  // Written to the second; a promise far ahead is nobody's warning.
  return said !== undefined &&
    said + 1000 > expires &&
    said <= Math.max(expires, now) + noticeOf(lifetime, settings) + 1000
    ? said
    : undefined;
}

function warning(life: Life, settings: Settings, now: number): Decision {
  const { expires = now, lifetime } = life;
  const at = settings.warnFirst
    ? Math.max(expires, now + noticeOf(lifetime, settings))
    : Math.max(expires, now);
  const rounded = Math.ceil(at / 1000) * 1000;
  return {
    action: 'warn',
    life,
    reason: `goes in ${showSpan((rounded - now) / 1000)}: it lives for ${lifetime.text}`,
    at: rounded,
  };
}

const ends = (decision: Decision): boolean => decision.action === 'remove' || decision.action === 'sleep';

/** Why ends are held back, and whether warnings are, too: a clock that is not believed warns nobody. */
interface Held {
  readonly reason: string;
  readonly warnings: boolean;
}

function guard(
  decisions: readonly Decision[],
  { settings }: LifeFacts,
  { clock }: SweepOptions,
): Held | undefined {
  const ending = decisions.filter(ends).length;
  const isTouched = ending > 0 || decisions.some(({ action }) => action === 'warn');
  const doubt = clock === 'given' || !isTouched ? undefined : distrust(clock, settings.clockToleranceSeconds);
  if (doubt !== undefined) return { reason: `${doubt}: nothing is ended`, warnings: true };
  const limit = removalLimit(settings.maxRemovalsPerSweep, decisions.length);
  if (ending <= limit) return undefined;
  return {
    reason: `${ending} of ${decisions.length} branches would end at once, more than ${limit} (maxRemovalsPerSweep ${settings.maxRemovalsPerSweep}): nothing is ended`,
    warnings: false,
  };
}

/** So many may always go, where the limit is a share: half of two branches would be one. */
const alwaysAllowed = 5;

/** @param limit a number of branches, or a share such as `50%`. */
function removalLimit(limit: string, branches: number): number {
  return limit.endsWith('%')
    ? Math.max(alwaysAllowed, Math.floor((branches * Number(limit.slice(0, -1))) / 100))
    : Number(limit);
}

function hold(decision: Decision, { warnings }: Held): Decision {
  const isHeld = ends(decision) || (warnings && decision.action === 'warn');
  return isHeld ? { ...decision, action: 'none', reason: `held back: ${decision.reason}` } : decision;
}
