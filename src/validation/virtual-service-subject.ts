/** A VirtualService under review with what its rules ask again and again: where it sends requests, who calls by it, what these see. */
import { isExported, namespacesWithRules, resolveRules } from '../model/destination-rules.ts';
import { isForSidecars, resolveGateway } from '../model/gateways.ts';
import { resolveConfigHost, serviceOfHost } from '../model/hosts.ts';
import { covers, isObject, listAt, numberAt, textAt } from '../model/json.ts';
import {
  readVirtualService,
  type DestinationRule,
  type Gateway,
  type Service,
  type Subset,
  type VirtualService,
} from '../model/kubernetes.ts';
import { baselineOf } from '../model/membership.ts';
import type { ProblemCode } from '../model/problem.ts';
import { inNamespace, namespaceOf, type Snapshot } from '../model/snapshot.ts';
import { field, isSet, members, type FactOwner, type Finding, type Placed } from './finding.ts';
import { headerKey, matchesOf, type Matches } from './match-conditions.ts';
import { specOf } from './virtual-service-object.ts';

/** The VirtualService under review, with what its rules share. */
export interface Subject extends VirtualService {
  readonly targets: readonly Target[];
  readonly matches: Matches;
  /** Full host and Gateways → what its clients see, filled on first use. */
  readonly views: Map<string, readonly View[]>;
}

/** A rule about a VirtualService among the facts. */
type FactCheck = (spec: Placed, owner: FactOwner, self: Subject) => Iterable<Finding>;

/** A row of a table of such rules. */
export interface FactRow {
  readonly code: ProblemCode;
  readonly check: FactCheck;
}

/** A destination of an HTTP route or mirror. */
export interface Target {
  readonly path: string;
  /** Index of its route. */
  readonly route: number;
  /** Full host. */
  readonly host: string;
  /** The Service of the host, when it is known. */
  readonly service: Service | undefined;
  /** Empty when none is named. */
  readonly subset: string;
  readonly hasPort: boolean;
  /** Gateways, and maybe the mesh, by which requests for it come: of its matches where all of them name some, else of the object. */
  readonly gateways: readonly string[];
  readonly isMirror: boolean;
  /** Requests may go there: its weight is not 0. */
  readonly isLive: boolean;
  /** Requests without a branch go there. */
  readonly everybody: boolean;
}

/** Reads the VirtualService under review. */
export function subjectOf(owner: FactOwner): Subject {
  const spec = specOf(owner.object);
  const route: VirtualService = {
    ...readVirtualService(owner.object),
    namespace: owner.namespace,
    name: owner.name,
  };
  const matches = matchesOf(spec, owner.settings.regexReaders);
  return { ...route, matches, targets: targetsOf(spec, owner, route, matches), views: new Map() };
}

function targetsOf(
  spec: Placed,
  { settings, snapshot, namespace }: FactOwner,
  self: VirtualService,
  { all }: Matches,
): readonly Target[] {
  const branchKey = headerKey(settings.routingHeader);
  const plain = new Set(
    all.filter(({ asks }) => !asks.has(branchKey) && !asks.has('authority')).map(({ route }) => route),
  );
  const isMesh = isForSidecars(self);
  const byRoute = Map.groupBy(all, ({ route }) => route);
  return members(spec, 'http').flatMap((http, index) =>
    destinationsOf(http).map(({ place: { value, path }, isMirror, isLive }): Target => {
      const host = resolveConfigHost(textAt(value, 'host') ?? '', namespace, settings).host;
      const subset = textAt(value, 'subset') ?? '';
      const service = serviceOf(snapshot, host, settings);
      const baseline = baselineOf(namespaceOf(snapshot, service?.namespace ?? namespace), service, settings);
      const everybody = plain.has(index) && !isMirror && (isMesh || subset === baseline);
      const gateways = gatewaysOf(byRoute.get(index) ?? []) ?? self.gateways;
      return {
        path,
        route: index,
        host,
        service,
        subset,
        gateways,
        hasPort: isSet(value, 'port', 'number'),
        isMirror,
        isLive,
        everybody,
      };
    }),
  );
}

/** Gateways that the matches of a route name; undefined where one of them names none. */
function gatewaysOf(matches: Matches['all']): readonly string[] | undefined {
  const named = matches.map(({ asks }) => asks.get('gateways')?.text.split('\n'));
  return named.some((one) => one === undefined) ? undefined : [...new Set(named.flatMap((one) => one ?? []))];
}

interface WrittenTarget {
  readonly place: Placed;
  readonly isMirror: boolean;
  readonly isLive: boolean;
}

function destinationsOf(http: Placed): readonly WrittenTarget[] {
  const several = listAt(http.value, 'route').length > 1;
  const routes = members(http, 'route').map((target) => ({
    place: field(target, 'destination'),
    isMirror: false,
    isLive: !several || (numberAt(target.value, 'weight') ?? 0) > 0,
  }));
  const mirrors = [
    ...members(http, 'mirrors').map((target) => field(target, 'destination')),
    field(http, 'mirror'),
  ].map((place) => ({ place, isMirror: true, isLive: true }));
  return [...routes, ...mirrors].filter(({ place }) => isObject(place.value));
}

