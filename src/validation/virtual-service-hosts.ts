/** Rules about the hosts and Gateways of a VirtualService among those of others. */
import { isExported, routesOfHost } from '../model/destination-rules.ts';
import { isForSidecars, resolveGateway } from '../model/gateways.ts';
import { resolveConfigHost, resolveVirtualServiceHost, wildcardMatches } from '../model/hosts.ts';
import type { Gateway, VirtualService } from '../model/kubernetes.ts';
import { quote } from '../model/problem.ts';
import { finding, members, type FactOwner, type Finding, type Placed } from './finding.ts';
import { gatewayOf, type FactRow } from './virtual-service-subject.ts';

/** Rules over a VirtualService. */
export const hostRows: readonly FactRow[] = [
  { code: 'BL263', check: meshHostsHaveOneOwner },
  { code: 'BL264', check: hostsAreServed },
  { code: 'BL265', check: gatewaysAreThere },
];

/** Most other owners of a host that are named. */
const othersMax = 10;

/** Sidecars take the routes of one VirtualService for a host, and which one is undefined. */
function* meshHostsHaveOneOwner(
  spec: Placed,
  { snapshot, settings }: FactOwner,
  self: VirtualService,
): Generator<Finding> {
  if (!takesWholeHosts(self)) return;
  const told = new Set<VirtualService>();
  for (const [index, host] of self.hosts.entries()) {
    for (const other of routesOfHost(
      resolveVirtualServiceHost(host, self.namespace, settings).host,
      snapshot,
      settings,
    )) {
      if (
        told.has(other) ||
        !takesWholeHosts(other) ||
        isSame(self, other) ||
        !haveClientsInCommon(self, other)
      )
        continue;
      if (told.size === othersMax) return;
      told.add(other);
      yield secondOwner(`${spec.path}.hosts[${index}]`, host, other);
    }
  }
}

function takesWholeHosts(route: VirtualService): boolean {
  return isForSidecars(route) && !route.partial && route.hosts.length > 0;
}

function isSame(one: VirtualService, other: VirtualService): boolean {
  return one.name === other.name && one.namespace === other.namespace;
}

function secondOwner(path: string, host: string, other: VirtualService): Finding {
  const name = `${other.namespace}/${other.name}`;
  return finding(
    path,
    `is ${quote(host)}, which VirtualService ${name} has, too: sidecars take one of them and drop the other`,
    `put the routes into ${name}, or delete it first`,
  );
}

function haveClientsInCommon(one: VirtualService, other: VirtualService): boolean {
  const isPublic = ({ exportTo }: VirtualService): boolean => exportTo.length === 0 || exportTo.includes('*');
  if (isPublic(one) || isPublic(other)) return true;
  return one.exportTo.some((target) => isExported(other, target === '.' ? one.namespace : target));
}

function* gatewaysAreThere(spec: Placed, { snapshot }: FactOwner, self: VirtualService): Generator<Finding> {
  if (snapshot.gateways.size === 0) return;
  for (const { value, path } of members(spec, 'gateways')) {
    if (
      typeof value !== 'string' ||
      value === 'mesh' ||
      gatewayOf(snapshot, value, self.namespace) !== undefined
    )
      continue;
    yield finding(
      path,
      `is ${quote(value)}, and no Gateway ${resolveGateway(value, self.namespace)} is known here`,
      'create it, or write namespace/name of another',
    );
  }
}

/** Each host against the servers of each Gateway; Istio tells only when none fits, and compares them with their case. */
function* hostsAreServed(
  spec: Placed,
  { snapshot, settings }: FactOwner,
  self: VirtualService,
): Generator<Finding> {
  const gateways = self.gateways.map((written) => gatewayOf(snapshot, written, self.namespace));
  if (gateways.length === 0 || gateways.includes(undefined)) return;
  for (const { value, path } of members(spec, 'hosts')) {
    if (
      typeof value !== 'string' ||
      gateways.some(
        (gateway) =>
          gateway !== undefined &&
          serves(gateway, resolveConfigHost(value, self.namespace, settings).host, self.namespace),
      )
    )
      continue;
    const names = [...new Set(gateways.flatMap((gateway) => gateway?.hosts ?? []))];
    yield finding(
      path,
      `is ${quote(value)}, and no server of ${self.gateways.join(', ')} has it (${names.slice(0, 5).join(', ')})`,
      'add the host to the Gateway, or leave it out here',
    );
  }
}

function serves(gateway: Gateway, host: string, namespace: string): boolean {
  return gateway.hosts.some((server) => {
    const slash = server.indexOf('/');
    const from = slash < 0 ? '*' : server.slice(0, slash);
    const name = server.slice(slash + 1);
    const isOpen = from === '*' || from === namespace || (from === '.' && gateway.namespace === namespace);
    return isOpen && (wildcardMatches(name, host) || wildcardMatches(host, name));
  });
}
