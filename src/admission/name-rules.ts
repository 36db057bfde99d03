/** Rules about what a branch is called and whether this workload may be it. */
import { isSameId, isSameRef, parseBranch, type Branch } from '../model/branch.ts';
import { memoize } from '../model/memoize.ts';
import { publicHostsOf } from '../model/exposure.ts';
import { baselineOf, branchesIn, servicesShared, versionsOf, type Membership } from '../model/membership.ts';
import { textAt } from '../model/json.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import { domainsOf, type Service, type VirtualService, type Workload } from '../model/kubernetes.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { quote, type Problem } from '../model/problem.ts';
import { servicesSelecting } from '../model/selection.ts';
import type { Declaration, Rule } from './rule.ts';
import { hasTemplate } from './scope.ts';

const branchPath = annotationPath('branch');

function nameMakesAnId({ now }: Declaration): readonly Problem[] {
  const name = now.declared['branch'];
  if (name === undefined || parseBranch(name) !== undefined) return [];
  return [
    {
      code: 'BL101',
      path: branchPath,
      message: `branch name ${quote(name)} makes no label and no host; it needs at least one letter or digit, e.g. OPS-1234 or feature/login`,
    },
  ];
}

function nameIsNotTheBaselines({ review, namespace, settings }: Declaration): readonly Problem[] {
  if (review === undefined) return [];
  const services = [
    ...(review.choice.found === 'one' ? [review.choice.service] : []),
    ...servicesShared(review.choice),
  ];
  const taken = [
    ...(services.length === 0 ? [undefined] : services).map((service) =>
      baselineOf(namespace, service, settings),
    ),
    ...services.flatMap(versionsOf),
  ];
  const clash = taken.find((version) => isSameId(version, review.branch.id));
  if (clash === undefined) return [];
  return [
    {
      code: 'BL102',
      path: branchPath,
      message: `branch ${quote(review.branch.name)} is named like ${quote(clash)}, which serves everybody; give the branch a name of its own`,
    },
  ];
}

function existingWorkloadStaysWhatItIs({
  now,
  before,
  review,
  live,
  settings,
}: Declaration): readonly Problem[] {
  if (before === undefined || before.declared['branch'] !== undefined || live !== undefined) return [];
  const declared = now.declared['branch'];
  if (declared !== undefined) {
    return [
      {
        code: 'BL103',
        path: branchPath,
        message: `${now.kind} ${now.name} exists already and is no branch; its selector cannot change. ${deployBeside(now, declared)}`,
      },
    ];
  }
  const label = settings.versionLabel;
  if (review === undefined || before.templateLabels[label] === now.templateLabels[label]) return [];
  const { name } = review.branch;
  return [
    {
      code: 'BL103',
      path: versionPath(label),
      message: `${now.kind} ${now.name} is no branch; ${label}=${name} would make it one and take its pods from everybody. ${deployBeside(now, name)}`,
    },
  ];
}

function deployBeside({ name }: Workload, branch: string): string {
  return `Deploy ${branch} under a name of its own, e.g. ${name}-${parseBranch(branch)?.host ?? 'branch'}, beside it`;
}

function liveBranchKeepsItsName(declaration: Declaration): readonly Problem[] {
  const { before, live } = declaration;
  if (before === undefined || live === undefined) return [];
  return before.declared['branch'] === undefined
    ? labelledStaysABranch(declaration, live)
    : declaredKeepsItsName(declaration, live, before.declared['branch']);
}

function declaredKeepsItsName({ now }: Declaration, live: Branch, declared: string): readonly Problem[] {
  const name = now.declared['branch'];
  if (name !== undefined && isSameRef(name, declared)) return [];
  const wish =
    name === undefined
      ? `without ${fullKey('branch')} it would be nobody's`
      : `it cannot become ${quote(name)}`;
  return [cannotBecome(now, live, wish, branchPath)];
}

function labelledStaysABranch(declaration: Declaration, live: Branch): readonly Problem[] {
  if (mayBe(declaration, live)) return [];
  const { now, settings } = declaration;
  const name = now.declared['branch'];
  if (name !== undefined) return [cannotBecome(now, live, `it cannot become ${quote(name)}`, branchPath)];
  return [
    cannotBecome(
      now,
      live,
      `its pods cannot become everybody's (${settings.versionLabel}=${now.templateLabels[settings.versionLabel] ?? ''})`,
      versionPath(settings.versionLabel),
    ),
  ];
}

function cannotBecome(now: Workload, live: Branch, wish: string, path: string): Problem {
  return {
    code: 'BL104',
    path,
    message: `${now.kind} ${now.name} is branch ${live.name}; ${wish}. Delete it, or deploy the other one under another name`,
  };
}

/** A branch by label may become another one, or declare itself; its pods may not join those that serve everybody. */
function mayBe({ now, review, snapshot }: Declaration, live: Branch): boolean {
  if (review !== undefined) return now.declared['branch'] === undefined || review.branch.id === live.id;
  return (
    now.declared['branch'] === undefined &&
    servicesSelecting(inNamespace(snapshot.services, now.namespace), now.templateLabels).length === 0
  );
}

