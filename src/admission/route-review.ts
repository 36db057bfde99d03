/** Validates a route object: its regexes, the object alone, then the object among the facts. What istiod refuses in the same request is left to it. An update is not refused for what it did not bring. */
import { isEqual } from '../model/equal.ts';
import { at } from '../model/json.ts';
import { problemKinds, type Problem } from '../model/problem.ts';
import { lostSubsetProblems } from '../validation/destination-rule-facts.ts';
import type { RouteScope } from '../validation/finding.ts';
import { capped } from '../validation/regex-rules.ts';
import { routeProblems } from '../validation/route-problems.ts';
import { allowUnlessDenied, judge, type Decision, type JudgedProblem } from './decision.ts';
import type { Review } from './review.ts';
import type { Facts } from './scope.ts';

/** Decides about a route object that is created, updated or, for a DestinationRule, deleted. */
export function reviewRoute(review: Review, facts: Facts, scope: RouteScope): Decision {
  const { object, oldObject } = review;
  if (object === undefined)
    return allowUnlessDenied(judge(lostOnDelete(review, facts), facts.settings.severities));
  if (review.subResource !== '' || at(object, 'metadata', 'deletionTimestamp') !== undefined)
    return allowUnlessDenied([]);
  const problems = judge(capped(routeProblems(object, review, facts, scope)), facts.settings.severities);
  return allowUnlessDenied(oldObject === undefined ? problems : withoutOld(problems, review, facts, scope));
}

function lostOnDelete(
  { oldObject, namespace, name, kind, operation }: Review,
  facts: Facts,
): readonly Problem[] {
  if (
    operation !== 'DELETE' ||
    kind !== 'DestinationRule' ||
    oldObject === undefined ||
    !facts.snapshot.synced
  )
    return [];
  return [...lostSubsetProblems({ ...facts, object: oldObject, namespace, name }, oldObject, undefined)];
}

/** What the object had before is told and not refused: otherwise nobody could put one thing right after another, or take a finalizer off. */
function withoutOld(
  problems: readonly JudgedProblem[],
  { oldObject, object, namespace, name }: Review,
  facts: Facts,
  scope: RouteScope,
): readonly JudgedProblem[] {
  if (oldObject === undefined || !problems.some(({ severity }) => severity === 'deny')) return problems;
  if (isEqual(at(oldObject, 'spec'), at(object, 'spec'))) return problems.map(toWarn);
  const before = new Map<string, number>();
  for (const problem of routeProblems(oldObject, { namespace, name }, facts, scope))
    before.set(keyOf(problem), (before.get(keyOf(problem)) ?? 0) + 1);
  return problems.map((problem) => {
    const left = before.get(keyOf(problem)) ?? 0;
    if (left === 0 || problemKinds[problem.code].judgedBy === 'istio') return problem;
    before.set(keyOf(problem), left - 1);
    return toWarn(problem);
  });
}

/** What makes a problem the same one in another version of the object: not where it stands. */
function keyOf({ code, subject, path }: Problem): string {
  return `${code} ${subject ?? path}`;
}

function toWarn(problem: JudgedProblem): JudgedProblem {
  return { ...problem, severity: 'warn' };
}
