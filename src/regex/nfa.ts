/** A tree as a nondeterministic automaton. Counted repeats are written out, up to a bound. */
import { maxRune, type RuneSet } from './rune-set.ts';
import type { Place, Repeat, Tree } from './tree.ts';

/** What a state does. */
export const doing = { fail: 0, match: 1, take: 2, fork: 3, assert: 4 } as const;

/** States by number; every state but {@link failState} can lead to {@link matchState} if assertions hold. */
export interface Nfa {
  /** One of {@link doing}. */
  readonly does: Uint8Array;
  /** Where it goes on. */
  readonly out: Int32Array;
  /** The other way of a fork; the set of a take; the bit of an assertion, see {@link placeBits}. */
  readonly arg: Int32Array;
  readonly sets: readonly RuneSet[];
  readonly start: number;
  /** Bits of all assertions that there are. */
  readonly places: number;
}

/** Leads nowhere. */
export const failState = 0;
/** Ends a match. */
export const matchState = 1;

/** A bit for each kind of assertion. */
export const placeBits: Readonly<Record<Place, number>> = {
  'text-start': 1,
  'text-end': 2,
  'line-start': 4,
  'line-end': 8,
  'word-boundary': 16,
  'no-word-boundary': 32,
};

/** Most states, and steps to make them: more than a program has that Envoy takes, see `programSizeMax`. One of a route has hundreds. */
const statesMax = 65_536;

interface Build {
  readonly latin1: boolean;
  readonly does: number[];
  readonly out: number[];
  readonly arg: number[];
  readonly sets: RuneSet[];
  /** Sets by text, and by the node that has them: a node is made as often as it is repeated. */
  readonly setsByText: Map<string, number>;
  readonly setsByNode: Map<Tree, number>;
  /** Takes by set and by where they go on: those that are alike are one. */
  readonly takes: Map<number, number>;
  places: number;
  work: number;
}

/** Makes the automaton; undefined when it would have more than {@link statesMax} states. */
export function nfaOf(tree: Tree, latin1: boolean): Nfa | undefined {
  const build: Build = {
    latin1,
    does: [doing.fail, doing.match],
    out: [0, 0],
    arg: [0, 0],
    sets: [],
    setsByText: new Map(),
    setsByNode: new Map(),
    takes: new Map(),
    places: 0,
    work: 0,
  };
  const start = make(build, tree, matchState);
  if (isTooLarge(build)) return undefined;
  const { does, out, arg, sets, places } = build;
  return {
    does: Uint8Array.from(does),
    out: Int32Array.from(out),
    arg: Int32Array.from(arg),
    sets,
    start,
    places,
  };
}

function isTooLarge(build: Build): boolean {
  return build.does.length > statesMax || build.work > 4 * statesMax;
}

function add(build: Build, does: number, out: number, arg: number): number {
  build.does.push(does);
  build.out.push(out);
  return build.arg.push(arg) - 1;
}

function fork(build: Build, one: number, other: number): number {
  if (one === failState || one === other) return other;
  return other === failState ? one : add(build, doing.fork, one, other);
}

function take(build: Build, set: number, next: number): number {
  const key = next * 2048 + set;
  const made = build.takes.get(key) ?? add(build, doing.take, next, set);
  build.takes.set(key, made);
  return made;
}

/** Makes what matches the tree and then goes on at `next`. Recursion: as deep as the pattern nests, which its length bounds. */
function make(build: Build, tree: Tree, next: number): number {
  build.work++;
  if (next === failState || isTooLarge(build)) return failState;
  if ('sub' in tree) return around(build, tree, next);
  if (tree.op === 'concat') return tree.subs.reduceRight((rest, sub) => make(build, sub, rest), next);
  if (tree.op === 'alternate')
    return tree.subs.reduceRight((rest, sub) => fork(build, make(build, sub, next), rest), failState);
  return leaf(build, tree, next);
}

type Leaf = Exclude<Tree, { readonly sub: Tree } | { readonly subs: readonly Tree[] }>;

function leaf(build: Build, tree: Leaf, next: number): number {
  switch (tree.op) {
    case 'nothing':
      return failState;
    case 'empty':
      return next;
    case 'literal':
      return tree.runes.reduceRight(
        (rest, rune) => take(build, numberOf(build, casesOf(rune, tree.fold)), rest),
        next,
      );
    case 'assert':
      build.places |= placeBits[tree.place];
      return add(build, doing.assert, next, placeBits[tree.place]);
    case 'class':
    case 'any':
    case 'byte':
      return one(build, tree, next);
  }
}

type Around = Extract<Tree, { readonly sub: Tree }>;

function around(build: Build, tree: Around, next: number): number {
  switch (tree.op) {
    case 'star':
    case 'plus':
      return loop(build, tree.sub, next, tree.op === 'star');
    case 'quest':
      return fork(build, make(build, tree.sub, next), next);
    case 'repeat':
      return counted(build, tree, next);
    case 'capture':
      return make(build, tree.sub, next);
  }
}

function loop(build: Build, sub: Tree, next: number, isStar: boolean): number {
  const back = add(build, doing.fork, failState, next);
  const body = make(build, sub, back);
  build.out[back] = body;
  return isStar ? back : body;
}

/** `x{2,4}` is `xx(x(x)?)?`: all ways out lead to one state. */
function counted(build: Build, { sub, min, max }: Repeat, next: number): number {
  let entry = max === -1 ? loop(build, sub, next, true) : next;
  for (let count = min; count < max && !isTooLarge(build); count++)
    entry = fork(build, make(build, sub, entry), next);
  for (let count = 0; count < min && !isTooLarge(build); count++) entry = make(build, sub, entry);
  return entry;
}

/** One rune of a set. */
function one(build: Build, tree: Extract<Tree, { op: 'class' | 'any' | 'byte' }>, next: number): number {
  const set = tree.op === 'class' ? tree.set : build.latin1 ? anyByte : anyRune;
  return set.length === 0 ? failState : take(build, nodeSet(build, tree, set), next);
}

const anyRune: RuneSet = [0, maxRune];
const anyByte: RuneSet = [0, 0xff];

function nodeSet(build: Build, node: Tree, set: RuneSet): number {
  const known = build.setsByNode.get(node) ?? numberOf(build, set);
  build.setsByNode.set(node, known);
  return known;
}

function numberOf(build: Build, set: RuneSet): number {
  const text = set.join();
  const known = build.setsByText.get(text) ?? build.sets.push(set) - 1;
  build.setsByText.set(text, known);
  return known;
}

/** Returns what one rune of a literal matches: both cases of an ASCII letter that folds, else itself. */
export function casesOf(rune: number, fold: boolean): RuneSet {
  const upper = rune & ~0x20;
  return fold && rune < 0x80 && upper >= 0x41 && upper <= 0x5a
    ? [upper, upper, upper + 32, upper + 32]
    : [rune, rune];
}
