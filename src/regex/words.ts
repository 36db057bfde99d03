/** What a refusal is called, and what to write instead, for people who know regexes from JavaScript, Java or Perl. */
import { classAdvice } from './escape.ts';
import { posixNames } from './parse-class.ts';
import type { Reader, Reason } from './scan.ts';

/** The words of a refusal: parts of one sentence, without capital and full stop. */
export interface Words {
  /** What is there, e.g. `is a look-ahead, which RE2 does not have`. */
  readonly what: string;
  /** What to write, e.g. `write \z`. */
  readonly instead: string;
}

/** What the words are chosen by: the refused text, and the pattern from there on. */
export interface Trouble {
  readonly reason: Reason;
  readonly text: string;
  readonly rest: string;
  /** Instructions of the program, for `too-big`. */
  readonly size: number;
  readonly readers: readonly Reader[];
}

type Phrase = Words | ((trouble: Trouble) => Words);

const exception = 'write what may match, or put a route for the exception before this one';

const phrases: Readonly<Record<Reason, Phrase>> = {
  empty: { what: 'is empty', instead: 'write what shall match, or .* for anything' },
  'too-long': {
    what: 'is longer than 1024 bytes',
    instead: 'use one match for each value, exact where possible',
  },
  'too-big': ({ size }) => ({
    what: `compiles to ${size} instructions, and Istio's proxies take at most 32768`,
    instead: 'lower the counts in {n,m}, or write [a-z] in place of \\p{...} and of negated sets',
  }),
  'look-ahead': { what: "is a look-ahead, which Istio's regexes (RE2) do not have", instead: exception },
  'look-behind': { what: "is a look-behind, which Istio's regexes (RE2) do not have", instead: exception },
  'atomic-group': {
    what: "is an atomic group, which Istio's regexes (RE2) do not have and do not need",
    instead: 'write (?:...)',
  },
  comment: { what: "is a comment, which Istio's regexes (RE2) do not have", instead: 'leave it out' },
  'group-reference': {
    what: "refers back to a group, which Istio's regexes (RE2) cannot",
    instead: 'write out what shall be repeated',
  },
  'quoted-name': {
    what: "names a group in quotes, which Istio's regexes (RE2) do not have",
    instead: 'write (?P<name>...)',
  },
  'group-kind': {
    what: "is a kind of group that Istio's regexes (RE2) do not have",
    instead: 'write (?:...) and | for choices',
  },
  flag: flagWords,
  'group-name': { what: 'is no name for a group', instead: 'use letters, digits and _ as in (?P<name>...)' },
  backreference: {
    what: "refers back to a group, which Istio's regexes (RE2) cannot",
    instead: 'write out what shall be repeated',
  },
  escape: escapeWords,
  'trailing-backslash': {
    what: 'is a backslash with nothing after it',
    instead: 'write \\\\ for a backslash itself',
  },
  hex: { what: 'is no character code', instead: 'write two hex digits as in \\x41, or \\x{41}' },
  'rune-too-high': {
    what: 'is higher than any character',
    instead: 'use at most \\x{FF}, which all proxies take',
  },
  'rune-over-ff': {
    what: 'is a character over \\x{FF}, which Envoys since 1.39.1 refuse',
    instead: 'write the character itself, which is matched as its UTF-8 bytes',
  },
  'any-byte': { what: 'means any byte, which istiod refuses', instead: 'write . or (?s:.)' },
  'class-unclosed': { what: 'has no closing ]', instead: 'add ], or write \\[ for a bracket itself' },
  range: ({ text }) => ({
    what: 'is a range that runs backwards',
    instead: `put the lower character first${/^.-.$/u.test(text) ? `: ${[...text].reverse().join('')}` : ''}`,
  }),
  'range-in-bytes': {
    what: 'is a range that runs backwards in Envoys since 1.39.1, which read bytes',
    instead: 'list the characters one by one, as alternatives',
  },
  'posix-class': {
    what: 'is no class of that name',
    instead: `use one of ${posixNames.map((name) => `[:${name}:]`).join(' ')}`,
  },
  'unicode-class': unicodeClassWords,
  'repeat-nothing': ({ rest }) => ({
    what: 'has nothing before it to repeat',
    instead: `write .${rest.slice(0, 1)} for any text, or \\${rest.slice(0, 1)} for the character itself`,
  }),
  'repeat-stacked': stackedWords,
  'repeat-size': {
    what: 'repeats more than 1000 times',
    instead: 'use a count up to 1000, or + for any number',
  },
  'repeat-order': {
    what: 'has its counts the wrong way round',
    instead: 'put the lower one first, as in {2,5}',
  },
  'repeat-product': {
    what: 'repeats more than 1000 times in all, with the counts inside it',
    instead: 'lower one of the counts, or use + for any number',
  },
  'paren-open': { what: 'is not closed', instead: 'add ), or write \\( for the character itself' },
  'paren-close': { what: 'closes nothing', instead: 'remove it, or write \\) for the character itself' },
};

