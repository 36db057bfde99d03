/** What RE2 rewrites before it compiles: counted repeats, and repeats of one thing beside each other. */
import {
  concat,
  emptyTree,
  isSameHead,
  isUnary,
  repeatOf,
  type Manner,
  type Repeat,
  type Tree,
  type Unary,
} from './tree.ts';

/** Returns a counted repeat that is another operator as that: `x{1,}` is `x+`. Others are returned as they are. */
export function simplify(tree: Tree): Tree {
  if (tree.op !== 'repeat') return tree;
  const sub = simplify(tree.sub);
  // What consumes nothing is repeated at most once.
  const most = isOnlyPlaces(sub) ? 1 : Infinity;
  const min = Math.min(tree.min, most);
  const max = tree.max === -1 ? -1 : Math.min(tree.max, most);
  if (max === 0 || sub.op === 'empty') return emptyTree;
  return max === -1 ? unbounded(tree, sub, min) : bounded(tree, sub, { min, max });
}

function unbounded(tree: Repeat, sub: Tree, min: number): Tree {
  return min > 1 ? { ...tree, sub, min } : repeatSimplified(min === 0 ? 'star' : 'plus', sub, tree.manner);
}

/** Repeats a simplified tree; `x{0,3}`, which RE2 makes `(x(xx?)?)?`, counts as an `x?` of the same manner. */
export function repeatSimplified(op: Unary['op'], sub: Tree, manner: Manner): Tree {
  if (sub.op !== 'repeat' || sub.min > 0 || sub.max < 2) return repeatOf(op, sub, manner);
  return repeatOf(
    op,
    { op: 'quest', sub: concat([sub.sub, { ...sub, max: sub.max - 1 }]), manner: sub.manner },
    manner,
  );
}

function bounded(
  tree: Repeat,
  sub: Tree,
  { min, max }: { readonly min: number; readonly max: number },
): Tree {
  if (max > 1) return { ...tree, sub, min, max };
  return min === 1 ? sub : repeatSimplified('quest', sub, tree.manner);
}

function isOnlyPlaces(tree: Tree): boolean {
  return (
    tree.op === 'assert' ||
    ((tree.op === 'concat' || tree.op === 'alternate') && tree.subs.every((sub) => sub.op === 'assert'))
  );
}

/** How often something is repeated: `max` -1 when there is no bound. */
interface Counts {
  readonly sub: Tree;
  readonly min: number;
  readonly max: number;
  readonly manner: Manner;
}

/**
 * Joins neighbours of a concatenation that repeat the same rune or set: `a*a{2}` becomes `a{2,}`.
 * @see https://github.com/google/re2/blob/972a15c/re2/simplify.cc CoalesceWalker
 */
export function coalesce(subs: readonly Tree[]): readonly Tree[] {
  const out: Tree[] = [];
  for (const sub of subs) {
    const before = countsOf(out.at(-1));
    const joined = before && join(before, sub);
    if (joined === undefined) out.push(sub);
    else out.splice(-1, 1, ...joined);
  }
  return out;
}

/** Counts of a repeat of one rune or set; undefined for all else. */
function countsOf(tree: Tree | undefined): Counts | undefined {
  if (tree === undefined || (tree.op !== 'repeat' && !isUnary(tree)) || !isOneStep(tree.sub))
    return undefined;
  const { sub, manner } = tree;
  if (tree.op === 'repeat') return { sub, manner, min: tree.min, max: tree.max };
  return { sub, manner, min: tree.op === 'plus' ? 1 : 0, max: tree.op === 'quest' ? 1 : -1 };
}

function isOneStep(tree: Tree): boolean {
  return (
    tree.op === 'class' ||
    tree.op === 'any' ||
    tree.op === 'byte' ||
    (tree.op === 'literal' && tree.runes.length === 1)
  );
}

function join(before: Counts, next: Tree): readonly Tree[] | undefined {
  const other = countsOf(next);
  if (other !== undefined) {
    if (!isSameHead(before.sub, other.sub) || before.manner.lazy !== other.manner.lazy) return undefined;
    return [more(before, other.min, other.max)];
  }
  if (isOneStep(next)) return isSameHead(before.sub, next) ? [more(before, 1, 1)] : undefined;
  return next.op === 'literal' ? joinLiteral(before, next) : undefined;
}

/** A string that begins with what is repeated gives its first runes away. */
function joinLiteral(before: Counts, next: Extract<Tree, { op: 'literal' }>): readonly Tree[] | undefined {
  const { sub } = before;
  if (sub.op !== 'literal' || sub.fold !== next.fold || sub.runes[0] !== next.runes[0]) return undefined;
  const different = next.runes.findIndex((rune) => rune !== sub.runes[0]);
  const count = different < 0 ? next.runes.length : different;
  const rest = next.runes.slice(count);
  return [more(before, count, count), ...(rest.length === 0 ? [] : [{ ...next, runes: rest }])];
}

function more({ sub, manner, min, max }: Counts, least: number, most: number): Tree {
  return { op: 'repeat', sub, manner, min: min + least, max: max === -1 || most === -1 ? -1 : max + most };
}
