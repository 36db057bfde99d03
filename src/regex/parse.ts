/** A pattern as text → RE2's tree of it, or the first thing that a reader refuses. Time and memory are linear in the pattern, save for its classes. */
import { readEscape, readPerlClass, readUnicodeClass, type Members } from './escape.ts';
import { alternateFactored } from './factor.ts';
import { classTree, membersOf, readBracket } from './parse-class.ts';
import { readOpening } from './parse-group.ts';
import { isRepetition, readRepetition, readUnary } from './parse-repeat.ts';
import { code, noteRune, refuse, sees, type Scan } from './scan.ts';
import { concat, emptyTree, noFlags, type Flags, type Place, type Tree } from './tree.ts';
import { foldRune } from './unicode.ts';

/** A group that is open: what is before the last `|`, and what comes after it. */
interface Group {
  readonly start: number;
  readonly kind: 'capture' | 'group' | 'whole';
  /** Flags that come back when it closes. */
  readonly outer: Flags;
  readonly alternatives: Tree[];
  items: Tree[];
}

/** State of one parse: an explicit stack, so that nesting cannot exhaust ours. */
interface Parse {
  readonly scan: Scan;
  readonly groups: Group[];
  flags: Flags;
  /** Where the repeat operator just read begins; -1 when the last thing read was none. */
  repeatAt: number;
}

/** Reads a whole pattern. Undefined when `scan.refused` says why. */
export function parse(scan: Scan): Tree | undefined {
  const state: Parse = { scan, groups: [], flags: noFlags, repeatAt: -1 };
  open(state, 'whole', noFlags);
  while (scan.at < scan.runes.length && scan.refused === undefined) step(state);
  const last = state.groups.pop();
  if (last !== undefined && last.kind !== 'whole') {
    scan.at = last.start + 1;
    refuse(scan, 'paren-open', last.start);
  }
  return scan.refused !== undefined || last === undefined ? undefined : finish(last, scan.latin1);
}

function step(state: Parse): void {
  const { scan } = state;
  const rune = scan.runes[scan.at] ?? 0;
  if (isRepetition(scan)) {
    repeat(state, rune);
    return;
  }
  state.repeatAt = -1;
  const special = specials.get(rune);
  if (special !== undefined) {
    special(state);
    return;
  }
  noteRune(scan, rune, scan.at);
  scan.at++;
  pushRune(state, rune);
}

function repeat(state: Parse, rune: number): void {
  const items = top(state).items;
  const start = state.scan.at;
  const earlier = state.repeatAt;
  const made =
    rune === code('{')
      ? readRepetition(state.scan, items.at(-1), earlier, state.flags)
      : readUnary(state.scan, items.at(-1), earlier, state.flags);
  if (made === undefined) return;
  items[items.length - 1] = made;
  state.repeatAt = start;
}

const specials: ReadonlyMap<number, (state: Parse) => void> = new Map([
  [code('('), openGroup],
  [code(')'), closeGroup],
  [code('|'), bar],
  [code('^'), (state) => pushPlace(state, state.flags.multiline ? 'line-start' : 'text-start', 1)],
  [
    code('$'),
    (state) => pushPlace(state, state.flags.multiline ? 'line-end' : 'text-end', 1, !state.flags.multiline),
  ],
  [code('.'), pushDot],
  [code('['), pushBracket],
  [code('\\'), pushBackslash],
]);

function top(state: Parse): Group {
  return state.groups.at(-1) ?? open(state, 'whole', state.flags);
}

function open(state: Parse, kind: Group['kind'], outer: Flags): Group {
  const group: Group = { start: state.scan.at, kind, outer, alternatives: [], items: [] };
  state.groups.push(group);
  return group;
}

function openGroup(state: Parse): void {
  const { scan, flags } = state;
  const start = scan.at;
  if (!sees(scan, '(?')) {
    open(state, 'capture', flags);
    scan.at++;
    return;
  }
  const opening = readOpening(scan, flags);
  if (opening === undefined) return;
  state.flags = opening.flags;
  if (opening.opens === undefined) return;
  const group: Group = { start, kind: opening.opens, outer: flags, alternatives: [], items: [] };
  state.groups.push(group);
}

function closeGroup(state: Parse): void {
  const { scan } = state;
  const group = state.groups.at(-1);
  scan.at++;
  if (group === undefined || group.kind === 'whole') {
    refuse(scan, 'paren-close', scan.at - 1);
    return;
  }
  state.groups.pop();
  state.flags = group.outer;
  const sub = finish(group, scan.latin1);
  push(state, group.kind === 'capture' ? { op: 'capture', sub } : sub);
}

function bar(state: Parse): void {
  state.scan.at++;
  endAlternative(top(state));
}

