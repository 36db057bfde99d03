/** How large RE2's program for a pattern is: an upper bound, close to the real number, in time linear in the pattern whatever its counts are. */
import { coalesce, repeatSimplified, simplify } from './simplify.ts';
import { sizeOfSet, utf8 } from './size-class.ts';
import { concat, emptyTree, type Repeat, type Tree, type Unary } from './tree.ts';

/** What a part of a program costs, and how the next part joins on. */
interface Part {
  /** Instructions in the flattened program, which is what Envoy counts. */
  readonly flat: number;
  /** Instructions before flattening, which RE2's memory bounds. */
  readonly made: number;
  /** It can match the empty string. */
  readonly nullable: boolean;
  /** Its first instruction begins a list of its own: a choice that leads there takes a jump. */
  readonly isHead: boolean;
  /** An instruction that consumes, captures or asserts leads out of it, so that what follows begins a list of its own. */
  readonly endsInStep: boolean;
  /** How many choices lead out of it: each takes a jump when what follows begins a list of its own. */
  readonly exits: number;
  /** It is one instruction that takes any byte: a loop of it at the end of a program gets one more. @see re2/prog.cc Optimize */
  readonly isAnyByte: boolean;
  /** Most instructions that can come first: how long the list is that its first instruction begins. */
  readonly firsts: number;
  /** There is a loop in it: see {@link loop}. */
  readonly hasLoop: boolean;
  /** It ends in a loop that may list twice what comes after: see {@link loop}. */
  readonly isLate: boolean;
}

/** The part that matches nothing; RE2 leaves out what it is joined to. */
type Made = Part | undefined;

/** Matches the empty string and costs nothing of itself. */
const nop: Part = {
  flat: 0,
  made: 1,
  nullable: true,
  isHead: false,
  endsInStep: false,
  exits: 1,
  isAnyByte: false,
  firsts: 0,
  hasLoop: false,
  isLate: false,
};

function step(count: number, nullable: boolean): Part {
  return {
    flat: count,
    made: count,
    nullable,
    isHead: false,
    endsInStep: true,
    exits: 0,
    isAnyByte: false,
    firsts: 1,
    hasLoop: false,
    isLate: false,
  };
}

/** Sizes of a program: flattened, and before. */
export interface ProgramSize {
  readonly flat: number;
  readonly made: number;
}

/** Returns the size of the program for a whole pattern. */
export function sizeOf(tree: Tree, latin1: boolean): ProgramSize {
  const { rest, unanchored } = withoutAnchors(withoutPrefix(tree));
  const body = partOf(rest, { latin1, known: new Map() });
  // Always there: fail and match; the search loop, unless the pattern begins with an anchor.
  const fixed = unanchored ? 4 : 2;
  if (body === undefined) return { flat: 1, made: 1 };
  const whole = cat(body, step(1, false)) ?? body;
  return { flat: whole.flat + fixed - 1, made: whole.made + fixed };
}

/** RE2 matches a literal right after a leading `^` by comparing text, outside the program. @see re2/regexp.cc RequiredPrefix */
function withoutPrefix(tree: Tree): Tree {
  if (tree.op !== 'concat') return tree;
  const first = tree.subs.findIndex((sub) => !isPlace(sub, 'text-start'));
  return first > 0 && tree.subs[first]?.op === 'literal' ? concat(tree.subs.slice(first + 1)) : tree;
}

function isPlace(tree: Tree | undefined, place: 'text-start' | 'text-end'): boolean {
  return tree?.op === 'assert' && tree.place === place;
}

function withoutAnchors(tree: Tree): { readonly rest: Tree; readonly unanchored: boolean } {
  const cut = withoutAnchor(tree, 'text-start', 0);
  const rest = cut ?? tree;
  return { rest: withoutAnchor(rest, 'text-end', 0) ?? rest, unanchored: cut === undefined };
}

/** Takes a leading or trailing anchor off, through at most four groups, as RE2 does; undefined when there is none. @see re2/compile.cc IsAnchorStart */
function withoutAnchor(
  tree: Tree | undefined,
  place: 'text-start' | 'text-end',
  depth: number,
): Tree | undefined {
  if (tree === undefined || depth >= 4) return undefined;
  if (isPlace(tree, place)) return emptyTree;
  if (tree.op === 'capture') {
    const sub = withoutAnchor(tree.sub, place, depth + 1);
    return sub && { op: 'capture', sub };
  }
  if (tree.op !== 'concat') return undefined;
  const at = place === 'text-start' ? 0 : tree.subs.length - 1;
  const sub = withoutAnchor(tree.subs[at], place, depth + 1);
  return sub && { op: 'concat', subs: tree.subs.with(at, sub) };
}

