/**
 * Versions on their way out: their workload is gone (or their namespace is out of scope) and their pods are not. Until those are, the subsets and the
 * default route stay, for without them the pods would take the baseline's traffic.
 */
import type { Settings } from '../config/settings.ts';
import { hostOfService } from '../model/hosts.ts';
import { commaList } from '../model/json.ts';
import type { Namespace, Pod } from '../model/kubernetes.ts';
import { baselineOf, versionsOf } from '../model/membership.ts';
import { selects } from '../model/selection.ts';
import { inNamespace, namespaceOf, type Snapshot } from '../model/snapshot.ts';
import {
  byCodeUnit,
  byName,
  versionIn,
  type NamespaceLayout,
  type ServiceLayout,
  type VersionLayout,
} from './layout.ts';
import type { Pace } from './pace.ts';

/** Tells whether a pod takes requests now or could again without anybody asking us. */
function mayServe({ leaving, gate }: Pod): boolean {
  return !leaving && gate !== 'closed';
}

/** Returns the layout with the versions that are leaving: those of our subsets that nothing declares any more and that pods behind the Service still carry. */
export function withLeaving(
  layout: ServiceLayout,
  snapshot: Snapshot,
  pace: Pace,
  settings: Settings,
): ServiceLayout {
  const leaving = leavingOf(layout, snapshot, pace, settings);
  return leaving.length === 0 ? layout : { ...layout, leaving, hasSubsets: true };
}

function leavingOf(
  layout: ServiceLayout,
  snapshot: Snapshot,
  pace: Pace,
  settings: Settings,
): readonly VersionLayout[] {
  const { service } = layout;
  const subsets = pace.subsetsOf(hostOfService(service.name, service.namespace, settings));
  const declared = new Set([
    layout.baseline.version,
    ...layout.versions.map(({ version }) => version),
    ...layout.branches.map(({ branch }) => branch.id),
  ]);
  const orphans = [...subsets].filter(([, version]) => !declared.has(version));
  if (orphans.length === 0) return [];
  const taken = new Set([
    layout.baseline.subset,
    ...layout.versions.map(({ subset }) => subset),
    ...layout.branches.map(({ subset }) => subset),
  ]);
  const carried = versionsThatServe(layout, snapshot, settings);
  return orphans
    .filter(([subset, version]) => carried.has(version) && !taken.has(subset))
    .map(([subset, version]) => ({ version, subset }))
    .sort((a, b) => byCodeUnit(a.version, b.version));
}

/** Returns the versions of pods behind a Service that take requests or could again. */
function versionsThatServe(
  { service }: ServiceLayout,
  snapshot: Snapshot,
  settings: Settings,
): ReadonlySet<string> {
  const pods = [...inNamespace(snapshot.pods, service.namespace).values()];
  return new Set(
    pods
      .filter((pod) => mayServe(pod) && selects(service, pod.labels))
      .map(({ labels }) => versionIn(labels, settings)),
  );
}

/** Tells whether pods of branches (or of what was one) would take requests that have no route. */
export function hasExposedBranches(layout: ServiceLayout, snapshot: Snapshot, settings: Settings): boolean {
  const carried = versionsThatServe(layout, snapshot, settings);
  return (
    layout.leaving.length > 0 ||
    layout.branches.some(({ branch, own }) => own === undefined && carried.has(branch.id))
  );
}

/** Lays out what is left of a namespace that is out of scope: its services with versions that are leaving; undefined when there are none. */
export function layOutLeaving(
  snapshot: Snapshot,
  name: string,
  pace: Pace,
  settings: Settings,
): NamespaceLayout | undefined {
  const namespace = namespaceOf(snapshot, name);
  if (namespace === undefined || namespace.enabled) return undefined;
  const services = byName(inNamespace(snapshot.services, name).values())
    .filter((service) => pace.subsetsOf(hostOfService(service.name, name, settings)).size > 0)
    .map((service) => bareLayout(namespace, service, pace, settings))
    .filter((layout) => leavingOf(layout, snapshot, pace, settings).length > 0);
  if (services.length === 0) return undefined;
  return {
    namespace,
    services: new Map(services.map((layout) => [layout.service.name, layout])),
    labels: new Map(),
    problems: [],
  };
}

function bareLayout(
  namespace: Namespace,
  service: ServiceLayout['service'],
  pace: Pace,
  settings: Settings,
): ServiceLayout {
  const baseline = baselineOf(namespace, service, settings);
  const known = new Map(
    [...pace.subsetsOf(hostOfService(service.name, service.namespace, settings))].map(([subset, version]) => [
      version,
      subset,
    ]),
  );
  const layoutOf = (version: string): VersionLayout => ({
    version,
    subset: known.get(version) ?? version.toLowerCase(),
  });
  const versions = [...new Set(commaList(versionsOf(service).join(',')))]
    .filter((version) => version !== baseline && known.has(version))
    .sort(byCodeUnit);
  return {
    namespace,
    service,
    baseline: layoutOf(baseline),
    others: [],
    branches: [],
    versions: versions.map(layoutOf),
    leaving: [],
    ports: service.ports,
    hasSubsets: true,
  };
}
