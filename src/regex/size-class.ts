/** How many instructions RE2 makes of a set: a trie of byte ranges over UTF-8, or one range each over Latin-1. */
import { nth, type RuneSet } from './rune-set.ts';

/** What a set costs: in the program that counts, and before RE2 flattens it. */
export interface SetSize {
  readonly flat: number;
  readonly made: number;
  /** How many instructions the first byte chooses from. */
  readonly firsts: number;
}

/** Sizes of sets that were counted before; a set is counted once however often it is repeated. */
const counted = { utf8: new WeakMap<RuneSet, SetSize>(), latin1: new WeakMap<RuneSet, SetSize>() };

/** Returns what a set costs. Never less than RE2's own count. */
export function sizeOfSet(set: RuneSet, latin1: boolean): SetSize {
  const cache = latin1 ? counted.latin1 : counted.utf8;
  const known = cache.get(set);
  if (known !== undefined) return known;
  const size = latin1 || (set.at(-1) ?? 0) <= 0x7f ? sizeInBytes(set) : sizeInUtf8(set);
  cache.set(set, size);
  return size;
}

/** Where every rune is one byte. */
function sizeInBytes(set: RuneSet): SetSize {
  const ranges = forEachRange(set, () => undefined);
  return { flat: ranges, made: 2 * ranges, firsts: ranges };
}

/**
 * Calls back for each range that RE2 compiles and returns how many there are: where a set is the same in upper and lower case, the ranges within A-Z are
 * left to the lower ones, whose instructions then fold.
 */
function forEachRange(set: RuneSet, visit: (lo: number, hi: number, fold: boolean) => void): number {
  const folds = foldsAscii(set);
  let count = 0;
  for (let at = 0; at < set.length; at += 2) {
    const lo = nth(set, at);
    const hi = nth(set, at + 1);
    if (folds && lo >= 0x41 && hi <= 0x5a) continue;
    visit(lo, hi, folds && hasSomeLetters(lo, hi));
    count++;
  }
  return count;
}

/** Tells whether the range has letters of A-Z or a-z, but not all of both. */
function hasSomeLetters(lo: number, hi: number): boolean {
  const hasAll = lo <= 0x41 && hi >= 0x7a;
  const hasNone = hi < 0x41 || lo > 0x7a || (lo > 0x5a && hi < 0x61);
  return !hasAll && !hasNone;
}

/** Tells whether the set has the same letters of A-Z as of a-z. */
function foldsAscii(set: RuneSet): boolean {
  let upper = 0;
  let lower = 0;
  for (let at = 0; at < set.length && nth(set, at) <= 0x7a; at += 2) {
    upper |= lettersIn(nth(set, at), nth(set, at + 1), 0x41);
    lower |= lettersIn(nth(set, at), nth(set, at + 1), 0x61);
  }
  return upper === lower;
}

/** Bits of the 26 letters from `first` on that are in the range. */
function lettersIn(lo: number, hi: number, first: number): number {
  const from = Math.max(lo - first, 0);
  const to = Math.min(hi - first, 25);
  return from > to ? 0 : ((1 << (to - from + 1)) - 1) << from;
}

/**
 * RE2's rune-range compiler. Instructions by number, from 1; 0 is the end of the set. One is a byte range going on to `out`, or (`bytes` -1) a choice between
 * `out` and `other`.
 * @see https://github.com/google/re2/blob/972a15c/re2/compile.cc AddRuneRangeUTF8
 */
interface Trie {
  readonly bytes: number[];
  readonly out: number[];
  readonly other: number[];
  /** Suffixes that ranges share, by bytes and what follows. */
  readonly cache: Map<number, number>;
  root: number;
}

function sizeInUtf8(set: RuneSet): SetSize {
  const trie: Trie = { bytes: [-1], out: [0], other: [0], cache: new Map(), root: 0 };
  forEachRange(set, (lo, hi, fold) => addRange(trie, lo, hi, fold));
  return { flat: flatSize(trie), made: trie.bytes.length, firsts: firstsOf(trie) };
}

/** Last code points of one, two and three bytes of UTF-8. */
const lengthEnds = [0x7f, 0x7ff, 0xffff];

function addRange(trie: Trie, lo: number, hi: number, fold: boolean): void {
  if (lo === 0x80 && hi === 0x10ffff) {
    addAllAboveAscii(trie);
    return;
  }
  const cut = lengthEnds.find((end) => lo <= end && end < hi) ?? (hi > 0x7f ? sectionEnd(lo, hi) : undefined);
  if (cut !== undefined) {
    addRange(trie, lo, cut, fold);
    addRange(trie, cut + 1, hi, fold);
    return;
  }
  if (hi <= 0x7f) addSuffix(trie, make(trie, bytesKey(lo, hi) + (fold ? 1 << 16 : 0), 0));
  else addBytes(trie, lo, hi);
}

