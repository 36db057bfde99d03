/** Rules about whether requests can reach a branch, and only those meant for it. They need the cluster's facts. */
import { isHttpPort, isPublic, publicHostsOf } from '../model/exposure.ts';
import { isForSidecars } from '../model/gateways.ts';
import { resolveConfigHost, resolveVirtualServiceHost, type HostRef, type Mesh } from '../model/hosts.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import { withLabel } from '../model/json.ts';
import type { Namespace, Service, VirtualService } from '../model/kubernetes.ts';
import { baselineOf, servicesShared, strangersBehind } from '../model/membership.ts';
import { quote, type Problem } from '../model/problem.ts';
import {
  baselineCarriesTheLabel,
  isPinnedOut,
  joinedServices,
  serviceHasABaseline,
} from './baseline-rules.ts';
import type { Declaration, Rule } from './rule.ts';

const templateLabels = 'spec.template.metadata.labels';

function serviceIsThere(declaration: Declaration): readonly Problem[] {
  const { review, now } = declaration;
  if (review === undefined || review.choice.found === 'several' || servicesShared(review.choice).length > 0)
    return [];
  const { choice, branch } = review;
  if (choice.found === 'one')
    return choice.own.length > 0 || isPinnedOut(declaration, choice.service)
      ? []
      : [notSelected(declaration, choice.service)];
  const message =
    choice.wanted === undefined
      ? `no Service in ${now.namespace} selects the pods of ${branch.name}; copy the baseline's pod labels, or name its Service in ${fullKey('service')}`
      : `Service ${quote(choice.wanted)} is not in ${now.namespace}; ${branch.name} is not routed until it is`;
  return [
    {
      code: 'BL108',
      path: choice.wanted === undefined ? templateLabels : annotationPath('service'),
      message,
    },
  ];
}

/** A second Helm release may bring its own Service in a moment; until then nothing reaches the pods. */
function notSelected({ now, settings, review }: Declaration, service: Service): Problem {
  const missing = Object.entries(service.selector).filter(
    ([key, value]) => key !== settings.versionLabel && now.templateLabels[key] !== value,
  );
  const wanted = missing.map(([key, value]) => `${key}=${value}`).join(', ');
  const why = wanted === '' ? `${service.name} has no selector` : `for ${service.name} they lack ${wanted}`;
  return {
    code: 'BL108',
    path: templateLabels,
    message: `no Service selects the pods of ${review?.branch.name ?? now.name} (${why}): nothing reaches them until a Service of their own is there, or they carry the baseline's labels`,
  };
}

/** The service that is named has no way to the pods, and another one has. */
function nobodyElsesServiceSelectsIt({ review, now, snapshot, settings }: Declaration): readonly Problem[] {
  if (review === undefined || review.choice.found === 'several') return [];
  const { choice } = review;
  if (choice.found === 'one' && (choice.own.length > 0 || choice.selecting.includes(choice.service)))
    return [];
  const labelled = {
    ...now,
    templateLabels: withLabel(now.templateLabels, settings.versionLabel, review.branch.id),
  };
  return servicesShared(choice).map((service) => {
    const beside = strangersBehind(service, labelled, snapshot, settings.versionLabel).map(
      (workload) => `${workload.kind} ${workload.name}`,
    );
    const why =
      choice.found === 'one'
        ? `is named as the branch's, but ${service.name}`
        : `is not in ${now.namespace}, and ${service.name}`;
    const pairs = Object.entries(service.selector)
      .map(([key, value]) => `${key}=${value}`)
      .join(', ');
    return {
      code: 'BL110' as const,
      path: annotationPath('service'),
      message: `Service ${quote(choice.found === 'one' ? choice.service.name : (choice.wanted ?? ''))} ${why} selects these pods and those of ${beside.slice(0, 3).join(', ')}: its traffic would reach ${review.branch.name}; write ${fullKey('service')}: ${service.name}, or take ${pairs} off the pods, or annotate the others too if they are of the branch`,
    };
  });
}

