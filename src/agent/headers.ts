/** Headers in every form that Node's clients take: an object, pairs in a flat or in a nested array, or anything that iterates over pairs. */
import type { Carried } from './context.ts';
import type { AnyObject } from './replace.ts';

/** Returns headers with those of `carried` that they lack; the same ones when they lack none. Never changes what it was given. */
export function withCarried(headers: unknown, carried: Carried): unknown {
  const own = asListOrObject(headers);
  const names = namesIn(own);
  const lacking = carried.filter(([name]) => !names.includes(name));
  if (lacking.length === 0) return headers;
  if (!Array.isArray(own)) return { ...own, ...Object.fromEntries(lacking) };
  return Array.isArray(own[0]) ? [...(own as unknown[]), ...lacking] : (own as unknown[]).concat(...lacking);
}

/** Returns headers without some names. */
export function without(headers: unknown, names: readonly string[]): unknown {
  const own = asListOrObject(headers);
  const isOther = (name: unknown): boolean => !names.includes(String(name).toLowerCase());
  if (!Array.isArray(own)) return Object.fromEntries(Object.entries(own).filter(([name]) => isOther(name)));
  const list = own as readonly unknown[];
  return list.filter((item, index) => isOther(Array.isArray(item) ? item[0] : list[index - (index % 2)]));
}

/** Returns the value of a header. */
export function valueOf(headers: unknown, name: string): unknown {
  const own = asListOrObject(headers);
  if (!Array.isArray(own)) return own[Object.keys(own).find((key) => key.toLowerCase() === name) ?? name];
  const index = namesIn(own).indexOf(name);
  if (index < 0) return undefined;
  return Array.isArray(own[0]) ? (own[index] as readonly unknown[])[1] : own[2 * index + 1];
}

/** Returns the names in headers, in lower case. */
export function namesIn(own: unknown): readonly string[] {
  if (!Array.isArray(own)) return Object.keys(own as object).map((name) => name.toLowerCase());
  const list = own as readonly unknown[];
  const names = Array.isArray(list[0]) ? list.map((pair) => (pair as readonly unknown[])[0]) : list.filter((_, index) => index % 2 === 0);
  return names.map((name) => String(name).toLowerCase());
}

function asListOrObject(headers: unknown): AnyObject | unknown[] {
  if (headers === undefined || headers === null) return {};
  if (Array.isArray(headers)) return headers as unknown[];
  if (typeof (headers as Iterable<unknown>)[Symbol.iterator] === 'function') return ([] as unknown[]).concat(...(headers as Iterable<unknown[]>));
  return headers as AnyObject;
}
