/** Does each pod carry the header agent, and the one that new pods get? */
import { at, listAt, textAt, type JsonObject } from '../model/json.ts';
import { agent, emptyOptions } from '../model/keys.ts';
import { inNamespace, type ByNamespace } from '../model/snapshot.ts';
import type { AgentConfigMap } from '../model/kubernetes.ts';
import { usableIn } from '../admission/pods/delivery.ts';
import { mutatePod } from '../admission/pods/pod.ts';
import type { Check, Finding } from './check.ts';
import { gather, type Said } from './findings.ts';
import { restartOf, type PodState, type World } from './world.ts';

/** Can a pod that starts now be given the agent? */
export const deliveryCheck: Check = {
  name: 'delivery',
  question: 'Is the header agent there for pods that start?',
  run: (world) =>
    world.settings.agentDelivery !== 'configMap'
      ? []
      : world.namespaces
          .filter(({ name }) => world.pods.some((pod) => pod.namespace === name && pod.wantsAgent))
          .flatMap(({ name }) => deliveryIn(world, name)),
};

function deliveryIn(world: World, namespace: string): readonly Finding[] {
  const subject = `Namespace ${namespace}`;
  const about = { check: 'delivery', subject, pods: [] };
  if (usableIn(world.snapshot, namespace).length === 0) {
    return [
      {
        ...about,
        severity: 'problem',
        message: `no immutable ConfigMap ${agent.configMapPrefix}... with ${agent.file} is there, so pods that start now get no header agent`,
        fix: `look at the log of branchline's controller, which keeps it: may it create ConfigMaps in ${namespace}?`,
      },
    ];
  }
  if (inNamespace(world.snapshot.agentConfigMaps, namespace).has(emptyOptions.configMap)) return [];
  return [
    {
      ...about,
      severity: 'note',
      message: `no ConfigMap ${emptyOptions.configMap} is there, so containers with an envFrom get no header agent`,
      fix: `look at the log of branchline's controller, which keeps it`,
    },
  ];
}

/** Which pods carry the agent, which started before it, which cannot have it? */
export const agentCheck: Check = {
  name: 'agent',
  question: 'Does every pod that is meant to carry the header agent?',
  run: (world) => gather('agent', [...world.pods.flatMap((pod) => sayOf(pod, world)), ...foresee(world)]),
};

function sayOf(pod: PodState, { snapshot, settings }: World): readonly Said[] {
  if (!pod.wantsAgent || settings.agentDelivery === 'none') return [];
  const refused = Object.entries(pod.without);
  if (refused.length > 0)
    return refused.map(([name, why]) => ({
      pod,
      severity: 'problem',
      message: `container ${name} runs without the header agent: ${why}`,
      fix: `put that right, then ${restartOf(pod)}`,
    }));
  const bare = pod.chosen.filter(({ name }) => !pod.carrying.includes(name)).map(({ name }) => name);
  if (bare.length > 0) {
    const why = pod.isAdmitted
      ? 'was started without the header agent'
      : 'was started before the header agent was there, or while branchline was away';
    return [
      {
        pod,
        severity: 'problem',
        message: `${bare.length === 1 ? 'container' : 'containers'} ${bare.join(', ')} ${why}`,
        fix: restartOf(pod),
      },
    ];
  }
  const [newest] = usableIn(snapshot, pod.namespace);
  if (newest === undefined || !pod.source.startsWith(agent.configMapPrefix) || pod.source === newest.name)
    return [];
  return [
    {
      pod,
      severity: 'note',
      message: `carries the older agent ${pod.source}; new pods get ${newest.name}`,
      fix: restartOf(pod),
    },
  ];
}

/** Of workloads that have no pods yet, what admission would say of the pods that they would make. That the agent is delivered is taken for granted. */
function foresee(world: World): readonly Said[] {
  const snapshot = { ...world.snapshot, agentConfigMaps: delivered(world) };
  return world.planned.flatMap((pod) => {
    const mutation = mutatePod(creationOf(pod), { settings: world.settings, snapshot }, 'planned');
    return (mutation?.problems ?? []).map(({ code, message }): Said => ({
      pod,
      severity: 'problem',
      message: `${message} [${code}]`,
      fix: 'put that right in its pod template',
    }));
  });
}

function delivered({ namespaces }: World): ByNamespace<AgentConfigMap> {
  const map = (namespace: string, name: string, file: string): AgentConfigMap => ({
    namespace,
    name,
    declared: {},
    uid: '',
    created: '',
    immutable: true,
    files: [file],
    owners: [],
  });
  return new Map(
    namespaces.map(({ name }) => [
      name,
      new Map([
        [agent.configMapPrefix, map(name, agent.configMapPrefix, agent.file)],
        [emptyOptions.configMap, map(name, emptyOptions.configMap, emptyOptions.key)],
      ]),
    ]),
  );
}

function creationOf({ object, namespace, name }: PodState): Parameters<typeof mutatePod>[0] {
  return {
    apiVersion: 'admission.k8s.io/v1',
    uid: 'doctor',
    operation: 'CREATE',
    group: '',
    kind: 'Pod',
    namespace,
    name,
    subResource: '',
    dryRun: true,
    object,
    oldObject: undefined,
  };
}

/** Is there a proxy beside each pod? Without one its own calls go to every pod of a Service, whatever header they carry. */
export const sidecarCheck: Check = {
  name: 'sidecar',
  question: 'Does a proxy route what each pod sends?',
  run: ({ pods }) =>
    gather(
      'sidecar',
      pods
        .filter(({ object }) => !hasProxy(object))
        .map((pod) => ({
          pod,
          severity: 'problem' as const,
          message: isOnHost(pod.object)
            ? "runs on its host's network, where there is no sidecar: its own calls reach every pod of a Service"
            : 'has no istio-proxy: its own calls reach every pod of a Service, branches too',
          fix: isOnHost(pod.object)
            ? 'take hostNetwork away, or keep it out of what branches pass through'
            : `label the namespace for sidecar injection, then ${restartOf(pod)}`,
        })),
    ),
};

function isOnHost(pod: JsonObject): boolean {
  return at(pod, 'spec', 'hostNetwork') === true;
}

/** A sidecar, of either kind; in ambient mode it is outside the pod, which then is marked. @see https://istio.io/latest/docs/ambient/usage/add-workloads/ */
function hasProxy(pod: JsonObject): boolean {
  const containers = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')];
  return (
    containers.some((container) => textAt(container, 'name') === 'istio-proxy') ||
    textAt(pod, 'metadata', 'annotations', 'ambient.istio.io/redirection') === 'enabled'
  );
}
