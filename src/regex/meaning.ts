/**
 * What patterns match: whether a value is matched in full, whether two patterns match one value, whether one matches all that another does. Each answer is
 * certain or says that it is unknown: it takes no more than a number of steps that the caller sets, whatever the patterns are. Pure, never throws.
 */
import { classAt } from './alphabet.ts';
import {
  accepts,
  automatonOf,
  beginQuestion,
  deadState,
  firstState,
  step,
  type Automaton,
  type Meter,
} from './automaton.ts';
import { treeOf } from './judge.ts';
import { beginningsOf, isApart, lexiconOf, type Beginnings, type Lexicon } from './outline.ts';
import { shortest, type Found } from './product.ts';
import type { Reader } from './scan.ts';
import { utf8 } from './size-class.ts';
import { noFlags, subsOf, type Tree } from './tree.ts';
import { witnessOfBytes, witnessOfRunes, type Witness } from './witness.ts';

/** How a pattern is read: a value is a string of code points, or of bytes for Envoys that match Latin-1. Go does not match route values. */
export type MatchingReader = Exclude<Reader, 'go'>;

/**
 * Why there is no answer: a pattern is `refused` by its reader; it matches single bytes (`\C`) where code points count; written out it is `too-large`; the
 * answer takes `too-many-steps`; the two are read by `different-readers`.
 */
type Why = 'refused' | 'bytes' | 'too-large' | 'too-many-steps' | 'different-readers';

/** `steps`: the work done, comparable between machines. */
interface Unknown {
  readonly answer: 'unknown';
  readonly why: Why;
  readonly steps: number;
}

/** Whether a value is matched. */
export type MatchAnswer = { readonly answer: 'yes' | 'no'; readonly steps: number } | Unknown;
/** Whether two patterns match the same value; a short one. */
export type OverlapAnswer =
  | { readonly answer: 'yes'; readonly witness: Witness; readonly steps: number }
  | { readonly answer: 'no'; readonly steps: number }
  | Unknown;
/** Whether one pattern matches all that another does; else a shortest value that only the other matches. */
export type CoverAnswer =
  | { readonly answer: 'yes'; readonly steps: number }
  | { readonly answer: 'no'; readonly witness: Witness; readonly steps: number }
  | Unknown;

/** Steps that a question may take if nothing else is said: some 10 ms. */
export const stepsMax = 200_000;

/** What a pattern means to one reader, made ready for many questions. Opaque. */
export interface Meaning {
  readonly pattern: string;
  readonly reader: MatchingReader;
  /** What questions are answered from, or why none is. */
  readonly form: Form | Why;
}

/** @internal */
interface Form {
  readonly automaton: Automaton;
  readonly beginnings: Beginnings;
  /** All values, when they are few. */
  readonly words: Lexicon | undefined;
  readonly latin1: boolean;
  /** A shortest value, when one is found soon; looked for when it is first needed. */
  sample: readonly number[] | undefined | 'not-yet';
}

/** Steps to find a sample: that of a pattern that takes more is not needed. */
const sampleStepsMax = 20_000;

/** A pattern, read as UTF-8, or one that {@link meaningOf} made ready. */
export type Pattern = string | Meaning;

/** Makes a pattern ready. Worth keeping: questions remember what they found out, up to a few megabytes, though no answer depends on it. */
export function meaningOf(pattern: string, reader: MatchingReader = 're2-utf8'): Meaning {
  const tree = treeOf(pattern, reader);
  return { pattern, reader, form: tree === undefined ? 'refused' : formOf(tree, reader === 're2-latin1') };
}

/** Steps that a state counts for when a pattern is made ready: the time that so many steps of a question take. */
const stepsForState = 8;

/** Returns what making a pattern ready cost, in steps. */
export function costOf({ pattern, form }: Meaning): number {
  return typeof form === 'string' ? pattern.length : form.automaton.nfa.does.length * stepsForState;
}

/** Returns all values of a pattern, shortest first, when they are few; undefined when they are many or none can be told. Cheap: nothing is made ready. */
export function fewValuesOf(
  pattern: string,
  reader: MatchingReader = 're2-utf8',
): ReadonlySet<string> | undefined {
  const tree = treeOf(pattern, reader);
  const words = tree && lexiconOf(tree);
  if (words === undefined) return undefined;
  if (reader === 're2-utf8') return new Set(words.keys());
  // A word has a character for each byte: beyond ASCII it is not the value.
  return [...words.keys()].every((word) => /^[\0-\x7f]*$/.test(word)) ? new Set(words.keys()) : undefined;
}

