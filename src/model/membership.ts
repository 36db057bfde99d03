/** Who is what: which Services select which pods, which workload is which branch of which service, what is the baseline. */
import { parseBranch, type Branch } from './branch.ts';
import { covers, type Labels } from './json.ts';
import type { Namespace, Service, Workload } from './kubernetes.ts';
import { inNamespace, namespaceOf, type Snapshot } from './snapshot.ts';

/** The settings that say how versions are told apart. */
export interface Conventions {
  readonly versionLabel: string;
  readonly baseline: string;
}

/** The Service that a branch belongs to, or why there is none. */
export type ServiceChoice =
  | { readonly found: 'one'; readonly service: Service; /** The branch's own Services, when `service` does not select its pods (a second Helm release). */ readonly own: readonly Service[] }
  | { readonly found: 'none'; /** The Service that was asked for by name. */ readonly wanted: string | undefined }
  | { readonly found: 'several'; readonly services: readonly Service[] };

/** A workload that is a branch of a service. */
export interface Membership {
  readonly workload: Workload;
  readonly branch: Branch;
  /** Name of the Service; undefined when none could be told. */
  readonly service: string | undefined;
}

/** Returns the baseline's name in force: the Service's, else the Namespace's, else the setting's. */
export function baselineOf(namespace: Namespace | undefined, service: Service | undefined, conventions: Conventions): string {
  return service?.declared['baseline'] ?? namespace?.declared['baseline'] ?? conventions.baseline;
}

/** Returns the Services of a namespace whose selector covers the labels, by name. A Service without selector selects nobody. */
export function servicesSelecting(snapshot: Snapshot, namespace: string, labels: Labels): readonly Service[] {
  const selecting: Service[] = [];
  for (const service of inNamespace(snapshot.services, namespace).values()) {
    if (selects(service, labels)) selecting.push(service);
  }
  return selecting.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Tells whether a Service selects pods with these labels. */
export function selects(service: Service, labels: Labels): boolean {
  const pairs = pairsOf(service.selector);
  for (const [key, value] of pairs) if (labels[key] !== value) return false;
  return pairs.length > 0;
}

/** Selectors as pairs, kept for as long as the selector is: a review asks every Service of its namespace, and walking an object's keys anew was half of its time. */
const knownPairs = new WeakMap<Labels, readonly (readonly [string, string])[]>();

function pairsOf(selector: Labels): readonly (readonly [string, string])[] {
  const known = knownPairs.get(selector);
  if (known !== undefined) return known;
  const pairs = Object.entries(selector);
  knownPairs.set(selector, pairs);
  return pairs;
}

/**
 * Chooses the Service of a branch: the one it names; else the one that selects its pods; else the one that would, if it did not pin
 * the version. Several that select the pods are a question only the developer can answer.
 */
export function chooseService(snapshot: Snapshot, workload: Workload, versionLabel: string): ServiceChoice {
  const selecting = servicesSelecting(snapshot, workload.namespace, workload.templateLabels);
  const wanted = workload.declared['service'];
  if (wanted !== undefined) {
    const service = inNamespace(snapshot.services, workload.namespace).get(wanted);
    if (service === undefined) return { found: 'none', wanted };
    return { found: 'one', service, own: selecting.includes(service) ? [] : selecting };
  }
  const candidates = selecting.length > 0 ? selecting : servicesPinning(snapshot, workload, versionLabel);
  const [service] = candidates;
  if (service === undefined) return { found: 'none', wanted };
  return candidates.length === 1 ? { found: 'one', service, own: [] } : { found: 'several', services: candidates };
}

function servicesPinning(snapshot: Snapshot, workload: Workload, versionLabel: string): readonly Service[] {
  return [...inNamespace(snapshot.services, workload.namespace).values()].filter((service) => pins(service, workload.templateLabels, versionLabel));
}

/** Tells whether a Service would select the labels but for the version that its selector asks for. */
export function pins(service: Service, labels: Labels, versionLabel: string): boolean {
  const pinned = service.selector[versionLabel];
  if (pinned === undefined || pinned === labels[versionLabel] || Object.keys(service.selector).length === 1) return false;
  return covers({ ...labels, [versionLabel]: pinned }, service.selector);
}

/**
 * Returns the branch that a workload is: the one it declares, or, in a namespace with `branches: by-label`, the version its pods
 * carry when their Service also has a baseline. Undefined for everything else, and for a declared name that makes no id.
 */
export function branchOf(workload: Workload, snapshot: Snapshot, conventions: Conventions): Branch | undefined {
  const declared = workload.declared['branch'];
  if (declared !== undefined) return parseBranch(declared);
  const version = workload.templateLabels[conventions.versionLabel];
  const namespace = namespaceOf(snapshot, workload.namespace);
  if (version === undefined || namespace?.declared['branches'] !== 'by-label') return undefined;
  const choice = chooseService(snapshot, workload, conventions.versionLabel);
  if (choice.found !== 'one') return undefined;
  const baseline = baselineOf(namespace, choice.service, conventions);
  if (version === baseline || versionsOf(choice.service).includes(version)) return undefined;
  return hasBaseline(snapshot, choice.service, baseline, conventions) ? parseBranch(version) : undefined;
}

/** Returns the long-lived versions of a Service, which are chosen by path and are not branches. */
export function versionsOf(service: Service): readonly string[] {
  return (service.declared['versions'] ?? '').split(',').map((version) => version.trim()).filter((version) => version !== '');
}

function hasBaseline(snapshot: Snapshot, service: Service, baseline: string, conventions: Conventions): boolean {
  for (const workload of inNamespace(snapshot.workloads, service.namespace).values()) {
    if (workload.templateLabels[conventions.versionLabel] === baseline && selects(service, workload.templateLabels)) return true;
  }
  return false;
}

/** Returns the branches of a namespace, one entry a workload, in the order of the snapshot. */
export function branchesIn(snapshot: Snapshot, namespace: string, conventions: Conventions): readonly Membership[] {
  const members: Membership[] = [];
  for (const workload of inNamespace(snapshot.workloads, namespace).values()) {
    const branch = branchOf(workload, snapshot, conventions);
    if (branch !== undefined) members.push({ workload, branch, service: serviceNameOf(workload, snapshot, conventions) });
  }
  return members;
}

function serviceNameOf(workload: Workload, snapshot: Snapshot, conventions: Conventions): string | undefined {
  if (workload.declared['service'] !== undefined) return workload.declared['service'];
  const choice = chooseService(snapshot, workload, conventions.versionLabel);
  return choice.found === 'one' ? choice.service.name : undefined;
}
