/** What ending, warning, keeping and waking write on a workload, as JSON merge patches; and whether a decision still holds for the object as it is now. */
import { at, numberAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { fullKey } from '../model/keys.ts';
import { readDeclared } from '../model/kubernetes.ts';
import { parseTime, showTime } from '../model/time.ts';
import { parseAsleep } from './life.ts';
import type { Decision } from './sweep.ts';

function annotate(annotations: Readonly<Record<string, string | null>>, rest: JsonObject = {}): JsonObject {
  return {
    metadata: {
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [fullKey(key), value]),
      ),
    },
    ...rest,
  };
}

/** Says on the workload that somebody was warned, and for when. */
export function warnPatch(at: number): JsonObject {
  return annotate({ warned: showTime(at) });
}

/** Takes the branch's routes away: the controller routes nobody to a workload that retires. */
export function retirePatch(now: number): JsonObject {
  return annotate({ retiring: showTime(now) });
}

/** Gives it its routes back. A warning that still holds stays, so that nobody is warned twice and nothing goes before it said. */
export function revivePatch({ life, at: goes }: Pick<Decision, 'life' | 'at'>): JsonObject {
  const warned = parseTime(life.workload.declared['warned'] ?? '');
  const holds = goes !== undefined && warned !== undefined && warned + 1000 > goes;
  return annotate({ retiring: null, ...(holds ? {} : { warned: null }) });
}

/** What a deploy takes back of an earlier end. */
export function redeployPatch(): JsonObject {
  return annotate({ asleep: null, retiring: null, warned: null });
}

/** Scales to zero and remembers how many pods there were. */
export function sleepPatch(object: JsonObject, now: number): JsonObject {
  return annotate(
    {
      asleep: `${Math.max(1, numberAt(object, 'spec', 'replicas') ?? 1)} since ${showTime(now)}`,
      retiring: null,
      warned: null,
    },
    { spec: { replicas: 0 } },
  );
}

/** Gives a sleeping branch its pods back (those that somebody gave it meanwhile stay), and a life until `until`. */
export function wakePatch(object: JsonObject, until: number): JsonObject {
  const before = parseAsleep(textAt(object, 'metadata', 'annotations', fullKey('asleep')))?.replicas ?? 1;
  const spec = (numberAt(object, 'spec', 'replicas') ?? 1) > 0 ? {} : { spec: { replicas: before } };
  return annotate({ asleep: null, retiring: null, warned: null, 'keep-until': showTime(until) }, spec);
}

/** How long a branch is kept: for ever, until a time, or no more than its lifetime. */
export type Keep =
  { readonly for: 'ever' } | { readonly for: 'until'; readonly time: number } | { readonly for: 'lifetime' };

/** Keeps a branch, and wakes it when it sleeps; or takes all that back. */
export function keepPatch(object: JsonObject, keep: Keep): JsonObject {
  const asleep = parseAsleep(textAt(object, 'metadata', 'annotations', fullKey('asleep')));
  const wakes = asleep !== undefined && keep.for !== 'lifetime' && numberAt(object, 'spec', 'replicas') === 0;
  const spec = wakes ? { spec: { replicas: asleep.replicas } } : {};
  const freed = keep.for === 'lifetime' ? {} : { asleep: null, retiring: null };
  return annotate(
    {
      ...freed,
      warned: null,
      keep: keep.for === 'ever' ? 'true' : null,
      'keep-until': keep.for === 'until' ? showTime(keep.time) : null,
    },
    spec,
  );
}

/**
 * Says why a decision does not hold any more for the object as the API server has it: somebody kept it, deployed it, or it is another one. Undefined: it
 * holds. `shape` is what it had when the ending began.
 */
export function objection(
  decision: Decision,
  object: JsonObject | undefined,
  { now, shape }: { readonly now: number; readonly shape?: string | undefined },
): string | undefined {
  if (object === undefined || at(object, 'metadata', 'deletionTimestamp') !== undefined) return 'it is gone';
  const { uid } = decision.life.workload;
  if (uid !== '' && textAt(object, 'metadata', 'uid') !== uid) return 'it is another one of that name';
  if (decision.action === 'wake' || decision.action === 'revive' || decision.asked === true) return undefined;
  return keptOrChanged(decision, object, now) ?? redeployed(object, shape);
}

function redeployed(object: JsonObject, shape: string | undefined): string | undefined {
  return shape === undefined || shape === shapeOf(object) ? undefined : 'it was deployed meanwhile';
}

function keptOrChanged({ life }: Decision, object: JsonObject, now: number): string | undefined {
  const declared = readDeclared(object);
  if (declared['keep'] === 'true' || isLater(declared['keep-until'], now)) return 'it was kept meanwhile';
  return ['branch', 'ttl', 'service'].some((key) => declared[key] !== life.workload.declared[key])
    ? 'it was changed meanwhile'
    : undefined;
}

function isLater(text: string | undefined, now: number): boolean {
  return (parseTime(text ?? '') ?? 0) > now;
}

/** Returns what a workload is to be, as text to compare. Its generation will not do: annotations count in a Deployment's. */
export function shapeOf(object: JsonObject): string {
  return JSON.stringify(objectAt(object, 'spec'));
}