/** One count. Parts that are known: a repeat looks at what it repeats more than once. */
interface Sizing {
  readonly latin1: boolean;
  readonly known: Map<Tree, Made>;
}

/** Recursion: as deep as the pattern nests, which its length bounds. */
function partOf(tree: Tree, sizing: Sizing): Made {
  if (sizing.known.has(tree)) return sizing.known.get(tree);
  const part = isLeaf(tree) ? leaf(tree, sizing.latin1) : composite(tree, sizing);
  sizing.known.set(tree, part);
  return part;
}

type Composite = Extract<Tree, { readonly subs: unknown } | { readonly sub: unknown }>;
type Leaf = Exclude<Tree, Composite>;

function isLeaf(tree: Tree): tree is Leaf {
  return !('sub' in tree) && !('subs' in tree);
}

function composite(tree: Composite, sizing: Sizing): Made {
  switch (tree.op) {
    case 'concat':
      return coalesce(tree.subs)
        .map((sub) => partOf(sub, sizing))
        .reduce(cat);
    case 'alternate':
      return tree.subs.map((sub) => partOf(sub, sizing)).reduce(alt);
    case 'capture':
      return capture(partOf(tree.sub, sizing));
    case 'repeat':
      return repeat(simplify(tree), sizing);
    case 'star':
    case 'plus':
    case 'quest':
      return unary(tree, sizing);
  }
}

function repeat(simplified: Tree, sizing: Sizing): Made {
  return simplified.op === 'repeat' ? counted(simplified, sizing) : partOf(simplified, sizing);
}

function leaf(tree: Leaf, latin1: boolean): Made {
  switch (tree.op) {
    case 'nothing':
      return undefined;
    case 'empty':
      return nop;
    case 'literal':
      return step(latin1 ? tree.runes.length : bytesOf(tree.runes), false);
    case 'class':
      return setPart(tree.set, latin1);
    case 'any':
      return setPart(latin1 ? anyByte : anyRune, latin1);
    case 'byte':
      return { ...step(1, false), isAnyByte: true };
    case 'assert':
      return step(1, true);
  }
}

function bytesOf(runes: readonly number[]): number {
  return runes.reduce((bytes, rune) => bytes + (rune < 0x80 ? 1 : utf8(rune).length), 0);
}

const anyRune = [0, 0x10ffff] as const;
const anyByte = [0, 0xff] as const;

function setPart(set: readonly number[], latin1: boolean): Made {
  if (set.length === 0) return undefined;
  const size = sizeOfSet(set, latin1);
  return {
    ...step(size.flat, false),
    made: size.made,
    firsts: size.firsts,
    isAnyByte: latin1 && set[0] === 0 && set[1] === 0xff,
  };
}

function unary(tree: Unary, sizing: Sizing): Made {
  const sub = simplify(tree.sub);
  if (sub.op === 'empty') return nop;
  const part = partOf(sub, sizing);
  return tree.op === 'star' ? star(part) : tree.op === 'plus' ? plus(part) : quest(part);
}

/** `x{2,5}` is `xx(x(x(x)?)?)?`, `x{2,}` is `xx+`. */
function counted({ sub, min, max, manner }: Repeat, sizing: Sizing): Made {
  const part = partOf(sub, sizing);
  if (max === -1) return cat(copies(part, min - 1), partOf(repeatSimplified('plus', sub, manner), sizing));
  const fixed = min > 0 ? copies(part, min) : nop;
  if (max === min) return fixed;
  const innermost = partOf(repeatSimplified('quest', sub, manner), sizing);
  return cat(fixed, max - min === 1 ? innermost : optional(part, innermost, max - min - 1));
}

/** What the exits of `part` cost where a list begins behind it anyway, or more than one of them makes it one. */
function jumps(part: Part, next: Pick<Part, 'isHead'>): number {
  return next.isHead || part.endsInStep || part.exits > 1 ? part.exits : 0;
}

function entry(part: Part): number {
  return part.isHead ? 1 : 0;
}

/**
 * What a loop costs beside its choices. Where loops stand in loops, or a body ends in choices only, RE2 may list again what the body begins with, and what
 * comes after the loop: it looks only once for what lists share, before it knows that the end of such a loop begins one.
 */
function loop(body: Part): number {
  const again = (body.hasLoop ? 1 : 0) + (body.nullable && (body.hasLoop || !body.endsInStep) ? 1 : 0);
  return again * body.firsts + (body.isAnyByte ? 1 : 0);
}

