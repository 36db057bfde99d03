/** Deep equality without recursion: the input is hostile. */
import { isObject } from './json.ts';

/** Tells whether two JSON values are equal; key order does not matter, list order does. */
export function isEqual(a: unknown, b: unknown): boolean {
  const pairs: [unknown, unknown][] = [[a, b]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    if (pair[0] === pair[1]) continue;
    const children = childrenOf(pair[0], pair[1]);
    if (children === undefined) return false;
    for (const child of children) pairs.push(child);
  }
  return true;
}

/** Returns the pairs that must be equal in turn, or undefined when the two differ here. */
function childrenOf(a: unknown, b: unknown): [unknown, unknown][] | undefined {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length ? a.map((member, index) => [member, b[index] as unknown]) : undefined;
  }
  if (!isObject(a) || !isObject(b)) return undefined;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || !keys.every((key) => Object.hasOwn(b, key))) return undefined;
  return keys.map((key) => [a[key], b[key]]);
}
