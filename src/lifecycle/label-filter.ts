/** Label selectors as kubectl takes them: `version,version!=master`, `tier in (web,api)`, `!team`. */
import type { Labels } from '../model/json.ts';

/** One condition on labels. `values` is empty where only the key counts. */
export interface Requirement {
  readonly key: string;
  readonly operator: 'exists' | 'absent' | 'in' | 'not-in';
  readonly values: readonly string[];
}

const name = '(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?';
const value = '(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?';
const keyOnly = new RegExp(`^(!?)\\s*(${name})$`);
const equality = new RegExp(`^(${name})\\s*(==|=|!=)\\s*(${value})$`);
const membership = new RegExp(`^(${name})\\s+(in|notin)\\s*\\(\\s*(${value}(?:\\s*,\\s*${value})*)\\s*\\)$`);

/**
 * Parses a label selector; an empty one asks for nothing.
 * @returns undefined when it is none. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
 */
export function parseLabelFilter(text: string): readonly Requirement[] | undefined {
  if (text.trim() === '') return [];
  const requirements: Requirement[] = [];
  // Commas inside of parentheses separate values.
  for (const part of text.split(/,(?![^(]*\))/)) {
    const requirement = parseRequirement(part.trim());
    if (requirement === undefined) return undefined;
    requirements.push(requirement);
  }
  return requirements;
}

function parseRequirement(text: string): Requirement | undefined {
  return parseKeyOnly(text) ?? parseEquality(text) ?? parseMembership(text);
}

function parseKeyOnly(text: string): Requirement | undefined {
  const [, not, key] = keyOnly.exec(text) ?? [];
  return key === undefined ? undefined : { key, operator: not === '!' ? 'absent' : 'exists', values: [] };
}

function parseEquality(text: string): Requirement | undefined {
  const [, key, sign, wanted] = equality.exec(text) ?? [];
  return key === undefined || wanted === undefined
    ? undefined
    : { key, operator: sign === '!=' ? 'not-in' : 'in', values: [wanted] };
}

function parseMembership(text: string): Requirement | undefined {
  const [, key, word, values] = membership.exec(text) ?? [];
  if (key === undefined || values === undefined) return undefined;
  return {
    key,
    operator: word === 'in' ? 'in' : 'not-in',
    values: values.split(',').map((member) => member.trim()),
  };
}

/** Tells whether labels meet every requirement. As in Kubernetes, a key that is not there is `not-in` anything. */
export function meets(labels: Labels, requirements: readonly Requirement[]): boolean {
  return requirements.every(({ key, operator, values }) => {
    const found = labels[key];
    switch (operator) {
      case 'exists':
        return found !== undefined;
      case 'absent':
        return found === undefined;
      case 'in':
        return found !== undefined && values.includes(found);
      case 'not-in':
        return found === undefined || !values.includes(found);
    }
  });
}
