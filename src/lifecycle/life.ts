/**
 * The life of branches: (Snapshot, revisions, now) → how old each one is and when its time is up. Decides nothing, and reads no clock.
 * Times are milliseconds since 1970.
 */
import type { Settings } from '../config/settings.ts';
import type { Branch } from '../model/branch.ts';
import { parseLifetimeSeconds } from '../model/duration.ts';
import type { Namespace, Workload } from '../model/kubernetes.ts';
import { lifetimeOf, type Lifetime } from '../model/lifetime.ts';
import { branchesIn } from '../model/membership.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { parseTime } from '../model/time.ts';

/** When the newest revision (ReplicaSet, ControllerRevision) of a workload was made, by {@link revisionKey}. */
export type Revisions = ReadonlyMap<string, number>;

/** What is known about lives. */
export interface LifeFacts {
  readonly snapshot: Snapshot;
  readonly revisions: Revisions;
  readonly settings: Settings;
  readonly now: number;
}

/** One branch of one service, and its time. */
export interface Life {
  readonly workload: Workload;
  readonly branch: Branch;
  /** Undefined where the Service cannot be told. */
  readonly service: string | undefined;
  readonly namespace: Namespace;
  /** When it was last deployed; undefined where nothing says so: such a branch never ends by age. */
  readonly renewed: number | undefined;
  readonly lifetime: Lifetime;
  /** Marked `keep: "true"`. */
  readonly kept: boolean;
  /** When its time is up; undefined for a kept one, and where its age is not known. */
  readonly expires: number | undefined;
  /** When a warning is due. */
  readonly warns: number | undefined;
  /** Scaled to zero by us: how many pods it had. */
  readonly asleep: number | undefined;
}

/** Names a workload in {@link Revisions}: the uid keeps a workload apart from an earlier one of its name. */
export function revisionKey(kind: string, namespace: string, name: string, uid: string): string {
  return [kind, namespace, name, uid].join('/');
}

/** Returns the lives of every branch in enabled namespaces, sorted by namespace, branch and workload. */
export function livesOf(facts: LifeFacts): readonly Life[] {
  const enabled = [...inNamespace(facts.snapshot.namespaces, '').values()].filter(
    (namespace) => namespace.enabled && !namespace.leaving,
  );
  const lives = enabled.flatMap((namespace) =>
    branchesIn(facts.snapshot, namespace.name, facts.settings).map(({ workload, branch, service }) =>
      lifeOf({ workload, branch, service, namespace }, facts),
    ),
  );
  return lives.sort((a, b) => compare(orderOf(a), orderOf(b)));
}

function orderOf({ workload, branch }: Life): string {
  return [workload.namespace, branch.id, workload.name, workload.kind].join('\u0000');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lifeOf(
  self: Pick<Life, 'workload' | 'branch' | 'service' | 'namespace'>,
  { revisions, settings }: LifeFacts,
): Life {
  const { workload, namespace } = self;
  const renewed = renewedAt(workload, revisions);
  const lifetime = lifetimeOf(workload, namespace, settings);
  const kept = workload.declared['keep'] === 'true';
  const expires =
    kept || renewed === undefined
      ? undefined
      : Math.max(renewed + lifetime.seconds * 1000, parseTime(workload.declared['keep-until'] ?? '') ?? 0);
  return {
    ...self,
    renewed,
    lifetime,
    kept,
    expires,
    warns: expires === undefined ? undefined : expires - noticeOf(lifetime, settings),
    asleep: parseAsleep(workload.declared['asleep'])?.replicas,
  };
}

/** The newest revision; where none is known (a manifest, a workload whose pods were never made) its creation. */
function renewedAt(
  { kind, namespace, name, uid, created }: Workload,
  revisions: Revisions,
): number | undefined {
  const made = parseTime(created);
  const revised =
    revisions.get(revisionKey(kind, namespace, name, uid)) ??
    revisions.get(revisionKey(kind, namespace, name, ''));
  return revised === undefined || made === undefined ? (revised ?? made) : Math.max(revised, made);
}

/** Returns how long before its end a branch is warned about, in milliseconds. */
export function noticeOf(lifetime: Lifetime, { expiryWarning }: Pick<Settings, 'expiryWarning'>): number {
  return Math.min(parseLifetimeSeconds(expiryWarning) ?? 0, lifetime.seconds / 4) * 1000;
}

/** What `asleep` says: pods before, and since when. */
export interface Asleep {
  readonly replicas: number;
  readonly since: number;
}

/** Reads annotation `asleep`, e.g. `2 since 2026-11-23T15:00:00Z`. */
export function parseAsleep(text: string | undefined): Asleep | undefined {
  const [, replicas, time] = /^([0-9]{1,5}) since (\S+)$/.exec(text ?? '') ?? [];
  const since = parseTime(time ?? '');
  return replicas === undefined || since === undefined ? undefined : { replicas: Number(replicas), since };
}

/** Tells which workloads have to be looked at for their newest revision: the others are young by their own creation already, or kept. */
export function needsRevision(facts: Omit<LifeFacts, 'revisions'>): readonly Life[] {
  return livesOf({ ...facts, revisions: new Map() }).filter(
    ({ warns, asleep }) => asleep !== undefined || (warns !== undefined && warns <= facts.now),
  );
}
