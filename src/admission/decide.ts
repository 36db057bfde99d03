/** One review in, one decision out: a table of (path, group, kind) → decider; whatever is not in it is allowed. */
import type { JsonObject } from '../model/json.ts';
import type { Problem } from '../model/problem.ts';
import { validateDeclaration, validateWorkload } from './declaration.ts';
import { allow, judge, mutate, toWarning, type Decision } from './decision.ts';
import { answerFailure } from './failure.ts';
import { applyPatch, diff } from './json-patch.ts';
import { mutatePod } from './pods/pod.ts';
import { mutateProbe, validateProbe } from './probe.ts';
import type { Review } from './review.ts';
import { reviewRoute } from './route-review.ts';
import type { Facts } from './scope.ts';
import { mutateWorkload } from './workload.ts';

/** The paths that the API server posts reviews to. */
export const reviewPaths = [
  '/mutate/workloads',
  '/mutate/pods',
  '/validate/declarations',
  '/validate/routes',
  '/mutate/probe',
  '/validate/probe',
] as const;
/** One of {@link reviewPaths}. */
export type ReviewPath = (typeof reviewPaths)[number];

export type { Facts } from './scope.ts';

type Decider = (review: Review, facts: Facts) => Decision;

/** By group and kind, not by version: each version of these has the same parts that we read. */
const deciders: Readonly<Record<ReviewPath, ReadonlyMap<string, Decider>>> = {
  '/mutate/workloads': new Map([
    ['apps/Deployment', workload],
    ['apps/StatefulSet', workload],
    ['argoproj.io/Rollout', workload],
  ]),
  '/mutate/pods': new Map([['/Pod', pod]]),
  '/validate/declarations': new Map(
    ['apps/Deployment', 'apps/StatefulSet', 'argoproj.io/Rollout', '/Service', '/Namespace'].map((kind) => [
      kind,
      declaration,
    ]),
  ),
  '/validate/routes': new Map(
    [
      'networking.istio.io/VirtualService',
      'networking.istio.io/DestinationRule',
      'gateway.networking.k8s.io/HTTPRoute',
      'gateway.networking.k8s.io/GRPCRoute',
    ].map((kind) => [kind, reviewRoute]),
  ),
  '/mutate/probe': new Map([['/ConfigMap', probe]]),
  '/validate/probe': new Map([['/ConfigMap', validateProbe]]),
};

/** What is decided about besides CREATE and UPDATE: a DestinationRule that routes still need may not go. */
const operations: Readonly<Partial<Record<ReviewPath, readonly Review['operation'][]>>> = {
  '/validate/routes': ['CREATE', 'UPDATE', 'DELETE'],
};

/** Decides. Pure and synchronous: the review stays as it is, and the same review is decided the same again. */
export function decide(path: ReviewPath, review: Review, facts: Facts): Decision {
  const decider = deciders[path].get(`${review.group}/${review.kind}`);
  if (decider === undefined || !(operations[path] ?? ['CREATE', 'UPDATE']).includes(review.operation))
    return allow();
  return decider(review, facts);
}

/** Validation refuses what cannot work, in a moment; its author is not told an address first. */
function workload(review: Review, facts: Facts): Decision {
  const mutation = mutateWorkload(review, facts);
  if (mutation === undefined) return allow();
  const refused =
    mutation.warnings.length > 0 &&
    validateWorkload({ ...review, object: mutation.after }, facts).some(
      (problem) => problem.severity === 'deny',
    );
  return patched(review, mutation.after, refused ? [] : mutation.warnings, []);
}

function pod(review: Review, facts: Facts): Decision {
  const mutation = mutatePod(review, facts);
  return mutation === undefined
    ? allow()
    : patched(review, mutation.after, [], withoutDenials(mutation.problems, facts));
}

function probe(review: Review): Decision {
  return patched(review, mutateProbe(review.object ?? {}), [], []);
}

/** A pod is never refused, whatever severity settings give its problems. */
function withoutDenials(problems: readonly Problem[], { settings }: Facts) {
  return judge(problems, settings.severities).map((problem) => ({ ...problem, severity: 'warn' as const }));
}

function declaration(review: Review, facts: Facts): Decision {
  return validateDeclaration(review, facts);
}

/** Makes the patch and tries it on the raw object first: one that does not apply would reject the request even under `failurePolicy: Ignore`. */
function patched(
  review: Review,
  after: JsonObject,
  warnings: readonly string[],
  problems: readonly ReturnType<typeof judge>[number][],
): Decision {
  if (review.object === undefined) return allow();
  const changes = diff(review.object, after);
  const applied = applyPatch(review.object, changes);
  if ('reason' in applied) return answerFailure('bug', review);
  return mutate(changes, applied.after, [...warnings, ...problems.map(toWarning)], problems);
}
