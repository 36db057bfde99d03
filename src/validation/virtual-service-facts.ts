/** Rules about a VirtualService among everything else in the cluster: its subsets, its hosts, its Gateways. */
import { fullHost, hostCovers, isExported, namespacesWithRules, resolveRules, serviceOfHost } from '../model/destination-rules.ts';
import { covers, textAt } from '../model/json.ts';
import { readVirtualService, type DestinationRule, type Gateway, type Service, type VirtualService } from '../model/kubernetes.ts';
import { baselineOf } from '../model/membership.ts';
import { quote, type Problem } from '../model/problem.ts';
import { inNamespace, namespaceOf, type Snapshot } from '../model/snapshot.ts';
import { field, finding, members, run, type Check, type FactOwner, type Finding, type Placed, type Row } from './finding.ts';
import { isLabel } from './istio-names.ts';
import { conditionsOf, headerKey } from './match-conditions.ts';
import { specOf } from './virtual-service-object.ts';

/** The VirtualService under review, with what its rules share. */
interface Subject extends VirtualService {
  readonly targets: readonly Target[];
  /** Full host → what its clients see, filled on first use. */
  readonly views: Map<string, readonly View[]>;
}

type FactCheck = (spec: Placed, owner: FactOwner, self: Subject) => Iterable<Finding>;

const rows: readonly { readonly code: Row['code']; readonly check: FactCheck }[] = [
  { code: 'BL260', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'branch') },
  { code: 'BL261', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'everybody') },
  { code: 'BL269', check: (_spec, owner, self) => subsetsAreThere(owner, self, 'unknown') },
  { code: 'BL263', check: meshHostsHaveOneOwner },
  { code: 'BL264', check: hostsAreServed },
  { code: 'BL265', check: gatewaysAreThere },
];

/** Runs every rule about a VirtualService that needs the cluster. */
export function* virtualServiceFactProblems(owner: FactOwner): Generator<Problem> {
  const spec = specOf(owner.object);
  const route: VirtualService = { ...readVirtualService(owner.object), namespace: owner.namespace, name: owner.name };
  const self: Subject = { ...route, targets: targetsOf(spec, owner, route), views: new Map() };
  const bound: readonly Row[] = rows.map(({ code, check }) => ({ code, check: ((here) => check(here, owner, self)) satisfies Check }));
  yield* run(bound, spec, owner);
}

/** A destination with a subset; `everybody`: requests without a branch go there. */
interface Target {
  readonly path: string;
  readonly host: string;
  readonly subset: string;
  readonly everybody: boolean;
}

function* subsetsAreThere(owner: FactOwner, self: Subject, about: 'branch' | 'everybody' | 'unknown'): Generator<Finding> {
  if (owner.snapshot.destinationRules.size === 0) return;
  const seen = new Set<string>();
  for (const target of self.targets) {
    const key = about === 'unknown' ? target.host : `${target.host} ${target.subset} ${target.everybody}`;
    if (seen.has(key) || (about !== 'unknown' && target.everybody !== (about === 'everybody'))) continue;
    seen.add(key);
    const views = self.views.get(target.host) ?? clientsOf(self, target.host, owner).map((client) => viewOf(target.host, client, owner));
    self.views.set(target.host, views);
    const wrong = views.find(({ rule, subsets }) => !subsets.has(target.subset) && (rule === undefined) === (about === 'unknown'));
    if (wrong !== undefined) yield about === 'unknown' ? unknownRule(target, wrong) : missingSubset(target, wrong);
  }
}

/** What a client sees of a host: the first rule that it would use, and the subsets of all of them. */
interface View {
  readonly client: string;
  readonly rule: DestinationRule | undefined;
  readonly subsets: ReadonlySet<string>;
}

function viewOf(host: string, client: string, { snapshot, settings }: FactOwner): View {
  const rules = resolveRules(snapshot.destinationRules, { host, client }, settings);
  return { client, rule: rules[0], subsets: new Set(rules.flatMap((rule) => rule.subsets.map(({ name }) => name))) };
}

