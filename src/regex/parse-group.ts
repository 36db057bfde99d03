/** What follows `(?`: a named group, flags, a group without capture; and all the Perl that RE2 does not have. */
import { code, find, refuse, sees, textOf, type Reader, type Reason, type Scan } from './scan.ts';
import type { Flags } from './tree.ts';

/** What was read: a group was opened, or only flags set. */
export interface Opening {
  readonly opens: 'capture' | 'group' | undefined;
  readonly flags: Flags;
}

/** Perl and others, by what they begin with, longest first. */
const foreign: readonly (readonly [string, Reason])[] = [
  ['(?<=', 'look-behind'],
  ['(?<!', 'look-behind'],
  ['(?=', 'look-ahead'],
  ['(?!', 'look-ahead'],
  ['(?>', 'atomic-group'],
  ['(?#', 'comment'],
  ['(?P=', 'group-reference'],
  ['(?P>', 'group-reference'],
  ['(?&', 'group-reference'],
  ['(?R', 'group-reference'],
  ['(?+', 'group-reference'],
  ["(?'", 'quoted-name'],
  ['(?|', 'group-kind'],
  ['(?(', 'group-kind'],
  ['(?*', 'group-kind'],
];

/** Reads from `(?` on; undefined with a refusal when no reader has it. */
export function readOpening(scan: Scan, flags: Flags): Opening | undefined {
  const start = scan.at;
  const known = foreign.find(([text]) => sees(scan, text));
  if (known !== undefined) {
    scan.at += known[0].length;
    refuse(scan, known[1], start);
    return undefined;
  }
  if (sees(scan, '(?P<') || sees(scan, '(?<')) return readName(scan, flags);
  return readFlags(scan, flags);
}

/** RE2 takes letters of any script in a name, Go and a Latin-1 reading of them do not. */
const nameRules: readonly (readonly [Reader, RegExp])[] = [
  ['go', /^\w+$/],
  ['re2-utf8', /^[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]+$/u],
  ['re2-latin1', /^[\p{Lu}\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]+$/u],
];

function readName(scan: Scan, flags: Flags): Opening | undefined {
  const start = scan.at;
  const begin = start + (sees(scan, '(?P') ? 4 : 3);
  const end = find(scan, '>', begin);
  const name = end < 0 ? '' : textOf(scan, begin, end);
  scan.at = end < 0 ? scan.runes.length : end + 1;
  const against = nameRules.filter(([, rule]) => !rule.test(name)).map(([reader]) => reader);
  if (against.length > 0 && refuse(scan, 'group-name', start, against)) return undefined;
  return { opens: 'capture', flags };
}

const letters: ReadonlyMap<number, keyof Flags> = new Map([
  [code('i'), 'fold'],
  [code('m'), 'multiline'],
  [code('s'), 'dotAll'],
  [code('U'), 'swapGreed'],
]);

/** `(?i)`, `(?s-m:`; a `-` must be followed by a flag. */
function readFlags(scan: Scan, before: Flags): Opening | undefined {
  const start = scan.at;
  let flags = before;
  let negated = false;
  let sawFlag = true;
  for (scan.at += 2; scan.at < scan.runes.length; scan.at++) {
    const rune = scan.runes[scan.at] ?? 0;
    const flag = letters.get(rune);
    if (flag !== undefined) {
      flags = { ...flags, [flag]: !negated };
      sawFlag = true;
    } else if (rune === code('-') && !negated) {
      negated = true;
      sawFlag = false;
    } else if ((rune === code(':') || rune === code(')')) && sawFlag) {
      scan.at++;
      return { opens: rune === code(':') ? 'group' : undefined, flags };
    } else break;
  }
  scan.at = Math.min(scan.at + 1, scan.runes.length);
  refuse(scan, 'flag', start);
  return undefined;
}
