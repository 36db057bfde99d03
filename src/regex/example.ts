/** A value of a pattern that stands for its others, as readable as it can be. */
import { casesOf } from './nfa.ts';
import { contains, nth, type RuneSet } from './rune-set.ts';
import type { Tree } from './tree.ts';

/** Most runes of an example. */
const lengthMax = 512;

/**
 * Returns a short text that the tree matches but for its assertions, which are not looked at; undefined where it is too long, or there is none.
 * `turns`: how often what may be left out or repeated is written, 0 or 1.
 */
export function exampleOf(tree: Tree, turns: 0 | 1): readonly number[] | undefined {
  if ('sub' in tree) return exampleAround(tree, turns);
  if (tree.op === 'concat') return join(tree.subs.map((sub) => exampleOf(sub, turns)));
  if (tree.op === 'alternate')
    return tree.subs.map((sub) => exampleOf(sub, turns)).find((found) => found !== undefined);
  return exampleOfLeaf(tree);
}

function exampleAround(tree: Extract<Tree, { readonly sub: Tree }>, turns: 0 | 1): Runes {
  const sub = exampleOf(tree.sub, turns);
  if (tree.op === 'capture' || tree.op === 'plus') return sub;
  if (tree.op !== 'repeat') return turns === 0 ? [] : (sub ?? []);
  const count = Math.max(tree.min, turns);
  return times(sub, tree.max === -1 ? count : Math.min(tree.max, count));
}

type Leaf = Exclude<Tree, { readonly sub: Tree } | { readonly subs: readonly Tree[] }>;

function exampleOfLeaf(tree: Leaf): Runes {
  switch (tree.op) {
    case 'literal':
      return tree.runes.map((rune) => readableIn(casesOf(rune, tree.fold)) ?? rune);
    case 'class':
      return only(readableIn(tree.set));
    case 'any':
    case 'byte':
      return only(nth(readable, 0));
    case 'nothing':
      return undefined;
    case 'empty':
    case 'assert':
      return [];
  }
}

type Runes = readonly number[] | undefined;

function only(rune: number | undefined): Runes {
  return rune === undefined ? undefined : [rune];
}

function join(parts: readonly Runes[]): Runes {
  const runes: number[] = [];
  for (const part of parts) {
    if (part === undefined || runes.length + part.length > lengthMax) return undefined;
    runes.push(...part);
  }
  return runes;
}

function times(runes: Runes, count: number): Runes {
  if (count === 0) return [];
  if (runes === undefined || runes.length * count > lengthMax) return undefined;
  return Array.from({ length: count }, () => runes).flat();
}

/** What people read easily, best first. */
const readable = Array.from(
  'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-./_',
  (character) => character.charCodeAt(0),
);

/** Returns the rune of a set that is the easiest to read, or, of those that are easy, the last one. Never a line break where there is another rune. */
export function readableIn(set: RuneSet, pick: 'first' | 'last' = 'first'): number | undefined {
  const isIn = (rune: number): boolean => contains(set, rune);
  const found = pick === 'first' ? readable.find(isIn) : readable.findLast(isIn);
  if (found !== undefined || set.length === 0) return found;
  return set[0] === 0x0a && set.length > 2 ? set[2] : set[0];
}
