/** What can be told of a pattern at a glance, so that most questions need no walk: all its values when they are few, and what can stand where. */
import { doing, casesOf, failState, matchState, type Nfa } from './nfa.ts';
import { countOf, nth, type RuneSet } from './rune-set.ts';
import type { Tree } from './tree.ts';

/** Most values that are listed, and the longest of them in runes. `(?i)ops-1234` has 12, for `ſ` is an `s`. */
const wordsMax = 32;
const wordLengthMax = 256;

/** All values of a pattern, one character a rune, with their runes; shortest first. */
export type Lexicon = ReadonlyMap<string, readonly number[]>;

/** Returns all values of a pattern; undefined when they are more than a few or not told easily. */
export function lexiconOf(tree: Tree): Lexicon | undefined {
  const found = list(withoutEnds(tree))?.toSorted(
    (one, other) => one.length - other.length || (one < other ? -1 : 1),
  );
  return (
    found &&
    new Map(found.map((word) => [word, Array.from(word, (character) => character.codePointAt(0) ?? 0)]))
  );
}

/** The tree without the anchors at its ends, which always hold when the whole value is matched. */
function withoutEnds(tree: Tree): Tree {
  if (tree.op === 'capture') return withoutEnds(tree.sub);
  if (tree.op === 'alternate') return { ...tree, subs: tree.subs.map(withoutEnds) };
  if (tree.op !== 'concat') return tree;
  const first = tree.subs.findIndex((sub) => !isPlace(sub, 'text-start'));
  const last = tree.subs.findLastIndex((sub) => !isPlace(sub, 'text-end'));
  // Only anchors: what is left is empty, where all of them hold.
  return first < 0 || last < 0 ? { op: 'empty' } : { ...tree, subs: tree.subs.slice(first, last + 1) };
}

function isPlace(tree: Tree, place: 'text-start' | 'text-end'): boolean {
  return tree.op === 'assert' && tree.place === place;
}

type Words = readonly string[] | undefined;

function list(tree: Tree): Words {
  if ('sub' in tree) return listAround(tree);
  if (tree.op === 'concat')
    return tree.subs.reduce<Words>(
      (words, sub) => (words === undefined ? undefined : follow(words, list(sub))),
      [''],
    );
  if (tree.op === 'alternate')
    return tree.subs.reduce<Words>(
      (words, sub) => (words === undefined ? undefined : join(words, list(sub))),
      [],
    );
  if (tree.op === 'literal')
    return tree.runes.reduce<Words>((words, rune) => follow(words, listSet(casesOf(rune, tree.fold))), ['']);
  if (tree.op === 'class') return listSet(tree.set);
  return tree.op === 'nothing' ? [] : tree.op === 'empty' ? [''] : undefined;
}

function listAround(tree: Extract<Tree, { readonly sub: Tree }>): Words {
  if (tree.op === 'capture') return list(tree.sub);
  if (tree.op === 'quest') return join([''], list(tree.sub));
  return tree.op === 'repeat' && tree.min === tree.max ? times(list(tree.sub), tree.min) : undefined;
}

/** Surrogates are left out: two of them in a row would be another character. */
function listSet(set: RuneSet): Words {
  if (set.length > 2 * wordsMax || countOf(set) > wordsMax) return undefined;
  const words: string[] = [];
  for (let at = 0; at < set.length; at += 2)
    for (let rune = nth(set, at); rune <= nth(set, at + 1); rune++) words.push(String.fromCodePoint(rune));
  return words.every((word) => word.isWellFormed()) ? words : undefined;
}

function join(one: Words, other: Words): Words {
  if (one === undefined || other === undefined) return undefined;
  const words = [...new Set([...one, ...other])];
  return words.length > wordsMax ? undefined : words;
}

function follow(one: Words, other: Words): Words {
  if (one === undefined || other === undefined || one.length * other.length > wordsMax * 4) return undefined;
  const words = [...new Set(one.flatMap((start) => other.map((end) => start + end)))];
  return words.length > wordsMax || words.some((word) => word.length > wordLengthMax) ? undefined : words;
}

function times(words: Words, count: number): Words {
  let made: Words = [''];
  for (let turn = 0; turn < count && made !== undefined && made.length > 0; turn++)
    made = follow(made, words);
  return made;
}

/** Which runes can stand at the first positions of a value, two words of 32 bits for each; a bit is a letter in either case, a digit, and so on. */
export type Beginnings = Int32Array;

const positions = 32;
/** Bits of the second word: what is not ASCII, and that the value has ended. */
const highBit = 1 << 30;
const endBit = 1 << 31;

/** Most states looked at: larger patterns are told apart by walking. */
const workMax = 20_000;

/** Returns what can stand where. Assertions are taken to hold: it is never too little. */
export function beginningsOf(nfa: Nfa): Beginnings {
  const beginnings = new Int32Array(2 * positions).fill(-1);
  const masks = nfa.sets.map(maskOf);
  let states: readonly number[] = spread(nfa, [nfa.start]);
  let ended = 0;
  let work = 0;
  for (let at = 0; at < positions && work < workMax; at++) {
    if (states.includes(matchState)) ended = endBit;
    const taking = states.filter((id) => nfa.does[id] === doing.take);
    const [low, high] = taking.reduce<readonly [number, number]>(
      ([one, other], id) => add([one, other], masks[nth(nfa.arg, id)]),
      [0, ended],
    );
    beginnings[2 * at] = low;
    beginnings[2 * at + 1] = high;
    work += states.length;
    states = spread(
      nfa,
      taking.map((id) => nth(nfa.out, id)),
    );
  }
  return beginnings;
}

function add(
  mask: readonly [number, number],
  other: readonly [number, number] = [0, 0],
): readonly [number, number] {
  return [mask[0] | other[0], mask[1] | other[1]];
}

/** All that is reached without a rune. */
function spread(nfa: Nfa, from: readonly number[]): readonly number[] {
  const seen = new Set(from);
  for (const id of seen) {
    const does = nfa.does[id];
    if (does === doing.fork || does === doing.assert) seen.add(nth(nfa.out, id));
    if (does === doing.fork) seen.add(nth(nfa.arg, id));
  }
  seen.delete(failState);
  return [...seen];
}

function maskOf(set: RuneSet): readonly [number, number] {
  let mask: readonly [number, number] = [0, (set.at(-1) ?? 0) > 0x7f ? highBit : 0];
  for (let at = 0; at < set.length && nth(set, at) < 0x80; at += 2) {
    for (let rune = nth(set, at); rune <= Math.min(nth(set, at + 1), 0x7f); rune++)
      mask = add(mask, asciiMasks[rune]);
  }
  return mask;
}

const asciiMasks = Array.from({ length: 0x80 }, (_, rune) => asciiMask(rune));

function asciiMask(rune: number): readonly [number, number] {
  const letter = (rune | 0x20) - 0x61;
  if (rune >= 0x40 && letter >= 0 && letter < 26) return [1 << letter, 0];
  if (rune >= 0x30 && rune <= 0x39) return [0, 1 << (rune - 0x30)];
  return [0, 1 << (10 + (rune % 20))];
}

/** Tells whether no value can begin as both say: then nothing matches both. */
export function isApart(one: Beginnings, other: Beginnings): boolean {
  for (let at = 0; at < one.length; at += 2) {
    if (((nth(one, at) & nth(other, at)) | (nth(one, at + 1) & nth(other, at + 1))) === 0) return true;
  }
  return false;
}
