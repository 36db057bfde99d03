/** Roots with what they delegate to written out, as istiod does it. @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate */
import { resolveGateway } from '../model/gateways.ts';
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import type { VirtualService } from '../model/kubernetes.ts';

/** Where one HTTP route of a VirtualService is written. */
interface RouteRef {
  readonly namespace: string;
  readonly name: string;
  /** Among the HTTP routes of the object. */
  readonly index: number;
  readonly managed: boolean;
}

/** Where the route that takes a request is written, and the route of a root that delegates to it. */
export interface RouteOrigin {
  readonly leaf: RouteRef;
  readonly root?: RouteRef;
}

/** One HTTP route of a VirtualService and where it is written. */
export interface WrittenRoute {
  readonly route: JsonObject;
  readonly origin: RouteOrigin;
}

/** Returns the routes of a VirtualService in order. A delegate that is missing, or that asks for what its root excludes, is left out, as istiod leaves it. */
export function routesIn(
  rule: VirtualService,
  find: (namespace: string, name: string) => VirtualService | undefined,
): readonly WrittenRoute[] {
  return written(rule).flatMap((root) => {
    const delegate = at(root.route, 'delegate');
    if (!isObject(delegate)) return [root];
    const target = find(textAt(delegate, 'namespace') ?? rule.namespace, textAt(delegate, 'name') ?? '');
    if (target === undefined) return [];
    return written(target).flatMap((leaf) => {
      const route = merge(root.route, leaf.route);
      return route === undefined
        ? []
        : [{ route, origin: { leaf: leaf.origin.leaf, root: root.origin.leaf } }];
    });
  });
}

function written(rule: VirtualService): readonly WrittenRoute[] {
  return listAt(rule.spec, 'http')
    .filter(isObject)
    .map((route, index) => ({
      route: withFullGateways(route, rule.namespace),
      origin: { leaf: { namespace: rule.namespace, name: rule.name, index, managed: rule.managed } },
    }));
}

/** Gateways by their short name are those of the namespace in which the match is written. */
function withFullGateways(route: JsonObject, namespace: string): JsonObject {
  const matches = listAt(route, 'match');
  if (!matches.some((match) => at(match, 'gateways') !== undefined)) return route;
  return {
    ...route,
    match: matches.map((match) => ({
      ...objectAt(match),
      gateways: listAt(match, 'gateways').map((name) => resolveGateway(String(name), namespace)),
    })),
  };
}

/** The delegate's route, narrowed by the root's matches. What the delegate says itself, its headers among that, stands in place of what the root says. */
function merge(root: JsonObject, leaf: JsonObject): JsonObject | undefined {
  const match = mergeMatches(listAt(root, 'match'), listAt(leaf, 'match'));
  const headers = leaf['headers'] ?? root['headers'];
  return match === undefined ? undefined : { ...leaf, ...(headers === undefined ? {} : { headers }), match };
}

/** Every match of the delegate must fit into one of the root's; else its route is left out. */
function mergeMatches(roots: readonly unknown[], leaves: readonly unknown[]): readonly unknown[] | undefined {
  if (roots.length === 0) return leaves;
  if (leaves.length === 0) return roots;
  const merged = leaves.map((leaf) =>
    roots.filter((root) => !conflicts(root, leaf)).map((root) => mergeMatch(root, leaf)),
  );
  return merged.some((one) => one.length === 0) ? undefined : merged.flat();
}

function mergeMatch(root: unknown, leaf: unknown): JsonObject {
  const both = { ...objectAt(root), ...objectAt(leaf) };
  const maps = ['headers', 'withoutHeaders', 'queryParams', 'sourceLabels'].map(
    (key) => [key, { ...objectAt(root, key), ...objectAt(leaf, key) }] as const,
  );
  return { ...both, ...Object.fromEntries(maps.filter(([, map]) => Object.keys(map).length > 0)) };
}

function conflicts(root: unknown, leaf: unknown): boolean {
  if (['uri', 'scheme', 'method', 'authority'].some((key) => clash(at(root, key), at(leaf, key))))
    return true;
  for (const map of ['headers', 'withoutHeaders', 'queryParams']) {
    for (const [key, condition] of Object.entries(objectAt(leaf, map)))
      if (clash(at(root, map, key), condition)) return true;
  }
  return (
    ['port', 'sourceNamespace', 'ignoreUriCase'].some((key) => differs(at(root, key), at(leaf, key), key)) ||
    gatewaysClash(root, leaf)
  );
}

/** Case must be ignored by both or neither; a namespace that the root names the delegate must name as well; ports must not contradict. */
function differs(root: unknown, leaf: unknown, key: string): boolean {
  if (key === 'ignoreUriCase') return (root ?? false) !== (leaf ?? false);
  return root !== undefined && root !== leaf && (key === 'sourceNamespace' || leaf !== undefined);
}

function gatewaysClash(root: unknown, leaf: unknown): boolean {
  const [wider, narrower] = [listAt(root, 'gateways'), listAt(leaf, 'gateways')];
  const labels = Object.entries(objectAt(leaf, 'sourceLabels')).some(
    ([key, value]) =>
      Object.hasOwn(objectAt(root, 'sourceLabels'), key) && at(root, 'sourceLabels', key) !== value,
  );
  return labels || (wider.length > 0 && narrower.some((name) => !wider.includes(name)));
}

/** Tells whether the delegate's condition is no part of the root's. A regex on either side always clashes. */
function clash(root: unknown, leaf: unknown): boolean {
  if (!isObject(root) || !isObject(leaf)) return false;
  const [rootExact, rootPrefix] = [textAt(root, 'exact'), textAt(root, 'prefix')];
  const [leafExact, leafPrefix] = [textAt(leaf, 'exact'), textAt(leaf, 'prefix')];
  if (textAt(root, 'regex') !== undefined || textAt(leaf, 'regex') !== undefined) return true;
  if (rootExact !== undefined) return leafExact !== rootExact;
  if (rootPrefix !== undefined) return !(leafPrefix ?? leafExact ?? '').startsWith(rootPrefix);
  return true;
}
