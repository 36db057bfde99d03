/** Everything that is wrong with a route object: its regexes, the object alone, then the object among the facts. In: an object of any shape; out: problems with codes; it never throws and asks nothing of the outside. */
import { isObject, type JsonObject } from '../model/json.ts';
import type { Problem } from '../model/problem.ts';
import { destinationRuleFactProblems, lostSubsetProblems } from './destination-rule-facts.ts';
import type { FactOwner, RouteScope } from './finding.ts';
import { checkRoutes } from './regex-rules.ts';
import { objectProblems } from './rule-tables.ts';
import { virtualServiceFactProblems } from './virtual-service-facts.ts';

/** What a route object is called, when it does not say so itself. */
export interface RouteName {
  readonly namespace: string;
  readonly name: string;
  /** The object before an update. */
  readonly oldObject?: JsonObject | undefined;
}

/** Returns what is wrong with a route object and said in a scope. */
export function routeProblems(
  object: JsonObject,
  { namespace, name, oldObject }: RouteName,
  { settings, snapshot }: Pick<FactOwner, 'settings' | 'snapshot'>,
  scope: RouteScope,
): readonly Problem[] {
  const owner: FactOwner = { object, namespace, name, settings, snapshot };
  return [
    ...checkRoutes(object, settings.regexReaders),
    ...objectProblems(owner, scope),
    ...factProblems(owner, oldObject),
  ];
}

function factProblems(owner: FactOwner, before: JsonObject | undefined): readonly Problem[] {
  const { object, snapshot } = owner;
  const isVirtualService = object['kind'] === 'VirtualService';
  if ((!isVirtualService && object['kind'] !== 'DestinationRule') || !isObject(object['spec'])) return [];
  if (!snapshot.synced)
    return [
      { code: 'BL267', path: '', message: 'the cluster is not read yet: only the object itself was checked' },
    ];
  if (isVirtualService) return [...virtualServiceFactProblems(owner)];
  return [
    ...destinationRuleFactProblems(owner),
    ...(before === undefined ? [] : lostSubsetProblems(owner, before, object)),
  ];
}
