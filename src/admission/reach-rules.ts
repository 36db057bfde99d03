/** Rules about whether requests can reach a branch, and only those meant for it. They need the cluster's facts. */
import { isHttpPort, isPublic, publicHostsOf } from '../model/exposure.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import { withLabel } from '../model/json.ts';
import type { Namespace, Service, VirtualService } from '../model/kubernetes.ts';
import { baselineOf } from '../model/membership.ts';
import { quote, type Problem } from '../model/problem.ts';
import { pins, selects } from '../model/selection.ts';
import { baselineCarriesTheLabel, serviceHasABaseline } from './baseline-rules.ts';
import type { Declaration, Rule } from './rule.ts';

/** The Service whose pods the branch joins; undefined when it has a Service of its own, or none. */
function joined({ review }: Declaration): Service | undefined {
  return review?.choice.found === 'one' && review.choice.own.length === 0 ? review.choice.service : undefined;
}

function serviceIsThere({ review, now }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'none') return [];
  const { wanted } = review.choice;
  const message = wanted === undefined
    ? `no Service in ${now.namespace} selects the pods of ${review.branch.name}; copy the baseline's pod labels, or name its Service in ${fullKey('service')}`
    : `Service ${quote(wanted)} is not in ${now.namespace}; ${review.branch.name} is not routed until it is`;
  return [{ code: 'BL108', path: wanted === undefined ? 'spec.template.metadata.labels' : annotationPath('service'), message }];
}

function serviceIsOne({ review }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'several') return [];
  const names = review.choice.services.map((service) => service.name);
  return [{ code: 'BL109', path: 'spec.template.metadata.labels', message: `Services ${names.join(', ')} all select these pods; say which one ${review.branch.name} belongs to in ${fullKey('service')}, e.g. ${names[0] ?? ''}` }];
}

function serviceSelectsTheBranch(declaration: Declaration): readonly Problem[] {
  const service = joined(declaration);
  const { now, review, settings } = declaration;
  if (service === undefined || review === undefined) return [];
  if (selects(service, withLabel(now.templateLabels, settings.versionLabel, service.selector[settings.versionLabel] ?? review.branch.id))) return [];
  const labels = now.templateLabels;
  const missing = Object.entries(service.selector).filter(([key, value]) => key !== settings.versionLabel && labels[key] !== value);
  const wanted = missing.map(([key, value]) => `${key}=${value}`).join(', ');
  return [{
    code: 'BL110',
    path: 'spec.template.metadata.labels',
    message: `Service ${service.name} does not select these pods${wanted === '' ? ': it has no selector' : `: they lack ${wanted}`}, and no other Service does; give the pods the baseline's labels, or a Service of their own`,
  }];
}

function selectorLeavesTheVersionOpen(declaration: Declaration): readonly Problem[] {
  const service = joined(declaration);
  const { now, review, settings } = declaration;
  if (service === undefined || review === undefined) return [];
  if (!pins(service, withLabel(now.templateLabels, settings.versionLabel, review.branch.id), settings.versionLabel)) return [];
  const pinned = service.selector[settings.versionLabel] ?? '';
  return [{
    code: 'BL111',
    path: 'spec.template.metadata.labels',
    message: `the selector of Service ${service.name} pins ${settings.versionLabel}=${pinned}, so no branch can be behind it: kubectl -n ${now.namespace} patch service ${service.name} --type=json -p '[{"op":"remove","path":"/spec/selector/${settings.versionLabel}"}]'`,
  }];
}

function portsAreHttp(declaration: Declaration): readonly Problem[] {
  const service = joined(declaration);
  if (service === undefined || service.ports.length === 0) return [];
  const others = service.ports.filter((port) => !isHttpPort(port)).map((port) => `${port.port}${port.name === '' ? '' : ` (${port.name})`}`);
  if (others.length === 0) return [];
  if (others.length === service.ports.length) {
    return [{ code: 'BL114', path: '', message: `no port of Service ${service.name} is HTTP to Istio (${others.join(', ')}), so everybody's traffic would reach the branch; name the port http-... or set appProtocol: http` }];
  }
  return [{ code: 'BL115', path: '', message: `ports ${others.join(', ')} of Service ${service.name} are not HTTP: their traffic is spread over the branch's pods too` }];
}

function publicServiceHasADomain({ review, namespace }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'one' || namespace === undefined) return [];
  const { service } = review.choice;
  if (!isPublic(service, namespace) || publicHostsOf(service, namespace).length > 0) return [];
  return [{ code: 'BL127', path: '', message: `${service.name} is public, but ${namespace.name} has no domain, so the branch has no URL: kubectl annotate namespace ${namespace.name} ${fullKey('domain')}=...` }];
}

