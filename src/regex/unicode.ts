/** What RE2 and Go know of Unicode: class names, their code points, case folding. Decoded on first use. */
import { isSame, negate, toSet, union, type RuneSet } from './rune-set.ts';
import { packedClasses, packedFolds } from './unicode-data.ts';

/** Names of the categories that are the union of others, as RE2 has them (`C` without the unassigned). */
const unions: Readonly<Record<string, readonly string[]>> = {
  C: ['Cc', 'Cf', 'Co', 'Cs'],
  L: ['Ll', 'Lm', 'Lo', 'Lt', 'Lu'],
  M: ['Mc', 'Me', 'Mn'],
  N: ['Nd', 'Nl', 'No'],
  P: ['Pc', 'Pd', 'Pe', 'Pf', 'Pi', 'Po', 'Ps'],
  S: ['Sc', 'Sk', 'Sm', 'So'],
  Z: ['Zl', 'Zp', 'Zs'],
};

/**
 * Long names that Go 1.25 and newer take, in Go's spelling for look-up, with the category that every reader takes.
 * @see https://github.com/golang/go/blob/go1.26.0/src/unicode/tables.go CategoryAliases
 */
const aliases: Readonly<Record<string, string>> = {
  Closepunctuation: 'Pe',
  Combiningmark: 'M',
  Connectorpunctuation: 'Pc',
  Control: 'Cc',
  Currencysymbol: 'Sc',
  Dashpunctuation: 'Pd',
  Decimalnumber: 'Nd',
  Enclosingmark: 'Me',
  Finalpunctuation: 'Pf',
  Format: 'Cf',
  Initialpunctuation: 'Pi',
  Letter: 'L',
  Letternumber: 'Nl',
  Lineseparator: 'Zl',
  Lowercaseletter: 'Ll',
  Mark: 'M',
  Mathsymbol: 'Sm',
  Modifierletter: 'Lm',
  Modifiersymbol: 'Sk',
  Nonspacingmark: 'Mn',
  Number: 'N',
  Openpunctuation: 'Ps',
  Other: 'C',
  Otherletter: 'Lo',
  Othernumber: 'No',
  Otherpunctuation: 'Po',
  Othersymbol: 'So',
  Paragraphseparator: 'Zp',
  Privateuse: 'Co',
  Punctuation: 'P',
  Separator: 'Z',
  Spaceseparator: 'Zs',
  Spacingmark: 'Mc',
  Surrogate: 'Cs',
  Symbol: 'S',
  Titlecaseletter: 'Lt',
  Uppercaseletter: 'Lu',
  Cntrl: 'Cc',
  Digit: 'Nd',
  Punct: 'P',
};

/** Names in Go's spelling that only Go takes and no category of RE2's is equal to. */
const goOnly: ReadonlyMap<string, () => RuneSet> = new Map([
  ['Ascii', () => [0, 0x7f]],
  ['Assigned', assigned],
  ['Cn', () => negate(assigned())],
  ['Unassigned', () => negate(assigned())],
  ['Lc', casedLetters],
  ['Casedletter', casedLetters],
]);

const decoded = new Map<string, RuneSet>();

function assigned(): RuneSet {
  return Object.keys(unions).reduce<RuneSet>((set, name) => union(set, classOf(name) ?? []), []);
}

function casedLetters(): RuneSet {
  return ['Ll', 'Lt', 'Lu'].reduce<RuneSet>((set, name) => union(set, classOf(name) ?? []), []);
}

/** Returns the code points of a Unicode class by RE2's exact name (`L`, `Nd`, `Greek`, `Any`); undefined when RE2 has none of that name. */
export function classOf(name: string): RuneSet | undefined {
  const known = decoded.get(name);
  if (known !== undefined) return known;
  const set = decode(name);
  if (set !== undefined) decoded.set(name, set);
  return set;
}

function decode(name: string): RuneSet | undefined {
  if (name === 'Any') return [0, 0x10ffff];
  if (Object.hasOwn(unions, name))
    return (unions[name] ?? []).reduce<RuneSet>((set, part) => union(set, classOf(part) ?? []), []);
  const packed = Object.hasOwn(packedClasses, name) ? packedClasses[name] : undefined;
  return packed === undefined ? undefined : unpack(packed);
}

function unpack(packed: string): RuneSet {
  const pairs: number[] = [];
  let end = 0;
  for (const range of packed.split(' ')) {
    const [gap = '0', more = '0'] = range.split('.');
    const lo = end + parseInt(gap, 36);
    end = lo + parseInt(more, 36);
    pairs.push(lo, end);
  }
  return toSet(pairs);
}

