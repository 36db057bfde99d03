/**
 * Conditions on a text (a path, a header's value): whether one holds wherever another does, whether both can hold. Regexes are compared by what they match, as
 * every kind of Envoy that counts reads them. Bounded for one object as a whole: what is not told within the bound is counted, and never guessed.
 */
import {
  costOf,
  covers,
  fewValuesOf,
  matches,
  meaningOf,
  overlap,
  stepsMax,
  type MatchingReader,
  type Meaning,
} from '../regex/meaning.ts';
import type { Reader } from '../regex/scan.ts';

/** One condition: `any` is presence. `fold`: letters in either case (regexes say so themselves). */
export interface TextCondition {
  readonly kind: 'any' | 'exact' | 'prefix' | 'regex';
  readonly text: string;
  readonly fold: boolean;
}

/** Answers about the conditions of one object. Values with line breaks or bytes that are no UTF-8 are left out of account. */
export interface Texts {
  /** Tells whether every text that meets `given` meets `wanted`; false when that cannot be told. */
  readonly implies: (given: TextCondition, wanted: TextCondition) => boolean;
  /** Tells whether no text meets both; false when that cannot be told. */
  readonly areApart: (one: TextCondition, other: TextCondition) => boolean;
  /** Tells whether a text meets a condition; undefined when that cannot be told, or when proxies do not agree. */
  readonly meets: (text: string, condition: TextCondition) => boolean | undefined;
  /** Returns a shortest value that both patterns match; undefined when there is none or that cannot be told. */
  readonly common: (one: string, other: string) => string | undefined;
  /** Takes steps of other work from the bound; false, and a question without answer, when there are none left. */
  readonly spend: (steps: number) => boolean;
  /** How many questions had no answer. */
  readonly unanswered: () => number;
}

/** Steps for all questions about one object: some tenths of a second, for patterns made to be slow. */
const budgetSteps = 1_500_000;
/** Steps of one question; any two patterns that people write take less. */
const questionSteps = stepsMax / 4;

type Answer = { readonly answer: string; readonly steps: number; readonly why?: string };

/** One reader, asked within what is left of the bound. */
interface Asked {
  readonly ready: (pattern: string) => Meaning;
  /** All values of a pattern when they are few: most questions need no more. */
  readonly few: (pattern: string) => ReadonlySet<string> | undefined;
  readonly max: number;
}

/** What the readers that count say about patterns, within the bound. */
interface Envoys {
  /** Whether all readers answer so; undefined when one cannot tell. What a reader refuses has a problem of its own. */
  readonly all: (wanted: 'yes' | 'no', ask: (asked: Asked) => Answer) => boolean | undefined;
  /** Asks the first reader only. */
  readonly first: <A extends { readonly steps: number }>(ask: (asked: Asked) => A) => A | undefined;
  readonly spend: (steps: number) => boolean;
  readonly unanswered: () => number;
}

function envoysOf(readers: readonly Reader[]): Envoys {
  const named = readers.filter((reader): reader is MatchingReader => reader !== 'go');
  const asked: readonly MatchingReader[] = named.length === 0 ? ['re2-utf8'] : named;
  const meanings = new Map<string, Meaning>();
  const values = new Map<string, ReadonlySet<string> | undefined>();
  let left = budgetSteps;
  let unanswered = 0;

  const askedOf = (reader: MatchingReader): Asked => ({
    ready: (pattern) =>
      remember(meanings, `${reader} ${pattern}`, () => {
        const made = meaningOf(pattern, reader);
        left -= costOf(made);
        return made;
      }),
    few: (pattern) =>
      remember(values, `${reader} ${pattern}`, () => {
        left -= pattern.length;
        return fewValuesOf(pattern, reader);
      }),
    max: Math.min(questionSteps, left),
  });

  function ask<A extends { readonly steps: number }>(
    reader: MatchingReader,
    question: (asked: Asked) => A,
  ): A | undefined {
    if (left <= 0) return unknown();
    const answer = question(askedOf(reader));
    left -= answer.steps;
    return answer;
  }

  function unknown(): undefined {
    unanswered += 1;
    return undefined;
  }

  return {
    all(wanted, question) {
      for (const reader of asked) {
        const answer = ask(reader, question);
        if (answer === undefined || answer.why === 'refused') return undefined;
        if (answer.answer === 'unknown') return unknown();
        if (answer.answer !== wanted) return false;
      }
      return true;
    },
    first: (question) => ask(asked[0] ?? 're2-utf8', question),
    spend(steps) {
      left -= steps;
      return left > 0 || unknown() !== undefined;
    },
    unanswered: () => unanswered,
  };
}

