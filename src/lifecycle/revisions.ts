/** When workloads were last deployed: their newest ReplicaSet or ControllerRevision. */
import { at, listAt, textAt } from '../model/json.ts';
import { parseTime } from '../model/time.ts';
import { revisionKey, type Revisions } from './life.ts';

/** Collects revisions one by one; keeps one time a workload, whatever their number. */
export interface RevisionCollector {
  /** Takes a ReplicaSet or ControllerRevision; anything that no workload owns is ignored. */
  readonly add: (object: unknown) => void;
  readonly revisions: Revisions;
}

/** Makes an empty collector. */
export function collectRevisions(): RevisionCollector {
  const revisions = new Map<string, number>();
  return {
    revisions,
    add(object) {
      const made = parseTime(textAt(object, 'metadata', 'creationTimestamp') ?? '');
      const owner = listAt(object, 'metadata', 'ownerReferences').find(
        (reference) => at(reference, 'controller') === true,
      );
      if (made === undefined || owner === undefined) return;
      const namespace = textAt(object, 'metadata', 'namespace') ?? 'default';
      const key = revisionKey(
        textAt(owner, 'kind') ?? '',
        namespace,
        textAt(owner, 'name') ?? '',
        textAt(owner, 'uid') ?? '',
      );
      revisions.set(key, Math.max(made, revisions.get(key) ?? 0));
    },
  };
}

/** Kind of the object that each kind of workload leaves at every change of its pods. */
export const revisionKinds = {
  Deployment: 'ReplicaSet',
  Rollout: 'ReplicaSet',
  StatefulSet: 'ControllerRevision',
} as const;

/** Collects the revisions among manifests of any kind. */
export function revisionsIn(objects: Iterable<unknown>): Revisions {
  const collector = collectRevisions();
  for (const object of objects) {
    const kind = textAt(object, 'kind');
    if (kind === 'ReplicaSet' || kind === 'ControllerRevision') collector.add(object);
  }
  return collector.revisions;
}
