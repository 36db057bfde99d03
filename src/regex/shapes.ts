/** What stands where in the values of a pattern: enough to tell of most pairs of patterns whether one matches all that the other does, or nothing of it. */
import { casesOf } from './nfa.ts';
import { exampleOf, readableIn } from './example.ts';
import { isDisjoint, isSubset, maxRune, type RuneSet } from './rune-set.ts';
import type { Repeat, Tree, Unary } from './tree.ts';

/** A piece of values: one rune of a set, any number of them, or text of which less is known. */
type Piece =
  { readonly kind: 'one' | 'many'; readonly set: RuneSet } | { readonly kind: 'other'; readonly tree: Tree };

/** Pieces in a row: what a value looks like from its first rune to its last. */
export type Shape = readonly Piece[];

/** Most shapes of one pattern, and most pieces of what is repeated: patterns that people write have up to 8 shapes. */
const shapesMax = 16;
const repeatedMax = 64;

/** Returns the shapes of a pattern, of which each value has one, without the anchors at its ends, which always hold. `latin1`: runes are bytes. */
export function shapesOf(tree: Tree, latin1: boolean): readonly Shape[] {
  return read(tree, latin1 ? [0, 0xff] : [0, maxRune]).map(withoutAnchors);
}

function withoutAnchors(shape: Shape): Shape {
  const first = shape.findIndex((piece) => !isAnchor(piece, 'text-start'));
  const last = shape.findLastIndex((piece) => !isAnchor(piece, 'text-end'));
  return first < 0 || last < 0 ? [] : shape.slice(first, last + 1);
}

function isAnchor(piece: Piece, place: 'text-start' | 'text-end'): boolean {
  return piece.kind === 'other' && piece.tree.op === 'assert' && piece.tree.place === place;
}

/** Recursion: as deep as the pattern nests, which its length bounds. */
function read(tree: Tree, all: RuneSet): readonly Shape[] {
  if ('sub' in tree) return readAround(tree, all);
  if (tree.op === 'concat')
    return tree.subs.reduce<readonly Shape[]>((shapes, sub) => follow(shapes, sub, all), [[]]);
  if (tree.op === 'alternate')
    return bounded(
      tree.subs.flatMap((sub) => read(sub, all)),
      tree,
    );
  return [readLeaf(tree, all)];
}

function readAround(tree: Extract<Tree, { readonly sub: Tree }>, all: RuneSet): readonly Shape[] {
  switch (tree.op) {
    case 'capture':
      return read(tree.sub, all);
    case 'quest':
      return bounded([[], ...read(tree.sub, all)], tree);
    case 'star':
      return [[star(tree, all)]];
    case 'plus':
      return follow(read(tree.sub, all), { ...tree, op: 'star' }, all);
    case 'repeat':
      return [repeated(tree, all)];
  }
}

type Leaf = Exclude<Tree, { readonly sub: Tree } | { readonly subs: readonly Tree[] }>;

function readLeaf(tree: Leaf, all: RuneSet): Shape {
  if (tree.op === 'empty') return [];
  if (tree.op === 'literal')
    return tree.runes.map((rune) => ({ kind: 'one', set: casesOf(rune, tree.fold) }));
  if (tree.op === 'class') return [{ kind: 'one', set: tree.set }];
  return tree.op === 'any' ? [{ kind: 'one', set: all }] : [{ kind: 'other', tree }];
}

function bounded(shapes: readonly Shape[], tree: Tree): readonly Shape[] {
  return shapes.length > shapesMax ? [[{ kind: 'other', tree }]] : shapes;
}

function follow(starts: readonly Shape[], tree: Tree, all: RuneSet): readonly Shape[] {
  const found = read(tree, all);
  const ends: readonly Shape[] =
    starts.length * found.length > shapesMax ? [[{ kind: 'other', tree }]] : found;
  return starts.flatMap((start) => ends.map((end) => [...start, ...end]));
}

function star(tree: Unary, all: RuneSet): Piece {
  const set = onlyRune(read(tree.sub, all));
  return set === undefined ? { kind: 'other', tree } : { kind: 'many', set };
}

function onlyRune([shape, more]: readonly Shape[]): RuneSet | undefined {
  const [piece, next] = shape ?? [];
  return more === undefined && next === undefined && piece?.kind === 'one' ? piece.set : undefined;
}

/** `x{2,}` is `xxx*`; `x{2,4}` is `xx` and something. */
function repeated(tree: Repeat, all: RuneSet): Shape {
  const [body, more] = read(tree.sub, all);
  if (body === undefined || more !== undefined || body.length * tree.min > repeatedMax)
    return [{ kind: 'other', tree }];
  const fixed = Array.from({ length: tree.min }, () => body).flat();
  if (tree.min === tree.max) return fixed;
  return tree.max === -1
    ? [...fixed, star({ ...tree, op: 'star' }, all)]
    : [...fixed, { kind: 'other', tree: { ...tree, min: 0, max: tree.max - tree.min } }];
}

