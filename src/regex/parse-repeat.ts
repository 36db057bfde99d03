/** `*`, `+`, `?` and `{n,m}`. */
import { code, isDigit, refuse, sees, type Scan } from './scan.ts';
import { repeatOf, subsOf, type Flags, type Tree } from './tree.ts';

/** Highest count, and highest product of counts within counts, that Go and RE2 take. */
const maxRepeat = 1000;

/** Counts from here on are no counts to RE2, which reads them as text; Go refuses them. @see re2/parse.cc ParseInteger */
const textFrom = 1e9;

interface Counts {
  readonly min: number;
  /** -1 when there is none. */
  readonly max: number;
  readonly end: number;
}

/** Tells whether a repeat operator begins here; `{` is one only when a count follows. */
export function isRepetition(scan: Scan): boolean {
  const rune = scan.runes[scan.at];
  if (rune === code('{')) return countsAt(scan) !== undefined;
  return rune === code('*') || rune === code('+') || rune === code('?');
}

function countsAt(scan: Scan): Counts | undefined {
  const low = integerAt(scan, scan.at + 1);
  if (low === undefined) return undefined;
  const counts =
    scan.runes[low.end] === code(',')
      ? upperAt(scan, low.value, low.end + 1)
      : { min: low.value, max: low.value, end: low.end };
  if (counts === undefined || scan.runes[counts.end] !== code('}')) return undefined;
  const isText = (counts.min >= textFrom || counts.max >= textFrom) && !scan.asked.includes('go');
  return isText ? undefined : { ...counts, end: counts.end + 1 };
}

function upperAt(scan: Scan, min: number, at: number): Counts | undefined {
  if (scan.runes[at] === code('}')) return { min, max: -1, end: at };
  const high = integerAt(scan, at);
  return high === undefined ? undefined : { min, max: high.value, end: high.end };
}

/** A decimal without leading zeros. */
function integerAt(scan: Scan, from: number): { readonly value: number; readonly end: number } | undefined {
  let end = from;
  let value = 0;
  for (; isDigit(scan.runes[end]); end++)
    value = Math.min(value * 10 + (scan.runes[end] ?? 0) - 0x30, textFrom);
  const leadingZero = scan.runes[from] === code('0') && end > from + 1;
  return end === from || leadingZero ? undefined : { value, end };
}

/** Reads the `?` that makes an operator lazy. */
function readLazy(scan: Scan, flags: Flags): boolean {
  const marked = sees(scan, '?');
  if (marked) scan.at++;
  return marked !== flags.swapGreed;
}

/** `*`, `+`, `?` after `sub`; undefined with a refusal. */
export function readUnary(
  scan: Scan,
  sub: Tree | undefined,
  earlier: number,
  flags: Flags,
): Tree | undefined {
  const start = scan.at;
  const op = sees(scan, '*') ? 'star' : sees(scan, '+') ? 'plus' : 'quest';
  scan.at++;
  const lazy = readLazy(scan, flags);
  if (!isAllowed(scan, sub, earlier, start) || sub === undefined) return undefined;
  return repeatOf(op, sub, { lazy, flags });
}

function isAllowed(scan: Scan, sub: Tree | undefined, earlier: number, start: number): boolean {
  if (earlier >= 0) return !refuse(scan, 'repeat-stacked', earlier);
  return sub !== undefined || !refuse(scan, 'repeat-nothing', start);
}

/** `{n,m}` after `sub`, where {@link isRepetition} holds; undefined with a refusal. */
export function readRepetition(
  scan: Scan,
  sub: Tree | undefined,
  earlier: number,
  flags: Flags,
): Tree | undefined {
  const start = scan.at;
  const counts = countsAt(scan);
  if (counts === undefined) return undefined;
  scan.at = counts.end;
  const lazy = readLazy(scan, flags);
  if (!isInBounds(scan, counts, start) || !isAllowed(scan, sub, earlier, start) || sub === undefined)
    return undefined;
  const made: Tree = { op: 'repeat', sub, min: counts.min, max: counts.max, manner: { lazy, flags } };
  return Math.max(counts.min, counts.max) < 2 || isProductInBounds(scan, made, start) ? made : undefined;
}

function isInBounds(scan: Scan, { min, max }: Counts, start: number): boolean {
  const most = Math.max(min, max);
  if (most > maxRepeat) return !refuse(scan, 'repeat-size', start, most >= textFrom ? ['go'] : undefined);
  return max === -1 || max >= min || !refuse(scan, 'repeat-order', start);
}

/** RE2 also looks inside what is repeated no times, Go does not. */
function isProductInBounds(scan: Scan, made: Tree, start: number): boolean {
  if (product(made, false) > maxRepeat) return !refuse(scan, 'repeat-product', start);
  return (
    product(made, true) <= maxRepeat || !refuse(scan, 'repeat-product', start, ['re2-utf8', 're2-latin1'])
  );
}

/**
 * Returns the largest product of counts within counts, which is how often the innermost thing is copied. Recursion: nests as deep as the tree;
 * {@link maxRepeat} keeps a tree from being walked more than ten times.
 */
function product(tree: Tree, insideZero: boolean): number {
  const own = tree.op === 'repeat' ? (tree.max < 0 ? tree.min : tree.max) : 1;
  if (own === 0 && !insideZero) return 1;
  let inner = 1;
  for (const sub of subsOf(tree)) inner = Math.max(inner, product(sub, insideZero));
  return Math.max(own, 1) * inner;
}
