/** How the agent's file comes into a pod: decided once for the pod, from what is certain; a container that preloads a missing file would not start. */
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
import { agent } from '../../model/keys.ts';
import type { AgentConfigMap } from '../../model/kubernetes.ts';
import { inNamespace, type Snapshot } from '../../model/snapshot.ts';
import { withValue } from '../json-patch.ts';
import type { Facts } from '../scope.ts';
import { fillerOf, isFiller } from './filler.ts';
import { withAnnotation, withFirstMember, withMember } from './lists.ts';
import type { Refusal } from './outcome.ts';

/** A certain delivery: `source` names the ConfigMap or image, `deliver` adds to the pod what it takes. */
interface Delivery {
  readonly by: 'configMap' | 'image' | 'initContainer';
  readonly source: string;
  readonly deliver: (pod: JsonObject) => JsonObject;
}

/** A delivery, or why there is none. */
export type Delivered = Delivery | { readonly refusal: Refusal };

/** First version whose API server takes image volumes without being told to. An older one drops the field, and then refuses the pod. @see https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/features/kube_features.go (ImageVolume) */
const imageVolumesSinceMinor = 35;

/**
 * | the pod has a volume of our name | |
 * |---|---|
 * | that is how a certain delivery looks, of any kind | kept: an earlier round of admission decided already, and containers may rely on it |
 * | that is a ConfigMap of ours which is not here (a copied pod, an old agent) | points to the one that is |
 * | that is anything else | left alone, and no agent |
 * | none | added |
 *
 * `model` is the container whose resources are within the pod's quotas and limits. With `agentDelivery` none this is not asked.
 */
export function deliveryFor(pod: JsonObject, namespace: string, facts: Facts, model: JsonObject): Delivered {
  if (isWindows(pod)) return refuse('BL301', 'its pod runs on Windows, where the agent is not delivered');
  const usable = usableIn(facts.snapshot, namespace);
  const [volume, ...more] = listAt(pod, 'spec', 'volumes').filter(
    (member) => textAt(member, 'name') === agent.volume,
  );
  if (more.length > 0) return volumeIsTaken;
  const found = volume === undefined ? undefined : deliveryThatIs(volume, pod, usable, facts);
  if (found !== undefined) return found;
  const wanted = wantedDelivery(pod, usable, facts, model);
  if (volume === undefined || 'refusal' in wanted) return wanted;
  if (
    wanted.by !== 'configMap' ||
    !(textAt(volume, 'configMap', 'name') ?? '').startsWith(agent.configMapPrefix)
  ) {
    return volumeIsTaken;
  }
  return { ...wanted, deliver: (before) => replaceVolume(before, wanted.source) };
}

function refuse(code: Refusal['code'], why: string): { readonly refusal: Refusal } {
  return { refusal: { code, why } };
}

const volumeIsTaken = refuse(
  'BL303',
  `its pod has a volume ${agent.volume} of its own; give that another name`,
);

function isWindows(pod: JsonObject): boolean {
  return (
    textAt(pod, 'spec', 'os', 'name') === 'windows' ||
    textAt(pod, 'spec', 'nodeSelector', 'kubernetes.io/os') === 'windows'
  );
}

/** ConfigMaps of the namespace that are immutable, have the file in them and are there to stay, the newest first. */
export function usableIn(snapshot: Snapshot, namespace: string): readonly AgentConfigMap[] {
  const usable = [...inNamespace(snapshot.agentConfigMaps, namespace).values()].filter(
    (map) =>
      map.immutable &&
      map.owners.length === 0 &&
      map.name.startsWith(agent.configMapPrefix) &&
      map.files.includes(agent.file),
  );
  return usable.sort((a, b) =>
    a.created === b.created ? (a.name < b.name ? 1 : -1) : a.created < b.created ? 1 : -1,
  );
}

const asItIs = (pod: JsonObject): JsonObject => pod;

