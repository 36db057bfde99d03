/** Mutates pods: header propagation as environment of each chosen container, and the agent where its delivery is certain. A pod is never refused. */
import type { Settings } from '../config/settings.ts';
import { at, commaList, isObject, listAt, textAt, type JsonObject, type Labels } from '../model/json.ts';
import { agent, agentEnvironment, mirrorPodAnnotation } from '../model/keys.ts';
import { readDeclared, type AgentConfigMap } from '../model/kubernetes.ts';
import type { Problem } from '../model/problem.ts';
import { inNamespace, namespaceOf, workloadKey, type Snapshot } from '../model/snapshot.ts';
import { withValue } from './json-patch.ts';
import { withReadinessGate } from './readiness-gate.ts';
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
  const gated = withReadinessGate(object, { settings, snapshot, namespace: review.namespace, owner: ownerOf(object), declared });
  if (declared['propagate'] === 'false') return gated === object ? undefined : { after: gated, problems: [] };
  return propagate(gated, chosenContainers(object, declared, settings), { settings, delivery: deliveryIn(snapshot, review.namespace) });
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
 * The ConfigMap that delivers the agent in a namespace: immutable and with the file in it, the newest. The kubelet starts no container
 * before its volumes are there, so a container that mounts it cannot find the file missing; without it, `--require` would kill every node process.
 */
function deliveryIn(snapshot: Snapshot, namespace: string): AgentConfigMap | undefined {
  const usable = [...inNamespace(snapshot.agentConfigMaps, namespace).values()].filter(
    (map) => map.immutable && map.name.startsWith(agent.configMapPrefix) && map.files.includes(agent.file),
  );
  return usable.sort((a, b) => (a.created === b.created ? (a.name < b.name ? 1 : -1) : a.created < b.created ? 1 : -1))[0];
}

interface Propagation {
  readonly settings: Settings;
  readonly delivery: AgentConfigMap | undefined;
}

function propagate(pod: JsonObject, chosen: readonly Chosen[], { settings, delivery }: Propagation): PodMutation {
  const mounted = mountedDelivery(pod) ?? (isWindows(pod) ? undefined : delivery?.name);
  const problems: Problem[] = [];
  let after = pod;
  let preloads = 0;
  for (const { list, index, container } of chosen) {
    const path = ['spec', list, index] as const;
    let next = addEnvironment(container, settings);
    const preload = mounted === undefined ? 'BL301' : preloadAgent(next);
    if (typeof preload === 'string') problems.push(whyNot(preload, `spec.${list}[${index}]`, textAt(container, 'name') ?? ''));
    else {
      next = preload;
      preloads += 1;
    }
    after = withValue(after, path, next);
  }
  return { after: preloads > 0 && mounted !== undefined ? addVolume(after, mounted) : after, problems };
}

function isWindows(pod: JsonObject): boolean {
  return textAt(pod, 'spec', 'os', 'name') === 'windows';
}

/** An earlier round of admission decided already; a second one must not change its mind. */
function mountedDelivery(pod: JsonObject): string | undefined {
  const volume = listAt(pod, 'spec', 'volumes').find((member) => textAt(member, 'name') === agent.volume);
  return textAt(volume, 'configMap', 'name');
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
function preloadAgent(container: JsonObject): JsonObject | 'BL302' {
  const flag = `--require ${agent.mountPath}/${agent.file}`;
  const env = listAt(container, 'env');
  const index = env.findLastIndex((variable) => textAt(variable, 'name') === 'NODE_OPTIONS');
  if (index < 0) return listAt(container, 'envFrom').length > 0 ? 'BL302' : mount(withValue(container, ['env', env.length], { name: 'NODE_OPTIONS', value: flag }));
  if (at(env[index], 'valueFrom') !== undefined) return 'BL302';
  const options = textAt(env[index], 'value') ?? '';
  if (options.includes(flag)) return mount(container);
  return mount(withValue(container, ['env', index, 'value'], options === '' ? flag : `${options} ${flag}`));
}

function mount(container: JsonObject): JsonObject {
  const mounts = listAt(container, 'volumeMounts');
  if (mounts.some((member) => textAt(member, 'name') === agent.volume)) return container;
  return withValue(withList(container, 'volumeMounts'), ['volumeMounts', mounts.length], { name: agent.volume, mountPath: agent.mountPath, readOnly: true });
}

function addVolume(pod: JsonObject, configMap: string): JsonObject {
  if (mountedDelivery(pod) !== undefined) return pod;
  const volumes = listAt(pod, 'spec', 'volumes');
  const listed = (at(pod, 'spec', 'volumes') ?? null) === null ? withValue(pod, ['spec', 'volumes'], []) : pod;
  return withValue(listed, ['spec', 'volumes', volumes.length], { name: agent.volume, configMap: { name: configMap } });
}

function whyNot(code: 'BL301' | 'BL302', path: string, container: string): Problem {
  const message = code === 'BL301'
    ? `container ${container}: propagation settings only, no agent: no immutable ConfigMap ${agent.configMapPrefix}... delivers it here`
    : `container ${container}: propagation settings only, no agent: its NODE_OPTIONS come from elsewhere; make it a literal value in env`;
  return { code, path, message };
}
