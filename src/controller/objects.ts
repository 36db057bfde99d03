/** The route objects that exist: what the watch says and what our own writes were answered with, whichever is newer; and who changes them. */
import type { Change as SnapshotChange, Cluster } from '../cluster/port.ts';
import { Conflict, type Writes, type Written } from '../cluster/writes.ts';
import { objectAt, type JsonObject } from '../model/json.ts';
import type { DestinationRule, VirtualService } from '../model/kubernetes.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { isSame, type Change } from '../routing/changes.ts';
import { keyOf, routeObject, type RouteKind, type RouteObject } from '../routing/istio.ts';
import type { Planner } from '../routing/planner.ts';
import type { Clock } from './clock.ts';

/** What happens to one object of ours. */
export interface RouteReport {
  readonly outcome: 'written' | 'failed' | 'conflict' | 'put back' | 'left alone';
  readonly action: Change['action'];
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly reason: string;
}

/** Where objects are read and written. */
export interface ObjectSite {
  readonly cluster: Pick<Cluster, 'snapshot'>;
  readonly writes: Pick<Writes, 'apply' | 'remove'>;
  readonly clock: Clock;
  readonly report: (report: RouteReport) => void;
}

/** Objects of ours. */
export interface Objects {
  /** Carries out a change and tells the planner and the report how it went. Never rejects. */
  write(change: Change): Promise<void>;
  /** Takes a change of the snapshot that is about an object of ours; false when it may mean more than that. */
  take(change: SnapshotChange): boolean;
}

/** An object that others changed more often than this within the time below is left alone for that long: a tug of war serves nobody. */
const putBackLimit = 3;
const putBackMilliseconds = 10 * 60 * 1000;

/** What the API server holds of one object, as we know it. */
interface StoredObject {
  readonly uid: string;
  readonly revision: string;
  /** What we wrote last, and what became of it: admission of others may have changed it. */
  readonly wrote: { readonly wanted: JsonObject; readonly stored: JsonObject } | undefined;
}

/** `inFlight`: writes that are not answered yet. The watch often tells of them first, and nobody else did what it tells. */
interface Stored extends Map<string, StoredObject> {
  readonly inFlight: Set<string>;
}
type Place = Pick<Change, 'kind' | 'namespace' | 'name'>;
type Tell = (
  change: Pick<Change, 'action' | 'kind' | 'namespace' | 'name'>,
  outcome: RouteReport['outcome'],
  reason?: string,
) => void;

/** Makes the keeper of the objects that the snapshot shows as ours. */
export function createObjects(site: ObjectSite, planner: Planner): Objects {
  const stored = storedIn(site.cluster.snapshot);
  const tell: Tell = ({ action, kind, namespace, name }, outcome, reason = '') => {
    site.report({
      outcome,
      action,
      kind,
      namespace,
      name,
      uid: stored.get(keyOfPlace({ kind, namespace, name }))?.uid ?? '',
      reason,
    });
  };
  return { write: createWriter(site, planner, stored, tell), take: createTaker(site, planner, stored, tell) };
}

function storedIn({ virtualServices, destinationRules }: Snapshot): Stored {
  const all = [
    ...[...virtualServices.values()]
      .flatMap((inside) => [...inside.values()])
      .map((one) => ['VirtualService', one] as const),
    ...[...destinationRules.values()]
      .flatMap((inside) => [...inside.values()])
      .map((one) => ['DestinationRule', one] as const),
  ];
  const known = all
    .filter(([, { managed }]) => managed)
    .map(
      ([kind, { namespace, name, uid, revision }]) =>
        [keyOfPlace({ kind, namespace, name }), { uid, revision, wrote: undefined }] as const,
    );
  return Object.assign(new Map<string, StoredObject>(known), { inFlight: new Set<string>() });
}

