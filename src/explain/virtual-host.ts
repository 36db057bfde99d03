/** Which routes a proxy asks for a host: one virtual host, exact before the longest wildcard, in istiod's order. */
import type { VirtualService } from '../model/kubernetes.ts';
import { isInMesh, resolveHost } from '../routing/claims.ts';
import { byCodeUnit } from '../routing/layout.ts';
import { listAt, objectAt, type JsonObject } from '../model/json.ts';
import { routesIn, type WrittenRoute } from './delegate.ts';
import { fitsProxy, isCatchAll, type Request } from './match.ts';

/** The rules of a mesh, and what short host names mean in it. */
export interface Rules {
  readonly virtualServices: readonly VirtualService[];
  readonly clusterDomain: string;
}

/** Returns the routes that a proxy asks for this host, in order; undefined when no rule has the host. */
export function routesFor(host: string, request: Request, rules: Rules): readonly WrittenRoute[] | undefined {
  const find = (namespace: string, name: string): VirtualService | undefined => rules.virtualServices.find((one) => one.namespace === namespace && one.name === name && one.hosts.length === 0);
  const routes = (rule: VirtualService): readonly WrittenRoute[] => untilCatchAll(routesIn(rule, find).flatMap((one) => perMatch(one, request)));
  const hosting = rules.virtualServices.filter((rule) => (request.through === 'sidecar' ? isInMesh(rule) : rule.gateways.some((name) => name !== 'mesh')))
    .map((rule) => ({ rule, rank: Math.max(...rule.hosts.map((one) => rankOf(resolveHost(one, rule.namespace, rules), host)), 0) }))
    .filter(({ rule, rank }) => rank > 0 && (request.through === 'gateway' || routes(rule).length > 0));
  const best = Math.max(0, ...hosting.map(({ rank }) => rank));
  const chosen = hosting.filter(({ rank }) => rank === best).map(({ rule }) => rule).sort(olderFirst);
  if (chosen.length === 0) return undefined;
  const all = (request.through === 'sidecar' ? chosen.slice(0, 1) : chosen).flatMap(routes);
  return [...all.filter(({ route }) => !isCatchAll(route)), ...all.filter(({ route }) => isCatchAll(route))];
}

/** 0: does not match; an exact host ranks above any wildcard, a longer wildcard above a shorter one. */
function rankOf(pattern: string, host: string): number {
  if (pattern === host) return 1000;
  if (pattern === '*') return 1;
  return pattern.startsWith('*') && host.length >= pattern.length && host.endsWith(pattern.slice(1)) ? pattern.length : 0;
}

/** @see https://github.com/istio/istio/blob/master/pilot/pkg/model/config.go sortConfigByCreationTime */
function olderFirst(a: VirtualService, b: VirtualService): number {
  return byCodeUnit(a.created, b.created) || byCodeUnit(a.name, b.name) || byCodeUnit(a.namespace, b.namespace);
}

/** Every match is a route of its own in Envoy. What this proxy cannot be is left out; what it is goes without saying. */
function perMatch(written: WrittenRoute, request: Request): readonly WrittenRoute[] {
  const matches = listAt(written.route, 'match');
  if (matches.length === 0) return [written];
  return matches.filter((match) => fitsProxy(match, request)).map((match) => ({ ...written, route: { ...written.route, match: [withoutProxy(match)] } }));
}

function withoutProxy(match: unknown): JsonObject {
  return Object.fromEntries(Object.entries(objectAt(match)).filter(([key]) => !['gateways', 'port', 'sourceLabels', 'sourceNamespace'].includes(key)));
}

/** Within one VirtualService nothing after its first catch-all exists. */
function untilCatchAll(routes: readonly WrittenRoute[]): readonly WrittenRoute[] {
  const last = routes.findIndex(({ route }) => isCatchAll(route));
  return last < 0 ? routes : routes.slice(0, last + 1);
}
