/**
 * Who is what: Snapshot → the services of a namespace with their baseline, branches and long-lived versions, whatever is ready.
 * It changes when Namespaces, Services, workloads or foreign objects change, not when an endpoint does. Reads the snapshot, writes nothing.
 */
import type { Settings } from '../config/settings.ts';
import type { Branch } from '../model/branch.ts';
import { isHttpPort } from '../model/exposure.ts';
import { commaList, type Labels } from '../model/json.ts';
import type { Namespace, Service, ServicePort, Workload } from '../model/kubernetes.ts';
import { baselineOf, branchOf, chooseService, servicesShared, versionsOf } from '../model/membership.ts';
import { servicesSelecting } from '../model/selection.ts';
import { quote, type Problem } from '../model/problem.ts';
import { inNamespace, namespaceOf, type Snapshot } from '../model/snapshot.ts';
import { labelsFor, subsetNames } from './names.ts';

/** A branch of one service. */
export interface BranchLayout {
  readonly branch: Branch;
  /** First label of its public hosts: unique among the branches of the namespace. */
  readonly label: string;
  /** Name of its subset: its label, unless the service has another subset of that name. */
  readonly subset: string;
  /** Header values that mean it: the id, and its lower-case form unless that is another branch's id. */
  readonly values: readonly string[];
  readonly workloads: readonly Workload[];
  /** The branch's own Service (a second Helm release): its destination in place of a subset. */
  readonly own: Service | undefined;
}

/** A long-lived version, chosen by path. */
export interface VersionLayout {
  readonly version: string;
  readonly subset: string;
}

/** One Service with all that its routes depend on, save readiness. */
export interface ServiceLayout {
  readonly namespace: Namespace;
  readonly service: Service;
  /** Version of what serves everybody, and its subset. */
  readonly baseline: VersionLayout;
  /** Workloads that the Service selects and that are no branch. */
  readonly others: readonly Workload[];
  readonly branches: readonly BranchLayout[];
  readonly versions: readonly VersionLayout[];
  /** Versions that nothing declares any more and that pods still carry. */
  readonly leaving: readonly VersionLayout[];
  /** Ports that Istio routes by HTTP rules. */
  readonly ports: readonly ServicePort[];
  /** Tells whether the versions of this Service are told apart by subsets; else the Service's own pods all serve everybody. */
  readonly hasSubsets: boolean;
}

/** The services of one enabled namespace, by name, and every branch id in it with its host label. */
export interface NamespaceLayout {
  readonly namespace: Namespace;
  readonly services: ReadonlyMap<string, ServiceLayout>;
  readonly labels: ReadonlyMap<string, string>;
  readonly problems: readonly RoutingProblem[];
}

