/**
 * A pattern → what every reader of a route's regex will say to it. Pure, never throws, bounded for hostile input: patterns over {@link lengthMax} bytes are
 * refused unread, and the rest takes time linear in the pattern, whatever counts and classes it has.
 */
import { parse } from './parse.ts';
import { readers as allReaders, scanOf, type Reader, type Reason, type Refused, type Scan } from './scan.ts';
import { sizeOf, type ProgramSize } from './size.ts';
import { utf8 } from './size-class.ts';
import type { Tree } from './tree.ts';
import { wordsFor, type Words } from './words.ts';

/** Longest pattern that istiod takes, in bytes of UTF-8. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/virtualservice.go validateStringRegexp */
export const lengthMax = 1024;

/** Largest program that Envoy takes under Istio's bootstrap (`re2.max_program_size.error_level`). @see istio pkg/bootstrap/config.go */
export const programSizeMax = 32_768;

/** Most instructions before flattening: two thirds of RE2's 8 MiB, 16 bytes each. A flattened program within {@link programSizeMax} hardly gets there. @see re2/compile.cc Setup */
const unflattenedMax = 349_000;

/** Why a pattern is refused, and what to write. */
export interface Refusal extends Words {
  readonly reason: Reason;
  /** Where it begins: UTF-16 offset in the pattern. */
  readonly offset: number;
  /** The refused text itself; may be empty. */
  readonly text: string;
  /** Who refuses; the others would take the pattern. */
  readonly readers: readonly Reader[];
}

/** Where UTF-8 readers and Latin-1 readers do not match the same values. */
export interface Difference {
  readonly kind: 'character' | 'unicode-class';
  /** UTF-16 offset in the pattern. */
  readonly offset: number;
}

/** What the readers say. `size`: instructions of the larger program, never less than RE2 counts; 0 when only Go is asked. */
export type Verdict =
  | { readonly accepted: true; readonly size: number; readonly difference: Difference | undefined }
  | { readonly accepted: false; readonly refusal: Refusal };

/** A pattern as it is read. */
interface Source {
  readonly pattern: string;
  readonly runes: readonly number[];
  readonly bytes: readonly number[];
}

/** Judges a pattern as those readers will that are asked: it is accepted when all of them accept it. */
export function judge(pattern: string, readers: readonly Reader[] = allReaders): Verdict {
  const source = sourceOf(pattern);
  if (pattern === '') return refuse(pattern, source, whole('empty', readers));
  if (source === undefined) return refuse(pattern, source, whole('too-long', readers));
  const scans = readingsOf(source, readers);
  const trees = scans.map(parse);
  const refused = scans.map((scan) => inRunes(source, scan)).find((found) => found !== undefined);
  return refused === undefined ? weigh(source, scans, trees, readers) : refuse(pattern, source, refused);
}

/** The last question: whether the programs are small enough. */
function weigh(
  source: Source,
  scans: readonly Scan[],
  trees: readonly (Tree | undefined)[],
  readers: readonly Reader[],
): Verdict {
  const { utf8: wide, latin1: narrow } = sizes(source, scans, trees, readers);
  const tooBig = [...over(wide, 're2-utf8'), ...over(narrow, 're2-latin1')];
  const compiled = [wide, narrow].filter((size) => size !== undefined);
  const size = Math.max(0, ...compiled.map(({ flat }) => flat));
  if (tooBig.length > 0)
    return refuse(
      source.pattern,
      source,
      whole('too-big', tooBig),
      size > programSizeMax ? size : Math.max(...compiled.map(({ made }) => made)),
    );
  const mayDiffer = readers.length > 1 && readers.includes('re2-latin1');
  return { accepted: true, size, difference: mayDiffer ? differenceOf(source, scans[0]) : undefined };
}

/** Sizes of RE2's program for the two encodings, never less than RE2 counts; undefined where the pattern does not compile or is too long to be read. */
export function programSize(pattern: string): {
  readonly utf8: number | undefined;
  readonly latin1: number | undefined;
} {
  const source = sourceOf(pattern);
  if (source === undefined) return { utf8: undefined, latin1: undefined };
  const wide = parse(scanOf(source.runes, false, ['re2-utf8']));
  const narrow = parse(scanOf(source.bytes, true, ['re2-latin1']));
  return { utf8: wide && sizeOf(wide, false).flat, latin1: narrow && sizeOf(narrow, true).flat };
}

/**
 * Parses a pattern as one kind of Envoy does; undefined where it is refused, save for its size. The tree that questions about its meaning start from: of code
 * points, or of bytes for Latin-1.
 */
