/** The ConfigMap of an empty NODE_OPTIONS, in every namespace in scope: what admission puts before the `envFrom` of a container. */
import { emptyOptions, managedByLabel, managedByValue, podAgentKey } from '../model/keys.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import type { AgentChanges } from './agent-config-maps.ts';

/** Decides where it is missing, and where nobody needs it: out of scope, and no pod was given the agent, whose containers may start again and then read it. */
export function emptyOptionsChanges(snapshot: Snapshot): AgentChanges {
  const inScope = new Set([...inNamespace(snapshot.namespaces, '').values()].filter(({ enabled, leaving }) => enabled && !leaving).map(({ name }) => name));
  const isThere = (namespace: string): boolean => inNamespace(snapshot.agentConfigMaps, namespace).has(emptyOptions.configMap);
  const isUsed = (namespace: string): boolean => [...inNamespace(snapshot.pods, namespace).values()].some((pod) => pod.declared[podAgentKey] !== undefined);
  return {
    create: [...inScope].filter((namespace) => !isThere(namespace)).map((namespace) => ({
      apiVersion: 'v1', kind: 'ConfigMap',
      metadata: { namespace, name: emptyOptions.configMap, labels: { [managedByLabel]: managedByValue } },
      immutable: true, data: { [emptyOptions.key]: '' },
    })),
    remove: [...snapshot.agentConfigMaps.keys()]
      .filter((namespace) => !inScope.has(namespace) && isThere(namespace) && !isUsed(namespace))
      .map((namespace) => ({ namespace, name: emptyOptions.configMap })),
  };
}
