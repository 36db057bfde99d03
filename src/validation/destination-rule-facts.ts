/** Rules about a DestinationRule among everything else in the cluster: subsets that routes still name, other rules of its host, the Service's pods. */
import { resolveRules, type Lookup } from '../model/destination-rules.ts';
import { isEqual } from '../model/equal.ts';
import { hostOfDestinationRule, resolveConfigHost, serviceOfHost, wildcardMatches } from '../model/hosts.ts';
import { covers, type JsonObject, type Labels } from '../model/json.ts';
import { readDestinationRule, type DestinationRule, type VirtualService } from '../model/kubernetes.ts';
import { quote, type Problem } from '../model/problem.ts';
import { podsBehind, workloadsBehind } from '../model/selection.ts';
import { inNamespace, namespaceOf, type ByNamespace } from '../model/snapshot.ts';
import { finding, shownName, type FactOwner, type Finding } from './finding.ts';
import { bystandersOf, clientsOf } from './virtual-service-subject.ts';

/** Runs every rule about a DestinationRule that is written. */
export function* destinationRuleFactProblems(owner: FactOwner): Generator<Problem> {
  const self: DestinationRule = {
    ...readDestinationRule(owner.object),
    namespace: owner.namespace,
    name: owner.name,
  };
  for (const found of podsAreSelected(self, owner)) yield { code: 'BL266', ...found };
  for (const found of subsetsHavePods(self, owner)) yield { code: 'BL275', ...found };
  for (const found of rulesOfTheHostAgree(self, owner)) yield { code: 'BL268', ...found };
}

/**
 * Make before break: what a route names and finds now, it must find after the change. `after` undefined: the rule is deleted. That has a code of its own, a
 * warning: whoever deletes a chart deletes the routes, too, and Helm takes kinds that it does not know in the order of their names, DestinationRule before
 * VirtualService. A refusal would leave the release half deleted, and which routes will go a moment later cannot be known.
 * @see https://github.com/helm/helm/blob/v3.19.0/pkg/releaseutil/kind_sorter.go lessByKind
 */
export function* lostSubsetProblems(
  owner: FactOwner,
  before: JsonObject,
  after: JsonObject | undefined,
): Generator<Problem> {
  const { namespace, name, snapshot } = owner;
  if (namespaceOf(snapshot, namespace)?.leaving === true) return;
  const now: DestinationRule = { ...readDestinationRule(before), namespace, name };
  const next = after && { ...readDestinationRule(after), namespace, name };
  const isNarrower =
    next === undefined ||
    next.host !== now.host ||
    next.partial !== now.partial ||
    !isEqual(next.exportTo, now.exportTo);
  const kept = new Set(isNarrower ? [] : next.subsets.map((subset) => subset.name));
  const lost = new Set(now.subsets.map((subset) => subset.name).filter((subset) => !kept.has(subset)));
  const views: Views = {
    now: withRule(snapshot.destinationRules, now, now),
    next: withRule(snapshot.destinationRules, now, next),
    isDeleted: next === undefined,
  };
  for (const subset of lost) yield* stillRouted(subset, now, views, owner);
}

interface Views {
  readonly now: ByNamespace<DestinationRule>;
  readonly next: ByNamespace<DestinationRule>;
  /** The rule goes as a whole. */
  readonly isDeleted: boolean;
}

function withRule(
  rules: ByNamespace<DestinationRule>,
  { namespace, name }: DestinationRule,
  rule: DestinationRule | undefined,
): ByNamespace<DestinationRule> {
  const inside = new Map(inNamespace(rules, namespace));
  if (rule === undefined) inside.delete(name);
  else inside.set(name, rule);
  return new Map([...rules, [namespace, inside]]);
}

/** Names one route for each subset: a refusal is read in a terminal. */
function* stillRouted(
  subset: string,
  rule: DestinationRule,
  views: Views,
  owner: FactOwner,
): Generator<Problem> {
  const user = routesTo(subset, rule, owner).find(({ route, host }) =>
    [...clientsOf(route, host, owner), ...bystandersOf(route, host, owner)].some(
      (client) =>
        finds(views.now, { host, client }, subset, owner) &&
        !finds(views.next, { host, client }, subset, owner),
    ),
  );
  if (user === undefined) return;
  const index = rule.subsets.findIndex(({ name }) => name === subset);
  yield {
    code: views.isDeleted ? 'BL278' : 'BL262',
    path: `spec.subsets[${index}]`,
    message: `subset ${quote(subset)} of ${hostOfDestinationRule(rule, owner.settings)} goes away, and VirtualService ${user.route.namespace}/${user.route.name} still sends requests there: they would get 503`,
    fix: 'take the route away first, wait some seconds, then the subset',
  };
}

function finds(
  rules: ByNamespace<DestinationRule>,
  lookup: Lookup,
  subset: string,
  { settings }: FactOwner,
): boolean {
  return resolveRules(rules, lookup, settings).some((rule) =>
    rule.subsets.some(({ name }) => name === subset),
  );
}

interface User {
  readonly route: VirtualService;
  readonly host: string;
}

function routesTo(subset: string, rule: DestinationRule, { snapshot, settings }: FactOwner): readonly User[] {
  const pattern = hostOfDestinationRule(rule, settings);
  return [...snapshot.virtualServices.values()]
    .flatMap((inside) => [...inside.values()])
    .flatMap((route) => {
      const destination = route.destinations.find(
        (one) =>
          one.subset === subset &&
          wildcardMatches(pattern, resolveConfigHost(one.host, route.namespace, settings).host),
      );
      return destination === undefined
        ? []
        : [{ route, host: resolveConfigHost(destination.host, route.namespace, settings).host }];
    });
}

