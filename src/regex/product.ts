/** Two automata walked side by side: the shortest value that both accept, or that one accepts and the other does not. */
import { jointClasses } from './alphabet.ts';
import { accepts, deadState, firstState, step, type Automaton, type Meter } from './automaton.ts';
import { nth } from './rune-set.ts';

/** A value as runes (bytes for Latin-1), `undefined` when there is none, or `out-of-steps`. */
export type Found = readonly number[] | undefined | 'out-of-steps';

/** Pairs of states reached so far, in the order of the shortest way to each. */
interface Walk {
  readonly ones: number[];
  readonly others: number[];
  /** Position of the pair it was reached from, and the rune that led here. */
  readonly parents: number[];
  readonly runes: number[];
  readonly seen: Set<number>;
}

/**
 * Returns a shortest value that `one` accepts and that `other` does too (`both`) or does not. Among those of one length the most readable is taken at each
 * fork. Hardly more than `meter.max` steps: those of the last transition are finished.
 */
export function shortest(one: Automaton, other: Automaton, both: boolean, meter: Meter): Found {
  const joints = jointClasses(one.alphabet, other.alphabet, one.highest);
  meter.steps += one.alphabet.starts.length + other.alphabet.starts.length;
  const walk: Walk = { ones: [], others: [], parents: [], runes: [], seen: new Set() };
  arrive(walk, firstState, firstState, { from: -1, rune: 0 });
  for (let at = 0; at < walk.ones.length; at++) {
    if (accepts(one, nth(walk.ones, at)) && accepts(other, nth(walk.others, at)) === both) return wayTo(walk, at);
    for (const { one: left, other: right, rune } of joints) {
      const next = step(one, nth(walk.ones, at), left, meter);
      const beside = next === deadState ? deadState : step(other, nth(walk.others, at), right, meter);
      if (next !== deadState && (beside !== deadState || !both)) arrive(walk, next, beside, { from: at, rune });
      if (meter.steps > meter.max) return 'out-of-steps';
    }
  }
  return undefined;
}

function arrive({ ones, others, parents, runes, seen }: Walk, one: number, other: number, by: { readonly from: number; readonly rune: number }): void {
  // Small where both are: such numbers are looked up faster. Exact up to 2^26 states.
  const key = one < 0x4000 && other < 0x8000 ? one * 0x8000 + other : -(one * 0x4000000 + other);
  if (seen.has(key)) return;
  seen.add(key);
  ones.push(one);
  others.push(other);
  parents.push(by.from);
  runes.push(by.rune);
}

function wayTo({ parents, runes }: Walk, end: number): readonly number[] {
  const way: number[] = [];
  for (let at = end; at > 0; at = nth(parents, at)) way.push(nth(runes, at));
  return way.reverse();
}
