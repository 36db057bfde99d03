/**
 * Rules about the VirtualServices of one Gateway host, whose routes Istio puts one after another: the oldest object first, then by name and namespace, and
 * what takes every request last. @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/networking/core/gateway.go buildGatewayHTTPRouteConfig
 */
import { routesOfHost } from '../model/destination-rules.ts';
import { isEqual } from '../model/equal.ts';
import { isForSidecars, resolveGateway } from '../model/gateways.ts';
import { resolveConfigHost, resolveVirtualServiceHost } from '../model/hosts.ts';
import { at, listAt, textAt } from '../model/json.ts';
import type { VirtualService } from '../model/kubernetes.ts';
import { quote } from '../model/problem.ts';
import { finding, type FactOwner, type Finding, type Placed } from './finding.ts';
import {
  askedBy,
  conditionsOf,
  headerKey,
  mayMeet,
  takesAll,
  without,
  type Conditions,
} from './match-conditions.ts';
import type { Texts } from './texts.ts';
import type { FactRow, Subject } from './virtual-service-subject.ts';

/** Rules over a VirtualService. */
export const neighbourRows: readonly FactRow[] = [
  { code: 'BL244', check: somethingIsLeftForTheBaseline },
  { code: 'BL273', check: gatewayHostsAreShared },
];

/** A VirtualService with its matches. */
interface Party {
  readonly route: VirtualService;
  readonly all: readonly Conditions[];
}

/** Most matches of one object that are compared with those of others. */
const lookedAtMax = 600;

/** Who asks for a branch at a Gateway's host must get an answer without the branch, too: here, or by another object of the host. */
function* somethingIsLeftForTheBaseline(
  _: Placed,
  { snapshot, settings }: FactOwner,
  self: Subject,
): Generator<Finding> {
  const { all, texts } = self.matches;
  const branchKey = headerKey(settings.routingHeader);
  const choosing = all.slice(0, lookedAtMax).filter(({ asks }) => asks.has(branchKey));
  if (choosing.length === 0 || isForSidecars(self) || self.hosts.length === 0) return;
  const others = new Set(
    self.hosts
      .flatMap((host) =>
        routesOfHost(resolveVirtualServiceHost(host, self.namespace, settings).host, snapshot, settings),
      )
      .filter((other) => !isSame(self, other) && shareAGateway(self, other)),
  );
  const plain = [
    ...all,
    ...[...others].flatMap((other) => conditionsOf({ value: other.spec, path: 'spec' }, texts)),
  ].filter(({ asks }) => !asks.has(branchKey));
  const orphan = choosing.find((match) => {
    const everybody = without(match, [branchKey, 'authority']);
    return plain.every((other) => takesAll(other, everybody, texts) === false);
  });
  if (orphan !== undefined)
    yield finding(
      orphan.path,
      `takes requests of a branch, and no route takes the same ones without ${settings.routingHeader}: they get 404`,
      "end with a route without match, to the baseline's subset",
      askedBy(orphan),
    );
}

function* gatewayHostsAreShared(
  spec: Placed,
  { snapshot, settings }: FactOwner,
  self: Subject,
): Generator<Finding> {
  const { texts } = self.matches;
  const mine: Party = { route: self, all: self.matches.all };
  const told = new Set<VirtualService>();
  for (const [index, host] of self.hosts.entries()) {
    for (const other of routesOfHost(
      resolveVirtualServiceHost(host, self.namespace, settings).host,
      snapshot,
      settings,
    )) {
      if (told.has(other) || isSame(self, other) || !shareAGateway(self, other)) continue;
      told.add(other);
      const theirs: Party = { route: other, all: conditionsOf({ value: other.spec, path: 'spec' }, texts) };
      const place = `${spec.path}.hosts[${index}]`;
      const found =
        hiddenBy(theirs, mine, { texts, settings }) ??
        hidingFor(mine, theirs, { texts, settings }) ??
        twoEnds(mine, theirs, { path: place, host });
      if (found !== undefined) yield found;
    }
  }
}

function isSame(one: VirtualService, other: VirtualService): boolean {
  return one.name === other.name && one.namespace === other.namespace;
}

function shareAGateway(one: VirtualService, other: VirtualService): boolean {
  const theirs = new Set(gatewaysOf(other));
  return gatewaysOf(one).some((gateway) => theirs.has(gateway));
}

function gatewaysOf({ gateways, namespace }: VirtualService): readonly string[] {
  return gateways
    .filter((gateway) => gateway !== 'mesh')
    .map((gateway) => resolveGateway(gateway, namespace));
}

