/** Rules about a VirtualService as a whole: hosts, gateways, where it is exported. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/validation.go ValidateVirtualService */
import { isForSidecars } from '../model/gateways.ts';
import { at, isObject, listAt, objectAt } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import {
  field,
  fieldsSet,
  finding,
  isSet,
  members,
  type Finding,
  type Owner,
  type Placed,
  type Row,
} from './finding.ts';
import { hostFault, isAddress, isLabel, isMadeServerName, shown } from './istio-names.ts';

/** Rules over the whole object. */
export const objectRows: readonly Row[] = [
  { code: 'BL210', check: annotationsAreForRoutes },
  { code: 'BL232', check: exportToIsClear },
];

/** Rules over the spec of a VirtualService. */
export const virtualServiceRows: readonly Row[] = [
  { code: 'BL211', check: hostsAreNames },
  { code: 'BL212', check: hostsFitTheGateways },
  { code: 'BL213', check: hostsAreApart },
  { code: 'BL214', check: thereIsARoute },
  { code: 'BL215', check: gatewaysAreNames },
  { code: 'BL216', check: gatewaysAreNotInTheOldForm },
];

/** Annotations that istiod refuses on routes. @see istio pkg/config/validation/validation.go validateMetadata */
const foreignAnnotations = [
  'istio.io/dry-run',
  'internal.istio.io/webhook-always-reject',
  'internal.istio.io/parents',
  'internal.istio.io/parent-resource-version',
];

function* annotationsAreForRoutes({ value }: Placed): Generator<Finding> {
  const annotations = objectAt(value, 'metadata', 'annotations');
  for (const key of foreignAnnotations) {
    if (Object.hasOwn(annotations, key))
      yield finding(
        `metadata.annotations[${key}]`,
        'is not allowed here: Istio refuses the object',
        'leave it out',
      );
  }
}

/** `.`, `*` or namespaces; `*` stands alone; nothing twice. Shared by VirtualService and DestinationRule. */
function* exportToIsClear({ value }: Placed, { namespace }: Owner): Generator<Finding> {
  const places = members(field({ value, path: '' }, 'spec'), 'exportTo').map(({ value: target, path }) => ({
    target,
    path: path.slice(1),
  }));
  const seen = new Set<unknown>();
  for (const { target, path } of places) {
    const meant = target === '.' ? namespace : target;
    if (typeof target !== 'string' || !(target === '.' || target === '*' || isLabel(target)))
      yield finding(path, `is ${shown(target)}`, 'write ".", "*" or the name of a namespace');
    else if (seen.has(meant))
      yield finding(path, `is ${quote(target)}, which is there already`, 'leave one of them out');
    else if (target === '*' && places.length > 1)
      yield finding(path, 'is "*" beside others', 'let "*" stand alone');
    seen.add(meant);
  }
}

function* hostsAreNames(spec: Placed): Generator<Finding> {
  for (const { value, path } of members(spec, 'hosts')) {
    if (typeof value !== 'string') yield finding(path, `is ${shown(value)}`, 'write a host name in quotes');
    else if (value !== '*' && !isAddress(value) && !(isMadeServerName(value) && !isBoundToMesh(spec.value)))
      yield* hostFinding(
        value,
        path,
        'write a DNS name such as fact-find-ui.ww-green.svc.cluster.local, without port and scheme',
      );
  }
}

/** Checks one host. */
export function* hostFinding(host: string, path: string, fix: string): Generator<Finding> {
  const fault = hostFault(host);
  if (fault !== undefined) yield finding(path, `is ${quote(host)}: it ${fault}`, fix);
}

/** Tells whether a VirtualService with this spec, of any shape, is for sidecars. */
export function isBoundToMesh(spec: unknown): boolean {
  return isForSidecars({ gateways: listAt(spec, 'gateways') });
}

function* hostsFitTheGateways({ value }: Placed): Generator<Finding> {
  const hosts = listAt(value, 'hosts');
  if (hosts.length === 0) {
    for (const key of ['gateways', 'tls', 'tcp'].filter((one) => listAt(value, one).length > 0)) {
      yield finding(
        `spec.${key}`,
        'stands beside no hosts: an object without hosts is a delegate and may have http only',
        'write hosts, or leave it out',
      );
    }
    return;
  }
  const star = hosts.indexOf('*');
  if (star >= 0 && isBoundToMesh(value))
    yield finding(
      `spec.hosts[${star}]`,
      'is "*", which sidecars may not be given',
      'name the hosts, or bind the object to Gateways only',
    );
}