function serviceIsOne({ review }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'several') return [];
  const names = review.choice.services.map((service) => service.name);
  return [
    {
      code: 'BL109',
      path: templateLabels,
      message: `Services ${names.join(', ')} all select these pods; say which one ${review.branch.name} belongs to in ${fullKey('service')}, e.g. ${names[0] ?? ''}`,
    },
  ];
}

function selectorLeavesTheVersionOpen(declaration: Declaration): readonly Problem[] {
  const { now, review, settings } = declaration;
  const choice = review?.choice;
  if (choice?.found !== 'one' || choice.own.length > 0 || !isPinnedOut(declaration, choice.service))
    return [];
  const { service } = choice;
  const pinned = service.selector[settings.versionLabel] ?? '';
  return [
    {
      code: 'BL111',
      path: templateLabels,
      message: `the selector of Service ${service.name} pins ${settings.versionLabel}=${pinned}, so no branch can be behind it: kubectl -n ${now.namespace} patch service ${service.name} --type=json -p '[{"op":"remove","path":"/spec/selector/${settings.versionLabel.replaceAll('~', '~0').replaceAll('/', '~1')}"}]'`,
    },
  ];
}

function portsAreHttp(declaration: Declaration): readonly Problem[] {
  return joinedServices(declaration).flatMap((service): readonly Problem[] => {
    const others = service.ports
      .filter((port) => !isHttpPort(port))
      .map((port) => `${port.port}${port.name === '' ? '' : ` (${port.name})`}`);
    if (others.length === 0) return [];
    if (others.length === service.ports.length) {
      return [
        {
          code: 'BL114',
          path: '',
          message: `no port of Service ${service.name} is HTTP to Istio (${others.join(', ')}), so everybody's traffic would reach the branch; name the port http-... or set appProtocol: http`,
        },
      ];
    }
    return [
      {
        code: 'BL115',
        path: '',
        message: `ports ${others.join(', ')} of Service ${service.name} are not HTTP: their traffic is spread over the branch's pods too`,
      },
    ];
  });
}

/**
 * Whoever looks a headless Service up gets addresses of pods, and the sidecar goes where its client went, whatever the subset (an original-destination
 * cluster, unless istiod runs with PILOT_ENABLE_EDS_FOR_HEADLESS_SERVICES).
 * @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/networking/core/cluster_builder.go convertResolution
 */
function clientsLeaveTheChoiceToRoutes(declaration: Declaration): readonly Problem[] {
  const joined = joinedServices(declaration);
  const other = joined.find((service) => !service.headless);
  return joined
    .filter((service) => service.headless)
    .map((service) => ({
      code: 'BL130',
      path: '',
      message: `clients of headless Service ${service.name} choose a pod, maybe the branch's, past all routes; let them ${other === undefined ? 'use a Service with an address' : `use ${other.name}`}`,
    }));
}

function publicServiceHasADomain({ review, namespace }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'one' || namespace === undefined) return [];
  const { service } = review.choice;
  if (!isPublic(service, namespace) || publicHostsOf(service, namespace).length > 0) return [];
  return [
    {
      code: 'BL127',
      path: '',
      message: `${service.name} is public, but ${namespace.name} has no domain, so the branch has no URL: kubectl annotate namespace ${namespace.name} ${fullKey('domain')}=...`,
    },
  ];
}

function namespaceHasSidecars(declaration: Declaration): readonly Problem[] {
  const { namespace, now } = declaration;
  if (
    namespace === undefined ||
    namespace.sidecars ||
    now.templateLabels['sidecar.istio.io/inject'] === 'true'
  )
    return [];
  return [
    {
      code: 'BL116',
      path: 'metadata.namespace',
      message: `pods in ${namespace.name} get no Istio sidecar, so nothing keeps other traffic off a branch: kubectl label namespace ${namespace.name} istio-injection=enabled, then restart its workloads`,
    },
  ];
}

