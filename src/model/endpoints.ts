/**
 * Which pods behind a Service get its requests: one answer for admission and for routing, so that a branch is refused or blocked in both or in none.
 *
 * | known of the Service | its requests reach |
 * |---|---|
 * | EndpointSlices, and pods of the namespace | the pods of ready endpoints; with `publishNotReadyAddresses` Kubernetes calls all ready |
 * | pods only | those that are ready; with `publishNotReadyAddresses` all that are not on their way out |
 * | neither | unknown: the templates of its workloads stand for its pods |
 * @see https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
 */
import type { Endpoint, Pod, Service } from './kubernetes.ts';
import { podsBehind } from './selection.ts';
import { inNamespace, type Snapshot } from './snapshot.ts';

/** Returns the pods that requests to a Service reach, by its `endpoints` where it has any; undefined when nothing is known of its pods. */
export function podsReached(
  snapshot: Snapshot,
  service: Service,
  endpoints: readonly Endpoint[] | undefined,
): readonly Pod[] | undefined {
  const pods = inNamespace(snapshot.pods, service.namespace);
  if (endpoints !== undefined && pods.size > 0) {
    return endpoints
      .filter(({ ready }) => ready)
      .map(({ pod }) => pods.get(pod))
      .filter((pod) => pod !== undefined);
  }
  const behind = podsBehind(pods, service);
  return behind.length === 0 ? undefined : behind.filter((pod) => isReached(service, pod));
}

/** Tells whether a pod gets requests of a Service that has no EndpointSlices to say so. */
export function isReached({ publishNotReadyAddresses }: Service, { ready, leaving }: Pod): boolean {
  return ready || (publishNotReadyAddresses && !leaving);
}

/** Returns the endpoints of one Service; undefined when it has no EndpointSlice. */
export function endpointsOf(
  snapshot: Snapshot,
  { namespace, name }: Service,
): readonly Endpoint[] | undefined {
  const slices = [...inNamespace(snapshot.endpointSlices, namespace).values()].filter(
    ({ service }) => service === name,
  );
  return slices.length === 0 ? undefined : slices.flatMap(({ endpoints }) => endpoints);
}