function deliveryThatIs(
  volume: unknown,
  pod: JsonObject,
  usable: readonly AgentConfigMap[],
  { settings }: Facts,
): Delivery | undefined {
  const configMap = textAt(volume, 'configMap', 'name');
  if (configMap !== undefined)
    return isWhole(volume) && usable.some(({ name }) => name === configMap)
      ? { by: 'configMap', source: configMap, deliver: asItIs }
      : undefined;
  const image = textAt(volume, 'image', 'reference') ?? '';
  if (image !== '')
    return image === settings.agentImage ? { by: 'image', source: image, deliver: asItIs } : undefined;
  const filler = listAt(pod, 'spec', 'initContainers').find(isFiller);
  if (filler === undefined || !isObject(at(volume, 'emptyDir'))) return undefined;
  return { by: 'initContainer', source: textAt(filler, 'image') ?? '', deliver: asItIs };
}

/** One that may be left out, or leaves files out, is not certain. */
function isWhole(volume: unknown): boolean {
  return at(volume, 'configMap', 'optional') !== true && listAt(volume, 'configMap', 'items').length === 0;
}

function wantedDelivery(
  pod: JsonObject,
  usable: readonly AgentConfigMap[],
  facts: Facts,
  model: JsonObject,
): Delivered {
  const { agentDelivery, agentImage } = facts.settings;
  if (agentDelivery === 'image') return byImage(agentImage, facts.kubernetesMinor);
  if (agentDelivery === 'initContainer') return byInitContainer(pod, agentImage, model);
  const wanted = usable.find(({ name }) => name === facts.agentConfigMap) ?? usable[0];
  if (wanted === undefined)
    return refuse(
      'BL301',
      `no immutable ConfigMap ${agent.configMapPrefix}... with ${agent.file} is in its namespace`,
    );
  return {
    by: 'configMap',
    source: wanted.name,
    deliver: (before) => addVolume(before, { configMap: { name: wanted.name } }),
  };
}

function byImage(reference: string, minor: number | undefined): Delivered {
  if (minor === 0) return refuse('BL301', 'it is not known yet whether the API server takes image volumes');
  if (minor !== undefined && minor < imageVolumesSinceMinor)
    return refuse(
      'BL301',
      `Kubernetes 1.${minor} takes no image volumes unless it is told to; use another agentDelivery`,
    );
  return {
    by: 'image',
    source: reference,
    deliver: (pod) => addVolume(pod, { image: { reference, pullPolicy: 'IfNotPresent' } }),
  };
}

/** Largest the volume may grow: the agent has some kilobytes. */
const volumeSizeLimit = '1Mi';

function byInitContainer(pod: JsonObject, image: string, model: JsonObject): Delivered {
  const names = [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')].map(
    (container) => textAt(container, 'name'),
  );
  if (names.includes(agent.volume))
    return refuse('BL303', `its pod has a container ${agent.volume} of its own; give that another name`);
  return {
    by: 'initContainer',
    source: image,
    deliver: (before) =>
      spareTheAutoscaler(
        addVolume(withFirstMember(before, ['spec', 'initContainers'], fillerOf(image, before, model)), {
          emptyDir: { sizeLimit: volumeSizeLimit },
        }),
      ),
  };
}

function addVolume(pod: JsonObject, source: JsonObject): JsonObject {
  return withMember(pod, ['spec', 'volumes'], { name: agent.volume, ...source });
}

function replaceVolume(pod: JsonObject, configMap: string): JsonObject {
  const index = listAt(pod, 'spec', 'volumes').findIndex((member) => textAt(member, 'name') === agent.volume);
  return withValue(pod, ['spec', 'volumes', index], { name: agent.volume, configMap: { name: configMap } });
}

const safeToEvict = 'cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes';

/** A pod with an emptyDir keeps its node from being scaled away, unless the volume is said to hold nothing worth keeping. @see https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md */
function spareTheAutoscaler(pod: JsonObject): JsonObject {
  const listed = textAt(objectAt(pod, 'metadata', 'annotations'), safeToEvict);
  return withAnnotation(
    pod,
    safeToEvict,
    listed === undefined || listed === '' ? agent.volume : `${listed},${agent.volume}`,
  );
}
