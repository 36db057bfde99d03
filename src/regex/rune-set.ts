/** Sets of code points as RE2 keeps them: sorted ranges that neither overlap nor touch. */

/** Highest code point. */
export const maxRune = 0x10ffff;

/** Pairs `lo, hi, lo, hi…`, sorted, disjoint, not touching. Shared: never changed after it is made. */
export type RuneSet = readonly number[];

/** Returns the number at a position that is known to be there. */
export function nth(numbers: ArrayLike<number>, at: number): number {
  return numbers[at] ?? 0;
}

/** Makes a set of ranges in any order, given as pairs `lo, hi, lo, hi…`. */
export function toSet(pairs: readonly number[]): RuneSet {
  if (isSorted(pairs)) return pairs;
  const order: [number, number][] = [];
  for (let at = 0; at < pairs.length; at += 2) order.push([nth(pairs, at), nth(pairs, at + 1)]);
  order.sort((one, other) => one[0] - other[0]);
  const set: number[] = [];
  for (const [lo, hi] of order) append(set, lo, hi);
  return set;
}

function isSorted(pairs: readonly number[]): boolean {
  let end = -2;
  for (let at = 0; at < pairs.length; at += 2) {
    if (nth(pairs, at) <= end + 1) return false;
    end = nth(pairs, at + 1);
  }
  return true;
}

/** Appends a range whose `lo` is not below that of the last one. */
function append(set: number[], lo: number, hi: number): void {
  const end = set.at(-1);
  if (end === undefined || lo > end + 1) set.push(lo, hi);
  else if (hi > end) set[set.length - 1] = hi;
}

/** Returns the union of two sets, in time linear in both. */
export function union(one: RuneSet, other: RuneSet): RuneSet {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const set: number[] = [];
  let at = 0;
  for (let right = 0; right < other.length; right += 2) {
    const lo = nth(other, right);
    for (; at < one.length && nth(one, at) <= lo; at += 2) append(set, nth(one, at), nth(one, at + 1));
    append(set, lo, nth(other, right + 1));
  }
  for (; at < one.length; at += 2) append(set, nth(one, at), nth(one, at + 1));
  return set;
}

/** Complements of large sets, which are those of named classes or made of them: a hostile pattern may name one hundreds of times. */
const complements = new WeakMap<RuneSet, RuneSet>();
const largeFrom = 32;

/** Returns every code point that is not in the set. */
export function negate(set: RuneSet): RuneSet {
  const known = set.length < largeFrom ? undefined : complements.get(set);
  if (known !== undefined) return known;
  const rest: number[] = [];
  let next = 0;
  for (let at = 0; at < set.length; at += 2) {
    const lo = nth(set, at);
    if (lo > next) rest.push(next, lo - 1);
    next = nth(set, at + 1) + 1;
  }
  if (next <= maxRune) rest.push(next, maxRune);
  if (set.length >= largeFrom) complements.set(set, rest);
  return rest;
}

/** Returns the set without what is above `highest`. */
export function upTo(set: RuneSet, highest: number): RuneSet {
  if ((set.at(-1) ?? 0) <= highest) return set;
  const kept: number[] = [];
  for (let at = 0; at < set.length && nth(set, at) <= highest; at += 2)
    kept.push(nth(set, at), Math.min(nth(set, at + 1), highest));
  return kept;
}

/** Tells whether the code point is in the set. */
export function contains(set: RuneSet, rune: number): boolean {
  let low = 0;
  let high = set.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rune < nth(set, 2 * middle)) high = middle;
    else if (rune > nth(set, 2 * middle + 1)) low = middle + 1;
    else return true;
  }
  return false;
}

/** Returns how many code points the set has. */
export function countOf(set: RuneSet): number {
  let count = 0;
  for (let at = 0; at < set.length; at += 2) count += nth(set, at + 1) - nth(set, at) + 1;
  return count;
}

/** Tells whether two sets have the same code points. */
export function isSame(one: RuneSet, other: RuneSet): boolean {
  return one === other || (one.length === other.length && one.every((rune, at) => rune === other[at]));
}

/** Tells whether every code point of one set is in the other. */
export function isSubset(one: RuneSet, other: RuneSet): boolean {
  let at = 0;
  for (let left = 0; left < one.length; left += 2) {
    while (at < other.length && nth(other, at + 1) < nth(one, left)) at += 2;
    if (at >= other.length || nth(other, at) > nth(one, left) || nth(other, at + 1) < nth(one, left + 1))
      return false;
  }
  return true;
}

/** Tells whether two sets have no code point in common. */
export function isDisjoint(one: RuneSet, other: RuneSet): boolean {
  let at = 0;
  for (let left = 0; left < one.length; left += 2) {
    while (at < other.length && nth(other, at + 1) < nth(one, left)) at += 2;
    if (at < other.length && nth(other, at) <= nth(one, left + 1)) return false;
  }
  return true;
}