/** Where a range must be cut so that both parts agree on their leading bytes; undefined when it need not. */
function sectionEnd(lo: number, hi: number): number | undefined {
  for (let count = 1; count < 4; count++) {
    const mask = 2 ** (6 * count) - 1;
    if ((lo & ~mask) === (hi & ~mask)) continue;
    if ((lo & mask) !== 0) return lo | mask;
    if ((hi & mask) !== mask) return (hi & ~mask) - 1;
  }
  return undefined;
}

function bytesKey(lo: number, hi: number): number {
  return lo * 256 + hi;
}

function addBytes(trie: Trie, lo: number, hi: number): void {
  const from = utf8(lo);
  const to = utf8(hi);
  let next = 0;
  for (let at = from.length - 1; at >= 0; at--) {
    const first = nth(from, at);
    const last = nth(to, at);
    const isShared = at === from.length - 1 || (first < last && at !== 0);
    next = isShared ? shared(trie, bytesKey(first, last), next) : make(trie, bytesKey(first, last), next);
  }
  addSuffix(trie, next);
}

/** Returns the bytes of a code point in UTF-8. */
export function utf8(rune: number): readonly number[] {
  if (rune < 0x80) return [rune];
  const tail = lengthEnds.filter((end) => rune > end).length;
  const bytes = [((0xff00 >> (tail + 1)) % 0x100) | (rune >> (6 * tail))];
  for (let at = tail - 1; at >= 0; at--) bytes.push(0x80 | ((rune >> (6 * at)) & 0x3f));
  return bytes;
}

/** 80-10FFFF comes so often that RE2 has a shorter form of it. */
function addAllAboveAscii(trie: Trie): void {
  let next = 0;
  for (const lead of [bytesKey(0xc2, 0xdf), bytesKey(0xe0, 0xef), bytesKey(0xf0, 0xf4)]) {
    next = make(trie, bytesKey(0x80, 0xbf), next);
    addSuffix(trie, make(trie, lead, next));
  }
}

function make(trie: Trie, bytes: number, out: number, other = 0): number {
  trie.out.push(out);
  trie.other.push(other);
  return trie.bytes.push(bytes) - 1;
}

function cacheKey(bytes: number, out: number): number {
  return out * 2 ** 17 + bytes;
}

function shared(trie: Trie, bytes: number, out: number): number {
  const key = cacheKey(bytes, out);
  const known = trie.cache.get(key) ?? make(trie, bytes, out);
  trie.cache.set(key, known);
  return known;
}

function isShared(trie: Trie, id: number): boolean {
  return trie.cache.has(cacheKey(nth(trie.bytes, id), nth(trie.out, id)));
}

function addSuffix(trie: Trie, id: number): void {
  trie.root = trie.root === 0 ? id : addBelow(trie, trie.root, id);
}

/** Puts a suffix into the trie at `root`; returns the root there is now. At most four deep: one level a byte. */
function addBelow(trie: Trie, root: number, id: number): number {
  const { bytes, out, other } = trie;
  const isChoice = bytes[root] === -1;
  const last = isChoice ? nth(other, root) : root;
  if (bytes[last] !== bytes[id]) return make(trie, -1, root, id);
  // A shared suffix must stay as it is for the others: its head is copied.
  const branch = isShared(trie, last) ? make(trie, nth(bytes, last), nth(out, last)) : last;
  if (isChoice) other[root] = branch;
  out[branch] = addBelow(trie, nth(out, branch), nth(out, id));
  return isChoice ? root : branch;
}

/** Each choice at the root leads to one byte range and to the choice before it. */
function firstsOf(trie: Trie): number {
  let count = 1;
  for (let id = trie.root; trie.bytes[id] === -1 && id !== 0; id = nth(trie.out, id)) count++;
  return count;
}

/**
 * Counts what is left when choices are flattened into lists: each byte range once, and a jump for each choice that leads into a list that others use too.
 * @see https://github.com/google/re2/blob/972a15c/re2/prog.cc Flatten
 */
function flatSize({ bytes, out, other, root }: Trie): number {
  const choices = new Uint32Array(bytes.length);
  const isHead = new Uint8Array(bytes.length);
  const reached = reachable(out, other, root);
  let flat = 0;
  for (const id of reached) {
    if (bytes[id] === -1)
      for (const next of [nth(out, id), nth(other, id)]) choices[next] = nth(choices, next) + 1;
    else {
      flat++;
      isHead[nth(out, id)] = 1;
    }
  }
  for (const id of reached) {
    const count = nth(choices, id);
    if (count > 1 || isHead[id] === 1) flat += count;
  }
  return flat;
}

function reachable(out: readonly number[], other: readonly number[], root: number): readonly number[] {
  const seen = new Uint8Array(out.length);
  const reached = [root];
  seen[0] = 1;
  seen[root] = 1;
  for (let at = 0; at < reached.length; at++) {
    for (const next of [nth(out, nth(reached, at)), nth(other, nth(reached, at))]) {
      if (seen[next] === 0) reached.push(next);
      seen[next] = 1;
    }
  }
  return reached;
}
