/** Manifests as a cluster would hold them: read, and with admission's changes to workloads, so that a manifest as its author wrote it will do. */
import { decide } from '../admission/decide.ts';
import type { Review } from '../admission/review.ts';
import { namespaceFor, readManifests, type Manifests } from '../cluster/manifests.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { textAt, type JsonObject } from '../model/json.ts';
import { toLine } from '../model/problem.ts';
import { resourceOf, snapshotOf, type Snapshot } from '../model/snapshot.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What was read. */
export interface Admitted {
  readonly snapshot: Snapshot;
  /** As they were read, of any kind. */
  readonly objects: readonly JsonObject[];
  /** Tells whether something could not be read; it was said. */
  readonly unreadable: boolean;
}

/** Reads manifests and admits their workloads. @returns an exit code when a path that was named cannot be read. */
export async function admitted(
  files: readonly string[],
  settings: Settings,
  io: Io,
): Promise<Admitted | ExitCode> {
  let read: Manifests;
  try {
    read = await readManifests(files, io.stdin);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    io.err(`branchline: ${error.message}\n`);
    return exitCodes.wrongUse;
  }
  for (const problem of read.problems) io.err(`${toLine(problem)}\n`);
  const before = snapshotOf(read.objects.map(({ object }) => object));
  const snapshot = snapshotOf(read.objects.map(({ object }) => admit(object, before, settings)));
  return {
    snapshot,
    objects: read.objects.map(({ object }) => object),
    unreadable: read.problems.length > 0,
  };
}

/** What comes from a cluster (it has a uid) is as admission left it. */
function admit(object: JsonObject, snapshot: Snapshot, settings: Settings): JsonObject {
  if (resourceOf(object)?.collection !== 'workloads' || textAt(object, 'metadata', 'uid') !== undefined)
    return object;
  const decision = decide('/mutate/workloads', creationOf(object), { settings, snapshot });
  return decision.outcome === 'mutated' ? decision.after : object;
}

/** Returns the review of an object's creation, as the API server would ask for it. */
export function creationOf(object: JsonObject): Review {
  const apiVersion = textAt(object, 'apiVersion') ?? '';
  return {
    apiVersion: 'admission.k8s.io/v1',
    uid: 'offline',
    operation: 'CREATE',
    subResource: '',
    dryRun: true,
    group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '',
    kind: textAt(object, 'kind') ?? '',
    namespace: namespaceFor(object, resourceOf(object)?.namespaced ?? true),
    name: textAt(object, 'metadata', 'name') ?? '',
    object,
    oldObject: undefined,
  };
}
