/** The parts of Kubernetes and Istio objects that decisions need: small projections, made from raw objects, safe to keep by the thousand. */
import {
  at,
  commaList,
  isObject,
  labelsAt,
  listAt,
  numberAt,
  objectAt,
  textAt,
  toLabels,
  type JsonObject,
  type Labels,
} from './json.ts';
import {
  agent,
  enabledLabel,
  keyPrefix,
  managedByLabel,
  managedByValue,
  routedGate,
  routesFinalizer,
} from './keys.ts';

/** What every projection has. `declared` holds our annotations, without `branchline.dev/`. */
export interface Meta {
  readonly namespace: string;
  readonly name: string;
  readonly declared: Labels;
}

/** A Namespace: whether we act there, whether its pods get a sidecar, the tenant's settings in `declared`. */
export interface Namespace extends Meta {
  readonly enabled: boolean;
  /** On its way out, with everything in it. */
  readonly leaving: boolean;
  readonly sidecars: boolean;
}

/** One port of a Service; `protocol` is the transport (`TCP`, `UDP`). */
export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly appProtocol: string | undefined;
}

/** A Service: whom it selects (empty: nobody) and by which ports. */
export interface Service extends Meta {
  readonly uid: string;
  readonly selector: Labels;
  /** Without an address of its own: clients look up its pods. */
  readonly headless: boolean;
  /** Its pods get requests before they are ready. */
  readonly publishNotReadyAddresses: boolean;
  readonly ports: readonly ServicePort[];
}

/** Kinds of workload; Rollout is Argo's. */
export const workloadKinds = ['Deployment', 'StatefulSet', 'Rollout'] as const;
/** A kind of workload. */
export type WorkloadKind = (typeof workloadKinds)[number];

/** A Deployment, StatefulSet or Rollout. `desired` is the wanted number of pods. */
export interface Workload extends Meta {
  readonly kind: WorkloadKind;
  readonly uid: string;
  /** RFC 3339, to the second; empty in a manifest. */
  readonly created: string;
  /** Its own, not its pods'. */
  readonly labels: Labels;
  /** Told to go, and not gone yet. */
  readonly leaving: boolean;
  /** Stays until its routes are away: it has our finalizer. */
  readonly held: boolean;
  readonly templateLabels: Labels;
  readonly desired: number;
  /** Ready pods as its status counts them; undefined when it has no status (a manifest). */
  readonly readyPods: number | undefined;
}

/** Our readiness gate of a pod: it has none, the default route is out (`open`), or it is not, as far as the pod says. */
type Gate = 'none' | 'open' | 'closed';

/** A Pod: its labels and whether it is ready. */
export interface Pod extends Meta {
  readonly uid: string;
  readonly labels: Labels;
  readonly ready: boolean;
  /** Told to go: never ready again. */
  readonly leaving: boolean;
  readonly gate: Gate;
  /** Name of the ConfigMap that delivers the header agent to it; empty: none does. */
  readonly agent: string;
}

/** The part of a Service's endpoints that one EndpointSlice holds. */
export interface EndpointSlice extends Meta {
  /** Name of the Service. */
  readonly service: string;
  readonly endpoints: readonly Endpoint[];
}

/** One endpoint: the Pod behind it (empty: none is named) and whether it takes requests. */
export interface Endpoint {
  readonly pod: string;
  readonly ready: boolean;
}

/** Which object, and which state of it, the API server holds; both empty in a manifest. */
interface Stored {
  readonly uid: string;
  readonly revision: string;
}

/** Where a VirtualService sends requests. `host` is as written (short or full). */
interface Destination {
  readonly host: string;
  readonly subset: string | undefined;
}

/** A VirtualService: which hosts and gateways it serves, where to. */
export interface VirtualService extends Meta, Stored {
  readonly managed: boolean;
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly destinations: readonly Destination[];
  /** Namespaces that see it, as written: `.`, `*`, names. Empty: all. */
  readonly exportTo: readonly string[];
  /** Every HTTP route is for some clients only (`sourceLabels`, `sourceNamespace`), so others may have another one. */
  readonly partial: boolean;
  /** RFC 3339, to the second; empty in a manifest. */
  readonly created: string;
  /** As written. */
  readonly spec: JsonObject;
}

/** A named part of a host's pods. */
export interface Subset {
  readonly name: string;
  readonly labels: Labels;
}

/** A DestinationRule: the subsets of a host. `host` is as written (short or full, maybe a wildcard). */
export interface DestinationRule extends Meta, Stored {
  readonly managed: boolean;
  readonly host: string;
  readonly subsets: readonly Subset[];
  /** As for a VirtualService. */
  readonly exportTo: readonly string[];
  /** Only some clients of its own namespace use it (`workloadSelector`). */
  readonly partial: boolean;
  /** RFC 3339, to the second; empty in a manifest. */
  readonly created: string;
  /** As written. */
  readonly spec: JsonObject;
}

