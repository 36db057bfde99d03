/** Rules about the subsets and ports that a VirtualService sends requests to. */
import { resolveVirtualServiceHost } from '../model/hosts.ts';
import { covers } from '../model/json.ts';
import type { Pod, Service, Workload } from '../model/kubernetes.ts';
import { quote } from '../model/problem.ts';
import { podsBehind, workloadsBehind } from '../model/selection.ts';
import { inNamespace } from '../model/snapshot.ts';
import { finding, type FactOwner, type Finding } from './finding.ts';
import { isLabel } from './istio-names.ts';
import {
  serviceOf,
  subsetOf,
  viewsOf,
  type FactRow,
  type Subject,
  type Target,
  type View,
} from './virtual-service-subject.ts';

/** Rules over a VirtualService. */
export const subsetRows: readonly FactRow[] = [
  { code: 'BL260', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'branch') },
  { code: 'BL261', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'everybody') },
  { code: 'BL269', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'unknown') },
  { code: 'BL279', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'bystander') },
  { code: 'BL276', check: (_spec, owner, self) => subsetsHaveReadyPods(owner, self) },
  { code: 'BL277', check: (_spec, owner, self) => portsAreClear(owner, self) },
];

/** Whom a subset is missing for: requests of a branch, those of everybody, those of namespaces that have rules of their own for the host; or no rule is known at all. */
type Missing = 'branch' | 'everybody' | 'bystander' | 'unknown';

function* subsetsAreThere(owner: FactOwner, self: Subject, about: Missing): Generator<Finding> {
  if (owner.snapshot.destinationRules.size === 0) return;
  const seen = new Set<string>();
  for (const target of self.targets) {
    if (!isLabel(target.subset)) continue;
    const key = [
      target.host,
      ...target.gateways,
      ...(about === 'unknown' ? [] : [target.subset, target.everybody]),
    ].join(' ');
    if (seen.has(key)) continue;
    seen.add(key);
    const wrong = viewsOf(target, owner, self).find(
      (view) => !view.subsets.has(target.subset) && missingFor(view, target) === about,
    );
    if (wrong !== undefined)
      yield about === 'unknown' ? unknownRule(target, wrong) : missingSubset(target, wrong);
  }
}

function missingFor({ rule, isBystander }: View, { everybody }: Target): Missing {
  if (rule === undefined) return 'unknown';
  if (isBystander) return 'bystander';
  return everybody ? 'everybody' : 'branch';
}

function unknownRule({ path, host, subset }: Target, { client }: View): Finding {
  return finding(
    `${path}.subset`,
    `is ${quote(subset)}, and no DestinationRule for ${host} that ${clientWords(client)} would use is known here`,
    'create it, and wait some seconds, before the route',
  );
}

function missingSubset(
  { path, host, subset }: Target,
  { client, rule, subsets, isBystander }: View,
): Finding {
  const from = `${rule?.namespace ?? ''}/${rule?.name ?? ''}`;
  const has =
    subsets.size === 0
      ? 'no subsets'
      : `only ${[...subsets.keys()].slice(0, 5).map(quote).join(', ')}${subsets.size > 5 ? ', ...' : ''}`;
  return finding(
    `${path}.subset`,
    `is ${quote(subset)}, but DestinationRule ${from}, which ${clientWords(client)} uses for ${host}, has ${has}: requests would get 503`,
    isBystander
      ? 'add the subset there, or leave that namespace out of exportTo'
      : 'add the subset there first, wait some seconds, then apply this',
  );
}

function clientWords(client: string): string {
  return client === '' ? 'a Gateway of another namespace' : `namespace ${client}`;
}

/** A subset without ready pods answers 503: a route should come after the pods, and go before them. Manifests do not say what is ready. */
function* subsetsHaveReadyPods(owner: FactOwner, self: Subject): Generator<Finding> {
  const seen = new Set<string>();
  for (const target of self.targets) {
    const key = `${target.host} ${target.subset}`;
    if (target.isMirror || !target.isLive || seen.has(key)) continue;
    seen.add(key);
    const unready = unreadyPods(target, owner, self);
    if (unready !== undefined) yield noReadyPods(target, unready);
  }
}

/** Returns how many pods a target has when none of them is ready; undefined when one is, or it is not known. */
function unreadyPods(target: Target, owner: FactOwner, self: Subject): number | undefined {
  const { service, subset } = target;
  const labels = subset === '' ? {} : subsetOf(target, owner, self)?.labels;
  if (service === undefined || labels === undefined) return undefined;
  const pods = podsBehind(inNamespace(owner.snapshot.pods, service.namespace), service).filter((pod) =>
    covers(pod.labels, labels),
  );
  const workloads = workloadsBehind(inNamespace(owner.snapshot.workloads, service.namespace), service).filter(
    ({ templateLabels }) => covers(templateLabels, labels),
  );
  return isKnownUnready(pods, workloads) ? pods.length : undefined;
}

/** Pods that are there and not ready, or a workload whose status counts none. */
function isKnownUnready(pods: readonly Pod[], workloads: readonly Workload[]): boolean {
  if (pods.length > 0) return pods.every(({ ready }) => !ready);
  return workloads.length > 0 && workloads.every(({ readyPods }) => readyPods === 0);
}

function noReadyPods({ path, host, subset }: Target, pods: number): Finding {
  const what = subset === '' ? host : `subset ${quote(subset)} of ${host}`;
  return finding(
    subset === '' ? path : `${path}.subset`,
    `leads to ${what}, which has ${pods === 0 ? 'no pods' : 'no ready pod'}: requests get 503`,
    'wait until it is ready, then apply this',
  );
}

/** Istio then takes the port by which the request came: that of a Gateway's server is seldom one of the Service. @see istio pilot/pkg/networking/core/route/route.go GetDestinationCluster */
function* portsAreClear(owner: FactOwner, self: Subject): Generator<Finding> {
  const callers = callerPorts(owner, self);
  const seen = new Set<string>();
  for (const { path, host, service, hasPort } of self.targets) {
    const ports = portsOf(service);
    if (
      hasPort ||
      ports.length < 2 ||
      seen.has(host) ||
      callers?.every((port) => ports.includes(port)) === true
    )
      continue;
    seen.add(host);
    yield finding(
      path,
      `names no port, and ${host} has ${ports.slice(0, 5).join(', ')}: requests go to the port by which they came, maybe one that it does not have`,
      `write port: { number: ${ports[0] ?? 80} }`,
    );
  }
}

/** Ports by which sidecars call the hosts; undefined when they are not known, or Gateways call, too. */
function callerPorts(
  { snapshot, settings, namespace }: FactOwner,
  self: Subject,
): readonly number[] | undefined {
  const services = self.hosts.map((host) =>
    serviceOf(snapshot, resolveVirtualServiceHost(host, namespace, settings).host, settings),
  );
  return self.gateways.some((gateway) => gateway !== 'mesh') || services.includes(undefined)
    ? undefined
    : services.flatMap(portsOf);
}

function portsOf(service: Service | undefined): readonly number[] {
  return (service?.ports ?? []).filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port);
}