export function treeOf(pattern: string, reader: 're2-utf8' | 're2-latin1' = 're2-utf8'): Tree | undefined {
  const source = sourceOf(pattern);
  const isLatin1 = reader === 're2-latin1';
  return source && parse(scanOf(isLatin1 ? source.bytes : source.runes, isLatin1, [reader]));
}

/** Undefined when the pattern is too long. A UTF-16 unit takes at least one byte: what is longer is not even read. */
function sourceOf(pattern: string): Source | undefined {
  if (pattern.length > lengthMax) return undefined;
  const runes: number[] = [];
  // A lone surrogate reaches the readers as U+FFFD.
  for (const character of pattern.toWellFormed()) runes.push(character.codePointAt(0) ?? 0);
  const bytes = runes.every((rune) => rune < 0x80) ? runes : runes.flatMap(utf8);
  return bytes.length > lengthMax ? undefined : { pattern, runes, bytes };
}

function isAscii(source: Source): boolean {
  return source.runes === source.bytes;
}

/** How often a pattern must be parsed: once for all when it is ASCII, else once more as bytes for Latin-1. */
function readingsOf(source: Source, readers: readonly Reader[]): readonly Scan[] {
  if (isAscii(source)) return [scanOf(source.runes, false, readers)];
  const wide = readers.filter((reader) => reader !== 're2-latin1');
  return [
    ...(wide.length > 0 ? [scanOf(source.runes, false, wide)] : []),
    ...(wide.length < readers.length ? [scanOf(source.bytes, true, ['re2-latin1'])] : []),
  ];
}

interface Sizes {
  readonly utf8: ProgramSize | undefined;
  readonly latin1: ProgramSize | undefined;
}

/** The program for Latin-1 is the smaller one for ASCII patterns: it is looked at only when that for UTF-8 is large, or nobody asks for it. */
function sizes(
  source: Source,
  scans: readonly Scan[],
  trees: readonly (Tree | undefined)[],
  readers: readonly Reader[],
): Sizes {
  const wideTree = trees[scans.findIndex((scan) => !scan.latin1)];
  const wide = readers.includes('re2-utf8') && wideTree !== undefined ? sizeOf(wideTree, false) : undefined;
  if (
    !readers.includes('re2-latin1') ||
    (isAscii(source) && wide !== undefined && wide.flat < programSizeMax / 4)
  )
    return { utf8: wide, latin1: undefined };
  const narrowTree = isAscii(source)
    ? parse(scanOf(source.bytes, true, ['re2-latin1']))
    : trees[scans.findIndex((scan) => scan.latin1)];
  return { utf8: wide, latin1: narrowTree && sizeOf(narrowTree, true) };
}

function over(size: ProgramSize | undefined, reader: Reader): readonly Reader[] {
  return size !== undefined && (size.flat > programSizeMax || size.made > unflattenedMax) ? [reader] : [];
}

function whole(reason: Reason, by: readonly Reader[]): Refused {
  return { reason, start: 0, end: 0, readers: by };
}

/** Positions in bytes become positions in code points. */
function inRunes(source: Source, { latin1, refused }: Scan): Refused | undefined {
  return latin1 && refused !== undefined
    ? { ...refused, start: runesIn(source, refused.start), end: runesIn(source, refused.end) }
    : refused;
}

function runesIn(source: Source, bytes: number): number {
  return source.bytes.slice(0, bytes).filter((byte) => (byte & 0xc0) !== 0x80).length;
}

function offsetOf(source: Source, runes: number): number {
  return source.runes.slice(0, runes).reduce((offset, rune) => offset + (rune > 0xffff ? 2 : 1), 0);
}

function refuse(
  pattern: string,
  source: Source | undefined,
  { reason, start, end, readers }: Refused,
  size = 0,
): Verdict {
  const offset = source === undefined ? 0 : offsetOf(source, start);
  const text = source === undefined ? '' : pattern.slice(offset, offsetOf(source, end));
  const words = wordsFor({ reason, text, rest: pattern.slice(offset, offset + 32), size, readers });
  return { accepted: false, refusal: { reason, offset, text, readers, ...words } };
}

function differenceOf(source: Source, scan: Scan | undefined): Difference | undefined {
  if (scan === undefined || scan.latin1) return undefined;
  if (scan.highRuneAt >= 0) return { kind: 'character', offset: offsetOf(source, scan.highRuneAt) };
  return scan.unicodeClassAt < 0
    ? undefined
    : { kind: 'unicode-class', offset: offsetOf(source, scan.unicodeClassAt) };
}
