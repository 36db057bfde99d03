/** Bracket classes: `[a-z]`, `[^[:alpha:]\d]`. */
import { readEscape, readPerlClass, readUnicodeClass, type Members } from './escape.ts';
import { contains, countOf, negate, toSet, union, upTo, type RuneSet } from './rune-set.ts';
import { code, find, noteRune, refuse, sees, textOf, type Scan } from './scan.ts';
import type { Tree } from './tree.ts';
import { foldAscii, foldSet } from './unicode.ts';

const posix: ReadonlyMap<string, RuneSet> = new Map([
  ['alnum', [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a]],
  ['alpha', [0x41, 0x5a, 0x61, 0x7a]],
  ['ascii', [0, 0x7f]],
  ['blank', [0x09, 0x09, 0x20, 0x20]],
  ['cntrl', [0, 0x1f, 0x7f, 0x7f]],
  ['digit', [0x30, 0x39]],
  ['graph', [0x21, 0x7e]],
  ['lower', [0x61, 0x7a]],
  ['print', [0x20, 0x7e]],
  ['punct', [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e]],
  ['space', [0x09, 0x0d, 0x20, 0x20]],
  ['upper', [0x41, 0x5a]],
  ['word', [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]],
  ['xdigit', [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]],
]);

/** Names of the POSIX classes that every reader has. */
export const posixNames: readonly string[] = [...posix.keys()];

/** Reads a bracket class and returns its tree; undefined with a refusal when it has none. */
export function readBracket(scan: Scan, fold: boolean): Tree | undefined {
  const start = scan.at;
  scan.at++;
  const negated = sees(scan, '^');
  if (negated) scan.at++;
  const pairs: number[] = [];
  const groups = new Set<Members>();
  for (let first = true; first || !sees(scan, ']'); first = false) {
    if (scan.at >= scan.runes.length) {
      refuse(scan, 'class-unclosed', start);
      return undefined;
    }
    const group = readGroup(scan);
    if (group !== undefined) groups.add(group);
    else if (scan.refused !== undefined || !readRange(scan, pairs, start)) return undefined;
  }
  scan.at++;
  const set = gather(scan, pairs, groups, fold);
  return classTree(scan, negated ? negate(set) : set, fold);
}

function gather(scan: Scan, pairs: readonly number[], groups: ReadonlySet<Members>, fold: boolean): RuneSet {
  let set = foldedSet(scan, toSet(pairs), fold);
  for (const group of distinct(groups)) set = union(set, membersOf(scan, group, fold));
  return set;
}

/** Each set once each way: a hostile class may name the same large one hundreds of times. */
function distinct(groups: ReadonlySet<Members>): readonly Members[] {
  const seen: Members[] = [];
  for (const group of groups)
    if (!seen.some((other) => other.set === group.set && other.negated === group.negated)) seen.push(group);
  return seen;
}

/** Folded forms of the named classes: as many as there are names, and each costs as much as a small pattern. */
const foldedClasses = { utf8: new WeakMap<RuneSet, RuneSet>(), latin1: new WeakMap<RuneSet, RuneSet>() };

/** Returns the set that a class escape matches, folded first and negated after when case does not count. */
export function membersOf(scan: Scan, { set, negated }: Members, fold: boolean): RuneSet {
  const all = fold ? foldedClass(scan, set) : set;
  return negated ? negate(all) : all;
}

function foldedClass(scan: Scan, set: RuneSet): RuneSet {
  const known = scan.latin1 ? foldedClasses.latin1 : foldedClasses.utf8;
  const folded = known.get(set) ?? foldedSet(scan, set, true);
  known.set(set, folded);
  return folded;
}

function foldedSet(scan: Scan, set: RuneSet, fold: boolean): RuneSet {
  if (!fold) return set;
  return scan.latin1 ? foldAscii(set) : foldSet(set);
}

/** Returns the tree of a set as RE2 keeps it: a set of one rune, or of both cases of one ASCII letter, is a literal. */
export function classTree(scan: Scan, whole: RuneSet, fold: boolean): Tree {
  const set = scan.latin1 ? upTo(whole, 0xff) : whole;
  const [lo = 0] = set;
  if (set.length <= 4 && countOf(set) === 1) return { op: 'literal', runes: [lo], fold };
  if (set.length <= 4 && countOf(set) === 2 && lo >= 0x41 && lo <= 0x5a && contains(set, lo + 32))
    return { op: 'literal', runes: [lo + 32], fold: true };
  return { op: 'class', set };
}

/** `[:alpha:]`, `\p{L}`, `\d` inside brackets; undefined when it is something else, or refused. */
function readGroup(scan: Scan): Members | undefined {
  return (
    readPosix(scan) ??
    (scan.refused === undefined ? readUnicodeClass(scan) : undefined) ??
    (scan.refused === undefined ? readPerlClass(scan) : undefined)
  );
}

function readPosix(scan: Scan): Members | undefined {
  if (!sees(scan, '[:') || scan.at >= scan.posixEndsBefore) return undefined;
  const end = find(scan, ':]', scan.at + 2);
  if (end < 0) {
    scan.posixEndsBefore = scan.at;
    return undefined;
  }
  const start = scan.at;
  const written = textOf(scan, start + 2, end);
  const negated = written.startsWith('^');
  scan.at = end + 2;
  const set = posix.get(negated ? written.slice(1) : written);
  if (set === undefined) refuse(scan, 'posix-class', start);
  return set === undefined ? undefined : { set, negated };
}

/** One rune, or `a-z`; a `-` before the closing bracket is itself. */
function readRange(scan: Scan, pairs: number[], bracket: number): boolean {
  const start = scan.at;
  const lo = readMember(scan, bracket);
  if (lo === undefined) return false;
  if (!sees(scan, '-') || scan.at + 1 >= scan.runes.length || sees(scan, ']', 1)) {
    pairs.push(lo, lo);
    return true;
  }
  scan.at++;
  const hi = readMember(scan, bracket);
  if (hi === undefined) return false;
  if (hi < lo && refuse(scan, scan.latin1 ? 'range-in-bytes' : 'range', start)) return false;
  pairs.push(lo, hi);
  return true;
}

function readMember(scan: Scan, bracket: number): number | undefined {
  const rune = scan.runes[scan.at];
  if (rune === undefined) {
    refuse(scan, 'class-unclosed', bracket);
    return undefined;
  }
  if (rune === code('\\')) return readEscape(scan);
  noteRune(scan, rune, scan.at);
  scan.at++;
  return rune;
}