function namespaceHasSidecars(declaration: Declaration): readonly Problem[] {
  const { namespace, now } = declaration;
  if (namespace === undefined || namespace.sidecars || now.templateLabels['sidecar.istio.io/inject'] === 'true') return [];
  return [{
    code: 'BL116',
    path: 'metadata.namespace',
    message: `pods in ${namespace.name} get no Istio sidecar, so nothing keeps other traffic off a branch: kubectl label namespace ${namespace.name} istio-injection=enabled, then restart its workloads`,
  }];
}

function quotaIsKept({ review, siblings, settings, before, now }: Declaration): readonly Problem[] {
  if (review === undefined || before !== undefined) return [];
  const ofService = siblings.filter((sibling) => review.choice.found === 'one' && sibling.service === review.choice.service.name).length;
  const limits = [
    { used: ofService, most: settings.maxBranchesPerService, whose: review.choice.found === 'one' ? review.choice.service.name : '' },
    { used: siblings.length, most: settings.maxBranchesPerNamespace, whose: `namespace ${now.namespace}` },
  ];
  return limits.filter(({ used, most }) => most > 0 && used >= most).map(({ used, most, whose }) => ({
    code: 'BL118' as const,
    path: '',
    message: `${whose} has ${used} branches and may have ${most}; delete one that is done (kubectl -n ${now.namespace} get deploy -l ${settings.versionLabel}), or ask the platform team for more`,
  }));
}

function foreignRoutesNameASubset(declaration: Declaration): readonly Problem[] {
  const service = joined(declaration);
  if (service === undefined) return [];
  return foreignRoutes(declaration, (route) => route.destinations.some((destination) => destination.subset === undefined && isHostOf(destination.host, route, service, declaration.settings.clusterDomain)))
    .map((route) => ({
      code: 'BL119' as const,
      path: '',
      message: `VirtualService ${route.namespace}/${route.name} sends traffic to ${service.name} without a subset, so it would reach the branch; give its destination subset ${quote(baselineOf(declaration.namespace, service, declaration.settings))}, or remove it`,
    }));
}

function foreignRoutesLeaveTheHostToUs(declaration: Declaration): readonly Problem[] {
  const { review, namespace, settings } = declaration;
  if (review?.choice.found !== 'one' || namespace === undefined) return [];
  const { service } = review.choice;
  return foreignRoutes(declaration, (route) => ownsHost(route, service, namespace, settings.clusterDomain)).map((route) => ({
    code: 'BL120' as const,
    path: '',
    message: `VirtualService ${route.namespace}/${route.name} owns a host of ${service.name}; it is not touched, so no request for that host reaches ${review.branch.name} until it is gone`,
  }));
}

function ownsHost(route: VirtualService, service: Service, namespace: Namespace, clusterDomain: string): boolean {
  const isMesh = route.gateways.length === 0 || route.gateways.includes('mesh');
  if (isMesh && route.hosts.some((host) => isHostOf(host, route, service, clusterDomain))) return true;
  return !isMesh && isPublic(service, namespace) && service.declared['hostname'] !== undefined && route.hosts.some((host) => publicHostsOf(service, namespace).includes(host.toLowerCase()));
}

function foreignRoutes({ snapshot }: Declaration, test: (route: VirtualService) => boolean): readonly VirtualService[] {
  return [...snapshot.virtualServices.values()].flatMap((routes) => [...routes.values()].filter((route) => !route.managed && test(route)));
}

/** A host without a dot is in the route's own namespace. @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination */
function isHostOf(host: string, route: VirtualService, service: Service, clusterDomain: string): boolean {
  const name = host.toLowerCase();
  if (!name.includes('.')) return name === service.name && route.namespace === service.namespace;
  const full = `${service.name}.${service.namespace}.svc.${clusterDomain}`;
  return name === full || name === `${service.name}.${service.namespace}.svc` || name === `${service.name}.${service.namespace}`;
}

/** Every rule about reaching a branch. */
export const reachRules: readonly Rule[] = [
  serviceIsThere, serviceIsOne, serviceSelectsTheBranch, selectorLeavesTheVersionOpen, serviceHasABaseline, baselineCarriesTheLabel,
  portsAreHttp, publicServiceHasADomain, namespaceHasSidecars, quotaIsKept, foreignRoutesNameASubset, foreignRoutesLeaveTheHostToUs,
];