/** Returns a name as Go looks it up: no `_`, `-` or space, a capital first and small letters after. */
function goSpelling(name: string): string {
  const letters = name.replace(/[_ -]/g, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return letters.replace(/^[a-z]/, (letter) => letter.toUpperCase());
}

/** Returns the code points of a Unicode class by the name as Go 1.26 takes it; undefined when Go refuses it, as it does scripts with `_` or an inner capital. */
export function goClassOf(name: string): RuneSet | undefined {
  const spelled = goSpelling(name);
  const alias = Object.hasOwn(aliases, spelled) ? aliases[spelled] : undefined;
  return goOnly.get(spelled)?.() ?? classOf(alias ?? spelled);
}

/** Returns a name that every reader takes for what somebody wrote otherwise; undefined when none is known. */
export function commonName(name: string): string | undefined {
  const bare = name.replace(/^(is|in|script=|sc=|scx=|general_category=|gc=|block=)/i, '');
  const spelled = goSpelling(bare);
  const alias = Object.hasOwn(aliases, spelled) ? aliases[spelled] : undefined;
  return [alias, spelled, bare].find((candidate) => candidate !== undefined && isKnownToAll(candidate));
}

/** Tells whether Go and RE2 both take the name. */
function isKnownToAll(name: string): boolean {
  return classOf(name) !== undefined && goClassOf(name) !== undefined;
}

interface Fold {
  readonly lo: number;
  readonly hi: number;
  /** Distance to the next of the same letter; 1 pairs even with odd, -1 odd with even. */
  readonly distance: number;
}

let folds: readonly Fold[] | undefined;

function foldTable(): readonly Fold[] {
  if (folds !== undefined) return folds;
  let end = 0;
  folds = packedFolds.split(' ').map((row) => {
    const [gap = '0', more = '0', distance = '0'] = row.split('.');
    const lo = end + parseInt(gap, 36);
    end = lo + parseInt(more, 36);
    return { lo, hi: end, distance: parseInt(distance, 36) };
  });
  return folds;
}

/** Index of the first fold whose end is not below the code point. */
function firstFold(table: readonly Fold[], rune: number): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((table[middle]?.hi ?? 0) < rune) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The range that a fold makes of `lo..hi`, which lies within the fold. */
function folded(fold: Fold, lo: number, hi: number): readonly [number, number] {
  if (fold.distance === 1) return [lo - (lo % 2), hi + (hi % 2 === 0 ? 1 : 0)];
  if (fold.distance === -1) return [lo - (lo % 2 === 0 ? 1 : 0), hi + (hi % 2)];
  return [lo + fold.distance, hi + fold.distance];
}

/** Returns the set with every other spelling of its letters in upper or lower case, as UTF-8 RE2 folds (`k` brings the Kelvin sign). */
export function foldSet(set: RuneSet): RuneSet {
  const table = foldTable();
  let all = set;
  let fresh = set;
  while (fresh.length > 0) {
    const found: number[] = [];
    for (let at = 0; at < fresh.length; at += 2) foldRange(table, fresh[at] ?? 0, fresh[at + 1] ?? 0, found);
    const next = union(all, toSet(found));
    fresh = isSame(next, all) ? [] : toSet(found);
    all = next;
  }
  return all;
}

const foldedAscii = new Map<number, RuneSet>();

/** Returns a letter with its other spellings, as {@link foldSet}; remembered for ASCII, of which most patterns are. */
export function foldRune(rune: number): RuneSet {
  const set = foldedAscii.get(rune) ?? foldSet([rune, rune]);
  if (rune < 0x80) foldedAscii.set(rune, set);
  return set;
}

function foldRange(table: readonly Fold[], lo: number, hi: number, found: number[]): void {
  for (let at = firstFold(table, lo); at < table.length; at++) {
    const fold = table[at];
    if (fold === undefined || fold.lo > hi) return;
    found.push(...folded(fold, Math.max(lo, fold.lo), Math.min(hi, fold.hi)));
  }
}

/** Returns the set with both cases of its ASCII letters: how Latin-1 RE2 folds. */
export function foldAscii(set: RuneSet): RuneSet {
  const found: number[] = [];
  for (let at = 0; at < set.length; at += 2) {
    const lo = set[at] ?? 0;
    const hi = set[at + 1] ?? 0;
    if (lo <= 0x5a && hi >= 0x41) found.push(Math.max(lo, 0x41) + 32, Math.min(hi, 0x5a) + 32);
    if (lo <= 0x7a && hi >= 0x61) found.push(Math.max(lo, 0x61) - 32, Math.min(hi, 0x7a) - 32);
  }
  return union(set, toSet(found));
}
