/** Rules about how a workload's annotations are written. They need no cluster. */
import { distance } from '../model/distance.ts';
import { commaList, listAt, textAt } from '../model/json.ts';
import { annotationPath, declaredKeys, fullKey } from '../model/keys.ts';
import { parseLifetimeSeconds } from '../model/duration.ts';
import { quote, type Problem } from '../model/problem.ts';
import { injectIsKnown } from './inject-rules.ts';
import { parseTime } from '../model/time.ts';
import type { Declaration, Rule } from './rule.ts';

function ttlIsALifetime({ now }: Declaration): readonly Problem[] {
  const ttl = now.declared['ttl'];
  if (ttl === undefined || parseLifetimeSeconds(ttl) !== undefined) return [];
  return [
    {
      code: 'BL117',
      path: annotationPath('ttl'),
      message: `ttl ${quote(ttl)} is not a lifetime; write a whole number and m, h, d or w, e.g. 12h or 7d`,
    },
  ];
}

function keepUntilIsATime({ now }: Declaration): readonly Problem[] {
  const until = now.declared['keep-until'];
  if (until === undefined || parseTime(until) !== undefined) return [];
  return [
    {
      code: 'BL117',
      path: annotationPath('keep-until'),
      message: `keep-until ${quote(until)} is not a time; write it as 2026-12-24T18:00:00Z, or use branchline keep`,
    },
  ];
}

function booleansAreTrueOrFalse({ now }: Declaration): readonly Problem[] {
  return ['keep', 'propagate'].flatMap((key): readonly Problem[] => {
    const value = now.declared[key];
    if (value === undefined || value === 'true' || value === 'false') return [];
    return [
      {
        code: 'BL121',
        path: annotationPath(key),
        message: `${fullKey(key)} is ${quote(value)}; write "true" or "false"`,
      },
    ];
  });
}

function containersAreInThePod({ now, object }: Declaration): readonly Problem[] {
  const named = commaList(now.declared['containers']);
  const present = [
    ...listAt(object, 'spec', 'template', 'spec', 'containers'),
    ...listAt(object, 'spec', 'template', 'spec', 'initContainers'),
  ].map((container) => textAt(container, 'name'));
  return named
    .filter((name) => !present.includes(name))
    .map((name) => ({
      code: 'BL122' as const,
      path: annotationPath('containers'),
      message: `container ${quote(name)} is not in the pod template; it has ${present.join(', ')}`,
    }));
}

function keysAreKnown({ now }: Declaration): readonly Problem[] {
  return unknownKeys(now.declared, declaredKeys.workload);
}

function branchIsOnTheWorkload({ object, now }: Declaration): readonly Problem[] {
  const misplaced = textAt(object, 'spec', 'template', 'metadata', 'annotations', fullKey('branch'));
  if (misplaced === undefined || now.declared['branch'] !== undefined) return [];
  return [
    {
      code: 'BL124',
      path: `spec.template.metadata.annotations[${fullKey('branch')}]`,
      message: `${fullKey('branch')} ${quote(misplaced)} is on the pod template, where it does nothing; move it to the ${now.kind}'s own metadata.annotations`,
    },
  ];
}

/** Reports keys of ours that mean nothing on this kind, with the one that was probably meant. */
export function unknownKeys(
  declared: Readonly<Record<string, string>>,
  known: readonly string[],
): readonly Problem[] {
  return Object.keys(declared)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const near = known.find((candidate) => distance(candidate, key) <= 2);
      const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${fullKey(near)}?`;
      return {
        code: 'BL123',
        path: annotationPath(key),
        message: `${quote(fullKey(key))} is not a key of ours and does nothing; ${hint}`,
      };
    });
}

/** Every rule about spelling. */
export const spellingRules: readonly Rule[] = [
  ttlIsALifetime,
  keepUntilIsATime,
  booleansAreTrueOrFalse,
  containersAreInThePod,
  injectIsKnown,
  keysAreKnown,
  branchIsOnTheWorkload,
];
