/** HTTPRoute and GRPCRoute objects as plain values, within the limits of their CRDs: rules are spread over several objects, which order no request, see precedence. */
import { isObject, type JsonObject } from '../../model/json.ts';
import { managedByLabel, managedByValue } from '../../model/keys.ts';
import type { Condition, HeaderCondition } from './precedence.ts';

/** Kinds of route. */
export type RouteKind = 'HTTPRoute' | 'GRPCRoute';

/** What a rule does, as its fields beside `matches`. */
export interface RuleAction {
  /** Which rules are one: the same for every condition that leads to the same place in the same way. */
  readonly fields: JsonObject;
}

/** What a route object is made from. */
export interface RouteParts {
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly name: string;
  readonly parentRefs: readonly JsonObject[];
  /** Empty: none are asked for. */
  readonly hostnames: readonly string[];
  readonly conditions: readonly Condition<RuleAction>[];
}

/** The CRDs' limits. @see https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec */
const limits = { parentRefs: 32, hostnames: 16, rules: 16, matchesOfRule: 64, matchesOfRoute: 128 } as const;

/** Makes the objects of a route; the second is called `<name>.part.2`. */
export function routeObjects({
  kind,
  namespace,
  name,
  parentRefs,
  hostnames,
  conditions,
}: RouteParts): readonly JsonObject[] {
  const bodies = batchesOfRules(rulesOf(kind, conditions));
  const hosts = hostnames.length === 0 ? [[]] : slices(hostnames, limits.hostnames);
  const specs = slices(parentRefs, limits.parentRefs).flatMap((parents) =>
    hosts.flatMap((some) =>
      bodies.map((rules) => ({
        parentRefs: parents,
        ...(some.length === 0 ? {} : { hostnames: some }),
        rules,
      })),
    ),
  );
  return specs.map((spec, index) => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: {
      name: index === 0 ? name : `${name}.part.${index + 1}`,
      namespace,
      labels: { [managedByLabel]: managedByValue },
    },
    spec,
  }));
}

interface Rule {
  readonly matches: readonly JsonObject[];
  readonly fields: JsonObject;
}

function rulesOf(kind: RouteKind, conditions: readonly Condition<RuleAction>[]): readonly Rule[] {
  const groups = new Map<string, { readonly fields: JsonObject; readonly matches: JsonObject[] }>();
  for (const { path, headers, action } of conditions) {
    const key = JSON.stringify(action.fields);
    const group = groups.get(key) ?? { fields: action.fields, matches: [] };
    groups.set(key, group);
    group.matches.push(matchOf(kind, path, headers));
  }
  return [...groups.values()].flatMap(({ fields, matches }) =>
    slices(matches, limits.matchesOfRule).map((some) => ({ matches: some, fields })),
  );
}

function matchOf(kind: RouteKind, path: string, headers: readonly HeaderCondition[]): JsonObject {
  return {
    ...(kind === 'HTTPRoute' ? { path: { type: 'PathPrefix', value: path } } : {}),
    ...(headers.length === 0 ? {} : { headers }),
  };
}

function batchesOfRules(rules: readonly Rule[]): readonly (readonly JsonObject[])[] {
  const batches: Rule[][] = [];
  for (const rule of rules) {
    const last = batches.at(-1);
    const matches = last?.reduce((sum, one) => sum + one.matches.length, rule.matches.length) ?? 0;
    if (last === undefined || last.length === limits.rules || matches > limits.matchesOfRoute)
      batches.push([rule]);
    else last.push(rule);
  }
  return batches.map((batch) =>
    batch.map(({ matches, fields }) =>
      matches.some((match) => isEverything(match)) ? { ...fields } : { matches, ...fields },
    ),
  );
}

/** A GRPCRoute's match of everything is none at all. */
function isEverything(match: unknown): boolean {
  return isObject(match) && Object.keys(match).length === 0;
}

function slices<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < values.length; from += size) parts.push(values.slice(from, from + size));
  return parts;
}
