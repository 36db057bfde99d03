/** Mutates pods: header propagation as environment of each chosen container, and the agent where its delivery is certain. A pod is never refused. */
import type { Settings } from '../config/settings.ts';
import { at, commaList, isObject, listAt, objectAt, textAt, type JsonObject, type Labels } from '../model/json.ts';
import { agent, agentEnvironment, mirrorPodAnnotation } from '../model/keys.ts';
import { readDeclared, type AgentConfigMap } from '../model/kubernetes.ts';
import type { Problem } from '../model/problem.ts';
import { inNamespace, namespaceOf, workloadKey, type Snapshot } from '../model/snapshot.ts';
import { withValue } from './json-patch.ts';
import type { Review } from './review.ts';
import type { Facts } from './scope.ts';

/** A pod after mutation, and why the agent is not in it, if it is not. */
export interface PodMutation {
  readonly after: JsonObject;
  readonly problems: readonly Problem[];
}

/** Mutates a pod on CREATE in an enabled namespace; undefined when there is nothing to do. */
export function mutatePod(review: Review, { settings, snapshot }: Facts): PodMutation | undefined {
  const { object } = review;
  if (object === undefined || review.kind !== 'Pod' || review.operation !== 'CREATE' || review.subResource !== '') return undefined;
  if (namespaceOf(snapshot, review.namespace)?.enabled !== true) return undefined;
  if (textAt(object, 'metadata', 'annotations', mirrorPodAnnotation) !== undefined) return undefined;
  const declared = declaredFor(object, review.namespace, snapshot);
  if (declared['propagate'] === 'false') return undefined;
  return propagate(object, chosenContainers(object, declared, settings), { settings, deliveries: deliveriesIn(snapshot, review.namespace) });
}

/** The pod's own annotations, then those of the workload that it belongs to. */
function declaredFor(pod: JsonObject, namespace: string, snapshot: Snapshot): Labels {
  const owner = ownerOf(pod);
  const workload = owner === undefined ? undefined : inNamespace(snapshot.workloads, namespace).get(owner);
  return { ...workload?.declared, ...readDeclared(pod) };
}

/** A ReplicaSet is named after its Deployment or Rollout and the hash that its pods carry; a StatefulSet owns its pods itself. */
function ownerOf(pod: JsonObject): string | undefined {
  const owner = listAt(pod, 'metadata', 'ownerReferences').find((reference) => at(reference, 'controller') === true);
  const name = textAt(owner, 'name') ?? '';
  if (textAt(owner, 'kind') === 'StatefulSet') return workloadKey('StatefulSet', name);
  if (textAt(owner, 'kind') !== 'ReplicaSet') return undefined;
  const hashes = [['Rollout', 'rollouts-pod-template-hash'], ['Deployment', 'pod-template-hash']] as const;
  for (const [kind, label] of hashes) {
    const hash = textAt(pod, 'metadata', 'labels', label);
    if (hash !== undefined && name.endsWith(`-${hash}`)) return workloadKey(kind, name.slice(0, -hash.length - 1));
  }
  return undefined;
}

interface Chosen {
  readonly list: 'containers' | 'initContainers';
  readonly index: number;
  readonly container: JsonObject;
}

/** The containers that are named; else every container of the pod itself. Never a proxy. */
function chosenContainers(pod: JsonObject, declared: Labels, settings: Settings): readonly Chosen[] {
  const named = declared['containers'] === undefined ? undefined : commaList(declared['containers']);
  const all = (['containers', 'initContainers'] as const).flatMap((list) => listAt(pod, 'spec', list).flatMap((container, index): readonly Chosen[] => (isObject(container) ? [{ list, index, container }] : [])));
  return all.filter(({ list, container }) => {
    const name = textAt(container, 'name') ?? '';
    if (settings.proxyContainers.includes(name)) return false;
    return named === undefined ? list === 'containers' : named.includes(name);
  });
}

/**
 * The ConfigMaps that deliver the agent in a namespace: immutable and with the file in it, the newest first. The kubelet starts no container
 * before its volumes are there, so a container that mounts it cannot find the file missing; without it, `--require` would kill every node process.
 */
function deliveriesIn(snapshot: Snapshot, namespace: string): readonly AgentConfigMap[] {
  const usable = [...inNamespace(snapshot.agentConfigMaps, namespace).values()].filter(
    (map) => map.immutable && map.name.startsWith(agent.configMapPrefix) && map.files.includes(agent.file),
  );
  return usable.sort((a, b) => (a.created === b.created ? (a.name < b.name ? 1 : -1) : a.created < b.created ? 1 : -1));
}

interface Propagation {
  readonly settings: Settings;
  readonly deliveries: readonly AgentConfigMap[];
}

/** Why a container gets no agent. */
type Obstacle = 'absent' | 'volume' | 'mount' | 'options';

function propagate(pod: JsonObject, chosen: readonly Chosen[], { settings, deliveries }: Propagation): PodMutation {
  const delivery = deliveryTo(pod, deliveries);
  const problems: Problem[] = [];
  let after = pod;
  let preloads = 0;
  for (const { list, index, container } of chosen) {
    const path = ['spec', list, index] as const;
    let next = addEnvironment(container, settings);
    const preload = isObstacle(delivery) ? delivery : preloadAgent(next);
    if (isObstacle(preload)) problems.push(whyNot(preload, `spec.${list}[${index}]`, textAt(container, 'name') ?? ''));
    else {
      next = preload;
      preloads += 1;
    }
    after = withValue(after, path, next);
  }
  return { after: preloads > 0 && !isObstacle(delivery) ? addVolume(after, delivery) : after, problems };
}

function isObstacle(value: JsonObject | AgentConfigMap | Obstacle): value is Obstacle {
  return typeof value === 'string';
}

