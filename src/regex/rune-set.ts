/** Sets of code points as RE2 keeps them: sorted ranges that neither overlap nor touch. */

/** Highest code point. */
export const maxRune = 0x10ffff;

/** Pairs `lo, hi, lo, hi…`, sorted, disjoint, not touching. Shared: never changed after it is made. */
export type RuneSet = readonly number[];

/** Makes a set of ranges in any order, given as pairs `lo, hi, lo, hi…`. */
export function toSet(pairs: readonly number[]): RuneSet {
  if (isSorted(pairs)) return pairs;
  const order: [number, number][] = [];
  for (let at = 0; at < pairs.length; at += 2) order.push([pairs[at] ?? 0, pairs[at + 1] ?? 0]);
  order.sort((one, other) => one[0] - other[0]);
  const set: number[] = [];
  for (const [lo, hi] of order) append(set, lo, hi);
  return set;
}

function isSorted(pairs: readonly number[]): boolean {
  let end = -2;
  for (let at = 0; at < pairs.length; at += 2) {
    if ((pairs[at] ?? 0) <= end + 1) return false;
    end = pairs[at + 1] ?? 0;
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
  let left = 0;
  let right = 0;
  while (left < one.length || right < other.length) {
    const fromLeft = right >= other.length || (left < one.length && (one[left] ?? 0) <= (other[right] ?? 0));
    const source = fromLeft ? one : other;
    const at = fromLeft ? left : right;
    append(set, source[at] ?? 0, source[at + 1] ?? 0);
    if (fromLeft) left += 2;
    else right += 2;
  }
  return set;
}

/** Returns every code point that is not in the set. */
export function negate(set: RuneSet): RuneSet {
  const rest: number[] = [];
  let next = 0;
  for (let at = 0; at < set.length; at += 2) {
    const lo = set[at] ?? 0;
    if (lo > next) rest.push(next, lo - 1);
    next = (set[at + 1] ?? 0) + 1;
  }
  if (next <= maxRune) rest.push(next, maxRune);
  return rest;
}

/** Returns the set without what is above `highest`. */
export function upTo(set: RuneSet, highest: number): RuneSet {
  if ((set.at(-1) ?? 0) <= highest) return set;
  const kept: number[] = [];
  for (let at = 0; at < set.length && (set[at] ?? 0) <= highest; at += 2) kept.push(set[at] ?? 0, Math.min(set[at + 1] ?? 0, highest));
  return kept;
}

/** Tells whether the code point is in the set. */
export function contains(set: RuneSet, rune: number): boolean {
  let low = 0;
  let high = set.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rune < (set[2 * middle] ?? 0)) high = middle;
    else if (rune > (set[2 * middle + 1] ?? 0)) low = middle + 1;
    else return true;
  }
  return false;
}

/** Returns how many code points the set has. */
export function countOf(set: RuneSet): number {
  let count = 0;
  for (let at = 0; at < set.length; at += 2) count += (set[at + 1] ?? 0) - (set[at] ?? 0) + 1;
  return count;
}

/** Tells whether two sets have the same code points. */
export function isSame(one: RuneSet, other: RuneSet): boolean {
  return one === other || (one.length === other.length && one.every((rune, at) => rune === other[at]));
}
