/** Rules about `branchline.dev/inject`, on workloads and Namespaces. A pod is never refused, so what is wrong must be said here. */
import { textAt } from '../model/json.ts';
import { injections, readInjections } from '../model/injection.ts';
import { annotationPath, fullKey } from '../model/keys.ts';
import type { Meta } from '../model/kubernetes.ts';
import { quote, type Problem } from '../model/problem.ts';
import type { Declaration } from './rule.ts';

const key = fullKey('inject');

/** On the workload itself, and on its pod template, where it means the same for the pods made of it. */
export function injectIsKnown({ now, object }: Declaration): readonly Problem[] {
  const template = textAt(object, 'spec', 'template', 'metadata', 'annotations', key);
  return [
    ...whatIsWrong(now.declared['inject'], annotationPath('inject'), 'BL121'),
    ...whatIsWrong(template, `spec.template.metadata.annotations[${key}]`, 'BL121'),
  ];
}

/** On a Namespace it is what its workloads get unless they say otherwise. */
export function namespaceInjectIsKnown({ now }: { readonly now: Meta }): readonly Problem[] {
  return whatIsWrong(now.declared['inject'], annotationPath('inject'), 'BL141');
}

function whatIsWrong(value: string | undefined, path: string, code: 'BL121' | 'BL141'): readonly Problem[] {
  if (value === undefined) return [];
  const { unknown, unclear } = readInjections(value);
  const [first] = unknown;
  if (first !== undefined)
    return [
      {
        code,
        path,
        message: `${key} asks for ${quote(first)}; write ${injections.join(', ')}, several separated by commas, or none`,
      },
    ];
  return unclear
    ? [
        {
          code,
          path,
          message: `${key} is ${quote(value)}; write ${injections.join(', ')}, several separated by commas, or none alone`,
        },
      ]
    : [];
}
