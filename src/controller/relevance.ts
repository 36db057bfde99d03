/** What a change of the snapshot means for routes: everything is decided anew, or the services behind some endpoints, or nothing. */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../cluster/port.ts';
import { toLabels } from '../model/json.ts';
import type { EndpointSlice, Pod, Workload } from '../model/kubernetes.ts';
import { servicesSelecting } from '../model/selection.ts';
import { inNamespace, namespaceOf, type Projection, type Snapshot } from '../model/snapshot.ts';
import type { TouchedService } from '../routing/desired.ts';

/** What has to be decided anew. */
type Meaning = 'everything' | readonly TouchedService[];

/** Remembers what it has shown, to tell what is different. */
export interface Relevance {
  /** Returns what a change means. Each change is asked about once, in order. Routes of ours are not asked about. */
  of(change: Change): Meaning;
}

/** Makes the judge of changes from now on. */
export function createRelevance(snapshot: Snapshot): Relevance {
  const before = new Map<string, Projection>();
  const remember = ({ collection, namespace, key }: Change): void => {
    const projection = snapshot[collection].get(namespace)?.get(key);
    if (projection === undefined) before.delete(`${collection}/${namespace}/${key}`);
    else before.set(`${collection}/${namespace}/${key}`, projection);
  };
  for (const collection of ['namespaces', 'services', 'workloads', 'pods', 'endpointSlices'] as const) {
    for (const [namespace, inside] of snapshot[collection])
      for (const key of inside.keys()) remember({ collection, namespace, key });
  }
  return {
    of(change) {
      const known = before.get(`${change.collection}/${change.namespace}/${change.key}`);
      const now = snapshot[change.collection].get(change.namespace)?.get(change.key);
      remember(change);
      return meaningOf(change, known, now, snapshot);
    },
  };
}

function meaningOf(
  { collection, namespace }: Change,
  before: Projection | undefined,
  now: Projection | undefined,
  snapshot: Snapshot,
): Meaning {
  if (collection === 'gateways' || collection === 'agentConfigMaps') return [];
  if (collection === 'endpointSlices') return servicesOfSlices([before, now], namespace);
  if (collection === 'pods') return servicesOfPods([before, now], namespace, snapshot);
  if (collection === 'workloads')
    return workloadMeaning(before as Workload | undefined, now as Workload | undefined, snapshot);
  return (collection === 'namespaces' || collection === 'services') &&
    isDeepStrictEqual(withoutStatus(before), withoutStatus(now))
    ? []
    : 'everything';
}

function servicesOfSlices(slices: readonly (Projection | undefined)[], namespace: string): Meaning {
  const names = slices.flatMap((slice) => (slice === undefined ? [] : [(slice as EndpointSlice).service]));
  return [...new Set(names)].map((service) => ({ namespace, service }));
}

/** In a namespace that is out of scope a pod may be the last one for which routes are kept. */
function servicesOfPods(
  pods: readonly (Projection | undefined)[],
  namespace: string,
  snapshot: Snapshot,
): Meaning {
  if (namespaceOf(snapshot, namespace)?.enabled !== true) return 'everything';
  const names = pods.flatMap((pod) =>
    pod === undefined
      ? []
      : servicesSelecting(inNamespace(snapshot.services, namespace), (pod as Pod).labels).map(
          ({ name }) => name,
        ),
  );
  return [...new Set(names)].map((service) => ({ namespace, service }));
}

/** The number of ready pods counts only where nothing better is known; what we wrote ourselves never does. */
function workloadMeaning(
  before: Workload | undefined,
  now: Workload | undefined,
  snapshot: Snapshot,
): Meaning {
  if (before === undefined || now === undefined) return 'everything';
  if (isDeepStrictEqual(before, now)) return [];
  const reduced = (workload: Workload): object => ({
    ...workload,
    readyPods: 0,
    desired: 0,
    held: false,
    declared: withoutStatus(workload)?.declared,
  });
  if (!isDeepStrictEqual(reduced(before), reduced(now))) return 'everything';
  return servicesSelecting(inNamespace(snapshot.services, now.namespace), now.templateLabels).map(
    ({ name }) => ({ namespace: now.namespace, service: name }),
  );
}

function withoutStatus<T extends Pick<Projection, 'declared'>>(projection: T | undefined): T | undefined {
  if (projection === undefined) return undefined;
  return {
    ...projection,
    declared: toLabels(Object.entries(projection.declared).filter(([key]) => key !== 'status')),
  };
}
