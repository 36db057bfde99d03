/** Rules about the baseline that a branch stands beside. */
import { endpointsOf, podsReached } from '../model/endpoints.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import { withLabel, type Labels } from '../model/json.ts';
import type { Pod, Service, Workload } from '../model/kubernetes.ts';
import {
  baselineOf,
  branchesIn,
  branchOf,
  isSameWorkload,
  servicesShared,
  versionsOf,
} from '../model/membership.ts';
import type { Problem } from '../model/problem.ts';
import { pins, podsBehind, selects, servicesSelecting, workloadsBehind } from '../model/selection.ts';
import { inNamespace } from '../model/snapshot.ts';
import type { Declaration } from './rule.ts';

/**
 * Returns the Services whose pods the branch joins, or would join but for the version that they pin: whatever is true of them is true of everybody's
 * traffic beside the branch. Empty for a branch that nobody else's Service selects.
 */
export function joinedServices(declaration: Declaration): readonly Service[] {
  const choice = declaration.review?.choice;
  if (choice?.found !== 'one') return [];
  if (choice.own.length > 0 || choice.selecting.includes(choice.service)) return servicesShared(choice);
  return isPinnedOut(declaration, choice.service) ? [choice.service] : [];
}

/** Tells whether a Service would select the branch's pods, if it did not ask for another version. */
export function isPinnedOut({ now, review, settings }: Declaration, service: Service): boolean {
  return (
    review !== undefined &&
    pins(
      service,
      withLabel(now.templateLabels, settings.versionLabel, review.branch.id),
      settings.versionLabel,
    )
  );
}

/** The workloads behind a Service that are neither this one, nor a branch, nor a long-lived version. */
function others({ snapshot, settings, now }: Declaration, service: Service): readonly Workload[] {
  const versions = versionsOf(service);
  return workloadsBehind(inNamespace(snapshot.workloads, service.namespace), service).filter((workload) => {
    if (workload.declared['branch'] !== undefined || isSameWorkload(workload, now)) return false;
    return (
      !versions.includes(workload.templateLabels[settings.versionLabel] ?? '') &&
      branchOf(workload, snapshot, settings) === undefined
    );
  });
}

/** A service without a baseline answers everybody else with a plain 503: allowed, and said. One without a selector has its endpoints from elsewhere. */
export function serviceHasABaseline(declaration: Declaration): readonly Problem[] {
  const choice = declaration.review?.choice;
  if (choice?.found !== 'one' || Object.keys(choice.service.selector).length === 0) return [];
  const behind = others(declaration, choice.service);
  if (behind.length > 0 || servingEverybody(declaration, choice.service, behind).what === 'ready pods')
    return [];
  return [
    {
      code: 'BL112',
      path: annotationPath('branch'),
      message: `${choice.service.name} has no baseline: requests without the branch's header get a 503 until one is deployed`,
    },
  ];
}

/**
 * Every ready pod that serves everybody must carry the baseline's version; else no route can keep it apart from the branch. Where no
 * pods of it are known (manifests, a workload made a moment ago), the pod templates stand for them.
 */
export function baselineCarriesTheLabel(declaration: Declaration): readonly Problem[] {
  const label = declaration.settings.versionLabel;
  return joinedServices(declaration).flatMap((service): readonly Problem[] => {
    const baseline = baselineOf(declaration.namespace, service, declaration.settings);
    const behind = others(declaration, service);
    const serving = servingEverybody(declaration, service, behind);
    const wrong = serving.labels.map((labels) => labels[label]).filter((version) => version !== baseline);
    if (wrong.length === 0) return [];
    const found = [...new Set(wrong.map((version) => version ?? 'none'))].sort();
    const fixes = remedies(declaration, service, { baseline, behind, wrong: new Set(wrong) }).join('; ');
    return [
      {
        code: 'BL113',
        path: '',
        message: `${wrong.length} of the baseline's ${serving.what} of ${service.name} do not carry ${label}=${baseline} (found: ${found.join(', ')}), so the branch would get everybody's traffic: ${fixes}`,
      },
    ];
  });
}

function servingEverybody(
  { snapshot, settings, siblings, review }: Declaration,
  service: Service,
  behind: readonly Workload[],
): { readonly what: 'ready pods' | 'workloads'; readonly labels: readonly Labels[] } {
  const apart = new Set([
    ...versionsOf(service),
    ...siblings.map((sibling) => sibling.branch.id),
    review?.branch.id,
  ]);
  const serves = ({ labels }: Pod): boolean => !apart.has(labels[settings.versionLabel]);
  if (!podsBehind(inNamespace(snapshot.pods, service.namespace), service).some(serves))
    return {
      what: 'workloads',
      labels: behind.filter((workload) => workload.desired > 0).map((workload) => workload.templateLabels),
    };
  const reached = podsReached(snapshot, service, endpointsOf(snapshot, service)) ?? [];
  return { what: 'ready pods', labels: reached.filter(serves).map((pod) => pod.labels) };
}

interface Wrong {
  readonly baseline: string;
  readonly behind: readonly Workload[];
  /** Versions of the pods; undefined for no label. */
  readonly wrong: ReadonlySet<string | undefined>;
}

