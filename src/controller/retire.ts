/**
 * The end of branchline in a cluster: the same loop as ever on a view in which no namespace is in scope, so that gates close before routes go and routes before
 * subsets; a mark on the Lease that makes running replicas stop; and what is left.
 */
import { Conflict, type Writes } from '../cluster/writes.ts';
import type { Cluster } from '../cluster/port.ts';
import { isObject, objectAt } from '../model/json.ts';
import { fullKey, retiredAnnotation } from '../model/keys.ts';
import type { Namespace } from '../model/kubernetes.ts';
import type { ByNamespace, Snapshot } from '../model/snapshot.ts';
import { isLeftToPods } from './agent-config-maps.ts';

/** Tries to mark a Lease that its holder renews meanwhile. */
const markTries = 20;

/** Marks the Lease, making it when there is none: whoever holds it lets go, and nobody who sees the mark takes it. @throws ClusterError when it cannot be written. */
export async function markRetired(
  writes: Pick<Writes, 'read' | 'create' | 'replace'>,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  wall: number,
): Promise<void> {
  const annotations = { [retiredAnnotation]: new Date(wall).toISOString() };
  for (let left = markTries; ; left -= 1) {
    try {
      const lease = await writes.read({ kind: 'Lease', namespace, name });
      if (lease === undefined || !isObject(lease.object))
        await writes.create({
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { namespace, name, annotations },
          spec: {},
        });
      else
        await writes.replace({
          ...lease.object,
          metadata: {
            ...objectAt(lease.object, 'metadata'),
            annotations: { ...objectAt(lease.object, 'metadata', 'annotations'), ...annotations },
          },
        });
      return;
    } catch (error) {
      if (!(error instanceof Conflict) || left === 0) throw error;
    }
  }
}

/** Returns the cluster as if no namespace were in scope. */
export function outOfScope(cluster: Cluster): Cluster {
  const view = Object.create(cluster.snapshot, {
    namespaces: {
      enumerable: true,
      get: () =>
        new Map(
          [...cluster.snapshot.namespaces].map(([key, inside]) => [
            key,
            new Map([...inside].map(([name, namespace]) => [name, leaveOut(namespace)])),
          ]),
        ),
    },
  }) as Snapshot;
  return { ...cluster, snapshot: view };
}

function leaveOut(namespace: Namespace): Namespace {
  return namespace.enabled ? { ...namespace, enabled: false } : namespace;
}

/** What is still there of ours and does not go by itself, in words, sorted. */
export function leftovers(snapshot: Snapshot): readonly string[] {
  const { virtualServices, destinationRules, workloads, services, agentConfigMaps, pods } = snapshot;
  const named = (
    kind: string,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ): string => `${kind} ${namespace}/${name}`;
  return [
    ...all(virtualServices)
      .filter(({ managed }) => managed)
      .map((one) => named('VirtualService', one)),
    ...all(destinationRules)
      .filter(({ managed }) => managed)
      .map((one) => named('DestinationRule', one)),
    ...all(workloads)
      .filter(({ held, declared }) => held || declared['status'] !== undefined)
      .map((one) => `${named(one.kind, one)} (${one.held ? 'finalizer' : fullKey('status')})`),
    ...all(services)
      .filter(({ declared }) => declared['status'] !== undefined)
      .map((one) => `${named('Service', one)} (${fullKey('status')})`),
    ...all(agentConfigMaps)
      .filter((one) => !isLeftToPods(one, snapshot))
      .map((one) => named('ConfigMap', one)),
    ...all(pods)
      .filter(({ gate, leaving }) => gate === 'open' && !leaving)
      .map((one) => `${named('Pod', one)} (open gate)`),
  ].sort();
}

/** What pods use and own, and what goes with the last of them, in words, sorted. */
export function leftToPods(snapshot: Snapshot): readonly string[] {
  const left = all(snapshot.agentConfigMaps).filter((one) => isLeftToPods(one, snapshot));
  return left
    .map(
      (one) =>
        `ConfigMap ${one.namespace}/${one.name} (${one.owners.length === 1 ? '1 pod' : `${one.owners.length} pods`})`,
    )
    .sort();
}

function all<T>(collection: ByNamespace<T>): readonly T[] {
  return [...collection.values()].flatMap((inside) => [...inside.values()]);
}