/** Argo may take the pods from a Deployment's template (`workloadRef`): their labels are that Deployment's. */
function podTemplateIsItsOwn({ now, object }: Declaration): readonly Problem[] {
  if (now.kind !== 'Rollout' || now.declared['branch'] === undefined || hasTemplate(object)) return [];
  const lender = textAt(object, 'spec', 'workloadRef', 'name');
  const fix =
    lender === undefined
      ? 'give it a spec.template'
      : `put ${fullKey('branch')} on ${textAt(object, 'spec', 'workloadRef', 'kind') ?? 'Deployment'} ${lender} in its place (if that is the branch's alone), or write the template into the Rollout`;
  return [
    {
      code: 'BL129',
      path: 'spec.template',
      message: `Rollout ${now.name} has no pod template of its own, so its pods cannot be labelled as branch ${now.declared['branch']}: ${fix}`,
    },
  ];
}

function versionPath(versionLabel: string): string {
  return `spec.template.metadata.labels[${versionLabel}]`;
}

function oneWorkloadABranch({ now, review, siblings }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'one') return [];
  const { branch, choice } = review;
  const twin = siblings.find(
    (sibling) => sibling.branch.id === branch.id && sibling.service === choice.service.name,
  );
  if (twin === undefined) return [];
  return [
    {
      code: 'BL105',
      path: branchPath,
      message: `${branch.name} of ${choice.service.name} is there already as ${twin.workload.kind} ${twin.workload.name}; update that one, or delete it before ${now.name === '' ? 'this one' : now.name} takes its place`,
    },
  ];
}

function idAndHostAreItsOwn(declaration: Declaration): readonly Problem[] {
  const branch = declaration.review?.branch;
  if (branch === undefined) return [];
  const other = [...declaration.siblings, ...neighbours(declaration)].find(
    (sibling) =>
      !isSameRef(sibling.branch.name, branch.name) &&
      (sibling.branch.id === branch.id || sibling.branch.host === branch.host),
  );
  if (other === undefined) return [];
  const where =
    other.workload.namespace === declaration.now.namespace ? '' : ` in ${other.workload.namespace}`;
  return [
    {
      code: 'BL106',
      path: branchPath,
      message: `branch ${quote(branch.name)} would have the same host ${quote(branch.host)} as branch ${quote(other.branch.name)} (${other.workload.name}${where}); use that very name, or another one`,
    },
  ];
}

/** Branches of other namespaces that share one of our domains. */
function neighbours({ namespace, snapshot, settings }: Declaration): readonly Membership[] {
  if (namespace === undefined) return [];
  const domains = domainsOf(namespace);
  if (domains.length === 0) return [];
  return [...inNamespace(snapshot.namespaces, '').values()]
    .filter(
      (other) =>
        other.enabled &&
        other.name !== namespace.name &&
        domainsOf(other).some((domain) => domains.includes(domain)),
    )
    .flatMap((other) => branchesIn(snapshot, other.name, settings));
}

function hostIsFree({ review, namespace, snapshot }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'one' || namespace === undefined) return [];
  const { branch, choice } = review;
  for (const domain of publicHostsOf(choice.service, namespace)) {
    const host = `${branch.host}.${domain}`.toLowerCase();
    const owner = ownerOf(host, snapshot);
    if (owner !== undefined)
      return [
        {
          code: 'BL107',
          path: branchPath,
          message: `${host} is already the public host of ${owner}; call branch ${quote(branch.name)} something else`,
        },
      ];
  }
  return [];
}

/** Who made that single host public, in lower case. */
function ownerOf(host: string, { services, virtualServices }: Snapshot): string | undefined {
  for (const inside of services.values()) {
    const service = memoize(inside, hostnames).get(host);
    if (service !== undefined) return `Service ${service.namespace}/${service.name}`;
  }
  for (const inside of virtualServices.values()) {
    const route = memoize(inside, foreignHosts).get(host);
    if (route !== undefined) return `VirtualService ${route.namespace}/${route.name}`;
  }
  return undefined;
}

function hostnames(services: ReadonlyMap<string, Service>): ReadonlyMap<string, Service> {
  const declared = [...services.values()].flatMap((service) =>
    service.declared['hostname'] === undefined
      ? []
      : [[service.declared['hostname'].trim().toLowerCase(), service] as const],
  );
  return new Map(declared.reverse());
}

function foreignHosts(routes: ReadonlyMap<string, VirtualService>): ReadonlyMap<string, VirtualService> {
  const foreign = [...routes.values()].filter((route) => !route.managed);
  return new Map(
    foreign.flatMap((route) => route.hosts.map((host) => [host.toLowerCase(), route] as const)).reverse(),
  );
}

/** Rules about whether this workload can be this branch at all. */
export const identityRules: readonly Rule[] = [
  nameMakesAnId,
  nameIsNotTheBaselines,
  existingWorkloadStaysWhatItIs,
  liveBranchKeepsItsName,
  podTemplateIsItsOwn,
];

/** Rules about what is there already. */
export const collisionRules: readonly Rule[] = [oneWorkloadABranch, idAndHostAreItsOwn, hostIsFree];