/** Each host against the wildcards that would cover it, one lookup for each length that a wildcard has, so that any number of hosts is cheap. */
function* hostsAreApart(spec: Placed): Generator<Finding> {
  const hosts = members(spec, 'hosts').flatMap(({ value, path }) =>
    typeof value === 'string' && value.length <= 255 ? [{ host: value, path }] : [],
  );
  const wildcards = new Set(hosts.flatMap(({ host }) => (host.startsWith('*') ? [host.slice(1)] : [])));
  const lengths = new Set([...wildcards].map(({ length }) => length));
  const seen = new Set<string>();
  for (const { host, path } of hosts) {
    const covering = wildcardOver(host, wildcards, lengths);
    if (seen.has(host))
      yield finding(path, `is ${quote(host)}, which is there already`, 'leave one of them out');
    else if (covering !== undefined)
      yield finding(
        path,
        `is ${quote(host)}, which ${quote(`*${covering}`)} of the same object covers: Istio refuses both in one object`,
        'put one of them into an object of its own',
      );
    seen.add(host);
  }
}

/** Another wildcard covers a wildcard when its end is shorter. */
function wildcardOver(
  host: string,
  wildcards: ReadonlySet<string>,
  lengths: ReadonlySet<number>,
): string | undefined {
  const longest = host.startsWith('*') ? host.length - 2 : host.length;
  for (const length of lengths) {
    const end = host.slice(host.length - length);
    if (length <= longest && wildcards.has(end)) return end;
  }
  return undefined;
}

function* thereIsARoute(spec: Placed): Generator<Finding> {
  if (['http', 'tls', 'tcp'].every((key) => listAt(spec.value, key).length === 0))
    yield finding('spec', 'has neither http nor tls nor tcp routes', 'write at least one route');
  for (const { value, path } of members(spec, 'http'))
    if (!isObject(value))
      yield finding(path, `is ${shown(value)}, which is no route`, 'write a route, or leave the entry out');
}

/** Gateways of the object, then those of its matches. */
function gatewaysOf(spec: Placed): readonly Placed[] {
  const matches = ['http', 'tls', 'tcp']
    .flatMap((key) => members(spec, key))
    .flatMap((route) => members(route, 'match'));
  return [...members(spec, 'gateways'), ...matches.flatMap((match) => members(match, 'gateways'))];
}

function* gatewaysAreNames(spec: Placed): Generator<Finding> {
  for (const { value, path } of gatewaysOf(spec)) {
    const parts = typeof value === 'string' ? value.split('/') : [];
    const fine =
      parts.length === 2
        ? parts.every(isLabel)
        : parts.length === 1 && hostFault(parts[0] ?? '') === undefined && !(parts[0] ?? '').startsWith('*');
    if (!fine)
      yield finding(path, `is ${shown(value)}`, 'write name or namespace/name of a Gateway, or mesh');
  }
}

function* gatewaysAreNotInTheOldForm(spec: Placed): Generator<Finding> {
  for (const { value, path } of gatewaysOf(spec)) {
    if (
      typeof value !== 'string' ||
      value.includes('/') ||
      !value.includes('.') ||
      hostFault(value) !== undefined
    )
      continue;
    const [name = '', namespace = ''] = value.split('.');
    yield finding(path, `is ${quote(value)}, the form of old versions`, `write ${namespace}/${name}`);
  }
}

/** Field names of old API versions, which API servers drop silently, and what to write today. @see https://github.com/istio/api/pull/1214 */
const removedFields: Readonly<Record<string, string>> = {
  appendHeaders: 'headers.request.add (or headers.request.set, which also replaces)',
  appendRequestHeaders: 'headers.request.add (or headers.request.set, which also replaces)',
  removeRequestHeaders: 'headers.request.remove',
  appendResponseHeaders: 'headers.response.add',
  removeResponseHeaders: 'headers.response.remove',
  websocketUpgrade: 'nothing: upgrades to WebSocket work without it',
};

/** Names of old fields of an HTTP route. */
export const removedFieldNames: ReadonlySet<string> = new Set(Object.keys(removedFields));

/** Finds fields of an HTTP route that the API no longer has. */
export function* noRemovedFields({ value, path }: Placed): Generator<Finding> {
  for (const name of fieldsSet(value, Object.keys(removedFields))) {
    yield finding(
      `${path}.${name}`,
      'is gone from the Istio API: the API server drops it without a word, and it has no effect',
      `write ${removedFields[name] ?? ''}`,
    );
  }
  if (isSet(value, 'corsPolicy') && listAt(value, 'corsPolicy', 'allowOrigin').length > 0) {
    yield finding(
      `${path}.corsPolicy.allowOrigin`,
      'is the old name',
      'write allowOrigins with exact, prefix or regex',
    );
  }
}

/** Returns the spec of an object with its path. */
export function specOf(object: unknown): Placed {
  return { value: at(object, 'spec'), path: 'spec' };
}
