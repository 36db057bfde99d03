/** What a backslash stands for: one rune, or a set (`\d`, `\p{L}`). */
import type { RuneSet } from './rune-set.ts';
import { code, find, noteRune, readers, refuse, sees, textOf, type Reason, type Scan } from './scan.ts';
import { classOf, commonName, goClassOf } from './unicode.ts';

const digit: RuneSet = [0x30, 0x39];
/** No vertical tab, unlike `[[:space:]]`. */
const space: RuneSet = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];
const word: RuneSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];

const perlClasses: ReadonlyMap<number, { readonly set: RuneSet; readonly negated: boolean }> = new Map([
  [code('d'), { set: digit, negated: false }],
  [code('D'), { set: digit, negated: true }],
  [code('s'), { set: space, negated: false }],
  [code('S'), { set: space, negated: true }],
  [code('w'), { set: word, negated: false }],
  [code('W'), { set: word, negated: true }],
]);

const controls: ReadonlyMap<number, number> = new Map([
  [code('a'), 7],
  [code('f'), 12],
  [code('n'), 10],
  [code('r'), 13],
  [code('t'), 9],
  [code('v'), 11],
]);

/** A set as written, before case folding: folding comes before negation. */
export interface Members {
  readonly set: RuneSet;
  readonly negated: boolean;
}

/** Reads `\d \D \s \S \w \W`; undefined (and nothing read) when it is something else. */
export function readPerlClass(scan: Scan): Members | undefined {
  const members = sees(scan, '\\') ? perlClasses.get(scan.runes[scan.at + 1] ?? -1) : undefined;
  if (members !== undefined) scan.at += 2;
  return members;
}

/** Reads `\pL`, `\p{Greek}`, `\P{^Greek}`. Undefined, with or without a refusal, when it is something else. */
export function readUnicodeClass(scan: Scan): Members | undefined {
  if (!sees(scan, '\\p') && !sees(scan, '\\P')) return undefined;
  const start = scan.at;
  if (scan.unicodeClassAt < 0) scan.unicodeClassAt = start;
  const isNegated = sees(scan, '\\P');
  const written = readClassName(scan);
  const isInverted = written.startsWith('^');
  const set = lookUp(scan, isInverted ? written.slice(1) : written, start);
  return set && { set, negated: isNegated !== isInverted };
}

/** Each reader looks a name up in its own way. */
function lookUp(scan: Scan, name: string, start: number): RuneSet | undefined {
  const ofRe2 = classOf(name);
  const ofGo = goClassOf(name);
  const against = readers.filter((reader) => (reader === 'go' ? ofGo : ofRe2) === undefined);
  return against.length > 0 && refuse(scan, 'unicode-class', start, against) ? undefined : (ofRe2 ?? ofGo);
}

/** Reads past the class and returns its name; empty when a `}` is missing. */
function readClassName(scan: Scan): string {
  if (!sees(scan, '{', 2)) {
    const begin = scan.at + 2;
    scan.at = Math.min(begin + 1, scan.runes.length);
    return textOf(scan, begin, scan.at);
  }
  const begin = scan.at + 3;
  const end = find(scan, '}', begin);
  scan.at = end < 0 ? scan.runes.length : end + 1;
  return end < 0 ? '' : textOf(scan, begin, end);
}

/** Reads an escape that stands for one rune; undefined with a refusal when no reader has it. */
export function readEscape(scan: Scan): number | undefined {
  const start = scan.at;
  const letter = scan.runes[start + 1];
  scan.at = Math.min(start + 2, scan.runes.length);
  if (letter === undefined) return refused(scan, 'trailing-backslash', start);
  if (letter === code('x')) return readHex(scan, start);
  if (letter >= code('0') && letter <= code('7')) return readOctal(scan, start, letter);
  const control = controls.get(letter);
  if (control !== undefined) return control;
  if (backwards.has(letter)) return refused(scan, 'backreference', start);
  return letter > 0x7f || isAlphanumeric(letter) ? refused(scan, 'escape', start) : letter;
}

/** What refers back to a group elsewhere: `\8`, `\9`, `\k<name>`. */
const backwards: ReadonlySet<number> = new Set([code('8'), code('9'), code('k')]);

function refused(scan: Scan, reason: Reason, start: number): undefined {
  refuse(scan, reason, start);
  return undefined;
}

function isAlphanumeric(rune: number): boolean {
  return /[0-9A-Za-z]/.test(String.fromCharCode(rune));
}

function octalDigit(scan: Scan): number | undefined {
  const rune = scan.runes[scan.at];
  return rune !== undefined && rune >= 0x30 && rune <= 0x37 ? rune - 0x30 : undefined;
}

/** `\0`, `\012`; one digit other than 0 would be a backreference. */
function readOctal(scan: Scan, start: number, first: number): number | undefined {
  if (first !== code('0') && octalDigit(scan) === undefined) return refused(scan, 'backreference', start);
  let value = first - 0x30;
  for (let count = 1; count < 3; count++) {
    const digitValue = octalDigit(scan);
    if (digitValue === undefined) break;
    value = value * 8 + digitValue;
    scan.at++;
  }
  return highRune(scan, value, start);
}

/** `\x41`, `\x{1F600}`. */
function readHex(scan: Scan, start: number): number | undefined {
  if (!sees(scan, '{')) {
    const digits = textOf(scan, scan.at, scan.at + 2);
    scan.at = Math.min(scan.at + 2, scan.runes.length);
    return /^[0-9A-Fa-f]{2}$/.test(digits)
      ? highRune(scan, parseInt(digits, 16), start)
      : refused(scan, 'hex', start);
  }
  const end = find(scan, '}', scan.at);
  const digits = textOf(scan, scan.at + 1, end < 0 ? scan.runes.length : end);
  scan.at = end < 0 ? scan.runes.length : end + 1;
  if (end < 0 || !/^[0-9A-Fa-f]+$/.test(digits)) return refused(scan, 'hex', start);
  const value = parseInt(digits, 16);
  return value > 0x10ffff ? refused(scan, 'rune-too-high', start) : highRune(scan, value, start);
}

/** Latin-1 readers have no rune over 0xFF; a pattern of ASCII text is read only once, for all readers. */
function highRune(scan: Scan, value: number, start: number): number | undefined {
  if (value > 0xff && refuse(scan, 'rune-over-ff', start, ['re2-latin1'])) return undefined;
  noteRune(scan, value, start);
  return value;
}

/** Returns what to write for a class name that some reader does not take, or undefined. */
export function classAdvice(written: string): string | undefined {
  const name = /^\\[pP]\{?\^?([^}]*)/.exec(written)?.[1] ?? '';
  const common = commonName(name);
  return common === undefined ? undefined : `\\${written.charAt(1)}{${common}}`;
}
