/** Which DestinationRule a client's proxy uses for a host. @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/model/push_context.go destinationRule */
import type { DestinationRule } from './kubernetes.ts';
import { inNamespace, type ByNamespace } from './snapshot.ts';

/** The settings that say how hosts are completed and where the mesh's own rules are. */
export interface MeshConventions {
  readonly clusterDomain: string;
  readonly istioRootNamespace: string;
}

/** Completes a host as Istio does: a name without a dot is a Service in the namespace of the object that names it; anything else is taken as it is. */
export function fullHost(host: string, namespace: string, { clusterDomain }: MeshConventions): string {
  const lower = host.toLowerCase().replace(/\.$/, '');
  return lower.includes('.') || lower === '*' || lower === '' ? lower : `${lower}.${namespace}.svc.${clusterDomain}`;
}

/** Returns name and namespace of the Service that a full host stands for; undefined for other hosts. */
export function serviceOfHost(host: string, { clusterDomain }: MeshConventions): { readonly name: string; readonly namespace: string } | undefined {
  const tail = `.svc.${clusterDomain}`;
  const [name, namespace, ...more] = host.endsWith(tail) ? host.slice(0, -tail.length).split('.') : [];
  return name === undefined || namespace === undefined || more.length > 0 ? undefined : { name, namespace };
}

/** Full hosts of rules, kept for as long as the rule is: resolving asks every rule of a namespace. */
const knownHosts = new WeakMap<DestinationRule, string>();

/** Returns the full host of a DestinationRule. */
export function hostOfRule(rule: DestinationRule, mesh: MeshConventions): string {
  const known = knownHosts.get(rule);
  if (known !== undefined) return known;
  const host = fullHost(rule.host, rule.namespace, mesh);
  knownHosts.set(rule, host);
  return host;
}

/** Tells whether a host, maybe a wildcard such as `*.example.io`, stands for a host. */
export function hostCovers(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*') && host.replace(/^\*/, '').endsWith(pattern.slice(1)));
}

/** Tells whether an object of a namespace is seen from another one, by its `exportTo`. */
export function isExported(object: { readonly namespace: string; readonly exportTo: readonly string[] }, to: string): boolean {
  return object.exportTo.length === 0 || object.exportTo.some((target) => target === '*' || target === to || (target === '.' && object.namespace === to));
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
export function resolveRules(rules: ByNamespace<DestinationRule>, { host, client }: Lookup, mesh: MeshConventions): readonly DestinationRule[] {
  const service = serviceOfHost(host, mesh)?.namespace;
  for (const namespace of new Set([client, service ?? client, mesh.istioRootNamespace])) {
    const found = mostSpecific([...inNamespace(rules, namespace).values()].filter((rule) => namespace === client || isExported(rule, client)), host, mesh);
    if (found.length > 0) return found;
  }
  return [];
}

function mostSpecific(rules: readonly DestinationRule[], host: string, mesh: MeshConventions): readonly DestinationRule[] {
  let best = '';
  let found: DestinationRule[] = [];
  for (const rule of rules) {
    const pattern = hostOfRule(rule, mesh);
    if (rule.partial || !hostCovers(pattern, host)) continue;
    if (pattern === best) found.push(rule);
    else if (pattern === host || (best !== host && pattern.length > best.length)) [best, found] = [pattern, [rule]];
  }
  return found;
}

/** Returns the namespaces whose own rules stand for a host: their clients see these and no others. */
export function namespacesWithRules(rules: ByNamespace<DestinationRule>, host: string, mesh: MeshConventions): readonly string[] {
  return [...rules].filter(([, inside]) => [...inside.values()].some((rule) => !rule.partial && hostCovers(hostOfRule(rule, mesh), host))).map(([namespace]) => namespace);
}