/** What is listed twice of the part behind. */
function echo(part: Part, next: Pick<Part, 'firsts'>): number {
  return part.isLate ? next.firsts : 0;
}

function cat(one: Made, other: Made): Made {
  if (one === undefined || other === undefined) return undefined;
  if (one === nop) return { ...other, made: other.made + 1 };
  return {
    flat: one.flat + other.flat + jumps(one, other) + echo(one, other),
    made: one.made + other.made,
    nullable: one.nullable && other.nullable,
    isHead: one.isHead,
    endsInStep: other.endsInStep,
    exits: other.exits,
    isAnyByte: isOnlyAnyByte(one, other),
    firsts: one.firsts + (one.nullable ? other.firsts : 0),
    hasLoop: one.hasLoop || other.hasLoop,
    isLate: other.isLate || (other.nullable && one.isLate),
  };
}

function isOnlyAnyByte(one: Part, other: Part): boolean {
  return (one.isAnyByte && other.flat === 0) || (other.isAnyByte && one.flat === 0);
}

function alt(one: Made, other: Made): Made {
  return one === undefined || other === undefined ? (one ?? other) : either(one, other);
}

function either(one: Part, other: Part): Part {
  // Two ways to pass over it are one way.
  if (one.flat === 0 && other.flat === 0) return { ...one, made: one.made + other.made + 1 };
  return {
    flat: one.flat + other.flat + entry(one) + entry(other),
    made: one.made + other.made + 1,
    nullable: one.nullable || other.nullable,
    isHead: false,
    endsInStep: one.endsInStep || other.endsInStep,
    exits: one.exits + other.exits,
    isAnyByte: false,
    firsts: one.firsts + other.firsts,
    hasLoop: one.hasLoop || other.hasLoop,
    isLate: one.isLate || other.isLate,
  };
}

function capture(sub: Made): Made {
  return (
    sub && {
      ...step(sub.flat + jumps(sub, { isHead: false }) + echo(sub, { firsts: 1 }) + 2, sub.nullable),
      made: sub.made + 2,
      hasLoop: sub.hasLoop,
    }
  );
}

function quest(sub: Made): Made {
  if (sub === undefined) return nop;
  return {
    ...sub,
    flat: sub.flat + entry(sub),
    made: sub.made + 1,
    nullable: true,
    isHead: false,
    exits: sub.exits + 1,
    isAnyByte: false,
    firsts: sub.firsts + 1,
  };
}

/** What a loop makes of its body, whichever way in. */
function looped(sub: Part, flat: number): Part {
  return {
    ...sub,
    flat: sub.flat + flat + loop(sub) + echo(sub, sub),
    made: sub.made + 1,
    isHead: true,
    endsInStep: false,
    exits: 1,
    isAnyByte: false,
    firsts: sub.firsts + 1,
    hasLoop: true,
    isLate: sub.hasLoop || !sub.endsInStep,
  };
}

function plus(sub: Made): Made {
  return sub && looped(sub, jumps(sub, { isHead: false }) + 1);
}

function star(sub: Made): Made {
  if (sub === undefined) return { ...nop, flat: 1, isHead: true };
  return sub.nullable ? quest(plus(sub)) : { ...looped(sub, sub.exits + entry(sub)), nullable: true };
}

function copies(sub: Made, count: number): Made {
  if (sub === undefined || count === 1) return sub;
  const firsts = sub.firsts * (sub.nullable ? count : 1);
  return {
    ...sub,
    flat: count * sub.flat + (count - 1) * (jumps(sub, sub) + echo(sub, sub)),
    made: count * sub.made,
    isAnyByte: false,
    firsts,
  };
}

/** `(x(x(x…)?)?)?`: `count` times around the innermost part. */
function optional(sub: Made, innermost: Made, count: number): Made {
  if (sub === undefined || innermost === undefined) return nop;
  // Where the part around joins on: once on the innermost, else on a choice.
  const joins = jumps(sub, innermost) + (count - 1) * jumps(sub, { isHead: false }) + count * echo(sub, sub);
  return {
    flat: innermost.flat + count * (sub.flat + entry(sub)) + joins,
    made: innermost.made + count * (sub.made + 1),
    nullable: true,
    isHead: false,
    endsInStep: innermost.endsInStep,
    exits: innermost.exits + count,
    isAnyByte: false,
    firsts: innermost.firsts + count * (sub.firsts + 1),
    hasLoop: sub.hasLoop || innermost.hasLoop,
    isLate: sub.isLate || innermost.isLate,
  };
}
