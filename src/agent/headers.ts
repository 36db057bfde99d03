/** Headers in every form that Node's clients take: an object, pairs in a flat or in a nested array, or anything that iterates over pairs. */
import type { Carried } from './context.ts';
import { isArray, type AnyObject } from './replace.ts';

type Pair = readonly [name: string, value: unknown];

/** Returns headers with those of `carried` that they lack; the same ones when they lack none. Never changes what it was given. */
export function withCarried(headers: unknown, carried: Carried): unknown {
  const names = namesIn(headers);
  const lacking = carried.filter(([name]) => !names.includes(name));
  if (!lacking.length) return headers;
  const isList = isArray(headers);
  if (isList && isArray(headers[0])) return headers.concat(lacking);
  if (isList || isIterable(headers))
    return (isList ? (headers as unknown[]) : pairsOf(headers).flat()).concat(...lacking);
  return { ...(headers as AnyObject), ...Object.fromEntries(lacking) };
}

/** Returns the names in headers, in lower case. */
export function namesIn(headers: unknown): readonly string[] {
  return pairsOf(headers).map(([name]) => name);
}

/** Returns headers as pairs, names in lower case. */
export function pairsOf(headers: unknown): readonly Pair[] {
  const list = isIterable(headers) ? [...(headers as Iterable<unknown>)] : Object.entries(headers || {});
  const pairs = (
    !list.length || isArray(list[0])
      ? list
      : list.map((name, index) => [name, list[index + 1]]).filter((_, index) => index % 2 === 0)
  ) as Pair[];
  return pairs.map(([name, value]) => [String(name).toLowerCase(), value]);
}

function isIterable(headers: unknown): boolean {
  return (typeof headers === 'object' && headers && Symbol.iterator in headers) as boolean;
}