/** A version becomes the baseline only if a workload has it: pods without one are what a branch that went left behind. */
function remedies(
  { now, settings }: Declaration,
  service: Service,
  { baseline, behind, wrong }: Wrong,
): readonly string[] {
  const versions = [...wrong].filter((version) => version !== undefined).sort();
  const serving = versions.filter((version) =>
    behind.some((workload) => workload.templateLabels[settings.versionLabel] === version),
  );
  const leftBehind = versions.filter((version) => !serving.includes(version));
  const [first] = serving;
  return [
    ...(wrong.has(undefined)
      ? [
          behind.length === 0
            ? labelTheirs(now.namespace, service, `${settings.versionLabel}=${baseline}`)
            : labelIt(behind, baseline, now.namespace, settings.versionLabel),
        ]
      : []),
    ...(serving.length > 1
      ? [
          `${serving.join(', ')} serve everybody: make one of them the baseline (${fullKey('baseline')} on the Service) and list the others in ${fullKey('versions')}, or take them from behind it`,
        ]
      : []),
    ...(serving.length === 1 && first !== undefined ? [nameIt(now.namespace, service.name, first)] : []),
    ...(leftBehind.length === 0
      ? []
      : [
          `no workload has ${leftBehind.join(', ')}: wait until those pods are gone, or see whose they are and delete that: kubectl -n ${now.namespace} get pods -l '${pairsOf(service)},${settings.versionLabel} in (${leftBehind.join(',')})'`,
        ]),
  ];
}

function nameIt(namespace: string, service: string, version: string): string {
  return `name the baseline, e.g. kubectl -n ${namespace} annotate service ${service} ${fullKey('baseline')}=${version}`;
}

/** Pods of something that we do not look after, e.g. a DaemonSet. */
function labelTheirs(namespace: string, service: Service, label: string): string {
  return `set ${label} in the template of what runs them (kubectl -n ${namespace} get pods -l ${pairsOf(service)})`;
}

function pairsOf({ selector }: Service): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function labelIt(
  behind: readonly Workload[],
  baseline: string,
  namespace: string,
  versionLabel: string,
): string {
  const unlabelled = behind.find((workload) => workload.templateLabels[versionLabel] === undefined);
  if (unlabelled === undefined) return 'wait until its rollout is done, then apply again';
  if (unlabelled.kind !== 'Rollout')
    return `kubectl -n ${namespace} rollout restart ${unlabelled.kind.toLowerCase()}/${unlabelled.name}`;
  return `kubectl -n ${namespace} patch rollout ${unlabelled.name} --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"${versionLabel}":"${baseline}"}}}}}'`;
}

/**
 * While branches stand beside it, what serves everybody keeps the baseline's version: one ready pod with another (or none) and no route can
 * tell the branches apart any more, so their routes go and they get everybody's traffic. Said to the workload that brings that about, not to one
 * that finds it so.
 */
export function everybodysPodsCarryTheBaseline(declaration: Declaration): readonly Problem[] {
  const { now, before, namespace, snapshot, settings } = declaration;
  const label = settings.versionLabel;
  const version = now.templateLabels[label];
  const services = servicesSelecting(inNamespace(snapshot.services, now.namespace), now.templateLabels)
    .filter(
      (service) =>
        version !== baselineOf(namespace, service, settings) && !versionsOf(service).includes(version ?? ''),
    )
    .filter((service) => !wasAStranger(declaration, service));
  if (services.length === 0) return [];
  const branches = branchesIn(snapshot, now.namespace, settings);
  return services.flatMap((service): readonly Problem[] => {
    const beside = branches
      .filter(({ workload }) => !isSameWorkload(workload, now) && selects(service, workload.templateLabels))
      .map(({ branch }) => branch.name);
    const baseline = baselineOf(namespace, service, settings);
    const everybodys = others(declaration, service);
    if (beside.length === 0 || everybodys.some((other) => other.templateLabels[label] !== baseline))
      return [];
    const fixes = [
      `set ${label}=${baseline}`,
      ...(before === undefined && everybodys.length === 0 && version !== undefined
        ? [nameIt(now.namespace, service.name, version)]
        : []),
      'delete the branches first',
      `if it is a branch itself, declare it with ${fullKey('branch')}`,
    ];
    return [
      {
        code: 'BL128',
        path: `spec.template.metadata.labels[${label}]`,
        message: `pods with ${version === undefined ? `no ${label}` : `${label}=${version}`} behind Service ${service.name} would send everybody's traffic to its branches, too (${named(beside)}): ${fixes.join(', or ')}`,
      },
    ];
  });
}

/** Tells whether an update finds the workload behind the Service with the very version that it has now. */
function wasAStranger({ now, before, settings }: Declaration, service: Service): boolean {
  const label = settings.versionLabel;
  return (
    before !== undefined &&
    before.templateLabels[label] === now.templateLabels[label] &&
    selects(service, before.templateLabels)
  );
}

/** The first of many names. */
function named(names: readonly string[]): string {
  const shown = [...new Set(names)].sort();
  return shown.length > 3 ? `${shown.slice(0, 3).join(', ')} and ${shown.length - 3} more` : shown.join(', ');
}
