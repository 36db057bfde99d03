/**
 * Conditions on a text (a path, a header's value): whether one holds wherever another does, whether both can hold, whether a text meets one. That of a text is
 * exact; of two regexes it is told what a glance tells, as every kind of Envoy that counts reads them, and else undefined: never guessed.
 */
import {
  compilePattern,
  covers,
  matchesValue,
  overlap,
  type Answer,
  type CompiledPattern,
  type MatchingReader,
} from '../regex/compare-patterns.ts';
import type { Reader } from '../regex/scan.ts';

/** One condition: `any` is presence. `fold`: letters in either case (regexes say so themselves). */
export interface TextCondition {
  readonly kind: 'any' | 'exact' | 'prefix' | 'regex';
  readonly text: string;
  readonly fold: boolean;
}

/** Answers about the conditions of one object; undefined: cannot be told, or proxies do not agree. Values with line breaks or bytes that are no UTF-8 are left out of account. */
export interface Texts {
  /** Tells whether every text that meets `given` meets `wanted`. */
  readonly implies: (given: TextCondition, wanted: TextCondition) => boolean | undefined;
  /** Tells whether some text meets both. */
  readonly overlap: (one: TextCondition, other: TextCondition) => boolean | undefined;
  /** Tells whether a text meets a condition. */
  readonly meets: (text: string, condition: TextCondition) => boolean | undefined;
  /** Returns a short value that a pattern matches and that looks so. */
  readonly example: (pattern: string, looks: RegExp) => string | undefined;
}

/**
 * Questions about one object, and states of patterns that they go through: some tenths of a second, for patterns made to be slow. What lies beyond is not told; objects
 * that people write take a hundredth of it.
 */
const stepsMax = 3_000_000;

/** What the readers that count say about patterns. */
interface Envoys {
  /** Counts a question; tells whether nothing is answered any more. */
  readonly isOver: () => boolean;
  /** What all of them say alike. */
  readonly ask: (question: (compiled: Compile) => Answer | undefined) => boolean | undefined;
  readonly first: (pattern: string) => CompiledPattern | undefined;
}

type Compile = (pattern: string) => CompiledPattern | undefined;

function envoysOf(readers: readonly Reader[]): Envoys {
  const named = readers.filter((reader): reader is MatchingReader => reader !== 'go');
  const asked: readonly MatchingReader[] = named.length === 0 ? ['re2-utf8'] : named;
  const compiled = new Map<string, CompiledPattern | undefined>();
  let left = stepsMax;

  const isOver = (): boolean => --left < 0;

  function compile(pattern: string, reader: MatchingReader): CompiledPattern | undefined {
    const key = `${reader} ${pattern}`;
    if (compiled.has(key)) return compiled.get(key);
    const made = left > 0 ? compilePattern(pattern, reader) : undefined;
    left -= pattern.length + (made?.steps ?? 0);
    compiled.set(key, made);
    return made;
  }

  function askOne(
    question: (compiled: Compile) => Answer | undefined,
    reader: MatchingReader,
  ): boolean | undefined {
    const answer = left > 0 ? question((pattern) => compile(pattern, reader)) : undefined;
    left -= answer?.steps ?? 1;
    return answer?.told;
  }

  return {
    isOver,
    ask(question) {
      const [first, ...others] = asked.map((reader) => askOne(question, reader));
      return others.every((other) => other === first) ? first : undefined;
    },
    first: (pattern) => compile(pattern, asked[0] ?? 're2-utf8'),
  };
}

/** Makes the memory for the conditions of one object. */
export function createTexts(readers: readonly Reader[]): Texts {
  const envoys = envoysOf(readers);

  function doesMatch(text: string, pattern: string): boolean | undefined {
    return envoys.ask((compile) => {
      const compiled = compile(pattern);
      return compiled && matchesValue(compiled, text);
    });
  }

  function ofBoth(
    one: TextCondition,
    other: TextCondition,
    question: (one: CompiledPattern, other: CompiledPattern) => Answer,
  ): boolean | undefined {
    return envoys.ask((compile) => {
      const [first, second] = [compile(patternOf(one)), compile(patternOf(other))];
      return first && second && question(first, second);
    });
  }

  function implies(given: TextCondition, wanted: TextCondition): boolean | undefined {
    if (envoys.isOver()) return undefined;
    if (wanted.kind === 'any' || isSame(given, wanted)) return true;
    if (given.kind === 'any') return wanted.kind === 'regex' ? undefined : false;
    if (given.kind !== 'regex' && wanted.kind !== 'regex') return impliesText(given, wanted);
    if (given.kind === 'exact' && !given.fold) return doesMatch(given.text, wanted.text);
    return ofBoth(wanted, given, covers);
  }

  function overlaps(one: TextCondition, other: TextCondition): boolean | undefined {
    if (envoys.isOver()) return undefined;
    if (one.kind === 'any' || other.kind === 'any') return true;
    if (one.kind !== 'regex' && other.kind !== 'regex') return !areApartTexts(one, other);
    const [first, second] = one.kind === 'regex' ? [one, other] : [other, one];
    if (second.kind === 'exact' && !second.fold) return doesMatch(second.text, first.text);
    return ofBoth(first, second, overlap);
  }

  return {
    implies,
    overlap: overlaps,
    meets: (text, condition) => implies({ kind: 'exact', text, fold: false }, condition),
    example: (pattern, looks) =>
      (envoys.first(pattern)?.examples ?? [])
        .map((symbols) => String.fromCodePoint(...symbols))
        .find((text) => looks.test(text)),
  };
}

function isSame(one: TextCondition, other: TextCondition): boolean {
  return one.kind === other.kind && one.text === other.text && one.fold === other.fold;
}

function impliesText(given: TextCondition, wanted: TextCondition): boolean {
  if (!spells(given, wanted)) return false;
  const [text, other] = [cased(given, wanted), cased(wanted, given)];
  return wanted.kind === 'prefix' ? text.startsWith(other) : given.kind === 'exact' && text === other;
}

function areApartTexts(one: TextCondition, other: TextCondition): boolean {
  const [a, b] = [
    cased({ ...one, fold: one.fold || other.fold }),
    cased({ ...other, fold: one.fold || other.fold }),
  ];
  if (one.kind === 'exact' && other.kind === 'exact') return a !== b;
  if (one.kind === 'exact') return !a.startsWith(b);
  if (other.kind === 'exact') return !b.startsWith(a);
  return !a.startsWith(b) && !b.startsWith(a);
}

/** A text in any case cannot imply one with letters in one case. */
function spells(given: TextCondition, wanted: TextCondition): boolean {
  return !given.fold || wanted.fold || !/[A-Za-z]/.test(wanted.text);
}

/** Envoy ignores the case of ASCII letters only. */
function cased({ text, fold }: TextCondition, by?: TextCondition): string {
  return fold || by?.fold === true ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/** The pattern that matches the texts that meet a condition. */
function patternOf({ kind, text, fold }: TextCondition): string {
  if (kind === 'regex') return text;
  const quoted = text.replace(/[^\w\u0080-\u{10ffff}]/gu, '\\$&');
  return `${fold ? '(?i)' : ''}${quoted}${kind === 'exact' ? '' : '[^\\n]*'}`;
}