function formOf(tree: Tree, latin1: boolean): Form | Why {
  if (!latin1 && hasByte(tree)) return 'bytes';
  const automaton = automatonOf(tree, latin1);
  if (automaton === undefined) return 'too-large';
  return {
    automaton,
    beginnings: beginningsOf(automaton.nfa),
    words: lexiconOf(tree),
    latin1,
    sample: 'not-yet',
  };
}

/** What every value matches. */
const everything: Tree = { op: 'star', sub: { op: 'any' }, manner: { lazy: false, flags: noFlags } };

/** Its steps are not counted: they are few, and taken once. */
function sampleOf(form: Form): readonly number[] | undefined {
  if (form.sample !== 'not-yet') return form.sample;
  const other = automatonOf(everything, form.latin1);
  const found =
    other && shortest({ one: form.automaton, other, both: true, meter: { max: sampleStepsMax, steps: 0 } });
  form.sample = found === 'out-of-steps' ? undefined : found;
  return form.sample;
}

function hasByte(tree: Tree): boolean {
  return tree.op === 'byte' || subsOf(tree).some(hasByte);
}

function ready(pattern: Pattern): Meaning {
  return typeof pattern === 'string' ? meaningOf(pattern) : pattern;
}

/** Tells whether the pattern matches the whole value. */
export function matches(pattern: Pattern, value: string, max = stepsMax): MatchAnswer {
  const { form, reader } = ready(pattern);
  if (typeof form === 'string') return { answer: 'unknown', why: form, steps: 0 };
  beginQuestion(form.automaton);
  const meter = { max, steps: 0 };
  return told(reads(form, symbolsOf(value, reader), meter), meter);
}

function told(isMatch: boolean | undefined, meter: Meter): MatchAnswer {
  return isMatch === undefined ? tooMany(meter) : { answer: isMatch ? 'yes' : 'no', steps: meter.steps };
}

/** Undefined when it takes too many steps. */
function reads({ automaton }: Form, symbols: Iterable<number>, meter: Meter): boolean | undefined {
  let state = firstState;
  for (const symbol of symbols) {
    state = step(automaton, state, classAt(automaton.alphabet, symbol), meter);
    if (state === deadState) return false;
    if (meter.steps > meter.max) return undefined;
  }
  return accepts(automaton, state);
}

/** Tells whether there is a value that both patterns match in full. All of the answer is the same either way round. */
export function overlap(one: Pattern, other: Pattern, max = stepsMax): OverlapAnswer {
  const [first, second] = inOrder(ready(one), ready(other));
  const pair = pairOf(first, second);
  if (typeof pair === 'string') return { answer: 'unknown', why: pair, steps: 0 };
  const { left, right } = pair;
  if (isApart(left.beginnings, right.beginnings)) return { answer: 'no', steps: 1 };
  const meter = { max, steps: 1 };
  const found =
    left.words === undefined && right.words === undefined
      ? (commonSample(pair, meter) ?? walk(pair, true, meter))
      : commonWord(left, right, meter);
  if (found === 'out-of-steps') return tooMany(meter);
  return found === undefined
    ? { answer: 'no', steps: meter.steps }
    : { answer: 'yes', witness: witnessOf(found, pair.reader), steps: meter.steps };
}

/** Tells whether `one` matches everything that `other` matches. */
export function covers(one: Pattern, other: Pattern, max = stepsMax): CoverAnswer {
  const pair = pairOf(ready(other), ready(one));
  if (typeof pair === 'string') return { answer: 'unknown', why: pair, steps: 0 };
  const meter = { max, steps: 1 };
  const found =
    pair.left.words === undefined
      ? (uncovered(pair, meter) ?? walk(pair, false, meter))
      : wordOf(pair.left.words, pair.right, false, meter);
  if (found === 'out-of-steps') return tooMany(meter);
  return found === undefined
    ? { answer: 'yes', steps: meter.steps }
    : { answer: 'no', witness: witnessOf(found, pair.reader), steps: meter.steps };
}

function inOrder(one: Meaning, other: Meaning): readonly [Meaning, Meaning] {
  return one.pattern <= other.pattern ? [one, other] : [other, one];
}

interface Pair {
  readonly left: Form;
  readonly right: Form;
  readonly reader: MatchingReader;
}