/** Tells which of two stands first; undefined where neither says how old it is, as in manifests. What is not there yet is the younger one. */
function isBefore(one: VirtualService, other: VirtualService): boolean | undefined {
  if (one.created === '' && other.created === '') return undefined;
  if (one.created !== other.created)
    return one.created !== '' && (other.created === '' || one.created < other.created);
  return `${one.name} ${one.namespace}` < `${other.name} ${other.namespace}`;
}

interface Manner {
  readonly texts: Texts;
  readonly settings: FactOwner['settings'];
}

/** A branch route of the one under review that a route of an older object keeps from requests. */
function hiddenBy(older: Party, mine: Party, manner: Manner): Finding | undefined {
  const order = isBefore(older.route, mine.route);
  const pair = order === false ? undefined : hiddenPair(older, mine, manner);
  if (pair === undefined) return undefined;
  return finding(
    pair.match.path,
    `comes after ${pair.by.path} of VirtualService ${nameOf(older.route)}${order === undefined ? ', if that is the older one' : ', which is older'}: that takes requests of the branch without looking at ${manner.settings.routingHeader}`,
    fix,
    `${nameOf(older.route)} ${askedBy(pair.match)}`,
  );
}

/** A branch route of a younger object that the one under review keeps from requests. */
function hidingFor(mine: Party, younger: Party, manner: Manner): Finding | undefined {
  const order = isBefore(mine.route, younger.route);
  const pair = order === false ? undefined : hiddenPair(mine, younger, manner);
  if (pair === undefined) return undefined;
  return finding(
    pair.by.path,
    `comes before ${pair.match.path} of VirtualService ${nameOf(younger.route)}${order === undefined ? ', if that is the younger one' : ', which is younger'}: it takes requests of the branch there without looking at ${manner.settings.routingHeader}`,
    fix,
    `${nameOf(younger.route)} ${askedBy(pair.by)}`,
  );
}

const fix = 'put the routes of the host into one object, those of branches first';

function nameOf({ namespace, name }: VirtualService): string {
  return `${namespace}/${name}`;
}

/** What takes every request is put last, whatever its age. */
function hiddenPair(
  first: Party,
  second: Party,
  { texts, settings }: Manner,
): { readonly match: Conditions; readonly by: Conditions } | undefined {
  const branchKey = headerKey(settings.routingHeader);
  const blind = first.all
    .slice(0, lookedAtMax)
    .filter(({ asks }) => asks.size > 0 && !asks.has(branchKey) && !asks.has('authority'));
  const branches = second.all.slice(0, lookedAtMax).filter(({ asks }) => asks.has(branchKey));
  if (blind.length === 0 || branches.length === 0) return undefined;
  const hosts = [first, second].map(({ route }) =>
    listAt(route.spec, 'http').map((http) => hostsOf(http, route, settings)),
  );
  for (const match of branches) {
    const by = blind.find(
      (one) =>
        takesAll(one, match, texts) === true ||
        (onlyPath(one) &&
          isShared(hosts[0]?.[one.route], hosts[1]?.[match.route]) &&
          mayMeet(one, match, texts) === true),
    );
    if (by !== undefined) return { match, by };
  }
  return undefined;
}

function onlyPath({ asks }: Conditions): boolean {
  return [...asks.keys()].every((key) => key === 'uri');
}

function hostsOf(
  http: unknown,
  { namespace }: VirtualService,
  settings: FactOwner['settings'],
): ReadonlySet<string> {
  return new Set(
    listAt(http, 'route').map(
      (target) => resolveConfigHost(textAt(target, 'destination', 'host') ?? '', namespace, settings).host,
    ),
  );
}

function isShared(one: ReadonlySet<string> = new Set(), other: ReadonlySet<string> = new Set()): boolean {
  return [...one].some((host) => host !== '' && other.has(host));
}

/** Two routes for everything: one of them is never reached. */
function twoEnds(
  mine: Party,
  theirs: Party,
  { path, host }: { readonly path: string; readonly host: string },
): Finding | undefined {
  const [one, other] = [endOf(mine), endOf(theirs)];
  if (one === undefined || other === undefined || isEqual(one, other)) return undefined;
  return finding(
    path,
    `is ${quote(host)}, for which VirtualService ${nameOf(theirs.route)} has a route that takes every request, too: that of the older object counts`,
    'keep one of the two',
    `${host} ${nameOf(theirs.route)}`,
  );
}

function endOf({ route, all }: Party): unknown {
  const end = all.find(({ asks }) => asks.size === 0);
  return end && at(route.spec, 'http', end.route, 'route');
}
