/** Rules about which branches the routes of a VirtualService lead to: patterns that match more than their own, and everybody's requests sent to one. */
import { covers } from '../model/json.ts';
import { domainsOf } from '../model/kubernetes.ts';
import { baselineOf, branchesIn, type Membership } from '../model/membership.ts';
import { quote } from '../model/problem.ts';
import { selects } from '../model/selection.ts';
import { namespaceOf } from '../model/snapshot.ts';
import { finding, type FactOwner, type Finding, type Placed } from './finding.ts';
import { headerKey, takesAll, withCondition, type Conditions } from './match-conditions.ts';
import type { TextCondition } from './texts.ts';
import { subsetOf, type FactRow, type Subject, type Target } from './virtual-service-subject.ts';

/** Rules over a VirtualService. */
export const branchNameRows: readonly FactRow[] = [
  { code: 'BL270', check: patternsMatchNoOtherBranch },
  { code: 'BL271', check: patternsDoNotMatchTheBaseline },
  { code: 'BL274', check: everybodyIsNotSentToABranch },
];

/** Most problems of one rule that are named. */
const namedMax = 10;

/** A pattern that chooses a branch, and what it would look like for another one. */
interface Chooser {
  readonly match: Conditions;
  /** What the pattern looks at, e.g. `header x-variant-id`. */
  readonly key: string;
  readonly pattern: TextCondition;
  readonly path: string;
  /** The values by which requests mean a branch of this id and host. */
  readonly valuesOf: (name: { readonly id: string; readonly host: string }) => readonly string[];
  /** The values by which requests mean the baseline of this name. */
  readonly baselineValues: (name: string) => readonly string[];
}

/** Patterns of the routing header, of the baggage member of its name, and of the host. */
function choosersOf({ matches }: Subject, { snapshot, settings, namespace }: FactOwner): readonly Chooser[] {
  const { routingHeader } = settings;
  const spelt = (id: string): readonly string[] => [...new Set([id, id.toLowerCase()])];
  const domains = [namespaceOf(snapshot, namespace)].flatMap((one) =>
    one === undefined ? [] : domainsOf(one),
  );
  const kinds: readonly Pick<Chooser, 'key' | 'path' | 'valuesOf' | 'baselineValues'>[] = [
    {
      key: headerKey(routingHeader),
      path: `headers[${routingHeader}].regex`,
      valuesOf: ({ id }) => spelt(id),
      baselineValues: spelt,
    },
    {
      key: headerKey('baggage'),
      path: 'headers[baggage].regex',
      valuesOf: ({ id }) => spelt(id).map((one) => `${routingHeader}=${one}`),
      baselineValues: (name) => spelt(name).map((one) => `${routingHeader}=${one}`),
    },
    {
      key: 'authority',
      path: 'authority.regex',
      valuesOf: ({ host }) => domains.map((domain) => `${host}.${domain}`),
      baselineValues: () => domains,
    },
  ];
  return matches.all.flatMap((match) =>
    kinds.flatMap((kind) => {
      const pattern = match.asks.get(kind.key);
      return pattern?.kind === 'regex'
        ? [{ ...kind, match, pattern, path: `${match.path}.${kind.path}` }]
        : [];
    }),
  );
}

/** Whom the destinations of a route stand for; undefined where that cannot be told. */
interface Meant {
  readonly targets: readonly Target[];
  /** Versions in lower case: names of the subsets and what their labels say. */
  readonly versions: ReadonlySet<string>;
}

function meantBy(route: number, owner: FactOwner, self: Subject): Meant | undefined {
  const targets = self.targets.filter(
    (target) => target.route === route && !target.isMirror && target.isLive,
  );
  if (targets.length === 0 || targets.some(({ subset, service }) => subset === '' && service === undefined))
    return undefined;
  const labels = targets.map(
    (target) => subsetOf(target, owner, self)?.labels[owner.settings.versionLabel] ?? '',
  );
  const versions = [...targets.map(({ subset }) => subset), ...labels].filter((version) => version !== '');
  return { targets, versions: new Set(versions.map((version) => version.toLowerCase())) };
}

/** A route is for a branch by the name of its subset, by the label that this chooses, or by a Service that selects the branch's pods. */
function isFor({ targets, versions }: Meant, { branch, workload }: Membership): boolean {
  if (versions.has(branch.id.toLowerCase()) || versions.has(branch.host)) return true;
  return targets.some(
    ({ subset, service }) =>
      subset === '' && service !== undefined && selects(service, workload.templateLabels),
  );
}

/** Live branches of the namespaces that the routes lead to, each id once. */
function liveBranches(owner: FactOwner, self: Subject): readonly Membership[] {
  const namespaces = new Set(
    self.targets.flatMap(({ service }) => (service === undefined ? [] : [service.namespace])),
  );
  const all = [...namespaces].flatMap((namespace) => branchesIn(owner.snapshot, namespace, owner.settings));
  return [...Map.groupBy(all, ({ branch }) => branch.id).values()].flatMap(([first]) =>
    first === undefined ? [] : [first],
  );
}

