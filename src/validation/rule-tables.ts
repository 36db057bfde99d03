/** The rules about one route object: which tables apply to which part of which kind. A row of a table is a rule with its code; severities are the problem table's. */
import { at, isObject, textAt, type JsonObject } from '../model/json.ts';
import type { Problem } from '../model/problem.ts';
import { destinationRuleRows } from './istio-api/destination-rule.ts';
import { members, rowsFor, run, type Owner, type Placed, type RouteScope, type Row } from './finding.ts';
import { gatewayRouteRows } from './istio-api/gateway-route.ts';
import { headerOperationRows } from './header-operations.ts';
import {
  destinationRuleSpellingRows,
  httpSpellingRows,
  regexSpellingRows,
  virtualServiceSpellingRows,
} from './spelling.ts';
import { actionRows } from './istio-api/virtual-service-action.ts';
import { matchRows } from './istio-api/virtual-service-match.ts';
import {
  noRemovedFields,
  objectRows,
  removedFieldNames,
  specOf,
  virtualServiceRows,
} from './istio-api/virtual-service-object.ts';
import { orderRows } from './virtual-service-order.ts';
import { policyRows } from './istio-api/virtual-service-policy.ts';
import { streamRows } from './istio-api/virtual-service-streams.ts';

/** Rules of one kind by the part that they look at. */
interface RuleTables {
  readonly object: readonly Row[];
  readonly spec: readonly Row[];
  readonly http: readonly Row[];
}

const routeTables: RuleTables = { object: regexSpellingRows, spec: gatewayRouteRows, http: [] };

const offlineTables: ReadonlyMap<string, RuleTables> = new Map<string, RuleTables>([
  [
    'VirtualService',
    {
      object: [...objectRows, ...regexSpellingRows],
      spec: [...virtualServiceRows, ...streamRows, ...orderRows, ...virtualServiceSpellingRows],
      http: [
        { code: 'BL239', check: noRemovedFields, about: [...removedFieldNames, 'corsPolicy'] },
        ...matchRows,
        ...actionRows,
        ...policyRows,
        ...headerOperationRows,
        ...httpSpellingRows,
      ],
    },
  ],
  [
    'DestinationRule',
    { object: objectRows, spec: [...destinationRuleRows, ...destinationRuleSpellingRows], http: [] },
  ],
  ['HTTPRoute', routeTables],
  ['GRPCRoute', routeTables],
]);

const tables: Readonly<Record<RouteScope, ReadonlyMap<string, RuleTables>>> = {
  offline: offlineTables,
  admission: new Map(
    [...offlineTables].map(([kind, { object, spec, http }]) => [
      kind,
      {
        object: rowsFor(object, 'admission'),
        spec: rowsFor(spec, 'admission'),
        http: rowsFor(http, 'admission'),
      },
    ]),
  ),
};

/** Runs every rule of a scope about the object alone. An object of another kind, or without a spec, has none. */
export function* objectProblems(owner: Owner, scope: RouteScope): Generator<Problem> {
  const { object } = owner;
  const rules = tables[scope].get(textAt(object, 'kind') ?? '');
  if (rules === undefined) return;
  const whole: Placed = { value: object, path: '' };
  const spec = isObject(at(object, 'spec'))
    ? specOf(object)
    : { value: {} satisfies JsonObject, path: 'spec' };
  yield* run(rules.object, whole, owner);
  yield* run(rules.spec, spec, owner);
  for (const route of rules.http.length === 0 ? [] : members(spec, 'http'))
    yield* run(rules.http, route, owner);
}
