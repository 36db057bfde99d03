/** Rules about the baseline that a branch stands beside. */
import { annotationPath, fullKey } from '../model/keys.ts';
import type { Labels } from '../model/json.ts';
import type { Service, Workload } from '../model/kubernetes.ts';
import { baselineOf, branchOf, versionsOf } from '../model/membership.ts';
import type { Problem } from '../model/problem.ts';
import { selects, workloadsBehind } from '../model/selection.ts';
import { inNamespace } from '../model/snapshot.ts';
import type { Declaration } from './rule.ts';

/** The workloads behind a Service that are neither this one, nor a branch, nor a long-lived version. */
function others({ snapshot, settings, now, before }: Declaration, service: Service): readonly Workload[] {
  const versions = versionsOf(service);
  return workloadsBehind(inNamespace(snapshot.workloads, service.namespace), service).filter((workload) => {
    if (workload.declared['branch'] !== undefined || (workload.kind === now.kind && workload.name === (before ?? now).name)) return false;
    return !versions.includes(workload.templateLabels[settings.versionLabel] ?? '') && branchOf(workload, snapshot, settings) === undefined;
  });
}

/** A service without a baseline answers everybody else with a plain 503: allowed, and said. */
export function serviceHasABaseline(declaration: Declaration): readonly Problem[] {
  const choice = declaration.review?.choice;
  if (choice?.found !== 'one' || others(declaration, choice.service).length > 0) return [];
  return [{
    code: 'BL112',
    path: annotationPath('branch'),
    message: `${choice.service.name} has no baseline: requests without the branch's header get a 503 until one is deployed`,
  }];
}

/**
 * Every ready pod that serves everybody must carry the baseline's version; else no route can keep it apart from the branch. Where no
 * pods are known (manifests), the pod templates stand for them.
 */
export function baselineCarriesTheLabel(declaration: Declaration): readonly Problem[] {
  const choice = declaration.review?.choice;
  if (choice?.found !== 'one' || choice.own.length > 0) return [];
  const { service } = choice;
  const baseline = baselineOf(declaration.namespace, service, declaration.settings);
  const behind = others(declaration, service);
  const wrong = readyLabels(declaration, service, behind).map((labels) => labels[declaration.settings.versionLabel]).filter((version) => version !== baseline);
  if (wrong.length === 0) return [];
  const pods = inNamespace(declaration.snapshot.pods, service.namespace).size > 0 ? 'ready pods' : 'workloads';
  const found = [...new Set(wrong.map((version) => version ?? 'none'))].sort();
  return [{
    code: 'BL113',
    path: '',
    message: `${wrong.length} of the baseline's ${pods} of ${service.name} do not carry ${declaration.settings.versionLabel}=${baseline} (found: ${found.join(', ')}), so the branch would get everybody's traffic: ${remedy(declaration, service, { baseline, behind, found })}`,
  }];
}

function readyLabels({ snapshot, settings, siblings, review }: Declaration, service: Service, behind: readonly Workload[]): readonly Labels[] {
  const pods = inNamespace(snapshot.pods, service.namespace);
  if (pods.size === 0) return behind.filter((workload) => workload.desired > 0).map((workload) => workload.templateLabels);
  const apart = new Set([...versionsOf(service), ...siblings.map((sibling) => sibling.branch.id), review?.branch.id]);
  return [...pods.values()]
    .filter((pod) => pod.ready && selects(service, pod.labels) && !apart.has(pod.labels[settings.versionLabel]))
    .map((pod) => pod.labels);
}

function remedy({ now, settings }: Declaration, service: Service, { baseline, behind, found }: { baseline: string; behind: readonly Workload[]; found: readonly string[] }): string {
  const [version] = found;
  if (!found.includes('none') && version !== undefined) {
    return `name the baseline, e.g. kubectl -n ${now.namespace} annotate service ${service.name} ${fullKey('baseline')}=${version}`;
  }
  const unlabelled = behind.find((workload) => workload.templateLabels[settings.versionLabel] !== baseline);
  if (unlabelled === undefined) return 'wait until its rollout is done, then apply again';
  if (unlabelled.kind !== 'Rollout') return `kubectl -n ${now.namespace} rollout restart ${unlabelled.kind.toLowerCase()}/${unlabelled.name}`;
  return `kubectl -n ${now.namespace} patch rollout ${unlabelled.name} --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"${settings.versionLabel}":"${baseline}"}}}}}'`;
}
