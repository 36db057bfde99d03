/** Common beginnings of alternatives taken out, as RE2 does: `ABC|ABD|AEF` becomes `A(B[CD]|EF)`. The size of the program depends on it. */
import { toSet, type RuneSet } from './rune-set.ts';
import { alternate, concat, emptyTree, isSameHead, type Tree } from './tree.ts';
import { foldAscii, foldRune } from './unicode.ts';

type Literal = Extract<Tree, { op: 'literal' }>;

/**
 * Makes the alternation of the trees.
 * @see https://github.com/google/re2/blob/972a15c/re2/parse.cc FactorAlternation
 */
export function alternateFactored(subs: readonly Tree[], latin1: boolean): Tree {
  return alternate(factor(subs, latin1));
}

function factor(subs: readonly Tree[], latin1: boolean): readonly Tree[] {
  if (subs.length < 2) return subs;
  const suffixes = (rest: readonly Tree[]) => alternate(factor(rest, latin1));
  return mergeSets(takeHeads(takeStrings(subs, suffixes), suffixes), latin1);
}

type Suffixes = (rest: readonly Tree[]) => Tree;

/** Round 1: literal strings that neighbours begin with. */
function takeStrings(subs: readonly Tree[], suffixes: Suffixes): readonly Tree[] {
  const out: Tree[] = [];
  let start = 0;
  let common = leadingString(subs[0]);
  for (let at = 1; at <= subs.length; at++) {
    const next = leadingString(subs[at]);
    const shared = sharedStart(common, next);
    if (common !== undefined && shared > 0) {
      common = { ...common, runes: common.runes.slice(0, shared) };
      continue;
    }
    const run = subs.slice(start, at);
    const taken = common?.runes.length ?? 0;
    if (run.length > 1 && common !== undefined)
      out.push(concat([common, suffixes(run.map((sub) => withoutString(sub, taken)))]));
    else out.push(...run);
    start = at;
    common = next;
  }
  return out;
}

function sharedStart(one: Literal | undefined, other: Literal | undefined): number {
  if (one === undefined || other === undefined || one.fold !== other.fold) return 0;
  let shared = 0;
  while (
    shared < one.runes.length &&
    shared < other.runes.length &&
    one.runes[shared] === other.runes[shared]
  )
    shared++;
  return shared;
}

function leadingString(tree: Tree | undefined): Literal | undefined {
  let first = tree;
  while (first?.op === 'concat') first = first.subs[0];
  return first?.op === 'literal' ? first : undefined;
}

function withoutString(tree: Tree, count: number): Tree {
  if (tree.op === 'literal')
    return count >= tree.runes.length ? emptyTree : { ...tree, runes: tree.runes.slice(count) };
  if (tree.op !== 'concat') return tree;
  const [first, ...others] = tree.subs;
  const rest = withoutString(first ?? emptyTree, count);
  return rest.op === 'empty' ? concat(others) : concat([rest, ...others]);
}

/** Round 2: one simple piece that neighbours begin with. */
function takeHeads(subs: readonly Tree[], suffixes: Suffixes): readonly Tree[] {
  const out: Tree[] = [];
  let start = 0;
  let common = leadingTree(subs[0]);
  for (let at = 1; at <= subs.length; at++) {
    const next = leadingTree(subs[at]);
    if (common !== undefined && next !== undefined && isSimple(common) && isSameHead(common, next)) continue;
    const run = subs.slice(start, at);
    if (run.length > 1 && common !== undefined) out.push(concat([common, suffixes(run.map(withoutHead))]));
    else out.push(...run);
    start = at;
    common = next;
  }
  return out;
}

function leadingTree(tree: Tree | undefined): Tree | undefined {
  const first = tree?.op === 'concat' ? tree.subs[0] : tree;
  return first?.op === 'empty' ? undefined : first;
}

function withoutHead(tree: Tree): Tree {
  return tree.op === 'concat' ? concat(tree.subs.slice(1)) : emptyTree;
}

const simpleOps: ReadonlySet<Tree['op']> = new Set(['assert', 'class', 'any', 'byte']);

function isSimple(tree: Tree): boolean {
  if (tree.op !== 'repeat') return simpleOps.has(tree.op);
  return (
    tree.min === tree.max &&
    ((tree.sub.op === 'literal' && tree.sub.runes.length === 1) ||
      (tree.sub.op !== 'assert' && simpleOps.has(tree.sub.op)))
  );
}

/** Round 3: neighbours that are one rune or a set become one set. */
function mergeSets(subs: readonly Tree[], latin1: boolean): readonly Tree[] {
  const out: Tree[] = [];
  let run: Tree[] = [];
  const flush = () => {
    out.push(
      ...(run.length < 2
        ? run
        : [{ op: 'class' as const, set: toSet(run.flatMap((sub) => setOf(sub, latin1) ?? [])) }]),
    );
    run = [];
  };
  for (const sub of subs) {
    if (setOf(sub, latin1) === undefined) {
      flush();
      out.push(sub);
    } else run.push(sub);
  }
  flush();
  return out;
}

/** The set that a class or a literal of one rune matches. */
function setOf(tree: Tree, latin1: boolean): RuneSet | undefined {
  if (tree.op === 'class') return tree.set;
  const rune = tree.op === 'literal' && tree.runes.length === 1 ? tree.runes[0] : undefined;
  if (rune === undefined || tree.op !== 'literal') return undefined;
  if (!tree.fold) return [rune, rune];
  return latin1 ? foldAscii([rune, rune]) : foldRune(rune);
}