/** A problem and the object it is about. */
export interface RoutingProblem extends Problem {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

interface Member {
  readonly branch: Branch;
  readonly workload: Workload;
  readonly own: readonly Service[];
}

/** Lays out a namespace; undefined when it is not known or not enabled. Sorted; independent of the snapshot's order. */
export function layOut(snapshot: Snapshot, name: string, settings: Settings): NamespaceLayout | undefined {
  const namespace = namespaceOf(snapshot, name);
  if (namespace?.enabled !== true) return undefined;
  const { members, others, problems } = sortWorkloads(snapshot, namespace, settings);
  const ids = [...members.values()].flat().map((member) => member.branch);
  const { labels, shared } = labelsFor(ids);
  const services = new Map<string, ServiceLayout>();
  for (const service of byName(inNamespace(snapshot.services, name).values())) {
    services.set(
      service.name,
      layOutService(
        {
          namespace,
          service,
          members: members.get(service.name) ?? [],
          others: others.get(service.name) ?? [],
          labels,
        },
        settings,
      ),
    );
  }
  const sharing = shared.map(([id, other]): RoutingProblem => ({
    code: 'BL402',
    path: '',
    kind: 'Namespace',
    namespace: name,
    name,
    message: `Branches ${quote(id)} and ${quote(other)} make the same host: ${quote(id)} is reached under ${labels.get(id) ?? ''}; rename one`,
  }));
  return { namespace, services, labels, problems: [...problems, ...sharing] };
}

interface Sorted {
  /** Service → its branch workloads. */
  readonly members: ReadonlyMap<string, readonly Member[]>;
  /** Service → workloads that it selects and that are no branch. */
  readonly others: ReadonlyMap<string, readonly Workload[]>;
  readonly problems: readonly RoutingProblem[];
}

function sortWorkloads(snapshot: Snapshot, namespace: Namespace, settings: Settings): Sorted {
  const members = new Map<string, Member[]>();
  const others = new Map<string, Workload[]>();
  const problems: RoutingProblem[] = [];
  const services = inNamespace(snapshot.services, namespace.name);
  for (const workload of byName(inNamespace(snapshot.workloads, namespace.name).values())) {
    const branch = branchOf(workload, snapshot, settings);
    if (branch === undefined) {
      for (const service of servicesSelecting(services, workload.templateLabels))
        push(others, service.name, workload);
      continue;
    }
    const choice = chooseService(snapshot, workload, settings.versionLabel);
    if (choice.found !== 'one') {
      problems.push(lost(workload, branch, choice.found));
      continue;
    }
    push(members, choice.service.name, { branch, workload, own: choice.own });
    // Its pods stand behind these as well, and must not get their other traffic.
    for (const service of servicesShared(choice))
      if (service !== choice.service) push(members, service.name, { branch, workload, own: [] });
  }
  return { members, others, problems };
}

function lost(workload: Workload, branch: Branch, found: 'none' | 'several'): RoutingProblem {
  const why = found === 'none' ? 'no Service is there for its pods' : 'several Services select its pods';
  return {
    code: 'BL409',
    path: '',
    kind: workload.kind,
    namespace: workload.namespace,
    name: workload.name,
    message: `Branch ${branch.id} has no routes: ${why}; name one with the annotation branchline.dev/service`,
  };
}

interface Parts {
  readonly namespace: Namespace;
  readonly service: Service;
  readonly members: readonly Member[];
  readonly others: readonly Workload[];
  readonly labels: ReadonlyMap<string, string>;
}

function layOutService(
  { namespace, service, members, others, labels }: Parts,
  settings: Settings,
): ServiceLayout {
  const baseline = baselineOf(namespace, service, settings);
  const versions = [...new Set(commaList(versionsOf(service).join(',')))]
    .filter((version) => version !== baseline)
    .sort(byCodeUnit);
  const groups = new Map<string, Member[]>();
  for (const member of members)
    if (member.branch.id !== baseline && !versions.includes(member.branch.id))
      push(groups, member.branch.id, member);
  const ids = [...groups.keys()].sort(byCodeUnit);
  const subsets = subsetNames(
    [baseline, ...versions],
    ids.map((id) => [id, labels.get(id) ?? id]),
  );
  const branches = ids.flatMap((id): readonly BranchLayout[] => {
    const group = groups.get(id) ?? [];
    const [first] = group;
    if (first === undefined) return [];
    return [
      {
        branch: first.branch,
        label: labels.get(id) ?? first.branch.host,
        subset: subsets.get(id) ?? first.branch.host,
        values: valuesOf(id, groups),
        workloads: group.map(({ workload }) => workload),
        own: ownOf(group),
      },
    ];
  });
  return {
    namespace,
    service,
    others,
    branches,
    leaving: [],
    ports: service.ports.filter(isHttpPort),
    baseline: { version: baseline, subset: subsets.get(baseline) ?? baseline },
    versions: versions.map((version) => ({ version, subset: subsets.get(version) ?? version })),
    hasSubsets:
      Object.keys(service.selector).length > 0 &&
      (versions.length > 0 || branches.some((one) => one.own === undefined)),
  };
}

function valuesOf(id: string, ids: ReadonlyMap<string, unknown>): readonly string[] {
  const lower = id.toLowerCase();
  return lower === id || ids.has(lower) ? [id] : [id, lower];
}

function ownOf(group: readonly Member[]): Service | undefined {
  const own = group.flatMap((member) => member.own);
  return byName(own).find((service) => !service.headless && service.ports.some(isHttpPort)) ?? own[0];
}

/** Sorts by code units: the same everywhere, whatever the locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorts named things by name, and workloads of one name by kind. */
export function byName<T extends { readonly name: string; readonly kind?: string }>(
  things: Iterable<T>,
): readonly T[] {
  return [...things].sort((a, b) => byCodeUnit(a.name, b.name) || byCodeUnit(a.kind ?? '', b.kind ?? ''));
}

/** Appends to the list under a key. */
export function push<K, T>(lists: Map<K, T[]>, key: K, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Returns the version label of pods, or `none`. */
export function versionIn(labels: Labels, settings: Settings): string {
  return labels[settings.versionLabel] ?? 'none';
}
