/** Why a request reached the version that it reached, in words for whoever expected another. */
import { bareHost } from '../model/hosts.ts';
import { blockedReason, servedReason } from '../routing/messages.ts';
import type { ServiceRoutes } from '../routing/routes.ts';
import type { Hop, World } from './explain.ts';
import { headerOf, type Request } from './match.ts';

/** What happened to a request. */
export interface Outcome {
  readonly request: Request;
  readonly hop: Hop;
  readonly version: string;
  readonly decided: ServiceRoutes | undefined;
}

/** Returns the reason of a hop. */
export function reasonFor(world: World, outcome: Outcome): string {
  const { hop, version, decided } = outcome;
  if (decided === undefined) return `${hop.namespace} is not in scope: no routes of ours`;
  if (decided.layout.branches.some(({ branch }) => branch.id === version))
    return `${version} is ready, and the ${askerOf(world, outcome)} asks for it`;
  if (decided.layout.versions.some((one) => one.version === version))
    return `long-lived version ${version} by path`;
  const unmanaged = [hop.route?.leaf, hop.route?.root].find((route) => route?.managed === false);
  if (unmanaged !== undefined)
    return `VirtualService ${unmanaged.namespace}/${unmanaged.name} is not ours and decides`;
  if (decided.blocked !== undefined) return blockedReason(decided.blocked, decided.layout.service.name);
  return baselineReason(world, outcome, decided);
}

/** The most asked question: why does my request reach the baseline? */
function baselineReason(world: World, outcome: Outcome, { layout, branches }: ServiceRoutes): string {
  const { hop, request } = outcome;
  const { name } = layout.service;
  const asked = hop.header;
  if (asked === undefined) return unaskedReason(world, outcome);
  const candidates = candidatesOf(world, request, asked);
  const wanted =
    layout.branches.find((branch) => candidates.some((value) => branch.values.includes(value)))?.branch.id ??
    candidates.find((id) => branches.has(id));
  if (wanted !== undefined) {
    const state = branches.get(wanted);
    return state?.kind === 'baseline'
      ? servedReason(state, { id: wanted, service: name })
      : `${world.settings.routingHeader} is not heard here: baseline`;
  }
  if (candidates.length > 1)
    return `${world.settings.routingHeader} was sent more than once, and ${name} has no branch of any of its values: baseline`;
  const similar = layout.branches.find(
    ({ branch }) => branch.id.toLowerCase() === asked.trim().toLowerCase(),
  );
  if (similar !== undefined)
    return `${JSON.stringify(asked)} is not spelt ${similar.values.join(' or ')}: baseline`;
  return `${name} has no branch ${asked}: baseline`;
}

/** No header arrives: it was removed, the host is that of a branch that is gone, or nothing was asked. */
function unaskedReason(world: World, outcome: Outcome): string {
  const { request } = outcome;
  if (sent(world, outcome) !== undefined)
    return `${world.settings.routingHeader} is not accepted ${request.gateway === undefined ? 'from outside' : `at Gateway ${request.gateway}`} and was removed: baseline`;
  if (isBelowDomain(world, request)) return `no branch has the host ${bareHost(request.host)}: baseline`;
  return 'neither the header nor the host asks for a branch: baseline';
}

/** The values that were sent, when they are what arrives; else what arrives. */
function candidatesOf({ settings }: World, request: Request, arriving: string): readonly string[] {
  const values = request.headers
    .filter(([key]) => key.toLowerCase() === settings.routingHeader)
    .map(([, value]) => value);
  return values.length > 1 && arriving === values.join(',') ? values : [arriving];
}

function sent(world: World, { request }: Outcome): string | undefined {
  return headerOf(request, world.settings.routingHeader);
}

/** A host below a tenant's domain that is none of its domains is that of a branch, or was. */
function isBelowDomain({ desired }: World, { through, host }: Request): boolean {
  const domains = [...desired.namespaces.values()].flatMap(({ sites }) =>
    sites.flatMap((site) => site.domains),
  );
  const bare = bareHost(host);
  return (
    through === 'gateway' && !domains.includes(bare) && domains.some((domain) => bare.endsWith(`.${domain}`))
  );
}

/** What asked for the branch: a host sets the header anew. */
function askerOf(world: World, outcome: Outcome): string {
  const header = sent(world, outcome);
  if (header !== outcome.hop.header) return 'host';
  return header === undefined && headerOf(outcome.request, 'baggage') !== undefined ? 'baggage' : 'header';
}