/** Tells whether every value of one shape certainly has the other shape; false where that cannot be told. Time is the product of their lengths. */
export function isCovered(shape: Shape, by: Shape): boolean {
  const pieces = withoutAssertions(shape);
  // From the end: row[at] says whether `by`, from `index` on, covers the pieces from `at` on.
  let row: readonly boolean[] = [...pieces.map(() => false), true];
  for (const wider of by.toReversed()) {
    const next = row;
    const made = Array.from({ length: pieces.length + 1 }, () => false);
    for (let at = pieces.length; at >= 0; at--) made[at] = coversFrom(wider, pieces[at], { at, next, made });
    row = made;
  }
  return row[0] === true;
}

interface Rows {
  readonly at: number;
  /** What the pieces after the wider one cover. */
  readonly next: readonly boolean[];
  /** What it covers with them. */
  readonly made: readonly boolean[];
}

function coversFrom(wider: Piece, piece: Piece | undefined, rows: Rows): boolean {
  const { at, next, made } = rows;
  if (wider.kind === 'many' && next[at] === true) return true;
  if (piece === undefined) return false;
  if (wider.kind === 'many') return made[at + 1] === true && isTakenUp(piece, wider.set);
  if (wider.kind === 'one') return oneCovers(wider.set, piece, rows);
  return next[at + 1] === true && isSameText(wider, piece);
}

/** Any number is none, or one and any number. */
function oneCovers(set: RuneSet, piece: Piece, { at, next, made }: Rows): boolean {
  if (piece.kind === 'other' || !isSubset(piece.set, set)) return false;
  return piece.kind === 'one' ? next[at + 1] === true : made[at + 1] === true && next[at] === true;
}

/** Values with line breaks are left out of account. */
function isTakenUp(piece: Piece, set: RuneSet): boolean {
  return isEveryRune(set) || (piece.kind !== 'other' && isSubset(piece.set, set));
}

function isEveryRune(set: RuneSet): boolean {
  return isSubset(set.at(-1) === 0xff ? [0, 0x09, 0x0b, 0xff] : [0, 0x09, 0x0b, maxRune], set);
}

/** Without them a shape has more values, never fewer. */
function withoutAssertions(shape: Shape): Shape {
  return shape.filter((piece) => piece.kind !== 'other' || piece.tree.op !== 'assert');
}

/** An assertion looks at what stands beside it: of such trees nothing is told. */
function isSameText(one: Piece, other: Piece): boolean {
  const text = JSON.stringify(one);
  return text === JSON.stringify(other) && !text.includes('"op":"assert"');
}

/** Tells whether a value has both shapes; undefined where that cannot be told. Time is the product of their lengths. */
export function isShared(one: Shape, other: Shape): boolean | undefined {
  const [left, right] = [one.map(piecePattern), other.map(piecePattern)];
  // From the end: row[at] says whether what is left of `left` and what `right` has from `at` on may be the same.
  let row: readonly boolean[] = ends(right);
  for (const piece of left.toReversed()) {
    const [next, made] = [row, Array.from({ length: right.length + 1 }, () => false)];
    for (let at = right.length; at >= 0; at--) made[at] = meetsFrom(piece, right[at], { at, next, made });
    row = made;
  }
  if (row[0] !== true) return false;
  return [...one, ...other].some(({ kind }) => kind === 'other') ? undefined : true;
}

/** Of what is not known any text may stand there. */
function piecePattern(piece: Piece): Known {
  return piece.kind === 'other' ? { kind: 'many', set: [0, maxRune] } : piece;
}

type Known = Exclude<Piece, { readonly kind: 'other' }>;

/** What may be nothing from each place on. */
function ends(pieces: readonly Known[]): readonly boolean[] {
  const last = pieces.findLastIndex(({ kind }) => kind === 'one');
  return Array.from({ length: pieces.length + 1 }, (_, at) => at > last);
}

function meetsFrom(piece: Known, beside: Known | undefined, rows: Rows): boolean {
  const isNext = rows.next[rows.at] === true;
  if (beside === undefined) return piece.kind === 'many' && isNext;
  const isBeside = rows.made[rows.at + 1] === true;
  const isAlike = !isDisjoint(piece.set, beside.set);
  if (piece.kind === beside.kind)
    return piece.kind === 'many' ? isNext || isBeside : isAlike && rows.next[rows.at + 1] === true;
  const [skipped, taken] = piece.kind === 'many' ? [isNext, isBeside] : [isBeside, isNext];
  return skipped || (isAlike && taken);
}

/** Returns values of a shape that stand for its others, as readable as they can be; its assertions are not looked at. */
export function examplesOfShape(shape: Shape): readonly (readonly number[])[] {
  return [
    shape.flatMap((piece) => (piece.kind === 'many' ? [] : exampleOfPiece(piece, 'first'))),
    shape.flatMap((piece) => exampleOfPiece(piece, 'last')),
  ];
}

function exampleOfPiece(piece: Piece, pick: 'first' | 'last'): readonly number[] {
  if (piece.kind === 'other') return exampleOf(piece.tree, pick === 'first' ? 0 : 1) ?? [];
  const rune = readableIn(piece.set, pick);
  return rune === undefined ? [] : [rune];
}
