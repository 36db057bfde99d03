/** Everything about the cluster that a decision may use. */
import {
  readAgentConfigMap,
  readDestinationRule,
  readEndpointSlice,
  readGateway,
  readNamespace,
  readPod,
  readService,
  readVirtualService,
  readWorkload,
} from './kubernetes.ts';
import type {
  AgentConfigMap,
  DestinationRule,
  EndpointSlice,
  Gateway,
  Namespace,
  Pod,
  Service,
  VirtualService,
  Workload,
  WorkloadKind,
} from './kubernetes.ts';
import { textAt } from './json.ts';
import { managedByLabel, managedByValue } from './keys.ts';

/** Namespace → key in the namespace → projection. Key: the name; for workloads `<kind>/<name>`. */
export type ByNamespace<T> = ReadonlyMap<string, ReadonlyMap<string, T>>;

/**
 * Facts about the cluster, as of the last event. It may be a live view: read it within one synchronous decision and do not keep it.
 * Cluster-scoped objects stand under namespace `''`.
 */
export interface Snapshot {
  readonly namespaces: ByNamespace<Namespace>;
  readonly services: ByNamespace<Service>;
  readonly workloads: ByNamespace<Workload>;
  readonly pods: ByNamespace<Pod>;
  readonly endpointSlices: ByNamespace<EndpointSlice>;
  readonly virtualServices: ByNamespace<VirtualService>;
  readonly destinationRules: ByNamespace<DestinationRule>;
  readonly gateways: ByNamespace<Gateway>;
  readonly agentConfigMaps: ByNamespace<AgentConfigMap>;
  /** False until every kind was listed once: an absent object may then be one that we have not seen yet. */
  readonly synced: boolean;
}

/** The collections of a {@link Snapshot}. */
export type Collection = Exclude<keyof Snapshot, 'synced'>;

/** What a collection may hold. */
export type Projection =
  | Namespace
  | Service
  | Workload
  | Pod
  | EndpointSlice
  | VirtualService
  | DestinationRule
  | Gateway
  | AgentConfigMap;

/** One kind of object that the snapshot is made of. */
export interface Resource {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly collection: Collection;
  /** A custom resource: a cluster that does not serve it has none of them. */
  readonly custom: boolean;
  /** Only objects that match are listed and watched. */
  readonly labelSelector?: string;
  /** Makes the projection. Never throws, whatever the object. */
  readonly read: (object: unknown) => Projection;
  /** Key within the namespace. */
  readonly key: (name: string) => string;
}

const readWorkloadOf =
  (kind: WorkloadKind) =>
  (object: unknown): Workload =>
    readWorkload(object, kind);
const byName = (name: string): string => name;
const byKind =
  (kind: string) =>
  (name: string): string =>
    workloadKey(kind, name);

/** The table of what is listed and watched. Adding a kind is adding a row (and an RBAC rule). */
export const resources: readonly Resource[] = [
  {
    kind: 'Namespace',
    group: '',
    version: 'v1',
    plural: 'namespaces',
    namespaced: false,
    collection: 'namespaces',
    custom: false,
    read: readNamespace,
    key: byName,
  },
  {
    kind: 'Service',
    group: '',
    version: 'v1',
    plural: 'services',
    namespaced: true,
    collection: 'services',
    custom: false,
    read: readService,
    key: byName,
  },
  {
    kind: 'Pod',
    group: '',
    version: 'v1',
    plural: 'pods',
    namespaced: true,
    collection: 'pods',
    custom: false,
    read: readPod,
    key: byName,
  },
  {
    kind: 'Deployment',
    group: 'apps',
    version: 'v1',
    plural: 'deployments',
    namespaced: true,
    collection: 'workloads',
    custom: false,
    read: readWorkloadOf('Deployment'),
    key: byKind('Deployment'),
  },
  {
    kind: 'StatefulSet',
    group: 'apps',
    version: 'v1',
    plural: 'statefulsets',
    namespaced: true,
    collection: 'workloads',
    custom: false,
    read: readWorkloadOf('StatefulSet'),
    key: byKind('StatefulSet'),
  },
  {
    kind: 'Rollout',
    group: 'argoproj.io',
    version: 'v1alpha1',
    plural: 'rollouts',
    namespaced: true,
    collection: 'workloads',
    custom: true,
    read: readWorkloadOf('Rollout'),
    key: byKind('Rollout'),
  },
  {
    kind: 'VirtualService',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'virtualservices',
    namespaced: true,
    collection: 'virtualServices',
    custom: true,
    read: readVirtualService,
    key: byName,
  },
  {
    kind: 'DestinationRule',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'destinationrules',
    namespaced: true,
    collection: 'destinationRules',
    custom: true,
    read: readDestinationRule,
    key: byName,
  },
  {
    kind: 'Gateway',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'gateways',
    namespaced: true,
    collection: 'gateways',
    custom: true,
    read: readGateway,
    key: byName,
  },
  {
    kind: 'EndpointSlice',
    group: 'discovery.k8s.io',
    version: 'v1',
    plural: 'endpointslices',
    namespaced: true,
    collection: 'endpointSlices',
    custom: false,
    read: readEndpointSlice,
    key: byName,
  },
  {
    kind: 'ConfigMap',
    group: '',
    version: 'v1',
    plural: 'configmaps',
    namespaced: true,
    collection: 'agentConfigMaps',
    custom: false,
    labelSelector: `${managedByLabel}=${managedByValue}`,
    read: readAgentConfigMap,
    key: byName,
  },
];

