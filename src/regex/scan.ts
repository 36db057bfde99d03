/** The reading position in a pattern, the readers it is read for, and the first thing that one of them refuses. */
import { regexReaders, type RegexReader } from '../model/regex-readers.ts';

/** All readers. */
export const readers = regexReaders;
/** One of {@link readers}. */
export type Reader = RegexReader;

/** Why a pattern is refused; the words are in `words.ts`. */
export type Reason =
  | 'empty'
  | 'too-long'
  | 'too-big'
  | 'look-ahead'
  | 'look-behind'
  | 'atomic-group'
  | 'comment'
  | 'group-reference'
  | 'quoted-name'
  | 'group-kind'
  | 'flag'
  | 'group-name'
  | 'backreference'
  | 'escape'
  | 'trailing-backslash'
  | 'hex'
  | 'rune-too-high'
  | 'rune-over-ff'
  | 'any-byte'
  | 'class-unclosed'
  | 'range'
  | 'range-in-bytes'
  | 'posix-class'
  | 'unicode-class'
  | 'repeat-nothing'
  | 'repeat-stacked'
  | 'repeat-size'
  | 'repeat-order'
  | 'repeat-product'
  | 'paren-open'
  | 'paren-close';

/** The first thing in a pattern that a reader refuses: runes `start` to `end` (exclusive). */
export interface Refused {
  readonly reason: Reason;
  readonly start: number;
  readonly end: number;
  readonly readers: readonly Reader[];
}

/** Where a pattern is being read. Mutable, private to one parse. */
export interface Scan {
  /** Code points, or bytes when read as Latin-1. */
  readonly runes: readonly number[];
  readonly latin1: boolean;
  /** Whose refusals count in this parse. */
  readonly asked: readonly Reader[];
  at: number;
  refused: Refused | undefined;
  /** Where the first rune over 0x7F is matched as itself; -1 when none is. */
  highRuneAt: number;
  /** Where the first `\p` is; -1 when there is none. */
  unicodeClassAt: number;
  /** From here on there is no `:]`; `Infinity` while that is not known. */
  posixEndsBefore: number;
}

/** Begins to read. */
export function scanOf(runes: readonly number[], latin1: boolean, asked: readonly Reader[]): Scan {
  return {
    runes,
    latin1,
    asked,
    at: 0,
    refused: undefined,
    highRuneAt: -1,
    unicodeClassAt: -1,
    posixEndsBefore: Infinity,
  };
}

/** Notes a refusal by those of `by` that are asked; says whether there is one. The first refusal stands. */
export function refuse(scan: Scan, reason: Reason, start: number, by: readonly Reader[] = readers): boolean {
  const who = scan.asked.filter((reader) => by.includes(reader));
  if (who.length > 0)
    scan.refused ??= { reason, start, end: Math.min(scan.at, scan.runes.length), readers: who };
  return who.length > 0;
}

/** Returns the code of a one-character string. */
export function code(character: string): number {
  return character.charCodeAt(0);
}

/** Tells whether the runes at the position (or `ahead` of it) spell the ASCII text. */
export function sees(scan: Scan, text: string, ahead = 0): boolean {
  for (let index = 0; index < text.length; index++)
    if (scan.runes[scan.at + ahead + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** Returns the runes `start` to `end` as text; one character a rune for Latin-1. */
export function textOf(scan: Scan, start: number, end: number): string {
  return String.fromCodePoint(...scan.runes.slice(start, end));
}

/** Returns the position of the text at or after `from`; -1 when it does not come. */
export function find(scan: Scan, text: string, from: number): number {
  for (let at = from; at + text.length <= scan.runes.length; at++)
    if (sees(scan, text, at - scan.at)) return at;
  return -1;
}

/** Notes that a rune is matched as itself. */
export function noteRune(scan: Scan, rune: number, start: number): void {
  if (rune > 0x7f && scan.highRuneAt < 0) scan.highRuneAt = start;
}

/** Tells whether the rune is a decimal digit. */
export function isDigit(rune: number | undefined): boolean {
  return rune !== undefined && rune >= 0x30 && rune <= 0x39;
}
