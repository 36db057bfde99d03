/**
 * What patterns match: whether one matches a value, which is certain; whether one matches all that another does, and whether both match one value, which is
 * told where a glance tells it. Pure, never throws. `steps` is the work of an answer, comparable between machines, for callers that ask much.
 */
import { treeOf } from './judge.ts';
import { listValues } from './list-values.ts';
import { matchSymbols } from './matcher.ts';
import { nfaOf, type Nfa } from './nfa.ts';
import type { Reader } from './scan.ts';
import { examplesOfShape, isCovered, isShared, shapesOf, type Shape } from './shapes.ts';
import { utf8 } from './size-class.ts';

/** How a pattern is read: a value is a string of code points, or of bytes for Envoys that match Latin-1. Go does not match route values. */
export type MatchingReader = Exclude<Reader, 'go'>;

/** A pattern as one reader reads it, made ready for many questions. Opaque. */
export interface CompiledPattern {
  readonly pattern: string;
  readonly reader: MatchingReader;
  readonly nfa: Nfa;
  /** All values, when they are few: one character a rune. */
  readonly values: ReadonlySet<string> | undefined;
  readonly shapes: readonly Shape[];
  /** Values that stand for its others. */
  readonly examples: readonly (readonly number[])[];
  /** What making it ready cost. */
  readonly steps: number;
}

/** An answer; undefined where a glance does not tell it. */
export interface Answer {
  readonly told: boolean | undefined;
  readonly steps: number;
}

/** Makes a pattern ready; undefined where the reader refuses it, or its program would be far too large for it. */
export function compilePattern(
  pattern: string,
  reader: MatchingReader = 're2-utf8',
): CompiledPattern | undefined {
  const tree = treeOf(pattern, reader);
  const isLatin1 = reader === 're2-latin1';
  const nfa = tree && nfaOf(tree, isLatin1);
  if (tree === undefined || nfa === undefined) return undefined;
  const values = listValues(tree);
  const shapes = shapesOf(tree, isLatin1);
  return {
    pattern,
    reader,
    nfa,
    values: values && new Set(values),
    shapes,
    examples: examplesOf(shapes, nfa, isLatin1),
    steps: nfa.does.length,
  };
}

/** Shapes whose values are tried. */
const triedMax = 8;

/** Two of each shape; a surrogate stands in no text. */
function examplesOf(shapes: readonly Shape[], nfa: Nfa, isLatin1: boolean): readonly (readonly number[])[] {
  const isText = (runes: readonly number[]): boolean =>
    isLatin1 || runes.every((rune) => rune < 0xd800 || rune > 0xdfff);
  return shapes
    .slice(0, triedMax)
    .flatMap(examplesOfShape)
    .filter((runes) => isText(runes) && matchSymbols(nfa, runes).isMatch);
}

/** Returns all values of a pattern, shortest first, when they are few; undefined when they are many or none can be told. Cheap: nothing is made ready. */
export function finiteValues(
  pattern: string,
  reader: MatchingReader = 're2-utf8',
): ReadonlySet<string> | undefined {
  const tree = treeOf(pattern, reader);
  const values = tree && listValues(tree);
  if (values === undefined) return undefined;
  // One character a byte: beyond ASCII it is not the value.
  return reader === 're2-utf8' || values.every((value) => /^[\0-\x7f]*$/.test(value))
    ? new Set(values)
    : undefined;
}

/** Tells whether the pattern matches the whole value. */
export function matchesValue(
  pattern: CompiledPattern,
  value: string,
): { readonly told: boolean; readonly steps: number } {
  const { isMatch, steps } = matchSymbols(pattern.nfa, symbolsOf(value, pattern.reader));
  return { told: isMatch, steps };
}

function symbolsOf(value: string, reader: MatchingReader): readonly number[] {
  const runes = Array.from(value, (character) => character.codePointAt(0) ?? 0);
  return reader === 're2-latin1' ? runes.flatMap((rune) => utf8(rune)) : runes;
}

/** A count of work that questions within one answer share. */
interface Work {
  steps: number;
}

function isMatched(by: CompiledPattern, symbols: readonly number[], work: Work): boolean {
  const { isMatch, steps } = matchSymbols(by.nfa, symbols);
  work.steps += steps;
  return isMatch;
}

function isValueOf(by: CompiledPattern, value: string, work: Work): boolean {
  work.steps++;
  return by.values === undefined ? isMatched(by, symbolsIn(value), work) : by.values.has(value);
}

/** Of a value as {@link listValues} has it. */
function symbolsIn(value: string): readonly number[] {
  return Array.from(value, (character) => character.codePointAt(0) ?? 0);
}

/** Tells whether one pattern matches all that another does, as one reader reads them. */
export function covers(wider: CompiledPattern, narrower: CompiledPattern): Answer {
  if (wider.pattern === narrower.pattern) return { told: true, steps: 1 };
  const work: Work = { steps: 1 };
  if (narrower.values !== undefined) {
    const told = [...narrower.values].every((value) => isValueOf(wider, value, work));
    return { told, steps: work.steps };
  }
  if (narrower.examples.some((example) => !isMatched(wider, example, work)))
    return { told: false, steps: work.steps };
  const told = narrower.shapes.every((shape) =>
    wider.shapes.some((by) => {
      work.steps += (1 + shape.length) * (1 + by.length);
      return isCovered(shape, by);
    }),
  );
  return { told: told ? true : undefined, steps: work.steps };
}

/** Tells whether there is a value that both patterns match, as one reader reads them. */
export function overlap(one: CompiledPattern, other: CompiledPattern): Answer {
  const work: Work = { steps: 1 };
  return { told: meet(one, other, work), steps: work.steps };
}

function meet(one: CompiledPattern, other: CompiledPattern, work: Work): boolean | undefined {
  if (one.values !== undefined) return [...one.values].some((value) => isValueOf(other, value, work));
  if (other.values !== undefined) return meet(other, one, work);
  const pairs = one.shapes.flatMap((shape) =>
    other.shapes.map((beside) => {
      work.steps += (1 + shape.length) * (1 + beside.length);
      return isShared(shape, beside);
    }),
  );
  if (pairs.includes(true)) return true;
  if (!pairs.includes(undefined)) return false;
  return candidates(one, other).some((text) => isMatched(one, text, work) && isMatched(other, text, work))
    ? true
    : undefined;
}

/** What stands between two values in a value that holds both: members of one header are joined by commas. */
const comma = 0x2c;

/** Patterns that look for a part of a value have both parts in common. */
function candidates(one: CompiledPattern, other: CompiledPattern): readonly (readonly number[])[] {
  const pairs = one.examples.flatMap((first) => other.examples.map((second) => ({ first, second })));
  return [
    ...one.examples,
    ...other.examples,
    ...pairs.flatMap(({ first, second }) => [
      [...first, ...second],
      [...second, ...first],
      [...first, comma, ...second],
      [...second, comma, ...first],
    ]),
  ];
}