/** An Istio Gateway: which pods it is, which hosts (`host` or `namespace/host`) they serve. */
export interface Gateway extends Meta {
  readonly selector: Labels;
  readonly hosts: readonly string[];
}

/** A ConfigMap of ours that may deliver the header agent. */
export interface AgentConfigMap extends Meta {
  readonly uid: string;
  readonly created: string;
  readonly immutable: boolean;
  readonly files: readonly string[];
  /** Uids of the pods that own it: it goes with the last of them, and no other pod is to use it. */
  readonly owners: readonly string[];
}

/** Reads `metadata.namespace`, `metadata.name` and our annotations. */
export function readMeta(object: unknown): Meta {
  return {
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: textAt(object, 'metadata', 'name') ?? '',
    declared: readDeclared(object),
  };
}

function readStored(object: unknown): Stored {
  return { uid: uidOf(object), revision: textAt(object, 'metadata', 'resourceVersion') ?? '' };
}

function uidOf(object: unknown): string {
  return textAt(object, 'metadata', 'uid') ?? '';
}

function isLeaving(object: unknown): boolean {
  return at(object, 'metadata', 'deletionTimestamp') !== undefined;
}

/** Reads our annotations of an object, without their prefix. */
export function readDeclared(object: unknown): Labels {
  const ours: [string, unknown][] = [];
  for (const [key, value] of Object.entries(objectAt(object, 'metadata', 'annotations'))) {
    if (key.startsWith(keyPrefix)) ours.push([key.slice(keyPrefix.length), value]);
  }
  return toLabels(ours);
}

/** Projects a Namespace. */
export function readNamespace(object: unknown): Namespace {
  const labels = labelsAt(object, 'metadata', 'labels');
  return {
    ...readMeta(object),
    namespace: '',
    enabled: labels[enabledLabel] === 'true',
    leaving: isLeaving(object),
    sidecars: injectsSidecars(labels),
  };
}

/** Istio injects where `istio-injection: enabled`, or where a revision is named and injection is not switched off. @see https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/ */
function injectsSidecars(labels: Labels): boolean {
  const injection = labels['istio-injection'];
  return injection === 'enabled' || (injection !== 'disabled' && (labels['istio.io/rev'] ?? '') !== '');
}

/** Projects a Service. */
export function readService(object: unknown): Service {
  const external = textAt(object, 'spec', 'type') === 'ExternalName';
  return {
    ...readMeta(object),
    uid: uidOf(object),
    selector: external ? toLabels([]) : labelsAt(object, 'spec', 'selector'),
    headless: textAt(object, 'spec', 'clusterIP') === 'None',
    publishNotReadyAddresses: at(object, 'spec', 'publishNotReadyAddresses') === true,
    ports: listAt(object, 'spec', 'ports').map((port) => ({
      name: textAt(port, 'name') ?? '',
      port: numberAt(port, 'port') ?? 0,
      protocol: textAt(port, 'protocol') ?? 'TCP',
      appProtocol: textAt(port, 'appProtocol'),
    })),
  };
}

/** Projects a workload. The kind is told, because the items of a list do not carry it. */
export function readWorkload(object: unknown, kind: WorkloadKind): Workload {
  return {
    ...readMeta(object),
    kind,
    uid: uidOf(object),
    created: textAt(object, 'metadata', 'creationTimestamp') ?? '',
    labels: labelsAt(object, 'metadata', 'labels'),
    leaving: isLeaving(object),
    held: listAt(object, 'metadata', 'finalizers').includes(routesFinalizer),
    templateLabels: labelsAt(object, 'spec', 'template', 'metadata', 'labels'),
    desired: numberAt(object, 'spec', 'replicas') ?? 1,
    readyPods:
      Object.keys(objectAt(object, 'status')).length === 0
        ? undefined
        : (numberAt(object, 'status', 'readyReplicas') ?? 0),
  };
}

/** Projects a Pod. A pod that is being deleted is not ready. */
export function readPod(object: unknown): Pod {
  const leaving = isLeaving(object);
  return {
    ...readMeta(object),
    uid: textAt(object, 'metadata', 'uid') ?? '',
    labels: labelsAt(object, 'metadata', 'labels'),
    ready: isTrue(object, 'Ready') && !leaving,
    leaving,
    gate: gateOf(object),
    agent: agentOf(object),
  };
}

function gateOf(pod: unknown): Gate {
  const gates = listAt(pod, 'spec', 'readinessGates');
  if (!gates.some((gate) => textAt(gate, 'conditionType') === routedGate)) return 'none';
  return isTrue(pod, routedGate) ? 'open' : 'closed';
}

