/** Rules about the tls and tcp routes of a VirtualService. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/validation.go validateTLSRoute, validateTCPRoute */
import { isObject, listAt } from '../model/json.ts';
import { finding, isSet, members, type Finding, type Owner, type Placed, type Row } from './finding.ts';
import { hostFault, labelFindings, portFault, shown } from './istio-names.ts';
import { destinationFindings, weightFindings } from './virtual-service-action.ts';

/** Rules over the spec of a VirtualService. */
export const streamRows: readonly Row[] = [
  { code: 'BL233', check: tlsRoutesAreValid, about: ['tls'] },
  { code: 'BL233', check: tcpRoutesAreValid, about: ['tls', 'tcp'] },
  { code: 'BL219', check: streamDestinationsAreValid, about: ['tls', 'tcp'] },
];

function* tlsRoutesAreValid(spec: Placed, { object }: Owner): Generator<Finding> {
  const hosts = listAt(object, 'spec', 'hosts').filter((host) => typeof host === 'string');
  for (const route of members(spec, 'tls')) {
    const matches = members(route, 'match');
    if (matches.length === 0) yield finding(route.path, 'has no match', 'write match with sniHosts');
    for (const match of matches) {
      const names = members(match, 'sniHosts');
      if (names.length === 0) yield finding(match.path, 'has no sniHosts', 'name the hosts');
      for (const { value, path } of names) yield* sniFindings(value, path, hosts);
      yield* matchFindings(match);
    }
  }
}

function* sniFindings(value: unknown, path: string, hosts: readonly string[]): Generator<Finding> {
  if (typeof value !== 'string' || (value !== '*' && hostFault(value) !== undefined)) yield finding(path, `is ${shown(value)}, which is no host`, 'write a DNS name');
  else if (!hosts.some((host) => coversHost(host, value))) yield finding(path, `is ${shown(value)}, which is not in hosts`, 'add it to hosts, or name one of them');
}

/** Tells whether a host, maybe a wildcard, stands for another one. */
export function coversHost(host: string, other: string): boolean {
  return host === other || (host.startsWith('*') && other.replace(/^\*/, '').endsWith(host.slice(1)));
}

function* matchFindings(match: Placed): Generator<Finding> {
  if (isSet(match.value, 'port')) {
    const fault = portFault(isObject(match.value) ? match.value['port'] : undefined);
    if (fault !== undefined) yield finding(`${match.path}.port`, fault, 'write a number from 1 to 65535');
  }
  yield* labelFindings(match, 'sourceLabels');
}

function* tcpRoutesAreValid(spec: Placed): Generator<Finding> {
  for (const route of members(spec, 'tcp')) for (const match of members(route, 'match')) yield* matchFindings(match);
  for (const route of [...members(spec, 'tcp'), ...members(spec, 'tls')]) {
    if (members(route, 'route').length === 0) yield finding(route.path, 'has no route', 'write route with a destination');
  }
}

function* streamDestinationsAreValid(spec: Placed): Generator<Finding> {
  for (const route of [...members(spec, 'tls'), ...members(spec, 'tcp')]) {
    const targets = members(route, 'route');
    for (const target of targets) yield* destinationFindings(target);
    yield* weightFindings(targets, route.path);
  }
}
