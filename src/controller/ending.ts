/** Carries out what a sweep decided: routes first, then the workload. One decision at a time; safe to stop and to begin anew at any point. */
import type { Settings } from '../config/settings.ts';
import { shapeOf, objection, retirePatch, revivePatch, sleepPatch, wakePatch, warnPatch } from '../lifecycle/change.ts';
import type { Life } from '../lifecycle/life.ts';
import type { Action, Decision } from '../lifecycle/sweep.ts';
import { objectAt, textAt, type JsonObject } from '../model/json.ts';

/** Names a workload. */
export interface WorkloadName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** An Event about a workload. `reason` is one word in CamelCase. */
export interface Telling {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

/** What an ending may do to the world. */
export interface Hands {
  readonly read: (target: WorkloadName) => Promise<JsonObject | undefined>;
  /** JSON merge patch. */
  readonly patch: (target: WorkloadName, body: JsonObject) => Promise<unknown>;
  readonly remove: (target: WorkloadName, precondition: { readonly uid: string; readonly resourceVersion: string }) => Promise<void>;
  /** Writes an Event about the workload. */
  readonly tell: (life: Life, telling: Telling) => Promise<void>;
  /** Tells whether a route of ours still leads to the branch; undefined: who asks may not see routes. */
  readonly isRouted: (life: Life) => Promise<boolean | undefined>;
}

/** Where endings happen. */
export interface EndingSite {
  readonly hands: Hands;
  readonly settings: Pick<Settings, 'retireSeconds' | 'settleMilliseconds'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves after so many milliseconds, or when told to stop. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly stopped: () => boolean;
  /** Ends it although routes still lead there. */
  readonly force?: boolean;
}

/** What became of a decision. */
export interface Outcome {
  readonly did: 'warned' | 'removed' | 'put to sleep' | 'woken' | 'revived' | 'skipped' | 'unchanged';
  /** Why. */
  readonly note: string;
}

/** Between two looks at the routes. */
const lookMilliseconds = 250;

/** Carries out one decision. @throws what `hands` throw: nothing is lost then, the next sweep decides the same. */
export async function carryOut(decision: Decision, site: EndingSite): Promise<Outcome> {
  return byAction[decision.action](decision, site);
}

const byAction: Readonly<Record<Action, (decision: Decision, site: EndingSite) => Promise<Outcome>>> = {
  none: ({ reason }) => Promise.resolve({ did: 'unchanged', note: reason }),
  warn,
  remove: (decision, site) => end(decision, site, async (object) => {
    await site.hands.remove(decision.life.workload, { uid: textAt(object, 'metadata', 'uid') ?? '', resourceVersion: textAt(object, 'metadata', 'resourceVersion') ?? '' });
    return 'removed';
  }),
  sleep: (decision, site) => end(decision, site, async (object) => {
    await site.hands.patch(decision.life.workload, inState(sleepPatch(object, site.now()), object));
    await site.hands.tell(decision.life, { type: 'Normal', reason: 'BranchAsleep', note: `${decision.life.branch.name} is scaled to zero: ${decision.reason}. Wake it: branchline keep ${decision.life.branch.name} -n ${decision.life.workload.namespace}` });
    return 'put to sleep';
  }),
  wake: (decision, site) => restore(decision, site, 'woken', (object) => wakePatch(object, site.now() + decision.life.lifetime.seconds * 1000)),
  revive: (decision, site) => restore(decision, site, 'revived', () => revivePatch(decision)),
};

async function warn(decision: Decision, site: EndingSite): Promise<Outcome> {
  const { life, at = site.now(), reason } = decision;
  const object = await site.hands.read(life.workload);
  const against = objection(decision, object, { now: site.now() });
  if (against !== undefined || object === undefined) return { did: 'skipped', note: against ?? '' };
  // The Event first: one that is said twice is better than one that is not said.
  await site.hands.tell(life, { type: 'Warning', reason: 'BranchExpiring', note: `${life.branch.name} ${reason}. Keep it: branchline keep ${life.branch.name} -n ${life.workload.namespace}` });
  await site.hands.patch(life.workload, inState(warnPatch(at), object));
  return { did: 'warned', note: reason };
}

/** One that is routed is marked first; it ends when no route leads there and the proxies have heard of it. */
async function end(decision: Decision, site: EndingSite, finish: (object: JsonObject) => Promise<Outcome['did']>): Promise<Outcome> {
  const { life } = decision;
  const first = await site.hands.read(life.workload);
  const before = objection(decision, first, { now: site.now() });
  if (before !== undefined || first === undefined) return { did: 'skipped', note: before ?? '' };
  const refused = await withdraw(decision, first, site);
  if (refused !== undefined) return { did: 'skipped', note: refused };
  const last = await site.hands.read(life.workload);
  const after = objection(decision, last, { now: site.now(), shape: shapeOf(first) });
  if (after !== undefined || last === undefined) return { did: 'skipped', note: after ?? '' };
  return { did: await finish(last), note: decision.reason };
}

/** Waits until no route leads there. @returns why it should not go on. */
async function withdraw({ life }: Decision, object: JsonObject, site: EndingSite): Promise<string | undefined> {
  const { hands, settings, now, force = false } = site;
  if ((await hands.isRouted(life)) === false) return undefined;
  if (life.workload.declared['retiring'] === undefined) await hands.patch(life.workload, inState(retirePatch(now()), object));
  const until = now() + settings.retireSeconds * 1000;
  while ((await hands.isRouted(life)) === true) {
    if (site.stopped()) return 'told to stop';
    if (now() >= until) return force ? undefined : `routes still lead to it after ${settings.retireSeconds} s: is the controller running? It stays marked as retiring; --force ends it all the same`;
    await site.sleep(lookMilliseconds);
  }
  await site.sleep(settings.settleMilliseconds);
  return site.stopped() ? 'told to stop' : undefined;
}

async function restore(decision: Decision, site: EndingSite, did: Outcome['did'], patch: (object: JsonObject) => JsonObject): Promise<Outcome> {
  const object = await site.hands.read(decision.life.workload);
  const against = objection(decision, object, { now: site.now() });
  if (against !== undefined || object === undefined) return { did: 'skipped', note: against ?? '' };
  await site.hands.patch(decision.life.workload, inState(patch(object), object));
  return { did, note: decision.reason };
}

/** The patch counts for the object in the state in which it was read: whoever came between is not overruled. */
function inState(patch: JsonObject, object: JsonObject): JsonObject {
  return { ...patch, metadata: { ...objectAt(patch, 'metadata'), resourceVersion: textAt(object, 'metadata', 'resourceVersion') ?? '' } };
}
