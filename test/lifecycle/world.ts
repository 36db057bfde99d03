/** A cluster of raw objects that a sweep is carried out on, in memory. */
import type { Settings } from '../../src/config/settings.ts';
import { retirePatch, revivePatch, sleepPatch, wakePatch, warnPatch } from '../../src/lifecycle/change.ts';
import type { LifeFacts } from '../../src/lifecycle/life.ts';
import { revisionsIn } from '../../src/lifecycle/revisions.ts';
import type { Decision } from '../../src/lifecycle/sweep.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { settingsWith } from '../admission/golden.ts';
import { mergePatch } from '../builders.ts';

const known = new Map<string, Settings>();

/** Validating settings takes longer than a sweep. */
function settingsFor(given: Readonly<Record<string, unknown>>): Settings {
  const key = JSON.stringify(given);
  const settings = known.get(key) ?? settingsWith(given);
  known.set(key, settings);
  return settings;
}

/** What the objects say at a time. */
export function factsOf(
  objects: readonly JsonObject[],
  now: number,
  settings: Readonly<Record<string, unknown>> = {},
): LifeFacts {
  return {
    snapshot: snapshotOf(objects),
    revisions: revisionsIn(objects),
    settings: settingsFor(settings),
    now,
  };
}

/** Returns the objects after every decision was carried out. */
export function carriedOut(
  objects: readonly JsonObject[],
  decisions: readonly Decision[],
  now: number,
): readonly JsonObject[] {
  return decisions.reduce<readonly JsonObject[]>(
    (current, decision) =>
      current.flatMap((object) => (isOf(object, decision) ? after(object, decision, now) : [object])),
    objects,
  );
}

function isOf(object: JsonObject, { life: { workload } }: Decision): boolean {
  return (
    textAt(object, 'kind') === workload.kind &&
    textAt(object, 'metadata', 'name') === workload.name &&
    (textAt(object, 'metadata', 'namespace') ?? 'default') === workload.namespace
  );
}

function after(object: JsonObject, decision: Decision, now: number): readonly JsonObject[] {
  const { action, life, at } = decision;
  const patch = {
    none: {},
    warn: warnPatch(at ?? now),
    remove: retirePatch(now),
    sleep: sleepPatch(object, now),
    wake: wakePatch(object, now + life.lifetime.seconds * 1000),
    revive: revivePatch(decision),
  }[action];
  return action === 'remove' ? [] : [mergePatch(object, patch) as JsonObject];
}