function isTrue(pod: unknown, type: string): boolean {
  return listAt(pod, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
  );
}

function agentOf(pod: unknown): string {
  const volume = listAt(pod, 'spec', 'volumes').find((one) => textAt(one, 'name') === agent.volume);
  return textAt(volume, 'configMap', 'name') ?? '';
}

/** Projects a VirtualService: hosts, gateways, and the destinations of its http, tls and tcp routes and mirrors. */
export function readVirtualService(object: unknown): VirtualService {
  const routes = ['http', 'tls', 'tcp'].flatMap((protocol) => listAt(object, 'spec', protocol));
  return {
    ...readMeta(object),
    ...readStored(object),
    managed: labelsAt(object, 'metadata', 'labels')[managedByLabel] === managedByValue,
    hosts: texts(listAt(object, 'spec', 'hosts')),
    gateways: texts(listAt(object, 'spec', 'gateways')),
    destinations: routes.flatMap(readDestinations),
    exportTo: texts(listAt(object, 'spec', 'exportTo')),
    partial: isPartial(listAt(object, 'spec', 'http')),
    created: textAt(object, 'metadata', 'creationTimestamp') ?? '',
    spec: objectAt(object, 'spec'),
  };
}

function isPartial(routes: readonly unknown[]): boolean {
  return (
    routes.length > 0 &&
    routes.every((route) => {
      const matches = listAt(route, 'match');
      return (
        matches.length > 0 &&
        matches.every(
          (match) =>
            at(match, 'sourceLabels') !== undefined || (textAt(match, 'sourceNamespace') ?? '') !== '',
        )
      );
    })
  );
}

/** Projects a DestinationRule. */
export function readDestinationRule(object: unknown): DestinationRule {
  return {
    ...readMeta(object),
    ...readStored(object),
    managed: labelsAt(object, 'metadata', 'labels')[managedByLabel] === managedByValue,
    host: textAt(object, 'spec', 'host') ?? '',
    subsets: listAt(object, 'spec', 'subsets').map((subset) => ({
      name: textAt(subset, 'name') ?? '',
      labels: labelsAt(subset, 'labels'),
    })),
    exportTo: texts(listAt(object, 'spec', 'exportTo')),
    partial: isObject(at(object, 'spec', 'workloadSelector')),
    created: textAt(object, 'metadata', 'creationTimestamp') ?? '',
    spec: objectAt(object, 'spec'),
  };
}

/** Projects an Istio Gateway. */
export function readGateway(object: unknown): Gateway {
  return {
    ...readMeta(object),
    selector: labelsAt(object, 'spec', 'selector'),
    hosts: listAt(object, 'spec', 'servers').flatMap((server) => texts(listAt(server, 'hosts'))),
  };
}

/** Projects an EndpointSlice. An endpoint that does not say whether it is ready is. @see https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions */
export function readEndpointSlice(object: unknown): EndpointSlice {
  return {
    ...readMeta(object),
    service: labelsAt(object, 'metadata', 'labels')['kubernetes.io/service-name'] ?? '',
    endpoints: listAt(object, 'endpoints').map((endpoint) => ({
      pod:
        textAt(endpoint, 'targetRef', 'kind') === 'Pod' ? (textAt(endpoint, 'targetRef', 'name') ?? '') : '',
      ready: at(endpoint, 'conditions', 'ready') !== false,
    })),
  };
}

function readDestinations(route: unknown): readonly Destination[] {
  const targets: readonly unknown[] = [...listAt(route, 'route'), ...listAt(route, 'mirrors')].map((target) =>
    at(target, 'destination'),
  );
  return [...targets, at(route, 'mirror')].filter(isObject).map((destination) => ({
    host: textAt(destination, 'host') ?? '',
    subset: textAt(destination, 'subset'),
  }));
}

/** Projects a ConfigMap that may deliver the agent: its keys, never their contents. */
export function readAgentConfigMap(object: unknown): AgentConfigMap {
  return {
    ...readMeta(object),
    uid: uidOf(object),
    created: textAt(object, 'metadata', 'creationTimestamp') ?? '',
    immutable: at(object, 'immutable') === true,
    files: Object.keys(objectAt(object, 'data')),
    owners: texts(
      listAt(object, 'metadata', 'ownerReferences')
        .filter((owner) => textAt(owner, 'kind') === 'Pod')
        .map((owner) => textAt(owner, 'uid')),
    ),
  };
}

/** Returns the tenant's domains: the main one first, then the secondary ones. */
export function domainsOf(namespace: Namespace): readonly string[] {
  return [
    ...commaList(namespace.declared['domain']).slice(0, 1),
    ...commaList(namespace.declared['secondary-domains']),
  ];
}

function texts(values: readonly unknown[]): readonly string[] {
  return values.filter((value) => typeof value === 'string');
}
