/** The ConfigMap of an empty NODE_OPTIONS, in every namespace in scope: what admission puts before the `envFrom` of a container. */
import { emptyOptions, managedByLabel, managedByValue } from '../model/keys.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { namespacesInScope, ownerChanges, usersOf, type AgentChanges } from './agent-config-maps.ts';

/**
 * Decides where it is missing, and where it is not needed: out of scope, or everywhere when `isDelivered` is false. There it goes at once when no pod was given the
 * agent, and else with the last of those pods, whose containers may start again and then read it.
 */
export function emptyOptionsChanges(snapshot: Snapshot, isDelivered: boolean): AgentChanges {
  const wanted = isDelivered ? namespacesInScope(snapshot) : new Set<string>();
  const there = [...snapshot.agentConfigMaps.keys()].flatMap(
    (namespace) => inNamespace(snapshot.agentConfigMaps, namespace).get(emptyOptions.configMap) ?? [],
  );
  const has = new Set(there.map(({ namespace }) => namespace));
  return {
    create: [...wanted]
      .filter((namespace) => !has.has(namespace))
      .map((namespace) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace, name: emptyOptions.configMap, labels: { [managedByLabel]: managedByValue } },
        immutable: true,
        data: { [emptyOptions.key]: '' },
      })),
    remove: there
      .filter((map) => !wanted.has(map.namespace) && usersOf(map, snapshot).length === 0)
      .map(({ namespace, name }) => ({ namespace, name })),
    own: ownerChanges(
      snapshot,
      ({ name }) => name === emptyOptions.configMap,
      ({ namespace }) => wanted.has(namespace),
    ),
  };
}
