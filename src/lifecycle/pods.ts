/** How far the pods of a deployed branch are, in words, and what is wrong with them. Reads raw pods: statuses of containers are of interest nowhere else. */
import { at, covers, labelsAt, listAt, numberAt, objectAt, textAt, type JsonObject } from '../model/json.ts';

/** What keeps a pod from becoming ready. */
export interface PodFault {
  readonly pod: string;
  readonly text: string;
  /** Container whose log says why. */
  readonly crashed: string | undefined;
  /** Waiting does not help. */
  readonly isFinal: boolean;
}

/** Pods of one workload, together. */
export interface PodsProgress {
  readonly text: string;
  readonly wanted: number;
  /** The newest revision is rolled out whole. */
  readonly isReady: boolean;
  readonly fault: PodFault | undefined;
}

/** Reasons that kubelet gives for a container that will not start as it is. @see https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go */
const faults: Readonly<Record<string, { readonly crashed: boolean; readonly isFinal: boolean }>> = {
  ErrImagePull: { crashed: false, isFinal: false },
  ImagePullBackOff: { crashed: false, isFinal: false },
  InvalidImageName: { crashed: false, isFinal: true },
  ErrImageNeverPull: { crashed: false, isFinal: true },
  CreateContainerConfigError: { crashed: false, isFinal: false },
  CreateContainerError: { crashed: false, isFinal: false },
  RunContainerError: { crashed: true, isFinal: false },
  CrashLoopBackOff: { crashed: true, isFinal: false },
};

/** Sums up the pods that a workload selects. `workload` is the object as the API server has it. */
export function podsProgress(
  pods: readonly JsonObject[],
  workload: JsonObject | undefined,
  wanted: number,
): PodsProgress {
  const selector = labelsAt(workload, 'spec', 'selector', 'matchLabels');
  const own = pods.filter(
    (pod) =>
      covers(labelsAt(pod, 'metadata', 'labels'), selector) &&
      at(pod, 'metadata', 'deletionTimestamp') === undefined,
  );
  const fault = own.map(faultOf).find((one) => one !== undefined) ?? conditionFault(workload);
  const ready = numberAt(workload, 'status', 'readyReplicas') ?? 0;
  const counted = `${Math.min(ready, wanted)}/${wanted} ready`;
  if (isRolledOut(workload, wanted)) return { text: counted, wanted, isReady: true, fault: undefined };
  return {
    text: fault === undefined ? `${phaseOf(own)}, ${counted}` : `${fault.text}, ${counted}`,
    wanted,
    isReady: false,
    fault,
  };
}

/** As `kubectl rollout status` sees it. */
function isRolledOut(workload: JsonObject | undefined, wanted: number): boolean {
  const status = objectAt(workload, 'status');
  const isSeen =
    Number(at(status, 'observedGeneration') ?? 0) >= (numberAt(workload, 'metadata', 'generation') ?? 0);
  const updated = numberAt(status, 'updatedReplicas') ?? 0;
  return (
    isSeen &&
    updated >= wanted &&
    (numberAt(status, 'readyReplicas') ?? 0) >= wanted &&
    (numberAt(status, 'replicas') ?? 0) <= Math.max(updated, wanted)
  );
}

/** The least that any pod has reached. */
function phaseOf(pods: readonly JsonObject[]): string {
  if (pods.length === 0) return 'no pods yet';
  const phases = pods.map((pod): string => {
    const statuses = listAt(pod, 'status', 'containerStatuses');
    if (textAt(pod, 'spec', 'nodeName') === undefined) return 'waiting for a node';
    if (statuses.length === 0 || statuses.some((status) => at(status, 'state', 'waiting') !== undefined))
      return 'pulling';
    return 'starting';
  });
  return ['waiting for a node', 'pulling', 'starting'].find((phase) => phases.includes(phase)) ?? 'starting';
}

function faultOf(pod: JsonObject): PodFault | undefined {
  const name = textAt(pod, 'metadata', 'name') ?? '';
  const statuses = [
    ...listAt(pod, 'status', 'initContainerStatuses'),
    ...listAt(pod, 'status', 'containerStatuses'),
  ];
  return (
    statuses.map((status) => containerFault(name, status)).find((fault) => fault !== undefined) ??
    scheduleFault(name, pod)
  );
}

function containerFault(pod: string, status: unknown): PodFault | undefined {
  const reason = textAt(status, 'state', 'waiting', 'reason') ?? '';
  const known = Object.hasOwn(faults, reason) ? faults[reason] : undefined;
  if (known === undefined) return undefined;
  const container = textAt(status, 'name') ?? '';
  const message = textAt(status, 'state', 'waiting', 'message');
  const exit = numberAt(status, 'lastState', 'terminated', 'exitCode');
  const text = `container ${container}: ${reason}${exit === undefined ? '' : ` (exit code ${exit})`}${message === undefined ? '' : `: ${message}`}`;
  return { pod, text, crashed: known.crashed ? container : undefined, isFinal: known.isFinal };
}

function scheduleFault(pod: string, object: JsonObject): PodFault | undefined {
  const scheduled = listAt(object, 'status', 'conditions').find(
    (condition) => textAt(condition, 'type') === 'PodScheduled' && textAt(condition, 'status') === 'False',
  );
  return scheduled === undefined
    ? undefined
    : {
        pod,
        text: `${textAt(scheduled, 'reason') ?? 'not scheduled'}: ${textAt(scheduled, 'message') ?? ''}`,
        crashed: undefined,
        isFinal: false,
      };
}

/** Pods that cannot even be made (a quota, an admission webhook) show on the workload only. */
function conditionFault(workload: JsonObject | undefined): PodFault | undefined {
  const failure = listAt(workload, 'status', 'conditions').find(
    (condition) => textAt(condition, 'type') === 'ReplicaFailure' && textAt(condition, 'status') === 'True',
  );
  return failure === undefined
    ? undefined
    : {
        pod: '(none)',
        text: `${textAt(failure, 'reason') ?? ''}: ${textAt(failure, 'message') ?? ''}`,
        crashed: undefined,
        isFinal: false,
      };
}
