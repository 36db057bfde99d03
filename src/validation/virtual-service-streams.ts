/** Rules about the tls and tcp routes of a VirtualService. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/validation.go validateTLSRoute, validateTCPRoute */
import { wildcardMatches } from '../model/hosts.ts';
import { at, isObject, listAt, objectAt } from '../model/json.ts';
import { finding, isSet, members, type Finding, type Owner, type Placed, type Row } from './finding.ts';
import { hostFault, isAddress, isMadeServerName, labelFindings, portFault, shown } from './istio-names.ts';
import { destinationFindings, weightFindings } from './virtual-service-action.ts';
import { isBoundToMesh } from './virtual-service-object.ts';

/** Rules over the spec of a VirtualService. */
export const streamRows: readonly Row[] = [
  { code: 'BL233', check: tlsRoutesAreValid, about: ['tls'] },
  { code: 'BL233', check: tcpRoutesAreValid, about: ['tls', 'tcp'] },
  { code: 'BL219', check: streamDestinationsAreValid, about: ['tls', 'tcp'] },
  { code: 'BL259', check: serverNamesAreNames, about: ['tls'] },
  { code: 'BL242', check: streamsComeBeforeTheLast, about: ['tls', 'tcp'] },
  { code: 'BL245', check: streamMatchesAreThereOnce, about: ['tls', 'tcp'] },
];

function* tlsRoutesAreValid(spec: Placed, { object }: Owner): Generator<Finding> {
  const hosts = listAt(object, 'spec', 'hosts').filter((host) => typeof host === 'string');
  const mayBeMade = !isBoundToMesh(spec.value);
  for (const route of members(spec, 'tls')) {
    const matches = members(route, 'match');
    if (matches.length === 0) yield finding(route.path, 'has no match', 'write match with sniHosts');
    for (const match of matches) {
      const names = members(match, 'sniHosts');
      if (names.length === 0) yield finding(match.path, 'has no sniHosts', 'name the hosts');
      for (const name of names.filter(({ value }) => !(mayBeMade && isMadeServerName(value))))
        yield* sniFindings(name, hosts);
      yield* matchFindings(match);
    }
  }
}

/** Addresses are told elsewhere. */
function* sniFindings({ value, path }: Placed, hosts: readonly string[]): Generator<Finding> {
  if (typeof value === 'string' && isAddress(value)) return;
  if (typeof value !== 'string' || (value !== '*' && hostFault(value) !== undefined))
    yield finding(path, `is ${shown(value)}, which is no host`, 'write a DNS name');
  else if (!hosts.some((host) => wildcardMatches(host, value)))
    yield finding(path, `is ${shown(value)}, which is not in hosts`, 'add it to hosts, or name one of them');
}

function* serverNamesAreNames(spec: Placed): Generator<Finding> {
  for (const match of members(spec, 'tls').flatMap((route) => members(route, 'match'))) {
    for (const { value, path } of members(match, 'sniHosts'))
      if (typeof value === 'string' && isAddress(value))
        yield finding(
          path,
          `is ${shown(value)}: clients send no server name for an address`,
          'match the port in a tcp route',
        );
  }
}

/** Routes of each kind in order, as those of HTTP. */
function streamsOf(spec: Placed): readonly (readonly Placed[])[] {
  return ['tls', 'tcp'].map((kind) => members(spec, kind).filter(({ value }) => isObject(value)));
}

function* streamsComeBeforeTheLast(spec: Placed): Generator<Finding> {
  for (const routes of streamsOf(spec)) {
    const end = routes.findIndex((route) => members(route, 'match').length === 0);
    for (const { path } of end < 0 ? [] : routes.slice(end + 1))
      yield finding(
        path,
        `comes after ${routes[end]?.path ?? ''}, which takes every connection, so it is never reached`,
        `move ${routes[end]?.path ?? ''} to the end`,
      );
  }
}

function* streamMatchesAreThereOnce(spec: Placed): Generator<Finding> {
  for (const routes of streamsOf(spec)) {
    const seen = new Map<string, string>();
    for (const { value, path } of routes.flatMap((route) => members(route, 'match'))) {
      const text = JSON.stringify(
        value,
        Object.keys(objectAt(value))
          .sort()
          .concat(Object.keys(objectAt(value, 'sourceLabels')).sort()),
      );
      const first = seen.get(text);
      if (first !== undefined)
        yield finding(path, `asks for the same as ${first}, so it is never reached`, 'leave one of them out');
      else seen.set(text, path);
    }
  }
}

function* matchFindings(match: Placed): Generator<Finding> {
  const port = at(match.value, 'port');
  if (isSet(match.value, 'port') && port !== 0) {
    const fault = portFault(port);
    if (fault !== undefined) yield finding(`${match.path}.port`, fault, 'write a number from 1 to 65535');
  }
  yield* labelFindings(match, 'sourceLabels');
  for (const { value, path } of members(match, 'destinationSubnets'))
    if (typeof value !== 'string' || !isSubnet(value))
      yield finding(path, `is ${shown(value)}, which is no range of addresses`, 'write e.g. 10.0.0.0/8');
}

function isSubnet(text: string): boolean {
  const [address = '', bits, ...others] = text.split('/');
  return (
    others.length === 0 &&
    isAddress(address) &&
    (bits === undefined ||
      (/^(?:0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (address.includes(':') ? 128 : 32)))
  );
}

function* tcpRoutesAreValid(spec: Placed): Generator<Finding> {
  for (const route of members(spec, 'tcp'))
    for (const match of members(route, 'match')) yield* matchFindings(match);
  for (const route of [...members(spec, 'tcp'), ...members(spec, 'tls')]) {
    if (members(route, 'route').length === 0)
      yield finding(route.path, 'has no route', 'write route with a destination');
  }
}

function* streamDestinationsAreValid(spec: Placed): Generator<Finding> {
  for (const route of [...members(spec, 'tls'), ...members(spec, 'tcp')]) {
    const targets = members(route, 'route');
    for (const target of targets) yield* destinationFindings(target);
    yield* weightFindings(targets, route.path);
  }
}