/** A selector that asks for another version leaves the subset without pods. */
function* podsAreSelected(self: DestinationRule, { snapshot, settings }: FactOwner): Generator<Finding> {
  const named = serviceOfHost(hostOfDestinationRule(self, settings), settings);
  const service = named && inNamespace(snapshot.services, named.namespace).get(named.name);
  if (service === undefined) return;
  for (const [index, { name, labels }] of self.subsets.entries()) {
    const key = Object.keys(labels).find(
      (one) => service.selector[one] !== undefined && service.selector[one] !== labels[one],
    );
    if (key === undefined) continue;
    yield finding(
      `spec.subsets[${index}].labels[${shownName(key)}]`,
      `is ${quote(labels[key] ?? '')}, but Service ${service.namespace}/${service.name} selects ${key} ${quote(service.selector[key] ?? '')}: subset ${quote(name)} has no pods`,
      `take ${key} out of the Service's selector`,
    );
  }
}

/** Said where the Service has pods or workloads that are known: in a folder of routes nothing is. What differs in case only is probably meant. */
function* subsetsHavePods(self: DestinationRule, { snapshot, settings }: FactOwner): Generator<Finding> {
  const named = serviceOfHost(hostOfDestinationRule(self, settings), settings);
  const service = named && inNamespace(snapshot.services, named.namespace).get(named.name);
  if (service === undefined) return;
  const pods = podsBehind(inNamespace(snapshot.pods, service.namespace), service).map(({ labels }) => labels);
  const carried = [
    ...pods,
    ...workloadsBehind(inNamespace(snapshot.workloads, service.namespace), service).map(
      ({ templateLabels }) => templateLabels,
    ),
  ];
  for (const [index, { name, labels }] of carried.length === 0 ? [] : self.subsets.entries()) {
    const isPinned = Object.keys(labels).some(
      (key) => service.selector[key] !== undefined && service.selector[key] !== labels[key],
    );
    if (isPinned || carried.some((one) => covers(one, labels))) continue;
    yield finding(
      `spec.subsets[${index}].labels`,
      `of subset ${quote(name)} are carried by no pod of Service ${service.namespace}/${service.name}: requests would get 503`,
      wayOut(labels, carried),
    );
  }
}

function wayOut(labels: Labels, carried: readonly Labels[]): string {
  for (const [key, value] of Object.entries(labels)) {
    const meant = carried
      .map((one) => one[key])
      .find((one) => one !== value && one?.toLowerCase() === value.toLowerCase());
    if (meant !== undefined) return `write ${key}: ${meant}: case counts`;
  }
  return 'apply the workload first, or put the labels right';
}

/** Rules of one host and namespace are merged, the oldest first; a rule of another namespace replaces them for its own clients. */
function* rulesOfTheHostAgree(self: DestinationRule, { snapshot, settings }: FactOwner): Generator<Finding> {
  const host = hostOfDestinationRule(self, settings);
  if (self.partial) return;
  for (const other of inNamespace(snapshot.destinationRules, self.namespace).values()) {
    if (other.name !== self.name && !other.partial && hostOfDestinationRule(other, settings) === host)
      yield* mergeFindings(self, other);
  }
  const home = serviceOfHost(host, settings)?.namespace;
  if (home !== undefined && home !== self.namespace && self.namespace !== settings.istioRootNamespace) {
    yield* hidingFindings(
      self,
      [...inNamespace(snapshot.destinationRules, home).values()].filter(
        (other) => hostOfDestinationRule(other, settings) === host,
      ),
    );
  }
}

function* mergeFindings(self: DestinationRule, other: DestinationRule): Generator<Finding> {
  const twice = self.subsets.findIndex(({ name }) => other.subsets.some((subset) => subset.name === name));
  if (twice >= 0)
    yield finding(
      `spec.subsets[${twice}].name`,
      `is ${quote(self.subsets[twice]?.name ?? '')}, which DestinationRule ${other.name} has for the same host: the older one counts`,
      'keep it in one of them',
    );
  if (!isSameScope(self, other))
    yield finding(
      'spec.exportTo',
      `is another than that of DestinationRule ${other.name} for the same host, so Istio does not merge them and some subsets are lost`,
      'export both to the same namespaces',
    );
}

function* hidingFindings(self: DestinationRule, rules: readonly DestinationRule[]): Generator<Finding> {
  const hidden = rules.find((other) =>
    other.subsets.some(({ name }) => !self.subsets.some((subset) => subset.name === name)),
  );
  if (hidden !== undefined)
    yield finding(
      'spec.host',
      `is ${quote(self.host)}, a Service of namespace ${hidden.namespace}: clients in ${self.namespace} no longer see the subsets of DestinationRule ${hidden.namespace}/${hidden.name}`,
      `put the settings into ${hidden.namespace}/${hidden.name}`,
    );
}

function isSameScope(one: DestinationRule, other: DestinationRule): boolean {
  const scope = ({ exportTo, namespace }: DestinationRule): string =>
    exportTo.length === 0
      ? '*'
      : [...exportTo]
          .map((target) => (target === '.' ? namespace : target))
          .sort()
          .join();
  return scope(one) === scope(other);
}
