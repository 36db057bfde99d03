/** Validates declarations: gathers what the rules of a kind need, runs them all, and never blocks what a living branch did not change. */
import type { Problem } from '../model/problem.ts';
import { isEqual } from '../model/equal.ts';
import { everybodysPodsCarryTheBaseline } from './baseline-rules.ts';
import { allowUnlessDenied, judge, type Decision, type JudgedProblem } from './decision.ts';
import { collisionRules, identityRules } from './name-rules.ts';
import { namespaceRules, serviceRules } from './owner-rules.ts';
import { reachRules } from './reach-rules.ts';
import {
  isInScope,
  liveBranch,
  readBranchBefore,
  readBranchReview,
  readWorkloadReview,
  staysInPlace,
  type Facts,
  type WorkloadReview,
} from './scope.ts';
import type { Declaration, Rule } from './rule.ts';
import { spellingRules } from './spelling-rules.ts';
import type { Review } from './review.ts';
import { readMeta } from '../model/kubernetes.ts';
import { enabledLabel, writtenKeys } from '../model/keys.ts';
import { branchesIn, type Membership } from '../model/membership.ts';
import { namespaceOf } from '../model/snapshot.ts';
import { labelsAt, toLabels, type JsonObject, type Labels } from '../model/json.ts';

/** Validates a workload: all of one that is or was a branch; of everything else what would take the baseline from under branches. */
export function validateWorkload(review: Review, facts: Facts): readonly JudgedProblem[] {
  const workload = readWorkloadReview(review, facts.snapshot);
  if (workload === undefined) return [];
  if (!isInScope(workload)) return judge(outOfScope(workload), facts.settings.severities);
  const branch = readBranchReview(workload, facts);
  const live = liveBranch(workload, facts);
  const isBranch =
    branch !== undefined || workload.now.declared['branch'] !== undefined || live !== undefined;
  const inPlace = staysInPlace(branch, readBranchBefore(workload, facts));
  const declaration: Declaration = {
    ...workload,
    ...facts,
    review: branch,
    live,
    inPlace,
    siblings: isBranch ? siblingsOf(workload, facts) : [],
  };
  return isBranch
    ? branchProblems(declaration)
    : [...ownWords(spellingRules, declaration), ...worldsWords(baselineRules(declaration), declaration)];
}

/** A workload that cannot be this branch at all is told so, and not also how that branch would fare. */
function branchProblems(declaration: Declaration): readonly JudgedProblem[] {
  const spelling = ownWords(spellingRules, declaration);
  const identity = ownWords(identityRules, declaration);
  if (identity.length > 0) return [...spelling, ...identity];
  return [...spelling, ...worldsWords([...collisionRules, ...factRules(declaration)], declaration)];
}

/** What the object says itself: not refused once it stands there. */
function ownWords(rules: readonly Rule[], declaration: Declaration): readonly JudgedProblem[] {
  const problems = judge(run(rules, declaration), declaration.settings.severities);
  return isSettled(declaration) ? problems.map(toWarn) : problems;
}

/** What the world around it says: not refused to a branch that stays where it is (a redeployment, a change of scale). */
function worldsWords(rules: readonly Rule[], declaration: Declaration): readonly JudgedProblem[] {
  const problems = judge(run(rules, declaration), declaration.settings.severities);
  return declaration.inPlace ? problems.map(toWarn) : problems;
}

function run(rules: readonly Rule[], declaration: Declaration): readonly Problem[] {
  return rules.flatMap((rule) => rule(declaration));
}

function baselineRules({ namespace, snapshot }: Declaration): readonly Rule[] {
  return snapshot.synced && namespace !== undefined ? [everybodysPodsCarryTheBaseline] : [];
}

/** Rules that need to know the cluster; without facts the object alone is judged, and that is said. */
function factRules({ namespace, snapshot }: Declaration): readonly Rule[] {
  if (snapshot.synced && namespace !== undefined) return reachRules;
  return [factsMissing];
}

function factsMissing({ snapshot, now }: Declaration): readonly Problem[] {
  const what = snapshot.synced
    ? `namespace ${now.namespace} is not known here`
    : 'the cluster is not read yet';
  return [{ code: 'BL125', path: '', message: `${what}: only the object itself was checked` }];
}

function outOfScope({ now }: WorkloadReview): readonly Problem[] {
  if (now.declared['branch'] === undefined) return [];
  return [
    {
      code: 'BL126',
      path: 'metadata.namespace',
      message: `namespace ${now.namespace} is not enabled, so this is no branch yet: kubectl label namespace ${now.namespace} ${enabledLabel}=true`,
    },
  ];
}

function siblingsOf({ now }: WorkloadReview, { snapshot, settings }: Facts): readonly Membership[] {
  return branchesIn(snapshot, now.namespace, settings).filter(
    ({ workload }) => workload.name !== now.name || workload.kind !== now.kind,
  );
}

/** An update that leaves the declaration as its author wrote it (a rollout, the deployment controller's own writes); what we wrote ourselves does not count. */
function isSettled({ now, before }: WorkloadReview): boolean {
  return (
    before !== undefined &&
    isEqual(asWritten(before.declared), asWritten(now.declared)) &&
    isEqual(before.templateLabels, now.templateLabels)
  );
}

const ours: ReadonlySet<string> = new Set(writtenKeys);

function asWritten(declared: Labels): Labels {
  return toLabels(Object.entries(declared).filter(([key]) => !ours.has(key)));
}

function toWarn(problem: JudgedProblem): JudgedProblem {
  return { ...problem, severity: 'warn' };
}

/** Validates a Service or Namespace that carries our keys, in an enabled namespace. */
function validateOwner(review: Review, facts: Facts): readonly JudgedProblem[] {
  const { object, oldObject } = review;
  if (object === undefined || review.subResource !== '') return [];
  const namespace = namespaceOf(facts.snapshot, review.namespace);
  if (review.kind === 'Service' && namespace?.enabled === false) return [];
  const now = { ...readMeta(object), name: review.name, namespace: review.namespace };
  const enabled = enabledOf(object);
  const rules = review.kind === 'Namespace' ? namespaceRules : serviceRules;
  const problems = judge(
    rules.flatMap((rule) => rule({ object, now, enabled, namespace, ...facts })),
    facts.settings.severities,
  );
  const settled =
    oldObject !== undefined &&
    isEqual(readMeta(oldObject).declared, now.declared) &&
    enabledOf(oldObject) === enabled;
  return settled ? problems.map(toWarn) : problems;
}

function enabledOf(namespace: JsonObject): string | undefined {
  return labelsAt(namespace, 'metadata', 'labels')[enabledLabel];
}

/** Decides on a declaration: refuses when a problem denies, else lets pass with warnings. */
export function validateDeclaration(review: Review, facts: Facts): Decision {
  const isOwner = review.kind === 'Service' || review.kind === 'Namespace';
  return allowUnlessDenied(isOwner ? validateOwner(review, facts) : validateWorkload(review, facts));
}