const single: ReadonlySet<Tree['op']> = new Set(['literal', 'class', 'any']);

function isSingle(tree: Tree): boolean {
  return single.has(tree.op) && (tree.op !== 'literal' || tree.runes.length === 1);
}

/** Ends what is being concatenated. Any-rune swallows a neighbouring alternative of one rune. */
function endAlternative(group: Group): void {
  const made = joined(group);
  const before = group.alternatives.at(-1);
  if (before?.op === 'any' && isSingle(made)) return;
  if (before !== undefined && made.op === 'any' && isSingle(before)) group.alternatives.pop();
  group.alternatives.push(made);
}

/** Joins what stands one after the other: literals of one flag into one, then what a group without capture joined before. */
function joined(group: Group): Tree {
  const items: Tree[] = [];
  let runes: number[] = [];
  for (const item of group.items) {
    const before = items.at(-1);
    if (item.op === 'literal' && before?.op === 'literal' && before.fold === item.fold) {
      runes.push(...item.runes);
      continue;
    }
    runes = item.op === 'literal' ? [...item.runes] : [];
    items.push(item.op === 'literal' ? { ...item, runes } : item);
  }
  group.items = [];
  return concat(
    items.length === 1 ? items : items.flatMap((item) => (item.op === 'concat' ? item.subs : [item])),
  );
}

function finish(group: Group, latin1: boolean): Tree {
  endAlternative(group);
  const { alternatives } = group;
  if (alternatives.length === 1) return alternatives[0] ?? emptyTree;
  return alternateFactored(
    alternatives.flatMap((sub) => (sub.op === 'alternate' ? sub.subs : [sub])),
    latin1,
  );
}

function push(state: Parse, item: Tree): void {
  top(state).items.push(item);
}

function pushRune(state: Parse, rune: number): void {
  const { fold } = state.flags;
  if (!fold) {
    push(state, { op: 'literal', runes: [rune], fold });
    return;
  }
  push(state, classTree(state.scan, state.scan.latin1 ? asciiCases(rune) : foldRune(rune), fold));
}

function asciiCases(rune: number): readonly number[] {
  const upper = rune & ~0x20;
  return upper >= 0x41 && upper <= 0x5a && rune <= 0x7f
    ? [upper, upper, upper + 32, upper + 32]
    : [rune, rune];
}

function pushPlace(state: Parse, place: Place, length: number, dollar = false): void {
  state.scan.at += length;
  push(state, { op: 'assert', place, dollar });
}

/** What `.` matches. */
const notNewline = [0, 9, 11, 0x10ffff] as const;
const notNewlineByte = [0, 9, 11, 0xff] as const;

function pushDot(state: Parse): void {
  state.scan.at++;
  push(
    state,
    state.flags.dotAll
      ? { op: 'any' }
      : { op: 'class', set: state.scan.latin1 ? notNewlineByte : notNewline },
  );
}

function pushBracket(state: Parse): void {
  const made = readBracket(state.scan, state.flags.fold);
  if (made !== undefined) push(state, made);
}

const places: ReadonlyMap<number, Place> = new Map([
  [code('A'), 'text-start'],
  [code('z'), 'text-end'],
  [code('b'), 'word-boundary'],
  [code('B'), 'no-word-boundary'],
]);

function pushBackslash(state: Parse): void {
  const { scan } = state;
  const letter = scan.runes[scan.at + 1] ?? 0;
  const place = places.get(letter);
  if (place !== undefined) pushPlace(state, place, 2);
  else if (letter === code('Q')) pushQuoted(state);
  else if (letter === code('C')) pushByte(state);
  else pushEscape(state);
}

/** `\Q…\E`: what is between is itself. */
function pushQuoted(state: Parse): void {
  const { scan } = state;
  scan.at += 2;
  while (scan.at < scan.runes.length && !sees(scan, '\\E')) {
    const rune = scan.runes[scan.at] ?? 0;
    noteRune(scan, rune, scan.at);
    scan.at++;
    pushRune(state, rune);
  }
  scan.at = Math.min(scan.at + 2, scan.runes.length);
}

function pushByte(state: Parse): void {
  const start = state.scan.at;
  state.scan.at += 2;
  if (!refuse(state.scan, 'any-byte', start, ['go'])) push(state, { op: 'byte' });
}

function pushEscape(state: Parse): void {
  const { scan } = state;
  const members: Members | undefined =
    readUnicodeClass(scan) ?? (scan.refused === undefined ? readPerlClass(scan) : undefined);
  if (members !== undefined) {
    push(state, classTree(scan, membersOf(scan, members, state.flags.fold), state.flags.fold));
    return;
  }
  const rune = scan.refused === undefined ? readEscape(scan) : undefined;
  if (rune !== undefined) pushRune(state, rune);
}
