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
export type Place = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-boundary' | 'no-word-boundary';

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
  | { readonly op: 'concat' | 'alternate'; readonly subs: readonly Tree[] }
  /** `flags`: those in force; one repeat of another is one repeat only under the same. */
  | { readonly op: 'star' | 'plus' | 'quest'; readonly sub: Tree; readonly lazy: boolean; readonly flags: Flags }
  /** `max` is -1 when there is none. */
  | { readonly op: 'repeat'; readonly sub: Tree; readonly min: number; readonly max: number; readonly lazy: boolean }
  | { readonly op: 'capture'; readonly sub: Tree };

/** The tree that matches only the empty string. */
export const emptyTree: Tree = { op: 'empty' };

/** Joins trees one after the other, without flattening. */
export function concat(subs: readonly Tree[]): Tree {
  return subs.length === 1 ? (subs[0] ?? emptyTree) : subs.length === 0 ? emptyTree : { op: 'concat', subs };
}

/** Joins trees as alternatives, without factoring. */
export function alternate(subs: readonly Tree[]): Tree {
  return subs.length === 1 ? (subs[0] ?? emptyTree) : subs.length === 0 ? { op: 'nothing' } : { op: 'alternate', subs };
}

/** Tells whether two trees are the same; only for those that RE2 factors out of alternatives: an assertion, a set, or a counted repeat of one. */
export function isSameHead(one: Tree, other: Tree): boolean {
  if (one.op === 'class') return other.op === 'class' && isSame(one.set, other.set);
  if (one.op === 'assert') return other.op === 'assert' && one.place === other.place && one.dollar === other.dollar;
  if (one.op === 'literal') return other.op === 'literal' && one.fold === other.fold && one.runes.length === other.runes.length && one.runes.every((rune, at) => rune === other.runes[at]);
  if (one.op === 'repeat') return other.op === 'repeat' && one.min === other.min && one.max === other.max && one.lazy === other.lazy && isSameHead(one.sub, other.sub);
  return one.op === other.op && (one.op === 'any' || one.op === 'byte');
}