function unknownRule({ path, host, subset }: Target, { client }: View): Finding {
  return finding(`${path}.subset`, `is ${quote(subset)}, and no DestinationRule for ${host} that ${clientWords(client)} would use is known here`, 'create it, and wait some seconds, before the route');
}

function missingSubset({ path, host, subset }: Target, { client, rule, subsets }: View): Finding {
  const from = `${rule?.namespace ?? ''}/${rule?.name ?? ''}`;
  const has = subsets.size === 0 ? 'no subsets' : `only ${[...subsets].slice(0, 5).map(quote).join(', ')}${subsets.size > 5 ? ', ...' : ''}`;
  return finding(`${path}.subset`, `is ${quote(subset)}, but DestinationRule ${from}, which ${clientWords(client)} uses for ${host}, has ${has}: requests would get 503`, 'add the subset there first, wait some seconds, then apply this');
}

function clientWords(client: string): string {
  return client === '' ? 'a Gateway of another namespace' : `namespace ${client}`;
}

function targetsOf(spec: Placed, { settings, snapshot, namespace }: FactOwner, self: VirtualService): readonly Target[] {
  const branchKey = headerKey(settings.routingHeader);
  const plain = new Set(conditionsOf(spec).filter(({ asks }) => !asks.has(branchKey) && !asks.has('authority')).map(({ route }) => route));
  const isMesh = boundToMesh(self);
  return members(spec, 'http').flatMap((http, index) => destinationsOf(http).flatMap(({ value, path }) => {
    const [host, subset] = [textAt(value, 'host') ?? '', textAt(value, 'subset') ?? ''];
    if (!isLabel(subset)) return [];
    const full = fullHost(host, namespace, settings);
    const service = serviceOf(snapshot, full, settings);
    const baseline = baselineOf(namespaceOf(snapshot, service?.namespace ?? namespace), service, settings);
    return [{ path, host: full, subset, everybody: plain.has(index) && !path.includes('irror') && (isMesh || subset === baseline) }];
  }));
}

function destinationsOf(http: Placed): readonly Placed[] {
  return [...[...members(http, 'route'), ...members(http, 'mirrors')].map((target) => field(target, 'destination')), field(http, 'mirror')];
}

function serviceOf(snapshot: Snapshot, host: string, mesh: FactOwner['settings']): Service | undefined {
  const found = serviceOfHost(host, mesh);
  return found && inNamespace(snapshot.services, found.namespace).get(found.name);
}

/** Tells whether a VirtualService applies to sidecars. */
export function boundToMesh({ gateways }: VirtualService): boolean {
  return gateways.length === 0 || gateways.includes('mesh');
}

/** Namespaces from which a host is called by way of a VirtualService: those of its Gateways' pods; for the mesh its own, the Service's, those that `exportTo` names, and those with rules of their own. */
export function clientsOf(self: VirtualService, host: string, { snapshot, settings }: Pick<FactOwner, 'snapshot' | 'settings'>): readonly string[] {
  const clients = new Set<string>();
  for (const gateway of self.gateways) if (gateway !== 'mesh') clients.add(homeOf(gatewayOf(snapshot, gateway, self.namespace), snapshot, settings.istioRootNamespace));
  if (boundToMesh(self)) {
    const service = serviceOfHost(host, settings)?.namespace;
    const named = self.exportTo.filter((target) => target !== '*' && target !== '.');
    const callers = [service ?? self.namespace, self.namespace, ...named, ...namespacesWithRules(snapshot.destinationRules, host, settings)];
    for (const caller of callers) if (caller !== settings.istioRootNamespace && isExported(self, caller)) clients.add(caller);
  }
  return [...clients];
}

/** Where a Gateway's pods run: beside it, or in the root namespace; `''` when they are not found there. */
function homeOf(gateway: Gateway | undefined, snapshot: Snapshot, root: string): string {
  if (gateway === undefined) return '';
  return [gateway.namespace, root].find((namespace) => [...inNamespace(snapshot.pods, namespace).values()].some(({ labels }) => covers(labels, gateway.selector))) ?? '';
}

