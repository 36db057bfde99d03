/** The deterministic automaton of a pattern, made as far as questions go: sets of states of {@link Nfa}, kept for the next question. */
import { partition, type Alphabet } from './alphabet.ts';
import { doing, failState, matchState, nfaOf, placeBits, type Nfa } from './nfa.ts';
import { maxRune, nth, type RuneSet } from './rune-set.ts';
import type { Tree } from './tree.ts';

/** How much work a question may be, and has been: states and forks gone through. */
export interface Meter {
  readonly max: number;
  steps: number;
}

/** What assertions know of a rune beside them. */
const beside = { other: 0, word: 1, newline: 2, edge: 3 } as const;
type Beside = (typeof beside)[keyof typeof beside];

/** A set of states before it is known what comes next: assertions in it are still open. */
interface State {
  readonly kernel: Int32Array;
  /** What was before, as far as open assertions ask. */
  readonly before: Beside;
  /** The value may end here. */
  readonly accepts: boolean;
  /** What it cost to find out. */
  readonly endCost: number;
  /** By class: the state after it, or -1 where nobody asked yet; and what it cost. */
  next: Int32Array | undefined;
  cost: Int32Array | undefined;
  /** The states that each hold one of the kernel. */
  parts: readonly number[] | undefined;
}

/** Mutable: remembers states. What it answers, and what that costs, does not depend on what was asked before. */
export interface Automaton {
  readonly nfa: Nfa;
  readonly alphabet: Alphabet;
  /** By class. */
  readonly kinds: readonly Beside[];
  /** Last rune there is. */
  readonly highest: number;
  readonly marks: Uint32Array;
  mark: number;
  states: State[];
  readonly byHash: Map<number, number[]>;
  /** Numbers remembered. */
  weight: number;
}

/** Accepts nothing, whatever comes. */
export const deadState = 0;
/** Where every value begins. */
export const firstState = 1;

/** Most numbers that an automaton remembers from one question to the next: 2 MB. */
const weightMax = 500_000;

const wordSet: RuneSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const newlineSet: RuneSet = [0x0a, 0x0a];
const wordPlaces = placeBits['word-boundary'] | placeBits['no-word-boundary'];
const linePlaces = placeBits['line-start'] | placeBits['line-end'];

/** Makes the automaton; undefined when the pattern is too large to be written out. */
export function automatonOf(tree: Tree, latin1: boolean): Automaton | undefined {
  const nfa = nfaOf(tree, latin1);
  const highest = latin1 ? 0xff : maxRune;
  const asked =
    nfa === undefined
      ? []
      : [
          ...((nfa.places & wordPlaces) !== 0 ? [wordSet] : []),
          ...((nfa.places & linePlaces) !== 0 ? [newlineSet] : []),
        ];
  const alphabet = nfa && partition([...nfa.sets, ...asked], highest);
  if (nfa === undefined || alphabet === undefined) return undefined;
  const kinds = Array.from(alphabet.samples, (rune) => kindOf(rune));
  const automaton: Automaton = {
    nfa,
    alphabet,
    kinds,
    highest,
    marks: new Uint32Array(nfa.does.length),
    mark: 0,
    states: [],
    byHash: new Map(),
    weight: 0,
  };
  forget(automaton);
  return automaton;
}

function kindOf(rune: number): Beside {
  if (rune === 0x0a) return beside.newline;
  for (let at = 0; at < wordSet.length; at += 2)
    if (rune >= nth(wordSet, at) && rune <= nth(wordSet, at + 1)) return beside.word;
  return beside.other;
}

/** Begins a question: forgets what was remembered when it has become too much. State numbers hold until the next question. */
export function beginQuestion(automaton: Automaton): void {
  if (automaton.weight > weightMax) forget(automaton);
}

function forget(automaton: Automaton): void {
  automaton.states = [];
  automaton.byHash.clear();
  automaton.weight = 0;
  keep(automaton, [], beside.other);
  const first: number[] = [];
  begin(automaton);
  reach(automaton, automaton.nfa.start, 0, first);
  // Even of an empty start a state of its own, so that its number is known.
  keep(automaton, first, beside.edge, true);
}

