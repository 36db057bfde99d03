/** What the doctor looks at: the pods behind the Services of each namespace that a branch's requests pass through, and what each has of the agent. */
import type { Settings } from '../config/settings.ts';
import { at, isObject, labelsAt, objectAt, textAt, type JsonObject, type Labels } from '../model/json.ts';
import { parseBranch } from '../model/branch.ts';
import { fullKey, podAgentKey } from '../model/keys.ts';
import type { Namespace } from '../model/kubernetes.ts';
import { branchesIn } from '../model/membership.ts';
import { servicesSelecting } from '../model/selection.ts';
import { inNamespace, snapshotOf, type Snapshot } from '../model/snapshot.ts';
import { chooseContainers, type Placed } from '../admission/pods/containers.ts';
import { preloads } from '../admission/pods/node-options.ts';
import { ownerOf, wishesOf } from '../admission/pods/wishes.ts';

/** Everything a check may use. */
export interface World {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  /** Enabled namespaces that are looked at, by name. */
  readonly namespaces: readonly Namespace[];
  /** By namespace and name. */
  readonly pods: readonly PodState[];
  /** Workloads as written that have no pods among what was read, as pods that they would make. Same order. */
  readonly planned: readonly PodState[];
}

/** One pod on a branch's path. */
export interface PodState {
  readonly object: JsonObject;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  /** What is restarted to make it anew, e.g. `Deployment/shop`; `Pod/<name>` for one of its own. */
  readonly owner: string;
  /** Services whose requests it takes; empty: none that we know. */
  readonly services: readonly string[];
  /** Whether the header agent is wished for. */
  readonly wantsAgent: boolean;
  /** Containers that are meant to have it. */
  readonly chosen: readonly Placed[];
  /** Those that preload it. */
  readonly carrying: readonly string[];
  /** ConfigMap or image that brings it; empty: none. */
  readonly source: string;
  /** Container → why it runs without it, as admission said. */
  readonly without: Labels;
  /** Admission has looked at it. */
  readonly isAdmitted: boolean;
}

/** Where to look. */
export interface Scope {
  readonly namespace: string | undefined;
  /** Name or id of a branch: only namespaces that have it. */
  readonly branch: string | undefined;
}

/** Makes the world of raw objects: what a cluster holds, or what manifests say. */
export function worldOf(
  objects: readonly JsonObject[],
  settings: Settings,
  { namespace, branch }: Scope,
): World {
  const snapshot = snapshotOf(objects);
  const namespaces = [...inNamespace(snapshot.namespaces, '').values()]
    .filter(
      (one) =>
        one.enabled &&
        (namespace === undefined || one.name === namespace) &&
        (branch === undefined || hasBranch(snapshot, one.name, branch, settings)),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set(namespaces.map(({ name }) => name));
  const raw = objects.filter((object) => names.has(textAt(object, 'metadata', 'namespace') ?? 'default'));
  const pods = raw
    .filter((object) => textAt(object, 'kind') === 'Pod' && !isOver(object))
    .map((pod) => stateOf(pod, snapshot, settings));
  const owners = new Set(pods.map((pod) => `${pod.namespace} ${pod.owner}`));
  const planned = raw.flatMap((object): readonly PodState[] => {
    const pod = podOf(object);
    if (
      pod === undefined ||
      owners.has(`${textAt(pod, 'metadata', 'namespace') ?? ''} ${ownerOf(pod) ?? ''}`)
    )
      return [];
    return [stateOf(pod, snapshot, settings)];
  });
  return {
    snapshot,
    settings,
    namespaces,
    pods: pods.filter(isOnPath).sort(byName),
    planned: planned.filter(isOnPath).sort(byName),
  };
}

function hasBranch(snapshot: Snapshot, namespace: string, name: string, settings: Settings): boolean {
  const id = parseBranch(name)?.id.toLowerCase();
  return branchesIn(snapshot, namespace, settings).some(({ branch }) => branch.id.toLowerCase() === id);
}

/** A pod that ended, or was told to, takes no more requests. */
function isOver(pod: JsonObject): boolean {
  return (
    ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase') ?? '') ||
    at(pod, 'metadata', 'deletionTimestamp') !== undefined
  );
}

function isOnPath({ services }: PodState): boolean {
  return services.length > 0;
}

function byName(a: PodState, b: PodState): number {
  const [left, right] = [`${a.namespace} ${a.name}`, `${b.namespace} ${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function stateOf(object: JsonObject, snapshot: Snapshot, settings: Settings): PodState {
  const namespace = textAt(object, 'metadata', 'namespace') ?? 'default';
  const name = textAt(object, 'metadata', 'name') ?? '';
  const labels = labelsAt(object, 'metadata', 'labels');
  const wishes = wishesOf(object, namespace, snapshot);
  const chosen = chooseContainers(object, wishes.containers, settings.proxyContainers);
  const told = toldBy(object);
  return {
    object,
    namespace,
    name,
    chosen,
    version: labels[settings.versionLabel] ?? '',
    owner: ownerOf(object) ?? `Pod/${name}`,
    services: servicesSelecting(inNamespace(snapshot.services, namespace), labels).map(
      (service) => service.name,
    ),
    wantsAgent: wishes.injections.includes('node') && chosen.length > 0,
    carrying: chosen.filter(({ container }) => preloads(container)).map((one) => one.name),
    source: textAt(told, 'source') ?? '',
    without: labelsAt(told, 'without'),
    isAdmitted: told !== undefined,
  };
}

/** What admission left on the pod; undefined when it did not see it, or somebody wrote there. */
function toldBy(pod: JsonObject): JsonObject | undefined {
  try {
    const told: unknown = JSON.parse(textAt(pod, 'metadata', 'annotations', fullKey(podAgentKey)) ?? '');
    return isObject(told) ? told : undefined;
  } catch {
    return undefined;
  }
}

/** Any hash: only that the pod's name is made of it counts. */
const plannedHash = '0';

/** Returns a pod that a workload would make; undefined for any other object. */
function podOf(object: JsonObject): JsonObject | undefined {
  const kind = textAt(object, 'kind') ?? '';
  const template = at(object, 'spec', 'template');
  if (!['Deployment', 'StatefulSet', 'Rollout'].includes(kind) || !isObject(template)) return undefined;
  const name = textAt(object, 'metadata', 'name') ?? '';
  const hash = kind === 'Rollout' ? 'rollouts-pod-template-hash' : 'pod-template-hash';
  const owner =
    kind === 'StatefulSet' ? { kind, name } : { kind: 'ReplicaSet', name: `${name}-${plannedHash}` };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: textAt(object, 'metadata', 'namespace') ?? 'default',
      labels: {
        ...labelsAt(template, 'metadata', 'labels'),
        ...(kind === 'StatefulSet' ? {} : { [hash]: plannedHash }),
      },
      annotations: { ...labelsAt(template, 'metadata', 'annotations') },
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: objectAt(template, 'spec'),
  };
}

/** Returns how a pod's owner is made to start its pods anew. */
export function restartOf({ namespace, owner }: PodState): string {
  const [kind = '', name = ''] = owner.split('/');
  if (kind === 'Pod') return `kubectl -n ${namespace} delete pod ${name}, and make it anew`;
  return kind === 'Rollout'
    ? `kubectl argo rollouts -n ${namespace} restart ${name}`
    : `kubectl -n ${namespace} rollout restart ${kind.toLowerCase()} ${name}`;
}