/** Returns the key of a workload in {@link Snapshot.workloads}. */
export function workloadKey(kind: string, name: string): string {
  return `${kind}/${name}`;
}

/** Returns what a collection holds in one namespace (`''` for cluster-scoped objects). */
export function inNamespace<T>(collection: ByNamespace<T>, namespace: string): ReadonlyMap<string, T> {
  return collection.get(namespace) ?? new Map<string, T>();
}

/** Returns the Namespace of that name, when known. */
export function namespaceOf(snapshot: Snapshot, name: string): Namespace | undefined {
  return snapshot.namespaces.get('')?.get(name);
}

/** A snapshot without any fact, and not synced: decisions then rest on the object alone. */
export const emptySnapshot: Snapshot = {
  namespaces: new Map(),
  services: new Map(),
  workloads: new Map(),
  pods: new Map(),
  endpointSlices: new Map(),
  virtualServices: new Map(),
  destinationRules: new Map(),
  gateways: new Map(),
  agentConfigMaps: new Map(),
  synced: false,
};

/** Returns the resource that a raw object is one of, by group and kind, whatever the version; undefined for kinds that the snapshot does not hold. */
export function resourceOf(object: unknown): Resource | undefined {
  const group = groupOf(textAt(object, 'apiVersion') ?? '');
  const kind = textAt(object, 'kind');
  return resources.find((resource) => resource.kind === kind && resource.group === group);
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** Makes a synced snapshot of raw objects: of two with the same identity the last one counts. A label selector of the table is honoured. */
export function snapshotOf(objects: Iterable<unknown>): Snapshot {
  const collections: Record<Collection, Map<string, Map<string, Projection>>> = {
    namespaces: new Map(),
    services: new Map(),
    workloads: new Map(),
    pods: new Map(),
    endpointSlices: new Map(),
    virtualServices: new Map(),
    destinationRules: new Map(),
    gateways: new Map(),
    agentConfigMaps: new Map(),
  };
  for (const object of objects) {
    const resource = resourceOf(object);
    if (resource === undefined || !isSelected(object, resource)) continue;
    const projection = placed(resource.read(object), resource);
    const collection = collections[resource.collection];
    const inside = collection.get(projection.namespace) ?? new Map<string, Projection>();
    collection.set(projection.namespace, inside.set(resource.key(projection.name), projection));
  }
  return { ...collections, synced: true } as Snapshot;
}

/** As kubectl would have it: what names no namespace is in `default`. */
function placed(projection: Projection, { namespaced }: Resource): Projection {
  return namespaced && projection.namespace === '' ? { ...projection, namespace: 'default' } : projection;
}

/** Tells whether an object has the label that its resource is listed by (an equality selector, or none). */
export function isSelected(object: unknown, resource: Resource): boolean {
  if (resource.labelSelector === undefined) return true;
  const [key = '', value] = resource.labelSelector.split('=');
  return textAt(object, 'metadata', 'labels', key) === value;
}