function gatewayOf(snapshot: Snapshot, written: string, namespace: string): Gateway | undefined {
  const parts = written.split('/');
  return parts.length === 2 ? inNamespace(snapshot.gateways, parts[0] ?? '').get(parts[1] ?? '') : inNamespace(snapshot.gateways, namespace).get(written);
}

/** Sidecars take the routes of one VirtualService for a host, and which one is undefined. */
function* meshHostsHaveOneOwner(spec: Placed, { snapshot, settings }: FactOwner, self: VirtualService): Generator<Finding> {
  if (!takesWholeHosts(self)) return;
  const mine = new Map(self.hosts.map((host, index) => [fullHost(host, self.namespace, settings), index]));
  const others = [...snapshot.virtualServices.values()].flatMap((inside) => [...inside.values()]).filter((other) => takesWholeHosts(other) && !isSame(self, other));
  for (const other of others) {
    const shared = other.hosts.find((host) => mine.has(fullHost(host, other.namespace, settings)));
    if (shared !== undefined && haveClientsInCommon(self, other)) yield secondOwner(`${spec.path}.hosts[${mine.get(fullHost(shared, other.namespace, settings)) ?? 0}]`, shared, other);
  }
}

function takesWholeHosts(route: VirtualService): boolean {
  return boundToMesh(route) && !route.partial && route.hosts.length > 0;
}

function isSame(one: VirtualService, other: VirtualService): boolean {
  return one.name === other.name && one.namespace === other.namespace;
}

function secondOwner(path: string, host: string, other: VirtualService): Finding {
  const name = `${other.namespace}/${other.name}`;
  return finding(path, `is ${quote(host)}, which VirtualService ${name} has, too: sidecars take one of them and drop the other`, `put the routes into ${name}, or delete it first`);
}

function haveClientsInCommon(one: VirtualService, other: VirtualService): boolean {
  const isPublic = ({ exportTo }: VirtualService): boolean => exportTo.length === 0 || exportTo.includes('*');
  if (isPublic(one) || isPublic(other)) return true;
  return one.exportTo.some((target) => isExported(other, target === '.' ? one.namespace : target));
}

function* gatewaysAreThere(spec: Placed, { snapshot }: FactOwner, self: VirtualService): Generator<Finding> {
  if (snapshot.gateways.size === 0) return;
  for (const { value, path } of members(spec, 'gateways')) {
    if (typeof value !== 'string' || value === 'mesh' || gatewayOf(snapshot, value, self.namespace) !== undefined) continue;
    yield finding(path, `is ${quote(value)}, and no Gateway ${value.includes('/') ? value : `${self.namespace}/${value}`} is known here`, 'create it, or write namespace/name of another');
  }
}

/** Each host against the servers of each Gateway; Istio tells only when none fits. */
function* hostsAreServed(spec: Placed, { snapshot }: FactOwner, self: VirtualService): Generator<Finding> {
  const gateways = self.gateways.map((written) => gatewayOf(snapshot, written, self.namespace));
  if (gateways.length === 0 || gateways.includes(undefined)) return;
  for (const { value, path } of members(spec, 'hosts')) {
    if (typeof value !== 'string' || gateways.some((gateway) => gateway !== undefined && serves(gateway, value.toLowerCase(), self.namespace))) continue;
    const names = [...new Set(gateways.flatMap((gateway) => gateway?.hosts ?? []))];
    yield finding(path, `is ${quote(value)}, and no server of ${self.gateways.join(', ')} has it (${names.slice(0, 5).join(', ')})`, 'add the host to the Gateway, or leave it out here');
  }
}

function serves(gateway: Gateway, host: string, namespace: string): boolean {
  return gateway.hosts.some((server) => {
    const slash = server.indexOf('/');
    const from = slash < 0 ? '*' : server.slice(0, slash);
    const name = server.slice(slash + 1).toLowerCase();
    const isOpen = from === '*' || from === namespace || (from === '.' && gateway.namespace === namespace);
    return isOpen && (hostCovers(name, host) || hostCovers(host, name));
  });
}
