/** Which routes a proxy asks for a host: one virtual host, exact before the longest wildcard, in istiod's order. */
import { isForSidecars, resolveGateway } from '../model/gateways.ts';
import { hostRank, resolveVirtualServiceHost } from '../model/hosts.ts';
import type { VirtualService } from '../model/kubernetes.ts';
import { byCodeUnit } from '../routing/layout.ts';
import { listAt, objectAt, type JsonObject } from '../model/json.ts';
import { routesIn, type WrittenRoute } from './delegate.ts';
import { fitsProxy, isCatchAll, isThrough, type Request } from './match.ts';

/** The rules of a mesh, and what hosts mean in it. */
export interface Rules {
  readonly virtualServices: readonly VirtualService[];
  readonly clusterDomain: string;
  /** Full host of a Service → its ports that are HTTP. */
  readonly services: ReadonlyMap<string, readonly number[]>;
}

/** The port on which sidecars also know hosts that are no Service. */
const plainHttpPort = 80;

/** Returns the routes that a proxy asks for this host, in order; undefined when no rule has the host. A rule without a route for this proxy does not count. */
export function routesFor(host: string, request: Request, rules: Rules): readonly WrittenRoute[] | undefined {
  const find = (namespace: string, name: string): VirtualService | undefined =>
    rules.virtualServices.find(
      (one) => one.namespace === namespace && one.name === name && one.hosts.length === 0,
    );
  const hosting = rules.virtualServices
    .filter((rule) => isBound(rule, request, rules))
    .map((rule) => ({
      rule,
      rank: rankOf(rule, host, rules),
    }))
    .filter(({ rank }) => rank > 0)
    .map((one) => ({
      ...one,
      routes: untilCatchAll(routesIn(one.rule, find).flatMap((route) => perMatch(route, request))),
    }))
    .filter(({ routes }) => routes.length > 0);
  const best = Math.max(0, ...hosting.map(({ rank }) => rank));
  const chosen = hosting.filter(({ rank }) => rank === best).sort((a, b) => olderFirst(a.rule, b.rule));
  if (chosen.length === 0) return undefined;
  const all = (request.through === 'sidecar' ? chosen.slice(0, 1) : chosen).flatMap(({ routes }) => routes);
  return [...all.filter(({ route }) => !isCatchAll(route)), ...all.filter(({ route }) => isCatchAll(route))];
}

/** A rule is for a Gateway that it names, or for sidecars: on every port of a Service that it has, and on port 80. */
function isBound(rule: VirtualService, request: Request, rules: Rules): boolean {
  if (request.through === 'gateway')
    return rule.gateways.some((name) => isThrough(resolveGateway(name, rule.namespace), request));
  const { port } = request;
  if (!isForSidecars(rule) || port === undefined || port === plainHttpPort) return isForSidecars(rule);
  return [...rules.services].some(
    ([service, ports]) => ports.includes(port) && rankOf(rule, service, rules) > 0,
  );
}

/** How closely the closest of a rule's hosts covers a host. */
function rankOf({ hosts, namespace }: VirtualService, host: string, rules: Rules): number {
  const ranks = hosts.map((one) => hostRank(resolveVirtualServiceHost(one, namespace, rules).host, host));
  return Math.max(0, ...ranks);
}

/** @see https://github.com/istio/istio/blob/master/pilot/pkg/model/config.go sortConfigByCreationTime */
function olderFirst(a: VirtualService, b: VirtualService): number {
  return (
    byCodeUnit(a.created, b.created) || byCodeUnit(a.name, b.name) || byCodeUnit(a.namespace, b.namespace)
  );
}

/** Every match is a route of its own in Envoy. What this proxy cannot be is left out; what it is goes without saying. */
function perMatch(written: WrittenRoute, request: Request): readonly WrittenRoute[] {
  const matches = listAt(written.route, 'match');
  if (matches.length === 0) return [written];
  return matches
    .filter((match) => fitsProxy(match, request))
    .map((match) => ({ ...written, route: { ...written.route, match: [withoutProxy(match)] } }));
}

function withoutProxy(match: unknown): JsonObject {
  return Object.fromEntries(
    Object.entries(objectAt(match)).filter(
      ([key]) => !['gateways', 'port', 'sourceLabels', 'sourceNamespace'].includes(key),
    ),
  );
}

/** Within one VirtualService nothing after its first catch-all exists. */
function untilCatchAll(routes: readonly WrittenRoute[]): readonly WrittenRoute[] {
  const last = routes.findIndex(({ route }) => isCatchAll(route));
  return last < 0 ? routes : routes.slice(0, last + 1);
}
