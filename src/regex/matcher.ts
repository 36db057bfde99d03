/** Whether a pattern matches one value: all states of its automaton at once, symbol by symbol, so that time is linear in the value and in the pattern. */
import { doing, failState, matchState, placeBits, type Nfa } from './nfa.ts';
import { contains, nth } from './rune-set.ts';

/** What was found, and how many states were gone through. */
export interface MatchResult {
  readonly isMatch: boolean;
  readonly steps: number;
}

/** Tells whether the whole value is matched. `symbols`: its code points, or its bytes for Latin-1. */
export function matchSymbols(nfa: Nfa, symbols: readonly number[]): MatchResult {
  const seenAt = new Int32Array(nfa.does.length).fill(-1);
  let states: readonly number[] = [nfa.start];
  let steps = 0;
  for (let at = 0; ; at++) {
    const reached: number[] = [];
    steps += reach({ nfa, seenAt, at, holds: holding(symbols[at - 1], symbols[at]) }, states, reached);
    const symbol = symbols[at];
    if (symbol === undefined) return { isMatch: reached.includes(matchState), steps };
    states = reached.filter((id) => takes(nfa, id, symbol)).map((id) => nth(nfa.out, id));
    if (states.length === 0) return { isMatch: false, steps };
  }
}

function takes({ does, arg, sets }: Nfa, id: number, symbol: number): boolean {
  return does[id] === doing.take && contains(sets[nth(arg, id)] ?? [], symbol);
}

interface Position {
  readonly nfa: Nfa;
  /** At which position a state was last reached. */
  readonly seenAt: Int32Array;
  readonly at: number;
  /** Bits of the assertions that hold here. */
  readonly holds: number;
}

/** Appends what takes a symbol or ends the match, reached from the states without a symbol. Returns the work. */
function reach({ nfa, seenAt, at, holds }: Position, from: readonly number[], reached: number[]): number {
  const stack = [...from];
  let work = 0;
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    work++;
    if (id === failState || seenAt[id] === at) continue;
    seenAt[id] = at;
    const does = nth(nfa.does, id);
    if (does === doing.fork) stack.push(nth(nfa.arg, id), nth(nfa.out, id));
    else if (does !== doing.assert) reached.push(id);
    else if ((nth(nfa.arg, id) & holds) !== 0) stack.push(nth(nfa.out, id));
  }
  return work;
}

const newline = 0x0a;

/** Bits of the assertions that hold between two symbols; undefined: an end of the value. */
function holding(before: number | undefined, after: number | undefined): number {
  return (
    (before === undefined ? placeBits['text-start'] : 0) |
    (after === undefined ? placeBits['text-end'] : 0) |
    (before === undefined || before === newline ? placeBits['line-start'] : 0) |
    (after === undefined || after === newline ? placeBits['line-end'] : 0) |
    placeBits[isWord(before) === isWord(after) ? 'no-word-boundary' : 'word-boundary']
  );
}

const wordSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];

function isWord(symbol: number | undefined): boolean {
  return symbol !== undefined && contains(wordSet, symbol);
}