/** Tells whether the value may end in the state. */
export function accepts(automaton: Automaton, state: number): boolean {
  return automaton.states[state]?.accepts ?? false;
}

/** Returns the state after a rune of the class, and adds what it cost to the meter. */
export function step(automaton: Automaton, state: number, classNumber: number, meter: Meter): number {
  const from = automaton.states[state];
  if (from === undefined || state === deadState) {
    meter.steps++;
    return deadState;
  }
  const row = (from.next ??= newRow(automaton));
  const costs = (from.cost ??= new Int32Array(automaton.alphabet.count));
  if (nth(row, classNumber) < 0)
    [row[classNumber], costs[classNumber]] = compute(automaton, from, classNumber);
  meter.steps += nth(costs, classNumber);
  return nth(row, classNumber);
}

/** Returns states that hold one state of the set each: together they accept what it accepts. Adds what it cost to the meter; not all of them when that is full. */
export function partsOf(automaton: Automaton, state: number, meter: Meter): readonly number[] {
  const whole = automaton.states[state];
  if (whole === undefined || whole.kernel.length === 1) return [state];
  const parts: number[] = [];
  for (const id of whole.kernel) {
    if (meter.steps > meter.max) return parts;
    const part = whole.parts?.[parts.length] ?? keep(automaton, [id], whole.before);
    meter.steps += 1 + (automaton.states[part]?.endCost ?? 0);
    parts.push(part);
  }
  whole.parts = parts;
  return parts;
}

/** Tells whether all of one set is in another: then the other accepts whatever the first does. */
export function isWithin(automaton: Automaton, less: number, more: number, meter: Meter): boolean {
  meter.steps++;
  const [one, other] = [automaton.states[less], automaton.states[more]];
  if (less === more || less === deadState) return true;
  if (one === undefined || other === undefined || one.before !== other.before) return false;
  if (one.kernel.length <= other.kernel.length) meter.steps += one.kernel.length;
  return one.kernel.length <= other.kernel.length && hasAll(other.kernel, one.kernel);
}

/** Both ascend. */
function hasAll(all: Int32Array, some: Int32Array): boolean {
  let at = 0;
  for (const id of some) {
    while (at < all.length && nth(all, at) < id) at++;
    if (all[at] !== id) return false;
  }
  return true;
}

function newRow(automaton: Automaton): Int32Array {
  automaton.weight += 2 * automaton.alphabet.count;
  return new Int32Array(automaton.alphabet.count).fill(-1);
}

function compute(automaton: Automaton, from: State, classNumber: number): readonly [number, number] {
  const { nfa, alphabet, kinds } = automaton;
  const kind = kinds[classNumber] ?? beside.other;
  let cost = 1;
  let kernel: ArrayLike<number> = from.kernel;
  if (nfa.places !== 0) {
    const passed: number[] = [];
    cost += pass(automaton, from.kernel, holding(from.before, kind), passed);
    kernel = passed;
  }
  const reached: number[] = [];
  begin(automaton);
  for (let at = 0; at < kernel.length; at++) {
    const id = nth(kernel, at);
    if (
      nth(nfa.does, id) !== doing.take ||
      nth(alphabet.members, nth(nfa.arg, id) * alphabet.count + classNumber) === 0
    )
      continue;
    cost += reach(automaton, nth(nfa.out, id), 0, reached);
  }
  const state = keep(automaton, reached, kind);
  return [state, cost + kernel.length + (automaton.states[state]?.endCost ?? 0)];
}

/** Bits of the assertions that hold between two runes. */
function holding(before: Beside, after: Beside): number {
  const isStart = before === beside.edge;
  const isEnd = after === beside.edge;
  return (
    (isStart ? placeBits['text-start'] : 0) |
    (isEnd ? placeBits['text-end'] : 0) |
    (isStart || before === beside.newline ? placeBits['line-start'] : 0) |
    (isEnd || after === beside.newline ? placeBits['line-end'] : 0) |
    ((before === beside.word) === (after === beside.word)
      ? placeBits['no-word-boundary']
      : placeBits['word-boundary'])
  );
}

