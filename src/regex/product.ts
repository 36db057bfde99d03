/** Two automata walked side by side: the shortest value that both accept, or that one accepts and the other does not. */
import { jointClasses } from './alphabet.ts';
import {
  accepts,
  deadState,
  firstState,
  isWithin,
  partsOf,
  step,
  type Automaton,
  type Meter,
} from './automaton.ts';
import { nth } from './rune-set.ts';

/** A value as runes (bytes for Latin-1), `undefined` when there is none, or `out-of-steps`. */
export type Found = readonly number[] | undefined | 'out-of-steps';

/** What is looked for, and with what. */
interface Search {
  readonly one: Automaton;
  readonly other: Automaton;
  /** Both must accept; else only `one`. */
  readonly both: boolean;
  readonly meter: Meter;
}

/** Pairs of states reached so far, in the order of the shortest way to each. */
interface Walk extends Search {
  /** Sets of states are taken apart: `one` goes on with each of theirs, and so does `other` if both must accept. */
  readonly inParts: boolean;
  readonly ones: number[];
  readonly others: number[];
  /** Position of the pair it was reached from, and the rune that led here. */
  readonly parents: number[];
  readonly runes: number[];
  /** Pairs that were reached. */
  readonly seen: Set<number>;
  /** What `other` was in beside each state of `one`, where that is taken apart and it is not. */
  readonly besides: Map<number, number[]>;
}

/**
 * Returns a shortest value that `one` accepts and that `other` does too (`both`) or does not. Among those of one length the most readable is taken at each
 * fork. First whole sets of states are followed, which is fast but may be exponential; when half of the steps are gone, their parts. Hardly more than
 * `meter.max` steps: those of the last transition are finished.
 */
export function shortest(search: Search): Found {
  const { meter } = search;
  const half: Meter = { max: meter.steps + (meter.max - meter.steps) / 2, steps: meter.steps };
  const found = walk({ ...search, meter: half }, false);
  meter.steps = half.steps;
  return found === 'out-of-steps' ? walk(search, true) : found;
}

function walk(search: Search, inParts: boolean): Found {
  const { one, other, both, meter } = search;
  const joints = jointClasses(one.alphabet, other.alphabet, one.highest);
  meter.steps += one.alphabet.starts.length + other.alphabet.starts.length;
  const walked: Walk = {
    ...search,
    inParts,
    ones: [],
    others: [],
    parents: [],
    runes: [],
    seen: new Set(),
    besides: new Map(),
  };
  arrive(walked, firstState, firstState, { from: -1, rune: 0 });
  for (let at = 0; at < walked.ones.length; at++) {
    const left = nth(walked.ones, at);
    const right = nth(walked.others, at);
    if (accepts(one, left) && accepts(other, right) === both) return wayTo(walked, at);
    for (const joint of joints) {
      const next = step(one, left, joint.one, meter);
      const beside = next === deadState ? deadState : step(other, right, joint.other, meter);
      if (next !== deadState && (beside !== deadState || !both))
        arriveAtAll(walked, next, beside, { from: at, rune: joint.rune });
      if (meter.steps > meter.max) return 'out-of-steps';
    }
  }
  return undefined;
}

/** The way by which a pair is reached. */
interface Way {
  readonly from: number;
  readonly rune: number;
}

function arriveAtAll(walked: Walk, one: number, other: number, way: Way): void {
  if (!walked.inParts) {
    arrive(walked, one, other, way);
    return;
  }
  const others = walked.both ? partsOf(walked.other, other, walked.meter) : [other];
  for (const part of partsOf(walked.one, one, walked.meter)) {
    for (const beside of others)
      if (walked.both || isNews(walked, part, beside)) arrive(walked, part, beside, way);
    if (walked.meter.steps > walked.meter.max) return;
  }
}

/** Where `other` is in less beside the same state of `one`, whatever shows that it does not accept has been found there. */
function isNews({ besides, other, meter }: Walk, part: number, beside: number): boolean {
  const known = besides.get(part) ?? [];
  if (known.some((less) => isWithin(other, less, beside, meter))) return false;
  besides.set(part, [...known.filter((more) => !isWithin(other, beside, more, meter)), beside]);
  return true;
}

function arrive(
  { ones, others, parents, runes, seen, meter }: Walk,
  one: number,
  other: number,
  way: Way,
): void {
  meter.steps++;
  // Small where both are: such numbers are looked up faster. Exact up to 2^26 states.
  const key = one < 0x4000 && other < 0x8000 ? one * 0x8000 + other : -(one * 0x4000000 + other);
  if (seen.has(key)) return;
  seen.add(key);
  ones.push(one);
  others.push(other);
  parents.push(way.from);
  runes.push(way.rune);
}

function wayTo({ parents, runes }: Walk, end: number): readonly number[] {
  const way: number[] = [];
  for (let at = end; at > 0; at = nth(parents, at)) way.push(nth(runes, at));
  return way.reverse();
}
