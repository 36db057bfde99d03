/** Runes that a pattern does not tell apart, as classes: a pattern has few of them, whatever its sets are. */
import { nth, type RuneSet } from './rune-set.ts';

/** A partition of all runes (or bytes). */
export interface Alphabet {
  /** First runes of the intervals, ascending from 0. */
  readonly starts: Int32Array;
  /** Class of each interval. */
  readonly classes: Int32Array;
  /** Class of each ASCII rune, of which most values are. */
  readonly ascii: Int32Array;
  /** How many classes there are. */
  readonly count: number;
  /** Whether a class is in a set, by `set * count + class`. */
  readonly members: Uint8Array;
  /** A rune of each class, the most readable one. */
  readonly samples: Int32Array;
}

/** Most interval-by-set comparisons of one partition: some 30 ms. Only patterns with a hundred different Unicode classes come near. */
const workMax = 4_000_000;

/** Makes the coarsest partition that every set is a union of classes of; undefined when that is too much work. `highest`: the last rune there is. */
export function partition(sets: readonly RuneSet[], highest: number): Alphabet | undefined {
  const starts = boundaries(sets, highest);
  if (starts.length * sets.length > workMax) return undefined;
  const classes = new Int32Array(starts.length);
  let count = 1;
  for (const set of sets) count = split(starts, classes, set);
  const members = new Uint8Array(sets.length * count);
  sets.forEach((set, at) =>
    forEachInside(starts, set, (interval) => (members[at * count + nth(classes, interval)] = 1)),
  );
  const ascii = Int32Array.from({ length: 0x80 }, (_, rune) => nth(classes, intervalOf(starts, rune)));
  return { starts, classes, ascii, count, members, samples: samplesOf(starts, classes, count, highest) };
}

function boundaries(sets: readonly RuneSet[], highest: number): Int32Array {
  const found = new Set([0]);
  for (const set of sets) {
    for (let at = 0; at < set.length; at += 2) {
      found.add(nth(set, at));
      if (nth(set, at + 1) < highest) found.add(nth(set, at + 1) + 1);
    }
  }
  return Int32Array.from(found).sort();
}

/** Splits each class into what is in the set and what is not; returns how many classes there are then. */
function split(starts: Int32Array, classes: Int32Array, set: RuneSet): number {
  for (let at = 0; at < classes.length; at++) classes[at] = 2 * nth(classes, at);
  forEachInside(starts, set, (interval) => (classes[interval] = nth(classes, interval) + 1));
  const numbers = new Map<number, number>();
  for (let at = 0; at < classes.length; at++) {
    const known = numbers.get(nth(classes, at)) ?? numbers.size;
    numbers.set(nth(classes, at), known);
    classes[at] = known;
  }
  return numbers.size;
}

function forEachInside(starts: Int32Array, set: RuneSet, visit: (interval: number) => void): void {
  let interval = 0;
  for (let at = 0; at < set.length; at += 2) {
    const lo = nth(set, at);
    const hi = nth(set, at + 1);
    interval = lo === nth(starts, interval) ? interval : intervalOf(starts, lo);
    for (; interval < starts.length && nth(starts, interval) <= hi; interval++) visit(interval);
    if (interval === starts.length) return;
  }
}

/** Index of the last interval that begins at or before the rune. */
function intervalOf(starts: Int32Array, rune: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (nth(starts, middle) <= rune) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Returns the class of a rune. */
export function classAt(alphabet: Alphabet, rune: number): number {
  return rune < 0x80 ? nth(alphabet.ascii, rune) : nth(alphabet.classes, intervalOf(alphabet.starts, rune));
}

/** What people read easily, best first; each a range. The last two take the rest, surrogates only where there is nothing else. */
const readable: readonly (readonly [number, number])[] = [
  [0x61, 0x7a],
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x2d, 0x2f],
  [0x5f, 0x5f],
  [0x21, 0x7e],
  [0x20, 0x20],
  [0xa1, 0xd7ff],
  [0xe000, 0x10ffff],
  [0, 0x10ffff],
];

function rankOf(rune: number): number {
  for (let at = 0; at < readable.length; at++) {
    const range = readable[at];
    if (range !== undefined && rune >= range[0] && rune <= range[1]) return at;
  }
  return readable.length;
}

/** How hard a rune is to read, 0 is best; for ASCII looked up. */
const asciiRanks = Int32Array.from({ length: 0x80 }, (_, rune) => rankOf(rune));

function rank(rune: number): number {
  return rune < 0x80 ? nth(asciiRanks, rune) : rankOf(rune);
}

/** The most readable rune of an interval. */
function sampleIn(first: number, last: number): number {
  if (first === last) return first;
  for (const [lo, hi] of readable) if (first <= hi && last >= lo) return Math.max(first, lo);
  return first;
}

function samplesOf(starts: Int32Array, classes: Int32Array, count: number, highest: number): Int32Array {
  const samples = new Int32Array(count).fill(-1);
  for (let at = 0; at < starts.length; at++) {
    const rune = sampleIn(nth(starts, at), at + 1 < starts.length ? nth(starts, at + 1) - 1 : highest);
    const known = nth(samples, nth(classes, at));
    if (known < 0 || rank(rune) < rank(known)) samples[nth(classes, at)] = rune;
  }
  return samples;
}

/** A class of one alphabet and one of another that have runes in common, one of which is `rune`. */
export interface Joint {
  readonly one: number;
  readonly other: number;
  readonly rune: number;
}

/** Returns every pair of classes that have a rune in common, the most readable ones first. Time linear in the intervals of both. */
export function jointClasses(one: Alphabet, other: Alphabet, highest: number): readonly Joint[] {
  const found = new Map<number, Joint>();
  let left = 0;
  let right = 0;
  for (let first = 0; first <= highest;) {
    const leftEnd = left + 1 < one.starts.length ? nth(one.starts, left + 1) - 1 : highest;
    const rightEnd = right + 1 < other.starts.length ? nth(other.starts, right + 1) - 1 : highest;
    const last = Math.min(leftEnd, rightEnd);
    const pair = {
      one: nth(one.classes, left),
      other: nth(other.classes, right),
      rune: sampleIn(first, last),
    };
    const key = pair.one * other.count + pair.other;
    const known = found.get(key);
    if (known === undefined || rank(pair.rune) < rank(known.rune)) found.set(key, pair);
    if (leftEnd === last) left++;
    if (rightEnd === last) right++;
    first = last + 1;
  }
  return [...found.values()].sort((a, b) => rank(a.rune) - rank(b.rune) || a.rune - b.rune);
}