/** Begins a walk: nothing is visited. */
function begin(automaton: Automaton): void {
  automaton.mark++;
  if (automaton.mark < 0xffffffff) return;
  automaton.marks.fill(0);
  automaton.mark = 1;
}

/** Appends what is reached of a kernel through the assertions that hold; the others lead nowhere. Returns the work. */
function pass(automaton: Automaton, kernel: Int32Array, holds: number, reached: number[]): number {
  begin(automaton);
  let work = 0;
  for (const id of kernel) work += reach(automaton, id, holds, reached);
  return work;
}

/** Appends what is reached without a rune; an assertion that does not hold is kept as it is. Returns the work. */
function reach(automaton: Automaton, from: number, holds: number, reached: number[]): number {
  const { nfa, marks, mark } = automaton;
  const stack = [from];
  let work = 0;
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    work++;
    if (id === failState || marks[id] === mark) continue;
    marks[id] = mark;
    const does = nth(nfa.does, id);
    if (does === doing.fork) stack.push(nth(nfa.arg, id), nth(nfa.out, id));
    else if (does === doing.assert && (nth(nfa.arg, id) & holds) !== 0) stack.push(nth(nfa.out, id));
    else reached.push(id);
  }
  return work;
}

/** Returns the number of the state, a new one or one that is known. */
function keep(automaton: Automaton, reached: readonly number[], last: Beside, isFirst = false): number {
  const kernel = Int32Array.from(reached).sort();
  const before = askedFor(automaton, kernel, last);
  const hash = hashOf(kernel, before);
  const alike = automaton.byHash.get(hash) ?? [];
  const known = isFirst
    ? undefined
    : alike.find((number) => isSameState(automaton.states[number], kernel, before));
  if (known !== undefined) return known;
  const [accepting, endCost] = endOf(automaton, kernel, before);
  const number =
    automaton.states.push({
      kernel,
      before,
      accepts: accepting,
      endCost,
      next: undefined,
      cost: undefined,
      parts: undefined,
    }) - 1;
  automaton.byHash.set(hash, [...alike, number]);
  automaton.weight += kernel.length + 8;
  return number;
}

function endOf(automaton: Automaton, kernel: Int32Array, before: Beside): readonly [boolean, number] {
  if (automaton.nfa.places === 0) return [kernel.includes(matchState), 1];
  const passed: number[] = [];
  const work = pass(automaton, kernel, holding(before, beside.edge), passed);
  return [passed.includes(matchState), work + 1];
}

/** What was before, where an open assertion asks for it; else states that differ in it only are one. */
function askedFor({ nfa }: Automaton, kernel: Int32Array, last: Beside): Beside {
  if (nfa.places === 0) return beside.other;
  let open = 0;
  for (const id of kernel) if (nth(nfa.does, id) === doing.assert) open |= nth(nfa.arg, id);
  return (open & (askers[last] ?? 0)) !== 0 || hidesPlaces(nfa, open) ? last : beside.other;
}

/** Which assertions ask for what was before, by what it was. */
const askers = [
  0,
  wordPlaces,
  placeBits['line-start'],
  placeBits['line-start'] | placeBits['text-start'],
] as const;

/** An assertion may stand behind another one: what is open is not all that will be asked. */
function hidesPlaces(nfa: Nfa, open: number): boolean {
  return open !== 0 && nfa.places !== open;
}

function hashOf(kernel: Int32Array, before: Beside): number {
  let hash: number = before;
  for (const id of kernel) hash = (Math.imul(hash, 31) + id) | 0;
  return hash;
}

function isSameState(state: State | undefined, kernel: Int32Array, before: Beside): boolean {
  return (
    state !== undefined &&
    state.before === before &&
    state.kernel.length === kernel.length &&
    kernel.every((id, at) => id === state.kernel[at])
  );
}
