/** A value that a walk found, for people and for machines. */
import { nth } from './rune-set.ts';
import { utf8 } from './size-class.ts';

/** A value that shows an answer. */
export interface Witness {
  /** The value; a byte that is not UTF-8 is written `\xE9`. */
  readonly text: string;
  /** As it is sent: UTF-8, or, for a Latin-1 reader, any bytes. */
  readonly bytes: readonly number[];
}

/** Makes a witness of code points. */
export function witnessOfRunes(runes: readonly number[]): Witness {
  let text = '';
  const bytes: number[] = [];
  for (const rune of runes) {
    text += String.fromCodePoint(rune);
    if (rune < 0x80) bytes.push(rune);
    else bytes.push(...utf8(rune));
  }
  return { text, bytes };
}

/** Makes a witness of bytes. */
export function witnessOfBytes(bytes: readonly number[]): Witness {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const rune = runeAt(bytes, at);
    parts.push(
      rune === undefined ? `\\x${nth(bytes, at).toString(16).toUpperCase()}` : String.fromCodePoint(rune),
    );
    at += rune === undefined ? 1 : utf8(rune).length;
  }
  return { text: parts.join(''), bytes };
}

/** The code point whose UTF-8 begins here; undefined when none does. */
function runeAt(bytes: readonly number[], at: number): number | undefined {
  const lead = nth(bytes, at);
  if (lead < 0x80) return lead;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  let rune = lead & (0xff >> (length + 1));
  for (let next = at + 1; next < at + length; next++) rune = rune * 64 + (nth(bytes, next) & 0x3f);
  const isWhole =
    rune >= 0x80 &&
    rune <= 0x10ffff &&
    (rune < 0xd800 || rune > 0xdfff) &&
    utf8(rune).every((byte, index) => byte === bytes[at + index]);
  return isWhole ? rune : undefined;
}
