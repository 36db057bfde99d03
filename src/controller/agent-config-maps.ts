/**
 * The header agent in every namespace in scope: one immutable ConfigMap, named by what is in it. The pod webhook refers to the newest that it sees, so a new one is
 * there before anybody names it; an old one goes when no pod has it and none can come to any more. Out of scope it is left to the pods that use it: they become
 * its owners, and the garbage collector takes it away with the last of them, whether we are still there or not.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../model/json.ts';
import { agent, emptyOptions, managedByLabel, managedByValue, podAgentKey } from '../model/keys.ts';
import type { AgentConfigMap, Pod } from '../model/kubernetes.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';

/** The agent as it is delivered: its file's content, and the name of the ConfigMap that holds it. */
export interface AgentBundle {
  readonly content: string;
  readonly name: string;
}

/** What to write: ConfigMaps that are missing, ones that nobody needs, and ones whose owners are to be these pods (none: it is ours again). */
export interface AgentChanges {
  readonly create: readonly JsonObject[];
  readonly remove: readonly { readonly namespace: string; readonly name: string }[];
  readonly own: readonly { readonly map: AgentConfigMap; readonly owners: readonly Pod[] }[];
}

/** Hexadecimal digits of the hash in a name: chance makes no two agents alike. */
const hashDigits = 12;

/** An old ConfigMap is kept for this long after a newer one came, in milliseconds: replicas of the webhook learn of that at different times. */
const overlapMilliseconds = 10 * 60 * 1000;

/** Names an agent by its content. */
export function bundleAgent(content: string): AgentBundle {
  return {
    content,
    name: `${agent.configMapPrefix}${createHash('sha256').update(content).digest('hex').slice(0, hashDigits)}`,
  };
}

/** Decides which ConfigMaps are missing, which are not needed and who owns them. `now` is the time since 1970. Without a bundle nothing is made, and nothing that pods have goes. */
export function agentChanges(snapshot: Snapshot, bundle: AgentBundle | undefined, now: number): AgentChanges {
  const inScope = namespacesInScope(snapshot);
  const missing =
    bundle === undefined
      ? []
      : [...inScope].filter(
          (namespace) => !inNamespace(snapshot.agentConfigMaps, namespace).has(bundle.name),
        );
  const isAgent = ({ name }: AgentConfigMap): boolean => name.startsWith(agent.configMapPrefix);
  return {
    create: bundle === undefined ? [] : missing.map((namespace) => configMap(namespace, bundle)),
    remove: [...snapshot.agentConfigMaps.keys()].flatMap((namespace) =>
      unneeded(snapshot, namespace, inScope.has(namespace) ? { bundle, now } : undefined),
    ),
    own: ownerChanges(snapshot, isAgent, ({ namespace }) => inScope.has(namespace)),
  };
}

/** Returns the namespaces where we act, and which are not on their way out. */
export function namespacesInScope(snapshot: Snapshot): ReadonlySet<string> {
  return new Set(
    [...inNamespace(snapshot.namespaces, '').values()]
      .filter(({ enabled, leaving }) => enabled && !leaving)
      .map(({ name }) => name),
  );
}

/** Returns the pods that read a ConfigMap of ours, or will when a container of theirs starts again. */
export function usersOf({ namespace, name }: AgentConfigMap, snapshot: Snapshot): readonly Pod[] {
  const isUser =
    name === emptyOptions.configMap
      ? ({ declared }: Pod): boolean => declared[podAgentKey] !== undefined
      : (pod: Pod): boolean => pod.agent === name;
  return [...inNamespace(snapshot.pods, namespace).values()].filter(isUser);
}

/** Tells whether a ConfigMap goes by itself: it has owners, and every pod that uses it is one of them. */
export function isLeftToPods(map: AgentConfigMap, snapshot: Snapshot): boolean {
  return map.owners.length > 0 && usersOf(map, snapshot).every(({ uid }) => map.owners.includes(uid));
}

/** Those that stay have no owners; those that do not are their users'. Owners that are gone are the garbage collector's to strike out. */
export function ownerChanges(
  snapshot: Snapshot,
  isMeant: (map: AgentConfigMap) => boolean,
  stays: (map: AgentConfigMap) => boolean,
): AgentChanges['own'] {
  return [...snapshot.agentConfigMaps.values()]
    .flatMap((inside) => [...inside.values()])
    .filter(isMeant)
    .flatMap((map) => {
      if (stays(map)) return map.owners.length > 0 ? [{ map, owners: [] }] : [];
      const owners = usersOf(map, snapshot);
      return owners.length > 0 && !isLeftToPods(map, snapshot) ? [{ map, owners }] : [];
    });
}

/** In scope only what has been there for a while, beside a wanted one of which that is true: a newer version of us, or an older one that comes back, names its own while it serves beside us. */
function unneeded(
  snapshot: Snapshot,
  namespace: string,
  inScope: { readonly bundle: AgentBundle | undefined; readonly now: number } | undefined,
): AgentChanges['remove'] {
  const maps = inNamespace(snapshot.agentConfigMaps, namespace);
  const wanted = maps.get(inScope?.bundle?.name ?? '');
  const isSettled = ({ created }: AgentConfigMap): boolean =>
    inScope === undefined || Date.parse(created) + overlapMilliseconds <= inScope.now;
  if (inScope !== undefined && (wanted === undefined || !isSettled(wanted))) return [];
  const used = new Set([...inNamespace(snapshot.pods, namespace).values()].map((pod) => pod.agent));
  return [...maps.values()]
    .filter(
      (map) =>
        map.name.startsWith(agent.configMapPrefix) &&
        map.name !== wanted?.name &&
        !used.has(map.name) &&
        isSettled(map),
    )
    .map(({ name }) => ({ namespace, name }));
}

function configMap(namespace: string, { name, content }: AgentBundle): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name, labels: { [managedByLabel]: managedByValue } },
    immutable: true,
    data: { [agent.file]: content },
  };
}
