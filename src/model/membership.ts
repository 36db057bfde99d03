/** Who is what: which Services select which pods, which workload is which branch of which service, what is the baseline. */
import { parseBranch, type Branch } from './branch.ts';
import { memoize } from './memoize.ts';
import type { Namespace, Service, Workload } from './kubernetes.ts';
import { servicesPinning, servicesSelecting, workloadsBehind } from './selection.ts';
import { inNamespace, namespaceOf, type Snapshot } from './snapshot.ts';

/** The settings that say how versions are told apart. */
export interface Conventions {
  readonly versionLabel: string;
  readonly baseline: string;
}

/** Which Services a branch's pods stand behind. */
interface Standing {
  /** Every Service that selects the pods, by name. */
  readonly selecting: readonly Service[];
  /** Those of them that select nobody else's pods, where the branch's Service is not among them (a second Helm release has its own). */
  readonly own: readonly Service[];
}

/** The Service that a branch belongs to, or why there is none. */
export type ServiceChoice = Standing &
  (
    | { readonly found: 'one'; readonly service: Service }
    | {
        readonly found: 'none';
        /** The Service that was asked for by name. */ readonly wanted: string | undefined;
      }
    | { readonly found: 'several'; readonly services: readonly Service[] }
  );

/** A workload that is a branch of a service. */
export interface Membership {
  readonly workload: Workload;
  readonly branch: Branch;
  /** Name of the Service; undefined when none could be told. */
  readonly service: string | undefined;
}

/** Returns the baseline's name in force: the Service's, else the Namespace's, else the setting's. */
export function baselineOf(
  namespace: Namespace | undefined,
  service: Service | undefined,
  conventions: Conventions,
): string {
  return service?.declared['baseline'] ?? namespace?.declared['baseline'] ?? conventions.baseline;
}

/**
 * Chooses the Service of a branch: the one it names; else the one that selects its pods; else the one that would, if it did not pin
 * the version. One that has an address comes before headless ones. Several that select the pods are a question only the developer can answer.
 */
export function chooseService(snapshot: Snapshot, workload: Workload, versionLabel: string): ServiceChoice {
  const services = inNamespace(snapshot.services, workload.namespace);
  const selecting = servicesSelecting(services, workload.templateLabels);
  const wanted = namedService(workload);
  if (wanted !== undefined) {
    const service = services.get(wanted);
    const own =
      service !== undefined && selecting.includes(service)
        ? []
        : selecting.filter((one) => isOwn(one, workload, snapshot, versionLabel));
    return service === undefined
      ? { found: 'none', wanted, selecting, own }
      : { found: 'one', service, selecting, own };
  }
  const candidates = routable(
    selecting.length > 0 ? selecting : servicesPinning(services, workload.templateLabels, versionLabel),
  );
  const [service] = candidates;
  if (service === undefined) return { found: 'none', wanted, selecting, own: [] };
  return candidates.length === 1
    ? { found: 'one', service, selecting, own: [] }
    : { found: 'several', services: candidates, selecting, own: [] };
}

/** Returns the Service that a workload names, without the white space that templates leave around a value; undefined when nothing is left. */
function namedService({ declared }: Workload): string | undefined {
  const name = declared['service']?.trim();
  return name === '' ? undefined : name;
}

/** A headless Service, as every StatefulSet has one, is not what requests are routed by, if there is another. */
function routable(services: readonly Service[]): readonly Service[] {
  const others = services.filter((service) => !service.headless);
  return others.length > 0 ? others : services;
}

/** A Service with anything but this branch behind it has traffic of its own, which is not the branch's. */
function isOwn(service: Service, workload: Workload, snapshot: Snapshot, versionLabel: string): boolean {
  return strangersBehind(service, workload, snapshot, versionLabel).length === 0;
}

/** Returns the workloads behind a Service that are neither this one nor another of its version. */
export function strangersBehind(
  service: Service,
  workload: Workload,
  snapshot: Snapshot,
  versionLabel: string,
): readonly Workload[] {
  const version = versionIn(workload, versionLabel);
  return workloadsBehind(inNamespace(snapshot.workloads, service.namespace), service).filter(
    (other) => !isSameWorkload(other, workload) && versionIn(other, versionLabel) !== version,
  );
}

