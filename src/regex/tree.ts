/** The tree that RE2's parser makes of a pattern, literals joined and alternatives factored as RE2 does. */
import { isSame, type RuneSet } from './rune-set.ts';

/** Flags of a pattern: `i`, `m`, `s`, `U`. */
export interface Flags {
  readonly fold: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  /** `x*` and `x*?` swapped. */
  readonly swapGreed: boolean;
}

/** Flags at the start of a pattern. */
export const noFlags: Flags = { fold: false, multiline: false, dotAll: false, swapGreed: false };

/** Where an assertion holds: `^`, `$`, `\A`, `\z`, `\b`, `\B`; the line ones only under `(?m)`. */
export type Place =
  'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-boundary' | 'no-word-boundary';

/** How a repeat operator was meant: lazy or not, and the flags in force. One repeat of another is one repeat only in the same manner. */
export interface Manner {
  readonly lazy: boolean;
  readonly flags: Flags;
}

/** `x*`, `x+`, `x?`. */
export interface Unary {
  readonly op: 'star' | 'plus' | 'quest';
  readonly sub: Tree;
  readonly manner: Manner;
}

/** `x{min,max}`; `max` is -1 when there is none. */
export interface Repeat {
  readonly op: 'repeat';
  readonly sub: Tree;
  readonly min: number;
  readonly max: number;
  readonly manner: Manner;
}

/** One node. Code points, except for Latin-1 readers, where every rune is a byte. */
export type Tree =
  | { readonly op: 'nothing' }
  | { readonly op: 'empty' }
  /** One or more runes in a row. `fold`: RE2's case flag, set for every rune under `(?i)`; a letter has it only when it matches in both cases. */
  | { readonly op: 'literal'; readonly runes: readonly number[]; readonly fold: boolean }
  | { readonly op: 'class'; readonly set: RuneSet }
  /** `.` under `(?s)`: any rune. */
  | { readonly op: 'any' }
  /** `\C`: any byte. */
  | { readonly op: 'byte' }
  /** `dollar`: written `$`, which RE2 does not take for the same as `\z` when it looks for common beginnings. */
  | { readonly op: 'assert'; readonly place: Place; readonly dollar: boolean }
  | { readonly op: 'concat'; readonly subs: readonly Tree[] }
  | { readonly op: 'alternate'; readonly subs: readonly Tree[] }
  | Unary
  | Repeat
  | { readonly op: 'capture'; readonly sub: Tree };

/** The tree that matches only the empty string. */
export const emptyTree: Tree = { op: 'empty' };

/** Joins trees one after the other, without flattening. */
export function concat(subs: readonly Tree[]): Tree {
  return subs.length === 1 ? (subs[0] ?? emptyTree) : subs.length === 0 ? emptyTree : { op: 'concat', subs };
}

/** Joins trees as alternatives, without factoring. */
export function alternate(subs: readonly Tree[]): Tree {
  return subs.length === 1
    ? (subs[0] ?? emptyTree)
    : subs.length === 0
      ? { op: 'nothing' }
      : { op: 'alternate', subs };
}

/** Repeats a tree: `x**` is `x*`, and so is any other operator on `x*`, `x+` or `x?` in the same manner. */
export function repeatOf(op: Unary['op'], sub: Tree, manner: Manner): Tree {
  if (!isUnary(sub) || !isSameManner(sub.manner, manner)) return { op, sub, manner };
  return sub.op === op ? sub : { ...sub, op: 'star' };
}

/** Tells whether the tree is `x*`, `x+` or `x?`. */
export function isUnary(tree: Tree): tree is Unary {
  return tree.op === 'star' || tree.op === 'plus' || tree.op === 'quest';
}

/** Tells whether two repeats were meant alike. */
function isSameManner(one: Manner, other: Manner): boolean {
  const flags = ['fold', 'multiline', 'dotAll'] as const;
  return (
    one.lazy === other.lazy &&
    (one.flags === other.flags || flags.every((flag) => one.flags[flag] === other.flags[flag]))
  );
}

/** Returns what a tree is made of. */
export function subsOf(tree: Tree): readonly Tree[] {
  if (tree.op === 'concat' || tree.op === 'alternate') return tree.subs;
  return 'sub' in tree ? [tree.sub] : [];
}

/** Tells whether two trees are the same; only for those that RE2 factors out of alternatives: an assertion, a set, or a counted repeat of one. */
export function isSameHead(one: Tree, other: Tree): boolean {
  if (one.op === 'class') return other.op === 'class' && isSame(one.set, other.set);
  if (one.op === 'literal') return other.op === 'literal' && isSameLiteral(one, other);
  if (one.op === 'assert') return other.op === 'assert' && isSamePlace(one, other);
  if (one.op === 'repeat') return other.op === 'repeat' && isSameRepeat(one, other);
  return one.op === other.op && bareOps.has(one.op);
}

const bareOps: ReadonlySet<Tree['op']> = new Set(['any', 'byte']);

type Literal = Extract<Tree, { op: 'literal' }>;

function isSameLiteral(one: Literal, other: Literal): boolean {
  return one.fold === other.fold && isSame(one.runes, other.runes);
}

type Assertion = Extract<Tree, { op: 'assert' }>;

function isSamePlace(one: Assertion, other: Assertion): boolean {
  return one.place === other.place && one.dollar === other.dollar;
}

function isSameRepeat(one: Repeat, other: Repeat): boolean {
  return (
    one.min === other.min &&
    one.max === other.max &&
    one.manner.lazy === other.manner.lazy &&
    isSameHead(one.sub, other.sub)
  );
}
