/** The cluster as the rest of the program sees it: facts in a {@link Snapshot}, kept current. Implementations: `kubernetes.ts`, `folder.ts`. */
import type { Collection, Snapshot } from '../model/snapshot.ts';
import type { Problem } from '../model/problem.ts';

/** The world refused: the API server, the network, the disk. Thrown by `cluster/` only. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, cause?: unknown) {
    super(message, { cause });
    this.retryable = retryable;
  }
}

/** An object was added to, changed in, or removed from the snapshot; the snapshot already shows it. */
export interface Change {
  readonly collection: Collection;
  readonly namespace: string;
  /** Key within the namespace, as in the snapshot. */
  readonly key: string;
}

/** How current one kind's part of the snapshot is. */
export interface Freshness {
  readonly kind: string;
  readonly synced: boolean;
  readonly objects: number;
  /** Milliseconds since the source last said anything about this kind (an event or a bookmark); undefined before the first list. */
  readonly ageMilliseconds: number | undefined;
  /** Watches that ended other than by the server's own timeout, since the start. */
  readonly watchRestarts: number;
  /** Objects that a relist found different from the cache: events that were missed, since the start. */
  readonly relistDiffs: number;
}

/** A manifest or an object that cannot be used; the rest still is. `source` is a file (`a.yaml:12`) or an object. */
export interface ClusterProblem extends Problem {
  readonly source: string;
}

/** Facts about the cluster, kept current until closed. */
export interface Cluster {
  /** The live view. `synced` turns true once and stays so, through later outages. */
  readonly snapshot: Snapshot;
  /**
   * Resolves when the snapshot is synced; rejects with {@link ClusterError} when it can never be (no such folder, no kubeconfig), or when closed
   * before. A right that is missing may be granted later: that does not reject, it is a problem. Nobody has to handle the rejection.
   */
  readonly synced: Promise<void>;
  /** Minor version of the API server, e.g. 35; 0 until it is known. Left out where nobody wants to know it, or there is none to ask. */
  readonly kubernetesMinor?: () => number;
  /** Calls the listener after each change, in order; returns the way to stop. Listeners must not throw. */
  onChange(listener: (change: Change) => void): () => void;
  /** How current each kind is, in the order of the resource table. */
  freshness(): readonly Freshness[];
  /** What cannot be used at the moment, in a stable order. */
  problems(): readonly ClusterProblem[];
  /** Calls the listener whenever {@link Cluster.problems} has another answer than before; returns the way to stop. Listeners must not throw. */
  onProblems(listener: (problems: readonly ClusterProblem[]) => void): () => void;
  /** Stops watching; resolves when nothing is left running. Idempotent. */
  close(): Promise<void>;
}
