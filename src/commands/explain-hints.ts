/** What somebody may have meant who asked `branchline explain` for a host or a branch that is not there. */
import { entrancesOf } from '../explain/entrances.ts';
import type { Hop, World } from '../explain/explain.ts';
import { bareHost, resolveRequestHost } from '../model/hosts.ts';
import { inNamespace } from '../model/snapshot.ts';
import { byCodeUnit } from '../routing/layout.ts';

/** How many names a message lists. */
const namesShown = 10;

/** The question, as far as names in it can be wrong. */
export interface Asked {
  /** `gateway`, or the service that calls. */
  readonly from: string;
  readonly host: string | undefined;
  /** The routing header as it was sent. */
  readonly header: string | undefined;
}

/** Returns a line for each name that nothing here has; none where all is known. */
export function hintsFor(
  world: World,
  { from, host, header }: Asked,
  hops: readonly Hop[],
): readonly string[] {
  const isLost =
    host !== undefined &&
    hops.length > 0 &&
    hops.every(({ status, route }) => status !== undefined && route === undefined);
  return [
    ...(isLost ? hostHint(world, from, bareHost(host)) : []),
    ...(header === undefined ? [] : branchHint(world, header)),
  ];
}

function hostHint(world: World, from: string, host: string): readonly string[] {
  const service = serviceNamed(world, host);
  if (from !== 'gateway')
    return service === undefined ? [`there is no Service ${host} here; there are: ${servicesIn(world)}`] : [];
  if (entrancesOf(world, host).length > 0) return [];
  return [
    service === undefined
      ? `public hosts here: ${listed(publicHosts(world))}`
      : `${host} is the Service ${service}: to ask as another service does, name that one with --from`,
  ];
}

/** Returns `namespace/name` of the Service that a host means to a client of some namespace. */
function serviceNamed({ snapshot, settings }: World, host: string): string | undefined {
  const found = [...snapshot.services.keys()]
    .map((from) => resolveRequestHost(host, from, snapshot.services, settings))
    .filter((ref) => ref.kind === 'service')
    .find(({ namespace, name }) => inNamespace(snapshot.services, namespace).has(name));
  return found && `${found.namespace}/${found.name}`;
}

/** Hosts of routes that are bound to a Gateway, sorted. */
function publicHosts({ rules }: World): readonly string[] {
  const bound = rules.virtualServices.filter(({ gateways }) =>
    gateways.some((gateway) => gateway !== 'mesh'),
  );
  return [...new Set(bound.flatMap(({ hosts }) => hosts))].sort(byCodeUnit);
}

function branchHint({ desired, settings }: World, header: string): readonly string[] {
  const branches = [...desired.namespaces.values()]
    .flatMap(({ layout }) => [...layout.services.values()])
    .flatMap((service) => service.branches);
  const ids = [...new Set(branches.map(({ branch }) => branch.id))].sort(byCodeUnit);
  if (ids.some((id) => id.toLowerCase() === header.toLowerCase())) return [];
  return [
    `no service here has a branch that ${settings.routingHeader}: ${header} asks for; branches here: ${listed(ids)}`,
  ];
}

/** Returns the Services of the manifests as a list for a message. */
export function servicesIn({ snapshot }: World): string {
  return listed(
    [...snapshot.services]
      .flatMap(([namespace, inside]) => [...inside.keys()].map((name) => `${namespace}/${name}`))
      .sort(),
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ');
  return names.length > namesShown
    ? `${shown} and ${names.length - namesShown} more`
    : names.length === 0
      ? 'none'
      : shown;
}
