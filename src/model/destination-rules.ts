/** Which DestinationRule a client's proxy uses for a host, and which VirtualServices name one. @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/model/push_context.go destinationRule */
import { hostOfDestinationRule, serviceOfHost, wildcardMatches, type Mesh } from './hosts.ts';
import { memoize } from './memoize.ts';
import type { DestinationRule, VirtualService } from './kubernetes.ts';
import type { ByNamespace, Snapshot } from './snapshot.ts';

/** The settings that say how hosts are completed and where the mesh's own rules are. */
export interface MeshConventions extends Mesh {
  readonly istioRootNamespace: string;
}

/** Tells whether an object of a namespace is seen from another one, by its `exportTo`. */
export function isExported(
  object: { readonly namespace: string; readonly exportTo: readonly string[] },
  to: string,
): boolean {
  return (
    object.exportTo.length === 0 ||
    object.exportTo.some(
      (target) => target === '*' || target === to || (target === '.' && object.namespace === to),
    )
  );
}

/** What a client asks for: a full host, from its namespace (`''`: some other namespace, without rules of its own). */
export interface Lookup {
  readonly host: string;
  readonly client: string;
}

/**
 * Returns the DestinationRules that a client's proxies use for a host: those of the client's namespace, else of the Service's, else of the
 * root namespace; there the exact host before the longest wildcard. The first namespace that has any decides alone. Empty: none is known.
 */
export function resolveRules(
  rules: ByNamespace<DestinationRule>,
  { host, client }: Lookup,
  mesh: MeshConventions,
): readonly DestinationRule[] {
  const service = serviceOfHost(host, mesh);
  for (const namespace of new Set([client, service?.namespace ?? client, mesh.istioRootNamespace])) {
    const found = mostSpecific(
      rulesFor(
        rules.get(namespace),
        host,
        service?.namespace === namespace ? service.name : undefined,
        mesh,
      ).filter((rule) => namespace === client || isExported(rule, client)),
      host,
      mesh,
    );
    if (found.length > 0) return found;
  }
  return [];
}

/** The rules of a namespace by what they say their host is, wildcards apart: a namespace may have thousands. */
interface RulesByHost {
  readonly named: ReadonlyMap<string, readonly DestinationRule[]>;
  readonly wildcards: readonly DestinationRule[];
}

function byHost(rules: ReadonlyMap<string, DestinationRule>): RulesByHost {
  const whole = [...rules.values()].filter(({ partial }) => !partial);
  return {
    named: Map.groupBy(
      whole.filter(({ host }) => !host.startsWith('*')),
      ({ host }) => host,
    ),
    wildcards: whole.filter(({ host }) => host.startsWith('*')),
  };
}

/** Returns what an index of a namespace has for a full host: under its full name and, in the Service's own namespace, under its short one. */
function underNames<T>(
  index: ReadonlyMap<string, readonly T[]>,
  host: string,
  short: string | undefined,
): readonly T[] {
  const full = index.get(host) ?? [];
  const more = short === undefined ? [] : (index.get(short) ?? []);
  return more.length === 0 ? full : [...full, ...more];
}

/** Returns the rules of a namespace that stand for a host, in the order of the collection save that wildcards are last. */
function rulesFor(
  inside: ReadonlyMap<string, DestinationRule> | undefined,
  host: string,
  short: string | undefined,
  mesh: MeshConventions,
): readonly DestinationRule[] {
  if (inside === undefined) return [];
  const { named, wildcards } = memoize(inside, byHost);
  const found = underNames(named, host, short);
  return wildcards.length === 0
    ? found
    : [...found, ...wildcards.filter((rule) => wildcardMatches(hostOfDestinationRule(rule, mesh), host))];
}

function mostSpecific(
  rules: readonly DestinationRule[],
  host: string,
  mesh: MeshConventions,
): readonly DestinationRule[] {
  let best = '';
  let found: DestinationRule[] = [];
  for (const rule of rules) {
    const pattern = hostOfDestinationRule(rule, mesh);
    if (pattern === best) found.push(rule);
    else if (pattern === host || (best !== host && pattern.length > best.length))
      [best, found] = [pattern, [rule]];
  }
  return found;
}

function routesByHost(
  routes: ReadonlyMap<string, VirtualService>,
): ReadonlyMap<string, readonly VirtualService[]> {
  const index = new Map<string, VirtualService[]>();
  for (const route of routes.values()) {
    for (const host of new Set(route.hosts.map((one) => one.toLowerCase()))) {
      const members = index.get(host) ?? [];
      members.push(route);
      index.set(host, members);
    }
  }
  return index;
}

/** Returns the VirtualServices that name a full host, by its full or its short name, as one of theirs. Wildcards stand for themselves only. */
export function routesOfHost(
  host: string,
  { virtualServices }: Pick<Snapshot, 'virtualServices'>,
  mesh: MeshConventions,
): readonly VirtualService[] {
  const service = serviceOfHost(host, mesh);
  const found: VirtualService[] = [];
  for (const [namespace, inside] of virtualServices)
    found.push(
      ...underNames(
        memoize(inside, routesByHost),
        host,
        service?.namespace === namespace ? service.name : undefined,
      ),
    );
  return found;
}

/** Returns the namespaces whose own rules stand for a host: their clients see these and no others. */
export function namespacesWithRules(
  rules: ByNamespace<DestinationRule>,
  host: string,
  mesh: MeshConventions,
): readonly string[] {
  const service = serviceOfHost(host, mesh);
  return [...rules]
    .filter(
      ([namespace, inside]) =>
        rulesFor(inside, host, service?.namespace === namespace ? service.name : undefined, mesh).length > 0,
    )
    .map(([namespace]) => namespace);
}
