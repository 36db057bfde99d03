/** What a review of a workload is about: the workload before and now, where, and whether it is ours to look at. */
import type { Settings } from '../config/settings.ts';
import type { Branch } from '../model/branch.ts';
import { at, isObject, withLabel, type JsonObject } from '../model/json.ts';
import {
  readWorkload,
  workloadKinds,
  type Namespace,
  type Workload,
  type WorkloadKind,
} from '../model/kubernetes.ts';
import { branchOf, chooseService, type ServiceChoice } from '../model/membership.ts';
import { namespaceOf, type Snapshot } from '../model/snapshot.ts';
import type { Review } from './review.ts';

/** What a decision may use besides the review. */
export interface Facts {
  readonly settings: Settings;
  readonly snapshot: Snapshot;
  /** Minor version of the API server, e.g. 35; 0 while it is not known, undefined where there is none to ask (manifests). */
  readonly kubernetesMinor?: number | undefined;
  /** Name of the ConfigMap that holds the agent of this release; undefined: whichever is the newest. */
  readonly agentConfigMap?: string | undefined;
}

/** A workload under review. */
export interface WorkloadReview {
  readonly object: JsonObject;
  readonly oldObject: JsonObject | undefined;
  readonly now: Workload;
  readonly before: Workload | undefined;
  /** Undefined when the namespace is not known to us. */
  readonly namespace: Namespace | undefined;
}

/** Reads a review of a workload; undefined when there is nothing to look at (DELETE, a subresource, another kind, an object on its way out). */
export function readWorkloadReview(review: Review, snapshot: Snapshot): WorkloadReview | undefined {
  const { object, oldObject } = review;
  const kind = workloadKinds.find((known) => known === review.kind);
  if (kind === undefined || object === undefined || review.subResource !== '') return undefined;
  if (review.operation !== 'CREATE' && review.operation !== 'UPDATE') return undefined;
  if (at(object, 'metadata', 'deletionTimestamp') !== undefined) return undefined;
  return {
    object,
    oldObject,
    now: readPlaced(object, kind, review),
    before: oldObject === undefined ? undefined : readPlaced(oldObject, kind, review),
    namespace: namespaceOf(snapshot, review.namespace),
  };
}

/** The request's namespace and name count: an object may leave both out. */
function readPlaced(object: JsonObject, kind: WorkloadKind, review: Review): Workload {
  return { ...readWorkload(object, kind), namespace: review.namespace, name: review.name };
}

/** Tells whether a workload declares a branch, now or before this update. */
function isDeclared({ now, before }: WorkloadReview): boolean {
  return now.declared['branch'] !== undefined || before?.declared['branch'] !== undefined;
}

/**
 * Tells whether a workload is in scope. A namespace that we do not know (the cache may lag behind one made a moment ago; manifests
 * may leave it out) is in scope only for what declares a branch: nobody else asked for anything.
 */
export function isInScope(workload: WorkloadReview): boolean {
  return workload.namespace === undefined ? isDeclared(workload) : workload.namespace.enabled;
}

/** The branch under review and the Service it belongs to. */
export interface BranchReview {
  readonly branch: Branch;
  readonly choice: ServiceChoice;
}

/** Reads the branch that the workload declares or, in a by-label namespace, is; undefined for everything else. A `service` that an update drops still counts. */
export function readBranchReview({ now, before }: WorkloadReview, facts: Facts): BranchReview | undefined {
  return readBranch(now, now.declared['service'] ?? before?.declared['service'], facts);
}

/** Reads the branch that the workload was before this update, by what is known of the cluster now; undefined for everything else. */
export function readBranchBefore({ before }: WorkloadReview, facts: Facts): BranchReview | undefined {
  return before === undefined ? undefined : readBranch(before, before.declared['service'], facts);
}

function readBranch(
  workload: Workload,
  service: string | undefined,
  { settings, snapshot }: Facts,
): BranchReview | undefined {
  const branch = branchOf(workload, snapshot, settings);
  if (branch === undefined) return undefined;
  const labelled: Workload = {
    ...workload,
    declared: service === undefined ? workload.declared : withLabel(workload.declared, 'service', service),
    templateLabels: withLabel(workload.templateLabels, settings.versionLabel, branch.id),
  };
  return { branch, choice: chooseService(snapshot, labelled, settings.versionLabel) };
}

/** Returns the branch that the old object was, declared or by label, if its pods carried its id: one that we admitted, or need not. */
export function liveBranch(workload: WorkloadReview, { settings, snapshot }: Facts): Branch | undefined {
  const { before } = workload;
  const branch = before === undefined ? undefined : branchOf(before, snapshot, settings);
  return branch !== undefined && before?.templateLabels[settings.versionLabel] === branch.id
    ? branch
    : undefined;
}

/** Tells whether an update leaves a branch what it is and behind the same Services: what the world around it became is then no reason to refuse it. */
export function staysInPlace(now: BranchReview | undefined, past: BranchReview | undefined): boolean {
  return (
    now !== undefined &&
    past !== undefined &&
    now.branch.id === past.branch.id &&
    placeOf(now) === placeOf(past)
  );
}

function placeOf({ choice }: BranchReview): string {
  const chosen = choice.found === 'one' ? choice.service.name : choice.found;
  return [chosen, ...choice.selecting.map((service) => service.name)].join(' ');
}

/** Tells whether the workload has a pod template of its own (a Rollout may borrow one by `workloadRef`). */
export function hasTemplate(object: JsonObject): boolean {
  return isObject(at(object, 'spec', 'template'));
}
