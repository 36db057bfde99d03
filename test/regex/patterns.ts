// The patterns of the corpus: every construct we know of by hand, what people write in routes, mutations of those, and generated ones. Deterministic.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goClassOf } from '../../src/regex/unicode.ts';
import { packedClasses } from '../../src/regex/unicode-data.ts';

/** A pattern and the group it was written for. */
export interface Sample {
  readonly group: string;
  readonly pattern: string;
}

const folder = join(import.meta.dirname, '..', 'cases', 'regex');

function linesOf(file: string): readonly string[] {
  return readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# '));
}

/** Every row of istio-and-envoy.md §3, §3.1 and §3.2, and what their neighbours are; and what does not fit on a line. */
const constructs = [...linesOf('constructs.txt'), '\0', 'a\0b', '\n', 'a\nb', '\r\n', '\t', '\u2028', '# a'];

/** What people write in routes, and in the issues of §7. */
const routes = linesOf('routes.txt');

/** A generator of numbers in [0, 1) that gives the same ones for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = () => number;

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)] as T;
}

const atoms =
  String.raw`a b k s S ab abc OPS-1234 - . \. \d \w \W \s \S \D [a-z] [^a] [^,] [A-Za-z] [Aa] [^/] [ace] [acegikmoqsuwy] \pL \p{Greek} \PN \p{Lu} [\pL\d_] é [é-ü] [^é] 漢 \x{e9} \xff [[:alpha:]] [[:^digit:]] ^ $ \b \B \A \z (?s:.) (?:) () [a\-z] [\x00-\x{ff}] \Qa.b\E [ſK] [\d-] \p{Any} \pZ [\PL\pN] \n [^\n]`.split(
    ' ',
  );
const odd =
  String.raw`(?=a) (?!a) \1 * ( [ ) \Z a** (?>a) {1001} \ (?x) [b-a] {2,1} \p{Letter} a{ a{,2} (?<n>a) (?P<n>a) \q { ] } | (?i) (?-i) (?U) (?m) \012 \x4 (?P=n) (?#c) [[:foo:]] \8 \pX \Q \C \x{100}`.split(
    ' ',
  );
const repeats =
  String.raw`* + ? *? +? ?? {2} {0,3} {2,} {0,1} {1} {0} {3,7} {1,} {0,} {2,5}? {10} {0,40}`.split(' ');
const openings = ['(', '(?:', '(?:', '(?i:', '(?P<x>', '(?s:'];

/** A pattern by grammar, `depth` deep. `oddity`: share of things that are odd or wrong. */
function grown(random: Random, depth: number, oddity: number): string {
  const choice = random();
  const inner = () => grown(random, depth - 1, oddity);
  if (depth <= 0 || choice < 0.35) return random() < oddity ? pick(random, odd) : pick(random, atoms);
  if (choice < 0.6) return Array.from({ length: 1 + Math.floor(random() * 4) }, inner).join('');
  if (choice < 0.75) return `${pick(random, openings)}${inner()})`;
  if (choice < 0.88) {
    const start = pick(random, ['', '', 'ab', 'a', '[^/]', '\\d', '^', 'x{3}']);
    return `(?:${Array.from({ length: 2 + Math.floor(random() * 4) }, () => (random() < 0.8 ? start + inner() : pick(random, ['', 'a', 'b', 'k']))).join('|')})`;
  }
  const body = inner();
  return `${body.length > 1 && random() < 0.6 ? `(?:${body})` : body}${pick(random, repeats)}`;
}

/** A pattern with a character taken out, put in, or put in place of another. */
function mutated(random: Random, pattern: string): string {
  const at = Math.floor(random() * pattern.length);
  const added = random() < 0.3 ? '' : pick(random, [...'()[]{}*+?|^$.\\ab-19:=!<>P,i']);
  return pattern.slice(0, at) + added + pattern.slice(at + (random() < 0.5 ? 1 : 0));
}

/** Alternations of branch names, as one regex for many branches would have them. */
function branches(random: Random): string {
  const names = Array.from(
    { length: 1 + Math.floor(random() * 40) },
    () => `${pick(random, ['OPS', 'TS', 'PLAT', 'WW', 'feature/TS'])}-${1 + Math.floor(random() * 9999)}`,
  );
  const written = names.flatMap((name) => (random() < 0.5 ? [name, name.toLowerCase()] : [name]));
  return `${pick(random, ['', '(?i)', '^'])}(${pick(random, ['', '?:'])}${written.join('|')})${pick(random, ['', '$', '(,.*)?', '(:\\d+)?'])}`;
}

function classNames(): readonly Sample[] {
  const names = [...Object.keys(packedClasses), ...['C', 'L', 'M', 'N', 'P', 'S', 'Z', 'Any']];
  const forms = names.flatMap((name) => [
    name,
    goClassOf(name) === undefined ? name.replaceAll('_', '') : name.toLowerCase(),
  ]);
  return forms.map((name) => ({ group: 'unicode class', pattern: `\\p{${name}}` }));
}

/** Longest pattern of the corpus, in bytes: longer ones istiod refuses unread. */
const bytesMax = 1024;

/** Returns `count` patterns, or all that were written by hand when those are more; each once. */
export function samples(count: number, seed: number): readonly Sample[] {
  const random = mulberry32(seed);
  const found = new Map<string, Sample>();
  const add = (group: string, pattern: string) => {
    const fits =
      pattern !== '' && new TextEncoder().encode(pattern).length <= bytesMax && pattern.isWellFormed();
    if (fits && !found.has(pattern)) found.set(pattern, { group, pattern });
  };
  for (const pattern of constructs) add('construct', pattern);
  for (const pattern of routes) add('route', pattern);
  for (const { group, pattern } of classNames()) add(group, pattern);
  const written = [...constructs, ...routes];
  for (let turn = 0; found.size < count; turn++) {
    const kind = turn % 10;
    if (kind < 3) add('mutation', mutated(random, pick(random, written)));
    else if (kind < 4) add('branches', branches(random));
    else if (kind < 5) add('branches', mutated(random, branches(random)));
    else
      add(
        'generated',
        (random() < 0.25 ? '(?i)' : '') +
          (random() < 0.2 ? '^' : '') +
          grown(random, 1 + Math.floor(random() * 5), pick(random, [0, 0, 0.05, 0.15])) +
          (random() < 0.2 ? '$' : ''),
      );
  }
  return [...found.values()];
}
