/** How a service is reached: its protocol, whether it is public, the address of a branch. */
import type { Branch } from './branch.ts';
import { commaList } from './json.ts';
import { domainsOf, type Namespace, type Service, type ServicePort } from './kubernetes.ts';

/** Protocols that Istio routes by HTTP rules. @see https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/ */
const httpProtocols = new Set(['http', 'http2', 'grpc', 'grpc-web', 'kubernetes.io/h2c', 'kubernetes.io/ws']);
/** Protocols that Istio knows and does not route by HTTP rules; any other name leaves the port to detection, which finds HTTP. */
const otherProtocols = new Set([
  'https',
  'tcp',
  'tls',
  'udp',
  'mongo',
  'mysql',
  'redis',
  'kubernetes.io/wss',
]);
/** Ports on which the server speaks first, so that Istio does not try to detect HTTP. @see https://github.com/istio/istio/blob/master/pkg/config/kube/conversion.go */
const undetectedPorts = new Set([25, 1433, 3306, 27017]);

/** Tells whether Istio treats a Service port as HTTP, so that a header can route there. */
export function isHttpPort(port: ServicePort): boolean {
  if (port.protocol !== 'TCP') return false;
  const named = port.appProtocol?.toLowerCase() ?? protocolInName(port.name);
  if (httpProtocols.has(named)) return true;
  return !otherProtocols.has(named) && !undetectedPorts.has(port.port);
}

function protocolInName(name: string): string {
  const lower = name.toLowerCase();
  return lower === 'grpc-web' || lower.startsWith('grpc-web-') ? 'grpc-web' : (lower.split('-')[0] ?? '');
}

/** Tells whether the public reaches a Service: it says so itself, or its namespace says so for all. */
export function isPublic(service: Service, namespace: Namespace): boolean {
  const { declared } = service;
  if (declared['ingress'] === 'false') return false;
  return (
    ['context', 'versions', 'hostname'].some((key) => declared[key] !== undefined) ||
    namespace.declared['ingress'] === 'all'
  );
}

/** What a public path may be: `/`, or segments that begin with `/`, without `/` at the end. */
export const publicPathPattern = /^\/$|^(?:\/[A-Za-z0-9._~-]+)+$/;

/**
 * Returns the paths under which a public Service stands, without repeats, the one for URLs first; `/<service>` unless it says otherwise. What is no
 * public path is left out.
 */
export function publicPathsOf(service: Service): readonly string[] {
  const contexts = commaList(service.declared['context']);
  return contexts.length > 0
    ? [...new Set(contexts.filter((path) => publicPathPattern.test(path)))]
    : [`/${service.name}`];
}

/** Returns the public hosts of a Service's baseline: its own `hostname`, else the tenant's domains. */
export function publicHostsOf(service: Service, namespace: Namespace): readonly string[] {
  const hostname = service.declared['hostname'];
  return hostname === undefined ? domainsOf(namespace) : [hostname.trim()];
}

/** Returns the public address of a branch of a service, or undefined when it has none. */
export function branchUrl(
  branch: Branch,
  service: Service,
  namespace: Namespace,
  scheme: string,
): string | undefined {
  const [host] = publicHostsOf(service, namespace);
  const [path] = publicPathsOf(service);
  if (host === undefined || path === undefined || !isPublic(service, namespace)) return undefined;
  return `${scheme}://${branch.host}.${host}${path}`;
}
