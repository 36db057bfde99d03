/** Which versions of a service have a ready pod: by its EndpointSlices; where there are none by its pods; where there are none by its workloads. */
import type { Settings } from '../config/settings.ts';
import { isReached, podsReached } from '../model/endpoints.ts';
import type { Labels } from '../model/json.ts';
import type { Endpoint, Service, Workload } from '../model/kubernetes.ts';
import { selects } from '../model/selection.ts';
import { inNamespace, workloadKey, type Snapshot } from '../model/snapshot.ts';
import { byCodeUnit, versionIn, type ServiceLayout } from './layout.ts';

/** What of a service is ready. */
export interface Readiness {
  /** Versions (label values) with at least one ready pod behind the Service, and ids of branches whose own Service has one. */
  readonly ready: ReadonlySet<string>;
  /** Versions of ready pods that are neither the baseline, nor a branch, nor a long-lived version; `none` for no label. Sorted. */
  readonly strangers: readonly string[];
  /** Tells whether anything but branches stands behind the Service, ready or not. */
  readonly hasBaseline: boolean;
}

/** Slices of a namespace by Service: made once for a pass over many services. */
export type SlicesByService = ReadonlyMap<string, readonly Endpoint[]>;

/** Groups the endpoints of a namespace by Service. */
export function endpointsByService(
  snapshot: Snapshot,
  namespace: string,
  only?: ReadonlySet<string>,
): SlicesByService {
  const endpoints = new Map<string, Endpoint[]>();
  for (const slice of inNamespace(snapshot.endpointSlices, namespace).values()) {
    if (only !== undefined && !only.has(slice.service)) continue;
    const known = endpoints.get(slice.service);
    if (known === undefined) endpoints.set(slice.service, [...slice.endpoints]);
    else known.push(...slice.endpoints);
  }
  return endpoints;
}

/** Returns the Services whose endpoints the readiness of a service depends on: itself, and its branches' own ones. */
export function servicesBehind(layout: ServiceLayout): ReadonlySet<string> {
  return new Set([
    layout.service.name,
    ...layout.branches.flatMap(({ own }) => (own === undefined ? [] : [own.name])),
  ]);
}

/** Tells what of a service is ready. */
export function readinessOf(
  snapshot: Snapshot,
  layout: ServiceLayout,
  endpoints: SlicesByService,
  settings: Settings,
): Readiness {
  const { service, branches } = layout;
  const all = [...layout.others, ...branches.flatMap((branch) => branch.workloads)];
  const versions = new Set(
    readyPods(snapshot, service, { endpoints, workloads: all }).map((labels) => versionIn(labels, settings)),
  );
  const ready = new Set<string>(versions);
  for (const { branch, own, workloads } of branches) {
    if (isRetiring(workloads)) ready.delete(branch.id);
    else if (own === undefined) continue;
    else if (readyPods(snapshot, own, { endpoints, workloads }).length > 0) ready.add(branch.id);
    else ready.delete(branch.id);
  }
  const known = new Set([
    layout.baseline.version,
    ...branches.map(({ branch }) => branch.id),
    ...[...layout.versions, ...layout.leaving].map(({ version }) => version),
  ]);
  const strangers = [...versions].filter((version) => !known.has(version)).sort(byCodeUnit);
  return { ready, strangers, hasBaseline: hasBaseline(layout, versions, strangers, settings) };
}

/** Tells whether every workload of a branch is told to go: it gets no routes any more, whatever is ready. */
export function isRetiring(workloads: readonly Workload[]): boolean {
  return workloads.length > 0 && workloads.every(({ declared }) => declared['retiring'] !== undefined);
}

/** Tells whether any pod behind a Service is ready, of whatever version. Where nothing is known of its pods it is taken for served. */
export function isServed(snapshot: Snapshot, service: Service): boolean {
  const listed = endpointsByService(snapshot, service.namespace, new Set([service.name])).get(service.name);
  if (listed !== undefined) return listed.some(({ ready }) => ready);
  const pods = [...inNamespace(snapshot.pods, service.namespace).values()].filter((pod) =>
    selects(service, pod.labels),
  );
  if (pods.length > 0) return pods.some((pod) => isReached(service, pod));
  const workloads = [...inNamespace(snapshot.workloads, service.namespace).values()].filter(
    ({ templateLabels }) => selects(service, templateLabels),
  );
  return workloads.length === 0 || workloads.some(isReady);
}

function hasBaseline(
  layout: ServiceLayout,
  versions: ReadonlySet<string>,
  strangers: readonly string[],
  settings: Settings,
): boolean {
  const longLived = new Set(layout.versions.map(({ version }) => version));
  return (
    Object.keys(layout.service.selector).length === 0 ||
    versions.has(layout.baseline.version) ||
    strangers.length > 0 ||
    layout.others.some((workload) => !longLived.has(versionIn(workload.templateLabels, settings)))
  );
}

/** Labels of the ready pods behind a Service. An endpoint whose pod we have not seen (yet) says nothing about versions. */
function readyPods(
  snapshot: Snapshot,
  service: Service,
  { endpoints, workloads }: { endpoints: SlicesByService; workloads: readonly Workload[] },
): readonly Labels[] {
  const reached = podsReached(snapshot, service, endpoints.get(service.name));
  if (reached !== undefined) return reached.map((pod) => pod.labels);
  const known = inNamespace(snapshot.workloads, service.namespace);
  return workloads
    .filter(
      (workload) =>
        isReady(known.get(workloadKey(workload.kind, workload.name)) ?? workload) &&
        selects(service, workload.templateLabels),
    )
    .map((workload) => workload.templateLabels);
}

/** A workload of a manifest counts as ready, unless it wants no pods or its status says that none is. */
function isReady({ desired, readyPods: ready }: Workload): boolean {
  return ready === undefined ? desired > 0 : ready > 0;
}
