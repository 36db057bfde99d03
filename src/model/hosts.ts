/**
 * Which Service a host stands for. The only file that knows how the name of a Service is written in a mesh.
 *
 * How istiod reads a host depends on the object and the field:
 *
 * | object | field | rule | istiod |
 * |---|---|---|---|
 * | VirtualService | `hosts` | completed; compared with Services in lower case | model/virtualservice.go#L135, networking/core/route/route.go#L178 |
 * | VirtualService | `hosts` at a Gateway | as above, but case counts when they are compared with the Gateway's servers | networking/core/gateway.go#L455 |
 * | VirtualService | `destination.host` of http, tcp and tls routes, `mirror`, `mirrors` | completed; case counts: it becomes the name of a cluster | model/virtualservice.go#L152, networking/core/route/route.go#L351 |
 * | VirtualService | `delegate` | name and namespace of an object, no host; without a namespace that of the root | model/virtualservice_controller.go#L305 |
 * | DestinationRule | `host` | completed; case counts | model/push_context.go#L2078, model/config.go#L276 |
 * | Gateway | `servers.hosts` | `host` or `namespace/host`, `.` being its own namespace and `*` any; never completed | model/gateway.go#L677 |
 * | Sidecar | `egress.hosts` | `namespace/host` in the same way; never completed | model/sidecar.go#L489 |
 * | ServiceEntry | `hosts` | never completed | serviceregistry/serviceentry/conversion.go#L200 |
 * | any | `exportTo` | namespaces, `.` and `*`; no hosts | model/push_context.go#L2078 |
 *
 * "Completed": a name without a dot is a Service in the namespace of the object; `*`, addresses, and all that has a dot are taken as they are. So
 * `name.namespace`, `name.namespace.svc` and a full name with a dot behind it are no Service, whatever a client may call it by.
 * @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/model/config.go#L209 ResolveShortnameToFQDN; the paths above are below pilot/pkg there
 */
import type { DestinationRule, Service } from './kubernetes.ts';
import { inNamespace, type ByNamespace } from './snapshot.ts';

/** The setting that says what full names of Services end in. */
export interface Mesh {
  readonly clusterDomain: string;
}

/** What a host stands for; `host` is its full name. A `service` need not exist. */
export type HostRef =
  | {
      readonly kind: 'service';
      readonly host: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'external'; readonly host: string }
  | { readonly kind: 'wildcard'; readonly host: string; readonly suffix: string };

/** Name and namespace of a Service. */
type ServiceRef = Extract<HostRef, { kind: 'service' }>;

/** Returns the full name of a Service. */
export function hostOfService(name: string, namespace: string, { clusterDomain }: Mesh): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

/** Resolves a destination or the host of a DestinationRule, as istiod reads objects of the namespace `from`. A full name stays as it is. */
export function resolveConfigHost(written: string, from: string, mesh: Mesh): HostRef {
  return refOf(isWhole(written) ? written : hostOfService(written, from, mesh), mesh);
}

/** Resolves a member of a VirtualService's `hosts`, as istiod reads it for proxies: these compare without case. */
export function resolveVirtualServiceHost(written: string, from: string, mesh: Mesh): HostRef {
  return resolveConfigHost(written.toLowerCase(), from, mesh);
}

/** What has a colon is an address of IPv6 or no host at all. */
function isWhole(host: string): boolean {
  return host === '' || host === '*' || host.includes('.') || host.includes(':');
}

function refOf(host: string, { clusterDomain }: Mesh): HostRef {
  if (host.startsWith('*')) return { kind: 'wildcard', host, suffix: host.slice(1) };
  const tail = `.svc.${clusterDomain}`;
  const [name = '', namespace = '', ...more] = host.endsWith(tail)
    ? host.slice(0, -tail.length).split('.')
    : [];
  // Names of Services are in lower case.
  const isService =
    name !== '' &&
    namespace !== '' &&
    more.length === 0 &&
    `${name}${namespace}` === lowerOf(name, namespace);
  return isService ? { kind: 'service', host, namespace, name } : { kind: 'external', host };
}

function lowerOf(name: string, namespace: string): string {
  return `${name}${namespace}`.toLowerCase();
}

/** Returns the Service of a host that is resolved already; undefined for other hosts. */
export function serviceOfHost(host: string, mesh: Mesh): ServiceRef | undefined {
  const ref = refOf(host, mesh);
  return ref.kind === 'service' ? ref : undefined;
}

/** Returns the full host of a DestinationRule. */
export function hostOfDestinationRule(
  { host, namespace }: Pick<DestinationRule, 'host' | 'namespace'>,
  mesh: Mesh,
): string {
  return resolveConfigHost(host, namespace, mesh).host;
}

/** Returns a host as proxies compare it: in lower case, without port and last dot. */
export function bareHost(sent: string): string {
  return sent.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
}

/**
 * Resolves a host as a client in the namespace `from` may write it: in any case, with a port, and with as little of the name as its DNS search path
 * (`<namespace>.svc.<domain>`, `svc.<domain>`, `<domain>`) completes to a Service that is `known`. A dot at the end switches that path off.
 * @see https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#namespaces-of-services
 */
export function resolveRequestHost(
  sent: string,
  from: string,
  known: ByNamespace<Service>,
  mesh: Mesh,
): HostRef {
  const host = bareHost(sent);
  const isAbsolute = /\.(?::\d+)?$/.test(sent);
  const searched = isAbsolute
    ? []
    : [`${from}.svc.${mesh.clusterDomain}`, `svc.${mesh.clusterDomain}`, mesh.clusterDomain];
  const found = searched
    .map((domain) => refOf(`${host}.${domain}`, mesh))
    .find((ref) => ref.kind === 'service' && inNamespace(known, ref.namespace).has(ref.name));
  return found ?? refOf(host, mesh);
}

/**
 * Tells whether a host, maybe a wildcard such as `*.example.io`, covers all of another one, maybe a wildcard itself.
 * @see https://github.com/istio/istio/blob/86c9f01/pkg/config/host/name.go SubsetOf
 */
export function wildcardMatches(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*') && host.replace(/^\*/, '').endsWith(pattern.slice(1)));
}

/** Returns how closely a host covers another one: 0 not at all; a longer wildcard more than a shorter one, and the host itself most. */
export function hostRank(pattern: string, host: string): number {
  if (pattern === host) return Infinity;
  return wildcardMatches(pattern, host) ? pattern.length : 0;
}