function remember<V>(memory: Map<string, V>, key: string, make: () => V): V {
  const known = memory.get(key);
  if (known !== undefined || memory.has(key)) return known as V;
  const value = make();
  memory.set(key, value);
  return value;
}

function doesMatch(text: string, pattern: string): (asked: Asked) => Answer {
  return ({ ready, few, max }) => {
    const values = few(pattern);
    return values === undefined
      ? matches(ready(pattern), text, max)
      : { answer: values.has(text) ? 'yes' : 'no', steps: 1 };
  };
}

function doesCover(wider: string, pattern: string): (asked: Asked) => Answer {
  return ({ ready, few, max }) => {
    const [values, other] = [few(pattern), few(wider)];
    if (values === undefined || other === undefined) return covers(ready(wider), ready(pattern), max);
    return { answer: [...values].every((value) => other.has(value)) ? 'yes' : 'no', steps: values.size };
  };
}

function doOverlap(one: string, other: string): (asked: Asked) => Answer {
  return ({ ready, few, max }) => {
    const [values, others] = [few(one), few(other)];
    if (values === undefined || others === undefined) return overlap(ready(one), ready(other), max);
    return { answer: [...values].some((value) => others.has(value)) ? 'yes' : 'no', steps: values.size };
  };
}

/** Makes a bound and a memory for the conditions of one object. */
export function createTexts(readers: readonly Reader[]): Texts {
  const envoys = envoysOf(readers);
  const areAll = (wanted: 'yes' | 'no', text: string, pattern: string): boolean =>
    envoys.all(wanted, doesMatch(text, pattern)) === true;
  const few = (pattern: string): readonly string[] | undefined => {
    const found = envoys.first((asked) => ({ values: asked.few(pattern), steps: 1 }))?.values;
    return found && [...found];
  };

  function implies(given: TextCondition, wanted: TextCondition): boolean {
    if (wanted.kind === 'any' || isSame(given, wanted)) return true;
    if (given.kind === 'any') return false;
    if (wanted.kind === 'exact') return impliesExact(given, wanted);
    if (given.kind !== 'regex' && wanted.kind === 'prefix')
      return spells(given, wanted) && cased(given, wanted).startsWith(cased(wanted, given));
    if (given.kind === 'exact' && !given.fold) return areAll('yes', given.text, wanted.text);
    return envoys.all('yes', doesCover(patternOf(wanted), patternOf(given))) === true;
  }

  function impliesExact(given: TextCondition, wanted: TextCondition): boolean {
    if (given.kind === 'exact') return spells(given, wanted) && cased(given, wanted) === cased(wanted, given);
    const values = given.kind === 'regex' ? few(given.text) : undefined;
    return (
      values !== undefined &&
      values.length > 0 &&
      values.every((text) => cased({ ...given, text }, wanted) === cased(wanted))
    );
  }

  function areApart(one: TextCondition, other: TextCondition): boolean {
    if (one.kind === 'any' || other.kind === 'any') return false;
    if (one.kind !== 'regex' && other.kind !== 'regex') return areApartTexts(one, other);
    const [first, second] = one.kind === 'regex' ? [one, other] : [other, one];
    if (second.kind === 'exact' && !second.fold) return areAll('no', second.text, first.text);
    return envoys.all('no', doOverlap(first.text, patternOf(second))) === true;
  }

  return {
    implies,
    areApart,
    meets(text, condition) {
      if (condition.kind !== 'regex') return implies({ kind: 'exact', text, fold: false }, condition);
      return areAll('yes', text, condition.text) || (areAll('no', text, condition.text) ? false : undefined);
    },
    common(one, other) {
      const found = envoys.first(({ ready, max }) => overlap(ready(one), ready(other), max));
      return found?.answer === 'yes' ? found.witness.text : undefined;
    },
    spend: envoys.spend,
    unanswered: envoys.unanswered,
  };
}

function isSame(one: TextCondition, other: TextCondition): boolean {
  return one.kind === other.kind && one.text === other.text && one.fold === other.fold;
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