/** Returns the words for a refusal. */
export function wordsFor(trouble: Trouble): Words {
  const phrase = phrases[trouble.reason];
  return typeof phrase === 'function' ? phrase(trouble) : phrase;
}

function flagWords({ text }: Trouble): Words {
  const letter = text.slice(-1);
  if (letter === 'x')
    return {
      what: "sets the x flag (free spacing), which Istio's regexes (RE2) do not have",
      instead: 'leave it out and remove the spaces',
    };
  if (/^\(\?[A-Za-z-]*$/.test(text))
    return {
      what: "sets a flag that Istio's regexes (RE2) do not have",
      instead: 'use i, s, m, U, as in (?i)',
    };
  return {
    what: "begins no group that Istio's regexes (RE2) have",
    instead: 'write (?:...) for a group, (?i) for any case',
  };
}

/** Escapes of other engines, by letter. */
const escapes: Readonly<Record<string, Words>> = {
  Z: {
    what: 'is the end of text in other engines only',
    instead: 'leave it out: the whole value is matched anyway',
  },
  G: {
    what: "is not known to Istio's regexes (RE2)",
    instead: 'leave it out: the whole value is matched anyway',
  },
  h: { what: "is not known to Istio's regexes (RE2)", instead: 'write [ \\t]' },
  H: { what: "is not known to Istio's regexes (RE2)", instead: 'write [^ \\t]' },
  R: { what: "is not known to Istio's regexes (RE2)", instead: 'write \\r?\\n' },
  N: { what: "is not known to Istio's regexes (RE2)", instead: 'write [^\\n]' },
  V: { what: "is not known to Istio's regexes (RE2)", instead: 'write [^\\n\\v\\f\\r]' },
  K: {
    what: "is not known to Istio's regexes (RE2)",
    instead: 'leave it out: the whole value is matched anyway',
  },
  X: { what: "is not known to Istio's regexes (RE2)", instead: 'write . for one character' },
  e: { what: "is not known to Istio's regexes (RE2)", instead: 'write \\x1b' },
  c: {
    what: "is not known to Istio's regexes (RE2)",
    instead: 'write the code of the control character, as in \\x01',
  },
  g: {
    what: "refers back to a group, which Istio's regexes (RE2) cannot",
    instead: 'write out what shall be repeated',
  },
  E: { what: 'ends a quotation that was not begun', instead: 'write \\Q before the text, or remove it' },
};

function escapeWords({ text, rest }: Trouble): Words {
  const letter = text.slice(1);
  const unicode = /^\\[uU]\{?([0-9A-Fa-f]+)/.exec(rest)?.[1];
  if (unicode !== undefined)
    return { what: "is not known to Istio's regexes (RE2)", instead: `write \\x{${unicode}}` };
  const known = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
  return (
    known ?? {
      what: "is not known to Istio's regexes (RE2)",
      instead: `write ${letter} without the backslash, or \\\\ for a backslash itself`,
    }
  );
}

function unicodeClassWords({ text, readers }: Trouble): Words {
  const advice = classAdvice(text);
  const who = readers.includes('go') ? (readers.length === 1 ? 'istiod' : 'RE2') : 'Envoy';
  return {
    what: `is no class of characters that ${who} knows`,
    instead:
      advice === undefined
        ? 'use a short name as in \\p{L}, or list the characters in [ ]'
        : `write ${advice}`,
  };
}

function stackedWords({ text }: Trouble): Words {
  if (/[^+]\+$/.test(text) || text === '++')
    return {
      what: "is a possessive repeat, which Istio's regexes (RE2) do not have and do not need",
      instead: `write ${text.slice(0, -1)}`,
    };
  return { what: 'repeats a repeat', instead: 'keep one of the two, or put the inner one in (?:...)' };
}