function pairOf(one: Meaning, other: Meaning): Pair | Why {
  if (typeof one.form === 'string') return one.form;
  if (typeof other.form === 'string') return other.form;
  return one.reader === other.reader
    ? { left: one.form, right: other.form, reader: one.reader }
    : 'different-readers';
}

function tooMany(meter: Meter): Unknown {
  return { answer: 'unknown', why: 'too-many-steps', steps: meter.steps };
}

/** What stands between two values in a value that holds both: headers of one name are joined by commas. */
const joiners: readonly (readonly number[])[] = [[], [0x2c]];

/** Patterns that look for a part of a value have both parts in common: told without a walk. The walk would find a shorter value at best. */
function commonSample(pair: Pair, meter: Meter): Found {
  const [one, other] = [sampleOf(pair.left), sampleOf(pair.right)];
  if (one === undefined || other === undefined) return undefined;
  beginQuestion(pair.left.automaton);
  beginQuestion(pair.right.automaton);
  const afterOne = after(pair, atStart, one, meter);
  if (areEnds(pair, afterOne)) return one;
  const afterOther = after(pair, atStart, other, meter);
  if (areEnds(pair, afterOther)) return other;
  for (const joiner of joiners) {
    if (areEnds(pair, after(pair, afterOne, [...joiner, ...other], meter)))
      return [...one, ...joiner, ...other];
    if (areEnds(pair, after(pair, afterOther, [...joiner, ...one], meter)))
      return [...other, ...joiner, ...one];
  }
  return undefined;
}

/** The states of both automata of a pair. */
interface States {
  readonly left: number;
  readonly right: number;
}

const atStart: States = { left: firstState, right: firstState };

function after(pair: Pair, from: States, symbols: readonly number[], meter: Meter): States {
  const left = run(pair.left.automaton, from.left, symbols, meter);
  return {
    left,
    right: left === deadState ? deadState : run(pair.right.automaton, from.right, symbols, meter),
  };
}

/** The dead state, too, when there are no steps left: the walk that follows will say so. */
function run(automaton: Automaton, from: number, symbols: readonly number[], meter: Meter): number {
  let state = from;
  for (let at = 0; at < symbols.length && state !== deadState && meter.steps <= meter.max; at++)
    state = step(automaton, state, classAt(automaton.alphabet, symbols[at] ?? 0), meter);
  return meter.steps > meter.max ? deadState : state;
}

function areEnds(pair: Pair, { left, right }: States): boolean {
  return accepts(pair.left.automaton, left) && accepts(pair.right.automaton, right);
}

/** A sample of the left that the right does not match: no value that shows it is shorter. */
function uncovered({ left, right }: Pair, meter: Meter): Found {
  const sample = sampleOf(left);
  beginQuestion(right.automaton);
  return sample !== undefined && reads(right, sample, meter) === false ? sample : undefined;
}

function walk({ left, right }: Pair, both: boolean, meter: Meter): Found {
  beginQuestion(left.automaton);
  beginQuestion(right.automaton);
  return shortest({ one: left.automaton, other: right.automaton, both, meter });
}

function commonWord(one: Form, other: Form, meter: Meter): Found {
  const isFewer =
    one.words !== undefined && (other.words === undefined || one.words.size <= other.words.size);
  return isFewer ? wordOf(one.words, other, true, meter) : wordOf(other.words ?? new Map(), one, true, meter);
}

/** Returns the first of the words that is matched (`wanted`) or that is not. */
function wordOf(words: Lexicon, by: Form, wanted: boolean, meter: Meter): Found {
  beginQuestion(by.automaton);
  for (const [word, runes] of words) {
    meter.steps++;
    const isMatch = by.words === undefined ? reads(by, runes, meter) : by.words.has(word);
    if (isMatch === undefined) return 'out-of-steps';
    if (isMatch === wanted) return runes;
  }
  return undefined;
}

/** One at a time: a value may be long. */
function* runesOf(text: string): Iterable<number> {
  for (const character of text) yield character.codePointAt(0) ?? 0;
}

function* bytesOf(text: string): Iterable<number> {
  for (const rune of runesOf(text)) yield* utf8(rune);
}

function symbolsOf(value: string, reader: MatchingReader): Iterable<number> {
  return reader === 're2-latin1' ? bytesOf(value) : runesOf(value);
}

function witnessOf(symbols: readonly number[], reader: MatchingReader): Witness {
  return reader === 're2-latin1' ? witnessOfBytes(symbols) : witnessOfRunes(symbols);
}