function quotaIsKept({ review, siblings, settings, inPlace, now }: Declaration): readonly Problem[] {
  if (review === undefined || inPlace) return [];
  const ofService = siblings.filter(
    (sibling) => review.choice.found === 'one' && sibling.service === review.choice.service.name,
  ).length;
  const limits = [
    {
      used: ofService,
      most: settings.maxBranchesPerService,
      whose: review.choice.found === 'one' ? review.choice.service.name : '',
    },
    { used: siblings.length, most: settings.maxBranchesPerNamespace, whose: `namespace ${now.namespace}` },
  ];
  return limits
    .filter(({ used, most }) => most > 0 && used >= most)
    .map(({ used, most, whose }) => ({
      code: 'BL118' as const,
      path: '',
      message: `${whose} has ${used} branches and may have ${most}; delete one that is done (kubectl -n ${now.namespace} get deploy -l ${settings.versionLabel}), or ask the platform team for more`,
    }));
}

function foreignRoutesNameASubset(declaration: Declaration): readonly Problem[] {
  return joinedServices(declaration).flatMap((service) =>
    foreignRoutes(declaration, (route) =>
      route.destinations.some(
        (destination) =>
          destination.subset === undefined &&
          isHostOf(resolveConfigHost(destination.host, route.namespace, declaration.settings), service),
      ),
    ).map((route) => ({
      code: 'BL119' as const,
      path: '',
      message: `VirtualService ${route.namespace}/${route.name} sends traffic to ${service.name} without a subset, so it would reach the branch; give its destination subset ${quote(baselineOf(declaration.namespace, service, declaration.settings))}, or remove it`,
    })),
  );
}

function foreignRoutesLeaveTheHostToUs(declaration: Declaration): readonly Problem[] {
  const { review, namespace, settings } = declaration;
  if (review?.choice.found !== 'one' || namespace === undefined) return [];
  const { service } = review.choice;
  return foreignRoutes(declaration, (route) => ownsHost(route, service, namespace, settings)).map(
    (route) => ({
      code: 'BL120' as const,
      path: '',
      message: `VirtualService ${route.namespace}/${route.name} has ${service.name}'s host: no branch is routed there until it is gone`,
    }),
  );
}

function ownsHost(route: VirtualService, service: Service, namespace: Namespace, mesh: Mesh): boolean {
  const isMesh = isForSidecars(route);
  if (
    isMesh &&
    route.hosts.some((host) => isHostOf(resolveVirtualServiceHost(host, route.namespace, mesh), service))
  )
    return true;
  return (
    !isMesh &&
    isPublic(service, namespace) &&
    service.declared['hostname'] !== undefined &&
    route.hosts.some((host) => publicHostsOf(service, namespace).includes(host.toLowerCase()))
  );
}

function foreignRoutes(
  { snapshot }: Declaration,
  test: (route: VirtualService) => boolean,
): readonly VirtualService[] {
  return [...snapshot.virtualServices.values()].flatMap((routes) =>
    [...routes.values()].filter((route) => !route.managed && test(route)),
  );
}

function isHostOf(ref: HostRef, { name, namespace }: Service): boolean {
  return ref.kind === 'service' && ref.name === name && ref.namespace === namespace;
}

/** Every rule about reaching a branch. */
export const reachRules: readonly Rule[] = [
  serviceIsThere,
  serviceIsOne,
  nobodyElsesServiceSelectsIt,
  selectorLeavesTheVersionOpen,
  serviceHasABaseline,
  baselineCarriesTheLabel,
  portsAreHttp,
  clientsLeaveTheChoiceToRoutes,
  publicServiceHasADomain,
  namespaceHasSidecars,
  quotaIsKept,
  foreignRoutesNameASubset,
  foreignRoutesLeaveTheHostToUs,
];
