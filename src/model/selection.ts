/** Selectors and labels: which Services select which pods, found by index instead of asking every object of a namespace. */
import { memoize } from './memoize.ts';
import { covers, withLabel, type Labels } from './json.ts';
import type { Pod, Service, Workload } from './kubernetes.ts';

type Services = ReadonlyMap<string, Service>;
type Workloads = ReadonlyMap<string, Workload>;
type Pairs = readonly (readonly [string, string])[];

/** Label key → value → those that have the pair. */
type ByPair<T> = ReadonlyMap<string, ReadonlyMap<string, readonly T[]>>;

/** A selector, walked once: key order and all. */
interface Selecting {
  readonly service: Service;
  readonly pairs: Pairs;
}

/** Tells whether a Service selects pods with these labels. */
export function selects(service: Service, labels: Labels): boolean {
  let isSelecting = false;
  for (const key in service.selector) {
    if (labels[key] !== service.selector[key]) return false;
    isSelecting = true;
  }
  return isSelecting;
}

function hasAll(labels: Labels, pairs: Pairs): boolean {
  for (const [key, value] of pairs) if (labels[key] !== value) return false;
  return pairs.length > 0;
}

/** Returns the Services whose selector covers the labels, by name. A Service without selector selects nobody. */
export function servicesSelecting(services: Services, labels: Labels): readonly Service[] {
  const index = memoize(services, byFirstPair);
  const selecting: Service[] = [];
  for (const key in labels) {
    for (const { service, pairs } of index.get(key)?.get(labels[key] ?? '') ?? [])
      if (hasAll(labels, pairs)) selecting.push(service);
  }
  return selecting.length < 2 ? selecting : selecting.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Tells whether a Service is one of ours, a version of another one: no workload belongs to it. @see src/routing/gateway-api/version-services.ts */
export function isVersionService({ declared }: Service): boolean {
  return declared['version-of'] !== undefined;
}

/** Each Service stands under the first pair of its selector: labels that it selects have that pair. */
function byFirstPair(services: Services): ByPair<Selecting> {
  const index = new Map<string, Map<string, Selecting[]>>();
  for (const service of services.values()) {
    const pairs = isVersionService(service) ? [] : Object.entries(service.selector);
    if (pairs[0] !== undefined) add(index, pairs[0], { service, pairs });
  }
  return index;
}

function add<T>(
  index: Map<string, Map<string, T[]>>,
  [key, value]: readonly [string, string],
  member: T,
): void {
  const values = index.get(key) ?? new Map<string, T[]>();
  const members = values.get(value) ?? [];
  members.push(member);
  index.set(key, values.set(value, members));
}

/** Returns the Services that would select the labels but for the version that their selector asks for. */
export function servicesPinning(
  services: Services,
  labels: Labels,
  versionLabel: string,
): readonly Service[] {
  return (memoize(services, bySelectorKey).get(versionLabel) ?? []).filter((service) =>
    pins(service, labels, versionLabel),
  );
}

function bySelectorKey(services: Services): ReadonlyMap<string, readonly Service[]> {
  const index = new Map<string, Service[]>();
  for (const service of services.values()) {
    for (const key of isVersionService(service) ? [] : Object.keys(service.selector)) {
      const members = index.get(key) ?? [];
      members.push(service);
      index.set(key, members);
    }
  }
  return index;
}

/** Tells whether a Service would select the labels but for the version that its selector asks for. */
export function pins(service: Service, labels: Labels, versionLabel: string): boolean {
  const pinned = service.selector[versionLabel];
  if (pinned === undefined || pinned === labels[versionLabel] || Object.keys(service.selector).length === 1)
    return false;
  return covers(withLabel(labels, versionLabel, pinned), service.selector);
}

/** Returns the workloads whose pods a Service selects, in the order of the collection. */
export function workloadsBehind(workloads: Workloads, service: Service): readonly Workload[] {
  const pairs = Object.entries(service.selector);
  const [first] = pairs;
  if (first === undefined) return [];
  const candidates = memoize(workloads, byTemplateLabel).get(first[0])?.get(first[1]) ?? [];
  return candidates.filter((workload) => hasAll(workload.templateLabels, pairs));
}

function byTemplateLabel(workloads: Workloads): ByPair<Workload> {
  const index = new Map<string, Map<string, Workload[]>>();
  for (const workload of workloads.values()) {
    for (const pair of Object.entries(workload.templateLabels)) add(index, pair, workload);
  }
  return index;
}

/** Returns the pods that a Service selects, in the order of the collection. */
export function podsBehind(pods: ReadonlyMap<string, Pod>, service: Service): readonly Pod[] {
  const pairs = Object.entries(service.selector);
  const [first] = pairs;
  if (first === undefined) return [];
  return (memoize(pods, byLabel).get(first[0])?.get(first[1]) ?? []).filter((pod) =>
    hasAll(pod.labels, pairs),
  );
}

function byLabel(pods: ReadonlyMap<string, Pod>): ByPair<Pod> {
  const index = new Map<string, Map<string, Pod[]>>();
  for (const pod of pods.values()) for (const pair of Object.entries(pod.labels)) add(index, pair, pod);
  return index;
}