/** A branch that is declared may not be labelled yet. */
function versionIn({ declared, templateLabels }: Workload, versionLabel: string): string | undefined {
  return declared['branch'] === undefined
    ? templateLabels[versionLabel]
    : parseBranch(declared['branch'])?.id;
}

/** Tells whether two projections are of one workload, at whatever time. */
export function isSameWorkload(a: Workload, b: Workload): boolean {
  return a.kind === b.kind && a.name === b.name && a.namespace === b.namespace;
}

/** Returns the Services whose traffic must be told apart from a branch, because its pods stand behind them: its Service, and every other one that is not its own. */
export function servicesShared(choice: ServiceChoice): readonly Service[] {
  return choice.selecting.filter((service) => !choice.own.includes(service));
}

/**
 * Returns the branch that a workload is: the one it declares, or, in a namespace with `branches: by-label`, the version its pods
 * carry when their Service also has a baseline. Undefined for everything else, and for a declared name that makes no id.
 */
export function branchOf(
  workload: Workload,
  snapshot: Snapshot,
  conventions: Conventions,
): Branch | undefined {
  const declared = workload.declared['branch'];
  if (declared !== undefined) return parseBranch(declared);
  const version = workload.templateLabels[conventions.versionLabel];
  const namespace = namespaceOf(snapshot, workload.namespace);
  if (version === undefined || namespace?.declared['branches'] !== 'by-label') return undefined;
  const choice = chooseService(snapshot, workload, conventions.versionLabel);
  if (choice.found !== 'one') return undefined;
  const baseline = baselineOf(namespace, choice.service, conventions);
  if (version === baseline || versionsOf(choice.service).includes(version)) return undefined;
  return hasBaselineBeside(workload, choice.service, baseline, {
    snapshot,
    versionLabel: conventions.versionLabel,
  })
    ? parseBranch(version)
    : undefined;
}

/** Returns the long-lived versions of a Service, which are chosen by path and are not branches. */
export function versionsOf(service: Service): readonly string[] {
  return (service.declared['versions'] ?? '')
    .split(',')
    .map((version) => version.trim())
    .filter((version) => version !== '');
}

/** The workload itself is no baseline beside it, whatever it was before this moment. */
function hasBaselineBeside(
  workload: Workload,
  service: Service,
  baseline: string,
  { snapshot, versionLabel }: { snapshot: Snapshot; versionLabel: string },
): boolean {
  return workloadsBehind(inNamespace(snapshot.workloads, service.namespace), service).some(
    (other) => !isSameWorkload(other, workload) && other.templateLabels[versionLabel] === baseline,
  );
}

/** Returns the branches of a namespace, one entry a workload, in the order of the snapshot. */
export function branchesIn(
  snapshot: Snapshot,
  namespace: string,
  conventions: Conventions,
): readonly Membership[] {
  const members: Membership[] = [];
  const workloads = inNamespace(snapshot.workloads, namespace);
  const isByLabel = namespaceOf(snapshot, namespace)?.declared['branches'] === 'by-label';
  for (const workload of isByLabel ? workloads.values() : memoize(workloads, declaring)) {
    const branch = branchOf(workload, snapshot, conventions);
    if (branch !== undefined)
      members.push({ workload, branch, service: serviceNameOf(workload, snapshot, conventions) });
  }
  return members;
}

function declaring(workloads: ReadonlyMap<string, Workload>): readonly Workload[] {
  return [...workloads.values()].filter((workload) => workload.declared['branch'] !== undefined);
}

function serviceNameOf(workload: Workload, snapshot: Snapshot, conventions: Conventions): string | undefined {
  const named = namedService(workload);
  if (named !== undefined) return named;
  const choice = chooseService(snapshot, workload, conventions.versionLabel);
  return choice.found === 'one' ? choice.service.name : undefined;
}
