/** Rules about HTTPRoute and GRPCRoute by themselves; their regexes are judged elsewhere. @see https://gateway-api.sigs.k8s.io/reference/spec/ */
import { at, listAt, textAt } from '../../model/json.ts';
import { quote } from '../../model/problem.ts';
import { finding, members, type Finding, type Placed, type Row } from '../finding.ts';

/** Rules over the spec of an HTTPRoute or GRPCRoute. */
export const gatewayRouteRows: readonly Row[] = [
  { code: 'BL256', check: limitsAreKept },
  { code: 'BL257', check: headersAreMatchedOnce },
];

const hostnamesMax = 16;
const rulesMax = 16;
const matchesMax = 64;
const matchesOfRouteMax = 128;

function* limitsAreKept(spec: Placed): Generator<Finding> {
  const rules = members(spec, 'rules');
  yield* atMost(listAt(spec.value, 'hostnames').length, hostnamesMax, `${spec.path}.hostnames`);
  yield* atMost(rules.length, rulesMax, `${spec.path}.rules`);
  for (const rule of rules)
    yield* atMost(listAt(rule.value, 'matches').length, matchesMax, `${rule.path}.matches`);
  const all = rules.reduce((sum, rule) => sum + listAt(rule.value, 'matches').length, 0);
  if (all > matchesOfRouteMax)
    yield finding(
      `${spec.path}.rules`,
      `have ${all} matches in all; ${matchesOfRouteMax} are allowed`,
      'put rules into several routes: routes of one host are merged',
    );
}

function* atMost(count: number, limit: number, path: string): Generator<Finding> {
  if (count > limit)
    yield finding(
      path,
      `has ${count} members; ${limit} are allowed`,
      'put them into several routes: routes of one host are merged',
    );
}

function* headersAreMatchedOnce(spec: Placed): Generator<Finding> {
  for (const match of members(spec, 'rules').flatMap((rule) => members(rule, 'matches'))) {
    const seen = new Set<string>();
    for (const { value, path } of members(match, 'headers')) {
      const name = (textAt(value, 'name') ?? '').toLowerCase();
      if (seen.has(name) && at(value, 'name') !== undefined)
        yield finding(
          path,
          `asks for ${quote(name)} again, and only the first one counts`,
          'leave one of them out; for two values write two matches',
        );
      seen.add(name);
    }
  }
}
