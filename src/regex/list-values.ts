/** All values of a pattern, when they are few. */
import { casesOf } from './nfa.ts';
import { countOf, nth, type RuneSet } from './rune-set.ts';
import type { Tree } from './tree.ts';

/** Most values that are listed, and the longest of them in runes. `(?i)ops-1234` has 12, for `ſ` is an `s`. */
const valuesMax = 32;
const valueLengthMax = 256;

/** Returns all values of a pattern, one character a rune, shortest first; undefined when they are more than a few or not told easily. */
export function listValues(tree: Tree): readonly string[] | undefined {
  return list(withoutEnds(tree))?.toSorted(
    (one, other) => one.length - other.length || (one < other ? -1 : 1),
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

type Values = readonly string[] | undefined;

function list(tree: Tree): Values {
  if ('sub' in tree) return listAround(tree);
  if (tree.op === 'concat')
    return tree.subs.reduce<Values>(
      (values, sub) => (values === undefined ? undefined : follow(values, list(sub))),
      [''],
    );
  if (tree.op === 'alternate')
    return tree.subs.reduce<Values>(
      (values, sub) => (values === undefined ? undefined : join(values, list(sub))),
      [],
    );
  if (tree.op === 'literal')
    return tree.runes.reduce<Values>(
      (values, rune) => follow(values, listSet(casesOf(rune, tree.fold))),
      [''],
    );
  if (tree.op === 'class') return listSet(tree.set);
  return tree.op === 'nothing' ? [] : tree.op === 'empty' ? [''] : undefined;
}

function listAround(tree: Extract<Tree, { readonly sub: Tree }>): Values {
  if (tree.op === 'capture') return list(tree.sub);
  if (tree.op === 'quest') return join([''], list(tree.sub));
  return tree.op === 'repeat' && tree.min === tree.max ? times(list(tree.sub), tree.min) : undefined;
}

/** Surrogates are left out: two of them in a row would be another character. */
function listSet(set: RuneSet): Values {
  if (set.length > 2 * valuesMax || countOf(set) > valuesMax) return undefined;
  const values: string[] = [];
  for (let at = 0; at < set.length; at += 2)
    for (let rune = nth(set, at); rune <= nth(set, at + 1); rune++) values.push(String.fromCodePoint(rune));
  return values.every((value) => value.isWellFormed()) ? values : undefined;
}

function join(one: Values, other: Values): Values {
  if (one === undefined || other === undefined) return undefined;
  const values = [...new Set([...one, ...other])];
  return values.length > valuesMax ? undefined : values;
}

function follow(one: Values, other: Values): Values {
  if (one === undefined || other === undefined || one.length * other.length > valuesMax * 4) return undefined;
  const values = [...new Set(one.flatMap((start) => other.map((end) => start + end)))];
  return values.length > valuesMax || values.some((value) => value.length > valueLengthMax)
    ? undefined
    : values;
}

function times(values: Values, count: number): Values {
  let made: Values = [''];
  for (let turn = 0; turn < count && made !== undefined && made.length > 0; turn++)
    made = follow(made, values);
  return made;
}
