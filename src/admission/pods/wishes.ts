/** What a pod is to be given: by its own annotations, those of its workload, and its namespace's. */
import { readInjections, type Injection } from '../../model/injection.ts';
import { at, commaList, listAt, textAt, type JsonObject, type Labels } from '../../model/json.ts';
import { readDeclared } from '../../model/kubernetes.ts';
import { inNamespace, namespaceOf, workloadKey, type Snapshot } from '../../model/snapshot.ts';

/** What is wished for a pod. */
export interface Wishes {
  readonly injections: readonly Injection[];
  /** Names of the containers that are meant; undefined: whichever serve. */
  readonly containers: readonly string[] | undefined;
}

/**
 * | `branchline.dev/inject` on | |
 * |---|---|
 * | the pod | counts |
 * | else its workload | counts |
 * | else its Namespace | counts |
 * | nowhere | `node` |
 *
 * `branchline.dev/propagate: "false"` is the same as `none`. What is misspelt wishes nothing: the workload's own review said so.
 */
export function wishesOf(pod: JsonObject, namespace: string, snapshot: Snapshot): Wishes {
  const declared = declaredFor(pod, namespace, snapshot);
  const inject = declared['inject'] ?? namespaceOf(snapshot, namespace)?.declared['inject'] ?? 'node';
  return {
    injections: declared['propagate'] === 'false' ? [] : readInjections(inject).wanted,
    containers: declared['containers'] === undefined ? undefined : commaList(declared['containers']),
  };
}

/** Returns our annotations of a pod, then those of the workload that it belongs to. */
export function declaredFor(pod: JsonObject, namespace: string, snapshot: Snapshot): Labels {
  const owner = ownerOf(pod);
  const workload = owner === undefined ? undefined : inNamespace(snapshot.workloads, namespace).get(owner);
  return { ...workload?.declared, ...readDeclared(pod) };
}

/** Returns the workload that a pod belongs to, as `<kind>/<name>`: a ReplicaSet is named after its Deployment or Rollout and the hash that its pods carry; a StatefulSet owns its pods itself. */
export function ownerOf(pod: JsonObject): string | undefined {
  const owner = listAt(pod, 'metadata', 'ownerReferences').find(
    (reference) => at(reference, 'controller') === true,
  );
  const name = textAt(owner, 'name') ?? '';
  if (textAt(owner, 'kind') === 'StatefulSet') return workloadKey('StatefulSet', name);
  if (textAt(owner, 'kind') !== 'ReplicaSet') return undefined;
  const hashes = [
    ['Rollout', 'rollouts-pod-template-hash'],
    ['Deployment', 'pod-template-hash'],
  ] as const;
  for (const [kind, label] of hashes) {
    const hash = textAt(pod, 'metadata', 'labels', label);
    if (hash !== undefined && name.endsWith(`-${hash}`))
      return workloadKey(kind, name.slice(0, -hash.length - 1));
  }
  return undefined;
}