/**
 * What delivers the agent to a pod. A volume of our name that is there already was put there by an earlier round of admission, which a second
 * one must not contradict, or by somebody else: it counts only if the file is certain to be in it. Two of that name are no valid pod.
 */
function deliveryTo(pod: JsonObject, deliveries: readonly AgentConfigMap[]): AgentConfigMap | Obstacle {
  if (textAt(pod, 'spec', 'os', 'name') === 'windows') return 'absent';
  const [volume, ...more] = volumesOf(pod);
  if (volume === undefined) return deliveries[0] ?? 'absent';
  const map = objectAt(volume, 'configMap');
  const isWhole = more.length === 0 && at(map, 'optional') !== true && (at(map, 'items') ?? null) === null;
  return (isWhole ? deliveries.find(({ name }) => name === textAt(map, 'name')) : undefined) ?? 'volume';
}

function volumesOf(pod: JsonObject): readonly unknown[] {
  return listAt(pod, 'spec', 'volumes').filter((member) => textAt(member, 'name') === agent.volume);
}

/** Appends what is not there; a name that the container sets itself is its own affair. */
function addEnvironment(container: JsonObject, settings: Settings): JsonObject {
  const wanted: readonly (readonly [string, string])[] = [
    [agentEnvironment.headers, settings.agentHeaders.join(',')],
    [agentEnvironment.clusterDomain, settings.clusterDomain],
    [agentEnvironment.hosts, settings.agentHosts.join(',')],
    [agentEnvironment.generate, settings.agentGenerate.join(',')],
    [agentEnvironment.response, settings.agentResponse ? 'true' : ''],
  ];
  return wanted.filter(([, value]) => value !== '').reduce((current, [name, value]) => {
    const env = listAt(current, 'env');
    return env.some((variable) => textAt(variable, 'name') === name) ? current : withValue(current, ['env', env.length], { name, value });
  }, withList(container, 'env'));
}

/** A list that is missing or null becomes an empty one, so that members can be appended. */
function withList(object: JsonObject, key: string): JsonObject {
  return (at(object, key) ?? null) === null ? withValue(object, [key], []) : object;
}

/**
 * | NODE_OPTIONS of the container | |
 * |---|---|
 * | absent, and no `envFrom` that could hide one | set |
 * | a literal | appended to, in place, so that `$(VAR)` still sees what stands before it |
 * | `valueFrom`, or possibly in an `envFrom` | left alone and reported: its value is not ours to see |
 */
function preloadAgent(container: JsonObject): JsonObject | Obstacle {
  const flag = `--require ${agent.mountPath}/${agent.file}`;
  const mounted = mount(container);
  if (isObstacle(mounted)) return mounted;
  const env = listAt(mounted, 'env');
  const index = env.findLastIndex((variable) => textAt(variable, 'name') === 'NODE_OPTIONS');
  if (index < 0) return listAt(mounted, 'envFrom').length > 0 ? 'options' : withValue(mounted, ['env', env.length], { name: 'NODE_OPTIONS', value: flag });
  if (at(env[index], 'valueFrom') !== undefined) return 'options';
  const options = textAt(env[index], 'value') ?? '';
  if (options.includes(flag)) return mounted;
  return withValue(mounted, ['env', index, 'value'], options === '' ? flag : `${options} ${flag}`);
}

/** Mounts the agent's volume. Whatever else is mounted at that path, below it or above it could hide the file, or make the pod invalid. */
function mount(container: JsonObject): JsonObject | Obstacle {
  const mounts = listAt(container, 'volumeMounts');
  const inTheWay = mounts.filter((member) => overlaps(textAt(member, 'mountPath') ?? ''));
  if (inTheWay.length === 0) {
    return withValue(withList(container, 'volumeMounts'), ['volumeMounts', mounts.length], { name: agent.volume, mountPath: agent.mountPath, readOnly: true });
  }
  return inTheWay.length === 1 && isOurs(inTheWay[0]) ? container : 'mount';
}

function isOurs(member: unknown): boolean {
  const part = (textAt(member, 'subPath') ?? '') + (textAt(member, 'subPathExpr') ?? '');
  return textAt(member, 'name') === agent.volume && textAt(member, 'mountPath') === agent.mountPath && part === '';
}

/** Tells whether a path is the agent's, or around or inside it. In most images `/var/run` is a link to `/run`. */
function overlaps(path: string): boolean {
  const [ours, theirs] = [agent.mountPath, path].map((one) => `${one}/`.replace(/\/{2,}/g, '/').replace(/^\/var\/run\//, '/run/'));
  if (ours === undefined || theirs === undefined) return false;
  return ours.startsWith(theirs) || theirs.startsWith(ours) || theirs === '/var/';
}

function addVolume(pod: JsonObject, { name }: AgentConfigMap): JsonObject {
  if (volumesOf(pod).length > 0) return pod;
  const volumes = listAt(pod, 'spec', 'volumes');
  const listed = (at(pod, 'spec', 'volumes') ?? null) === null ? withValue(pod, ['spec', 'volumes'], []) : pod;
  return withValue(listed, ['spec', 'volumes', volumes.length], { name: agent.volume, configMap: { name } });
}

const obstacles: Readonly<Record<Obstacle, string>> = {
  absent: 'no immutable ConfigMap delivers it here',
  volume: `the pod has another volume ${agent.volume}`,
  mount: `something else is mounted at or around ${agent.mountPath}`,
  options: 'NODE_OPTIONS comes from elsewhere; make it a literal in env',
};

function whyNot(obstacle: Obstacle, path: string, container: string): Problem {
  return { code: obstacle === 'options' ? 'BL302' : 'BL301', path, message: `container ${container}: no header agent, ${obstacles[obstacle]}` };
}
