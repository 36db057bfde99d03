/** What changes a cluster, apart from what reads it. Implementations: `kubernetes-writes.ts`, `folder-writes.ts`. */
import type { JsonObject } from '../model/json.ts';
import { ClusterError } from './port.ts';

/** Names an object of a kind that we write. */
export interface Target {
  readonly kind: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
}

/** An object as the API server holds it after a write. */
export interface Written {
  readonly uid: string;
  readonly revision: string;
  readonly object: unknown;
}

/** Which object, in which state, a removal means; empty parts mean any. */
interface Precondition {
  readonly uid: string;
  readonly revision: string;
}

/** One condition of a Pod's status. */
interface PodCondition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
}

/**
 * The rights to change a cluster. Every method rejects with {@link ClusterError}; {@link Conflict} when somebody else stands in the way, {@link Gone} when the
 * object is not there. A write that rejects otherwise may have been carried out all the same.
 */
export interface Writes {
  /**
   * Server-side apply as one field manager: what we said before and do not say now goes. Without `force` a field that another manager owns with another
   * value is a {@link Conflict}, and nothing is written. An object that names a uid is never created, nor another one of that name changed.
   */
  apply(object: JsonObject, options: { readonly force: boolean }): Promise<Written>;
  /** Creates; {@link Conflict} when there is one of that name. A dry run is admitted like any other, and nothing is kept of it. */
  create(object: JsonObject, options?: { readonly dryRun: boolean }): Promise<Written>;
  /** Replaces, in the state that its resourceVersion names; {@link Conflict} when it is in another. */
  replace(object: JsonObject): Promise<Written>;
  /** Reads one object; undefined when it is not there. Only where nothing is watched (the Lease). */
  read(target: Target): Promise<Written | undefined>;
  /** Removes; one that is not there is fine. */
  remove(target: Target, precondition?: Precondition): Promise<void>;
  /** Sets one condition of a Pod, leaving the others as they are. */
  setPodCondition(target: Target, condition: PodCondition): Promise<void>;
  /** Ends connections. */
  close(): void;
}

/** Somebody else wrote, owns, or is what we wanted to write. */
export class Conflict extends ClusterError {
  constructor(message: string, cause?: unknown) {
    super(message, true, cause);
  }
}

/** What was to be changed is not there any more. */
export class Gone extends ClusterError {
  constructor(message: string, cause?: unknown) {
    super(message, true, cause);
  }
}
