/** Carries out what a sweep decided: routes first, then the workload. One decision at a time; safe to stop and to begin anew at any point. */
import { ApiError } from '../cluster/api-server.ts';
import type { Settings } from '../config/settings.ts';
import {
  shapeOf,
  objection,
  retirePatch,
  revivePatch,
  sleepPatch,
  wakePatch,
  warnPatch,
} from '../lifecycle/change.ts';
import type { Life } from '../lifecycle/life.ts';
import type { Action, Decision } from '../lifecycle/sweep.ts';
import { objectAt, textAt, type JsonObject } from '../model/json.ts';

/** Names a workload. */
interface WorkloadName {
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
  readonly remove: (
    target: WorkloadName,
    precondition: { readonly uid: string; readonly resourceVersion: string },
  ) => Promise<void>;
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
  remove: (decision, site) =>
    end(decision, site, async (object) => {
      await site.hands.remove(decision.life.workload, {
        uid: textAt(object, 'metadata', 'uid') ?? '',
        resourceVersion: textAt(object, 'metadata', 'resourceVersion') ?? '',
      });
      return 'removed';
    }),
  sleep: (decision, site) =>
    end(decision, site, async (object) => {
      await site.hands.patch(decision.life.workload, inState(sleepPatch(object, site.now()), object));
      await site.hands.tell(decision.life, {
        type: 'Normal',
        reason: 'BranchAsleep',
        note: `${decision.life.branch.name} is scaled to zero: ${decision.reason}. Wake it: branchline keep ${decision.life.branch.name} -n ${decision.life.workload.namespace}`,
      });
      return 'put to sleep';
    }),
  wake: (decision, site) =>
    restore(decision, site, 'woken', (object) =>
      wakePatch(object, site.now() + decision.life.lifetime.seconds * 1000),
    ),
  revive: (decision, site) => restore(decision, site, 'revived', () => revivePatch(decision)),
};

/** Status is written to a workload all the time: a state that is gone when it is written to is read again, so often. */
const triesMax = 8;

/** Acts on a workload in the state in which it is, unless the decision does not hold for that any more; anew where somebody wrote meanwhile. */
async function onLive(
  decision: Decision,
  site: EndingSite,
  act: (object: JsonObject) => Promise<Outcome | undefined>,
  shape?: () => string | undefined,
): Promise<Outcome | undefined> {
  for (let tries = 1; ; tries += 1) {
    const object = await site.hands.read(decision.life.workload);
    const against = objection(decision, object, { now: site.now(), shape: shape?.() });
    if (against !== undefined || object === undefined) return skipped(against ?? 'it is gone');
    try {
      return await act(object);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409 || tries === triesMax) throw error;
    }
  }
}

function skipped(note: string): Outcome {
  return { did: 'skipped', note };
}

async function warn(decision: Decision, site: EndingSite): Promise<Outcome> {
  const { life, at = site.now(), reason } = decision;
  const done = await onLive(decision, site, async (object) => {
    // The Event first: one that is said twice is better than one that is not said.
    await site.hands.tell(life, {
      type: 'Warning',
      reason: 'BranchExpiring',
      note: `${life.branch.name} ${reason}. Keep it: branchline keep ${life.branch.name} -n ${life.workload.namespace}`,
    });
    await site.hands.patch(life.workload, inState(warnPatch(at), object));
    return undefined;
  });
  return done ?? { did: 'warned', note: reason };
}

/** One that is routed is marked first; it ends when no route leads there and the proxies have heard of it. */
async function end(
  decision: Decision,
  site: EndingSite,
  finish: (object: JsonObject) => Promise<Outcome['did']>,
): Promise<Outcome> {
  let first: string | undefined;
  // A deployment in between is somebody's wish that it stays.
  const shape = (): string | undefined => first;
  const refused = await onLive(
    decision,
    site,
    (object) => {
      first = shapeOf(object);
      return withdraw(decision, object, site);
    },
    shape,
  );
  if (refused !== undefined) return refused;
  const done = await onLive(
    decision,
    site,
    async (object) => ({ did: await finish(object), note: decision.reason }),
    shape,
  );
  return done ?? skipped('it is gone');
}

/** Waits until no route leads there. @returns why it should not go on. */
async function withdraw(
  { life }: Decision,
  object: JsonObject,
  site: EndingSite,
): Promise<Outcome | undefined> {
  const { hands, settings, now, force = false } = site;
  if ((await hands.isRouted(life)) === false) return undefined;
  if (life.workload.declared['retiring'] === undefined)
    await hands.patch(life.workload, inState(retirePatch(now()), object));
  const until = now() + settings.retireSeconds * 1000;
  while ((await hands.isRouted(life)) === true) {
    if (site.stopped()) return skipped('told to stop');
    if (now() >= until)
      return force
        ? undefined
        : skipped(
            `routes still lead to it after ${settings.retireSeconds} s: is the controller running? It stays marked as retiring; --force ends it all the same`,
          );
    await site.sleep(lookMilliseconds);
  }
  await site.sleep(settings.settleMilliseconds);
  return site.stopped() ? skipped('told to stop') : undefined;
}

async function restore(
  decision: Decision,
  site: EndingSite,
  did: Outcome['did'],
  patch: (object: JsonObject) => JsonObject,
): Promise<Outcome> {
  const done = await onLive(decision, site, async (object) => {
    await site.hands.patch(decision.life.workload, inState(patch(object), object));
    return undefined;
  });
  return done ?? { did, note: decision.reason };
}

/** The patch counts for the object in the state in which it was read: whoever came between is not overruled. */
function inState(patch: JsonObject, object: JsonObject): JsonObject {
  return {
    ...patch,
    metadata: {
      ...objectAt(patch, 'metadata'),
      resourceVersion: textAt(object, 'metadata', 'resourceVersion') ?? '',
    },
  };
}