function createWriter(
  { writes, clock }: ObjectSite,
  planner: Planner,
  stored: Stored,
  tell: Tell,
): Objects['write'] {
  /** One that is to be new is not forced: somebody else's of that name stays as it is. One that is ours is, and only that very one. */
  async function applyObject({ action }: Change, after: RouteObject, key: string): Promise<void> {
    const uid = stored.get(key)?.uid ?? '';
    const metadata = action === 'create' || uid === '' ? after.metadata : { ...after.metadata, uid };
    const written = await writes.apply({ ...after, metadata }, { force: action !== 'create' });
    stored.set(key, {
      uid: written.uid,
      revision: written.revision,
      wrote: { wanted: after.spec, stored: storedSpec(written, after) },
    });
    planner.observe(key, after, clock.now());
  }

  async function removeObject({ kind, namespace, name }: Change, key: string): Promise<void> {
    const known = stored.get(key);
    await writes.remove(
      { kind, namespace, name },
      known === undefined ? undefined : { uid: known.uid, revision: known.revision },
    );
    // Its revision stays known, so that what the watch still says of it is recognised as old.
    if (known !== undefined) stored.set(key, { ...known, wrote: undefined });
    planner.observe(key, undefined, clock.now());
  }

  return async (change) => {
    const key = keyOfPlace(change);
    stored.inFlight.add(key);
    try {
      if (change.after === undefined) await removeObject(change, key);
      else await applyObject(change, change.after, key);
      tell(change, 'written');
    } catch (error) {
      planner.failed(key, clock.now());
      tell(
        change,
        error instanceof Conflict ? 'conflict' : 'failed',
        error instanceof Error ? error.message : String(error),
      );
    } finally {
      stored.inFlight.delete(key);
    }
  };
}

function createTaker(
  { cluster, clock }: ObjectSite,
  planner: Planner,
  stored: Stored,
  tell: Tell,
): Objects['take'] {
  const putBacks = new Map<string, readonly number[]>();

  /** What others did to our object is undone, until that has happened too often. */
  function foreignEdit(object: Place, reason: string): void {
    const now = clock.now();
    const key = keyOfPlace(object);
    if (stored.inFlight.has(key)) return;
    const recent = [...(putBacks.get(key) ?? []).filter((at) => at + putBackMilliseconds > now), now];
    putBacks.set(key, recent);
    const isTooMuch = recent.length > putBackLimit;
    if (isTooMuch) planner.hold(key, now + putBackMilliseconds);
    tell({ action: 'configure', ...object }, isTooMuch ? 'left alone' : 'put back', reason);
  }

  function takeOurs(
    object: Place,
    now: VirtualService | DestinationRule,
    known: StoredObject | undefined,
  ): void {
    const key = keyOfPlace(object);
    const isAsStored = known?.wrote !== undefined && isSame(known.wrote.stored, now.spec);
    const spec = isAsStored ? known.wrote.wanted : now.spec;
    stored.set(key, { uid: now.uid, revision: now.revision, wrote: known?.wrote });
    planner.observe(key, routeObject(object.kind, now.namespace, now.name, spec), clock.now());
    if (known?.wrote !== undefined && !isAsStored) foreignEdit(object, 'somebody changed it');
  }

  /** It is gone, or not ours any more. */
  function takeAbsence(object: Place, isThere: boolean): void {
    const key = keyOfPlace(object);
    stored.delete(key);
    planner.observe(key, undefined, clock.now());
    foreignEdit(object, isThere ? 'somebody took our label off it' : 'somebody deleted it');
  }

  return ({ collection, namespace, key: name }) => {
    if (collection !== 'virtualServices' && collection !== 'destinationRules') return false;
    const object: Place = {
      kind: collection === 'virtualServices' ? 'VirtualService' : 'DestinationRule',
      namespace,
      name,
    };
    const now: VirtualService | DestinationRule | undefined = cluster.snapshot[collection]
      .get(namespace)
      ?.get(name);
    const known = stored.get(keyOfPlace(object));
    if (now?.managed === true) {
      if (!isOld(now, known)) takeOurs(object, now, known);
      return known !== undefined;
    }
    if (planner.ledger.objects.has(keyOfPlace(object))) takeAbsence(object, now !== undefined);
    return now === undefined && known !== undefined;
  };
}

function keyOfPlace({ kind, namespace, name }: Place): string {
  return keyOf({ kind, metadata: { namespace, name, labels: {} } });
}

function storedSpec({ object }: Written, after: RouteObject): JsonObject {
  const spec = objectAt(object, 'spec');
  return Object.keys(spec).length === 0 ? after.spec : spec;
}

/** Tells whether the watch is behind what we know. Revisions of one kind are numbers that grow. @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function isOld(
  { uid, revision }: Pick<VirtualService, 'uid' | 'revision'>,
  known: StoredObject | undefined,
): boolean {
  if (known?.uid !== uid || !isNumber(revision) || !isNumber(known.revision)) return false;
  return BigInt(revision) <= BigInt(known.revision);
}

function isNumber(text: string): boolean {
  return /^[0-9]+$/.test(text);
}