function* patternsMatchNoOtherBranch(_spec: Placed, owner: FactOwner, self: Subject): Generator<Finding> {
  const choosers = choosersOf(self, owner);
  const branches = choosers.length === 0 ? [] : liveBranches(owner, self);
  let left = namedMax;
  for (const chooser of branches.length === 0 ? [] : choosers) {
    const meant = meantBy(chooser.match.route, owner, self);
    const other =
      meant &&
      branches
        .map((one) => (isFor(meant, one) ? undefined : stolen(chooser, chooser.valuesOf(one.branch), self)))
        .find((value) => value !== undefined);
    if (other === undefined || left-- <= 0) continue;
    yield finding(
      chooser.path,
      `is ${quote(chooser.pattern.text)}, which also matches ${quote(other)}, another live branch: its requests would come here`,
      'match the exact values of one branch',
      `${chooser.key} ${chooser.pattern.text}`,
    );
  }
}

/** Returns a value that the pattern matches and no earlier route takes. */
function stolen(
  { match, key, pattern }: Chooser,
  values: readonly string[],
  { matches }: Subject,
): string | undefined {
  return values.find(
    (text) =>
      matches.texts.meets(text, pattern) === true &&
      !isTakenBefore(withCondition(match, key, { kind: 'exact', text, fold: false }), matches),
  );
}

function isTakenBefore(match: Conditions, { all, texts }: Subject['matches']): boolean {
  const end = all.findIndex(({ path }) => path === match.path);
  // Where it cannot be told it may be: nobody is refused for it.
  return all.slice(0, end).some((earlier) => takesAll(earlier, match, texts) !== false);
}

/** Said where there are branches, or may be: elsewhere any header may be anybody's canary. */
function* patternsDoNotMatchTheBaseline(_spec: Placed, owner: FactOwner, self: Subject): Generator<Finding> {
  if (namespaceOf(owner.snapshot, owner.namespace)?.enabled !== true) return;
  for (const chooser of choosersOf(self, owner)) {
    const meant = meantBy(chooser.match.route, owner, self);
    const baseline = meant && baselineBeside(meant, owner);
    const value =
      baseline === undefined ? undefined : stolen(chooser, chooser.baselineValues(baseline), self);
    if (value === undefined) continue;
    yield finding(
      chooser.path,
      `is ${quote(chooser.pattern.text)}, which also matches ${quote(value)}: requests for the baseline would go to a branch`,
      'match the exact values of the branch',
      `${chooser.key} ${chooser.pattern.text}`,
    );
    return;
  }
}

/** Returns the baseline's name where a route is for others; undefined where it may be for the baseline, too. */
function baselineBeside(
  { targets, versions }: Meant,
  { snapshot, settings, namespace }: FactOwner,
): string | undefined {
  const service = targets[0]?.service;
  const baseline = baselineOf(namespaceOf(snapshot, service?.namespace ?? namespace), service, settings);
  return versions.has(baseline.toLowerCase()) || targets.some(({ subset }) => subset === '')
    ? undefined
    : baseline;
}

/** The host by which everybody calls the Service, a match that nobody has to ask for, and a branch that was declared to be one. */
function* everybodyIsNotSentToABranch(_spec: Placed, owner: FactOwner, self: Subject): Generator<Finding> {
  const open = new Set(
    self.matches.all
      .filter(({ asks }) => [...asks.keys()].every((key) => openKeys.has(key)))
      .map(({ route }) => route),
  );
  for (const target of self.targets) {
    if (
      !open.has(target.route) ||
      target.isMirror ||
      !target.isLive ||
      target.subset === '' ||
      !isCalledByEverybody(target, owner, self)
    )
      continue;
    const branch = branchBehind(target, owner, self);
    if (branch === undefined) continue;
    yield finding(
      `${target.path}.subset`,
      `is ${quote(target.subset)}, which is branch ${quote(branch.branch.id)}: requests that do not ask for it would reach it`,
      `send them to the baseline, and match ${owner.settings.routingHeader} for the branch`,
      `${target.host} ${target.subset}`,
    );
    return;
  }
}

/** Returns the declared branch whose pods a subset has. */
function branchBehind(target: Target, owner: FactOwner, self: Subject): Membership | undefined {
  const { service, subset } = target;
  if (service === undefined) return undefined;
  const labels = subsetOf(target, owner, self)?.labels;
  return branchesIn(owner.snapshot, service.namespace, owner.settings).find(({ workload, branch }) => {
    if (workload.declared['branch'] === undefined || !selects(service, workload.templateLabels)) return false;
    return labels === undefined
      ? subset.toLowerCase() === branch.host
      : Object.keys(labels).length > 0 && covers(workload.templateLabels, labels);
  });
}

/** Conditions that are none on who calls. */
const openKeys: ReadonlySet<string> = new Set(['uri', 'method', 'scheme', 'port', 'gateways']);

function isCalledByEverybody(
  { host, service }: Target,
  { snapshot }: FactOwner,
  { hosts, namespace }: Subject,
): boolean {
  const home = namespaceOf(snapshot, service?.namespace ?? namespace);
  const domains = home === undefined ? [] : domainsOf(home);
  return hosts.some((one) => one === host || one === service?.name || domains.includes(one.toLowerCase()));
}
