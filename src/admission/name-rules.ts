/** Rules about what a branch is called and whether this workload may be it. */
import { isSameId, parseBranch } from '../model/branch.ts';
import { derived } from '../model/derived.ts';
import { publicHostsOf } from '../model/exposure.ts';
import { baselineOf, branchesIn, versionsOf, type Membership } from '../model/membership.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import { domainsOf, type Service, type VirtualService } from '../model/kubernetes.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { quote, type Problem } from '../model/problem.ts';
import type { Declaration, Rule } from './rule.ts';
import { admittedBranch } from './scope.ts';

const branchPath = annotationPath('branch');

function nameMakesAnId({ now }: Declaration): readonly Problem[] {
  const name = now.declared['branch'];
  if (name === undefined || parseBranch(name) !== undefined) return [];
  return [{ code: 'BL101', path: branchPath, message: `branch name ${quote(name)} makes no label and no host; it needs at least one letter or digit, e.g. OPS-1234 or feature/login` }];
}

function nameIsNotTheBaselines({ review, namespace, settings }: Declaration): readonly Problem[] {
  if (review === undefined) return [];
  const service = review.choice.found === 'one' ? review.choice.service : undefined;
  const taken = [baselineOf(namespace, service, settings), ...(service === undefined ? [] : versionsOf(service))];
  const clash = taken.find((version) => isSameId(version, review.branch.id));
  if (clash === undefined) return [];
  return [{ code: 'BL102', path: branchPath, message: `branch ${quote(review.branch.name)} is named like ${quote(clash)}, which serves everybody; give the branch a name of its own` }];
}

function existingWorkloadStaysWhatItIs({ now, before }: Declaration): readonly Problem[] {
  const name = now.declared['branch'];
  if (before === undefined || name === undefined || before.declared['branch'] !== undefined) return [];
  return [{
    code: 'BL103',
    path: branchPath,
    message: `${now.kind} ${now.name} exists already and is no branch; its selector cannot change. Deploy ${name} under a name of its own, e.g. ${now.name}-${parseBranch(name)?.host ?? 'branch'}, beside it`,
  }];
}

function liveBranchKeepsItsName({ now, before, settings }: Declaration): readonly Problem[] {
  const live = admittedBranch(before, settings.versionLabel);
  const name = now.declared['branch'];
  if (live === undefined || name === before?.declared['branch']) return [];
  const wish = name === undefined ? `without ${fullKey('branch')} it would be nobody's` : `it cannot become ${quote(name)}`;
  return [{ code: 'BL104', path: branchPath, message: `${now.kind} ${now.name} is branch ${live.name}; ${wish}. Delete it, or deploy the other one under another name` }];
}

function oneWorkloadABranch({ now, review, siblings }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'one') return [];
  const { branch, choice } = review;
  const twin = siblings.find((sibling) => sibling.branch.id === branch.id && sibling.service === choice.service.name);
  if (twin === undefined) return [];
  return [{
    code: 'BL105',
    path: branchPath,
    message: `${branch.name} of ${choice.service.name} is there already as ${twin.workload.kind} ${twin.workload.name}; update that one, or delete it before ${now.name === '' ? 'this one' : now.name} takes its place`,
  }];
}

function idAndHostAreItsOwn(declaration: Declaration): readonly Problem[] {
  const branch = declaration.review?.branch;
  if (branch === undefined) return [];
  const other = [...declaration.siblings, ...neighbours(declaration)].find((sibling) => sibling.branch.name !== branch.name && (sibling.branch.id === branch.id || sibling.branch.host === branch.host));
  if (other === undefined) return [];
  const where = other.workload.namespace === declaration.now.namespace ? '' : ` in ${other.workload.namespace}`;
  return [{ code: 'BL106', path: branchPath, message: `branch ${quote(branch.name)} would have the same host ${quote(branch.host)} as branch ${quote(other.branch.name)} (${other.workload.name}${where}); use that very name, or another one` }];
}

/** Branches of other namespaces that share one of our domains. */
function neighbours({ namespace, snapshot, settings }: Declaration): readonly Membership[] {
  if (namespace === undefined) return [];
  const domains = domainsOf(namespace);
  if (domains.length === 0) return [];
  return [...inNamespace(snapshot.namespaces, '').values()]
    .filter((other) => other.enabled && other.name !== namespace.name && domainsOf(other).some((domain) => domains.includes(domain)))
    .flatMap((other) => branchesIn(snapshot, other.name, settings));
}

function hostIsFree({ review, namespace, snapshot }: Declaration): readonly Problem[] {
  if (review?.choice.found !== 'one' || namespace === undefined) return [];
  const { branch, choice } = review;
  for (const domain of publicHostsOf(choice.service, namespace)) {
    const host = `${branch.host}.${domain}`.toLowerCase();
    const owner = ownerOf(host, snapshot);
    if (owner !== undefined) return [{ code: 'BL107', path: branchPath, message: `${host} is already the public host of ${owner}; call branch ${quote(branch.name)} something else` }];
  }
  return [];
}

/** Who made that single host public, in lower case. */
function ownerOf(host: string, { services, virtualServices }: Snapshot): string | undefined {
  for (const inside of services.values()) {
    const service = derived(inside, hostnames).get(host);
    if (service !== undefined) return `Service ${service.namespace}/${service.name}`;
  }
  for (const inside of virtualServices.values()) {
    const route = derived(inside, foreignHosts).get(host);
    if (route !== undefined) return `VirtualService ${route.namespace}/${route.name}`;
  }
  return undefined;
}

function hostnames(services: ReadonlyMap<string, Service>): ReadonlyMap<string, Service> {
  const declared = [...services.values()].flatMap((service) => (service.declared['hostname'] === undefined ? [] : [[service.declared['hostname'].trim().toLowerCase(), service] as const]));
  return new Map(declared.reverse());
}

function foreignHosts(routes: ReadonlyMap<string, VirtualService>): ReadonlyMap<string, VirtualService> {
  const foreign = [...routes.values()].filter((route) => !route.managed);
  return new Map(foreign.flatMap((route) => route.hosts.map((host) => [host.toLowerCase(), route] as const)).reverse());
}

/** Rules about whether this workload can be this branch at all. */
export const identityRules: readonly Rule[] = [nameMakesAnId, nameIsNotTheBaselines, existingWorkloadStaysWhatItIs, liveBranchKeepsItsName];

/** Rules about what is there already. */
export const collisionRules: readonly Rule[] = [oneWorkloadABranch, idAndHostAreItsOwn, hostIsFree];