/** Returns the Service that a full host stands for, when it is known. */
export function serviceOf(
  snapshot: Snapshot,
  host: string,
  mesh: FactOwner['settings'],
): Service | undefined {
  const found = serviceOfHost(host, mesh);
  return found && inNamespace(snapshot.services, found.namespace).get(found.name);
}

/** What a client sees of a host: the first rule that it would use, and the subsets of all of them. */
export interface View {
  readonly client: string;
  readonly isBystander: boolean;
  readonly rule: DestinationRule | undefined;
  /** Name → subset. Of two with one name the first counts. */
  readonly subsets: ReadonlyMap<string, Subset>;
}

function viewOf(host: string, client: string, { snapshot, settings }: FactOwner): Omit<View, 'isBystander'> {
  const rules = resolveRules(snapshot.destinationRules, { host, client }, settings);
  const subsets = new Map<string, Subset>();
  for (const subset of rules.flatMap((rule) => rule.subsets))
    if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return { client, rule: rules[0], subsets };
}

/** Returns what each of the clients of a target's host sees of it. */
export function viewsOf({ host, gateways }: Target, owner: FactOwner, self: Subject): readonly View[] {
  const key = [host, ...gateways].join(' ');
  const views = self.views.get(key) ?? makeViews({ ...self, gateways }, host, owner);
  self.views.set(key, views);
  return views;
}

function makeViews(self: VirtualService, host: string, owner: FactOwner): readonly View[] {
  const clients = clientsOf(self, host, owner).map((client) => ({
    ...viewOf(host, client, owner),
    isBystander: false,
  }));
  return [
    ...clients,
    ...bystandersOf(self, host, owner).map((client) => ({
      ...viewOf(host, client, owner),
      isBystander: true,
    })),
  ];
}

/** Returns the pod labels of a target's subset as its first client sees them; undefined when that is not known. */
export function subsetOf(target: Target, owner: FactOwner, self: Subject): Subset | undefined {
  return viewsOf(target, owner, self)
    .map(({ subsets }) => subsets.get(target.subset))
    .find((found) => found !== undefined);
}

/**
 * Namespaces from which a host is called by way of a VirtualService: those of its Gateways' pods; for the mesh its own, the Service's and those that `exportTo` names.
 * Others may call, too: see {@link bystandersOf}.
 */
export function clientsOf(
  self: VirtualService,
  host: string,
  { snapshot, settings }: Pick<FactOwner, 'snapshot' | 'settings'>,
): readonly string[] {
  const clients = new Set<string>();
  for (const gateway of self.gateways)
    if (gateway !== 'mesh')
      clients.add(
        homeOf(gatewayOf(snapshot, gateway, self.namespace), snapshot, settings.istioRootNamespace),
      );
  const named = self.exportTo.filter((target) => target !== '*' && target !== '.');
  for (const caller of [serviceOfHost(host, settings)?.namespace ?? self.namespace, self.namespace, ...named])
    if (isCaller(self, caller, settings)) clients.add(caller);
  return [...clients];
}

/** Other namespaces that may call, and have rules of their own for the host. Their rules are theirs to mend: nobody else is refused for them. */
export function bystandersOf(
  self: VirtualService,
  host: string,
  { snapshot, settings }: Pick<FactOwner, 'snapshot' | 'settings'>,
): readonly string[] {
  const clients = clientsOf(self, host, { snapshot, settings });
  return namespacesWithRules(snapshot.destinationRules, host, settings).filter(
    (caller) => !clients.includes(caller) && isCaller(self, caller, settings),
  );
}

/** Tells whether sidecars of a namespace get a VirtualService. Nothing calls from the root namespace. */
function isCaller(
  self: VirtualService,
  caller: string,
  { istioRootNamespace }: FactOwner['settings'],
): boolean {
  return isForSidecars(self) && caller !== istioRootNamespace && isExported(self, caller);
}

/** Where a Gateway's pods run: beside it, or in the root namespace; `''` when they are not found there. */
function homeOf(gateway: Gateway | undefined, snapshot: Snapshot, root: string): string {
  if (gateway === undefined) return '';
  return (
    [gateway.namespace, root].find((namespace) =>
      [...inNamespace(snapshot.pods, namespace).values()].some(({ labels }) =>
        covers(labels, gateway.selector),
      ),
    ) ?? ''
  );
}

/** Returns the Gateway that a VirtualService of a namespace names. */
export function gatewayOf(snapshot: Snapshot, written: string, namespace: string): Gateway | undefined {
  const [home = '', name = ''] = resolveGateway(written, namespace).split('/');
  return inNamespace(snapshot.gateways, home).get(name);
}
