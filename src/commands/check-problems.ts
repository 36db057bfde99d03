/** What is wrong with manifests, before it is known where in their files. */
import { judge } from '../admission/decision.ts';
import { namespaceFor, type Manifest } from '../cluster/manifests.ts';
import type { Settings } from '../config/settings.ts';
import { textAt } from '../model/json.ts';
import type { Problem } from '../model/problem.ts';
import { ignored, readIgnores } from '../validation/ignores.ts';
import { unknownFields } from '../validation/known-fields.ts';
import { repeatedProblem, strayProblem } from '../validation/manifest-rules.ts';
import { capped } from '../validation/regex-rules.ts';
import { routeProblems } from '../validation/route-problems.ts';
import { identityOf, isRoute, type Facts } from './check-read.ts';

/** A problem of an object, before it is known where in the file. */
export interface Found {
  readonly manifest: Manifest;
  readonly problem: Problem;
  readonly severity: 'error' | 'warning';
  readonly ignoredFor: string | undefined;
}

/** Checks manifests among the facts; those that are no routes only for being meant as one. */
export function findProblems(
  manifests: readonly Manifest[],
  facts: Facts,
  settings: Settings,
): readonly Found[] {
  const firsts = firstOnes(manifests);
  return manifests.flatMap((manifest) => {
    const { object } = manifest;
    const ignores = readIgnores(object);
    const stray = strayProblem(object);
    const first = firsts.get(identityOf(object));
    const problems = isRoute(object)
      ? [
          ...ignores.problems,
          ...problemsOf(manifest, facts, settings),
          ...(first === undefined || first === manifest
            ? []
            : [repeatedProblem(textAt(object, 'kind') ?? '', first)]),
        ]
      : [];
    return judge(stray === undefined ? problems : [...problems, stray], settings.severities).map(
      (problem) => ({
        manifest,
        problem,
        severity: problem.severity === 'deny' ? ('error' as const) : ('warning' as const),
        ignoredFor: ignored(problem, ignores),
      }),
    );
  });
}

function problemsOf(
  { object, file }: Manifest,
  { snapshot, before }: Facts,
  settings: Settings,
): readonly Problem[] {
  const named = {
    namespace: namespaceFor(object, true),
    name: textAt(object, 'metadata', 'name') ?? '',
    oldObject: file === '' ? undefined : before.get(identityOf(object)),
  };
  return [
    ...unknownFields(object),
    ...capped(routeProblems(object, named, { settings, snapshot }, 'offline')),
  ];
}

/** The first route of each identity; those without a name have none. */
function firstOnes(manifests: readonly Manifest[]): ReadonlyMap<string, Manifest> {
  const firsts = new Map<string, Manifest>();
  for (const manifest of manifests) {
    const { object } = manifest;
    if (!isRoute(object) || textAt(object, 'metadata', 'name') === undefined) continue;
    const identity = identityOf(object);
    if (!firsts.has(identity)) firsts.set(identity, manifest);
  }
  return firsts;
}
