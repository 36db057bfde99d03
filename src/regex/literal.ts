/** Cheap questions about a pattern's text. */
import { treeOf } from './judge.ts';
import type { Tree } from './tree.ts';

/**
 * Returns the one value that the pattern matches in full, so that `exact` would do; undefined when there are others or none. Anchors at the ends and groups
 * do not count: `^(OPS-1234)$` is `OPS-1234`.
 */
export function literalOf(pattern: string): string | undefined {
  const tree = treeOf(pattern);
  if (tree === undefined) return undefined;
  const runes: number[] = [];
  return gather(tree, runes, { ended: false }) ? String.fromCodePoint(...runes) : undefined;
}

/** Appends what the tree matches; false when that is not one text. `ended`: nothing may follow. */
function gather(tree: Tree, runes: number[], state: { ended: boolean }): boolean {
  if (tree.op === 'concat') return tree.subs.every((sub) => gather(sub, runes, state));
  if (tree.op === 'capture') return gather(tree.sub, runes, state);
  if (tree.op === 'literal') {
    runes.push(...tree.runes);
    return !state.ended && !(tree.fold && tree.runes.some(isLetter));
  }
  if (tree.op !== 'assert') return tree.op === 'empty';
  state.ended ||= tree.place === 'text-end';
  return tree.place === 'text-end' || (tree.place === 'text-start' && runes.length === 0);
}

function isLetter(rune: number): boolean {
  return (rune >= 0x41 && rune <= 0x5a) || (rune >= 0x61 && rune <= 0x7a);
}

/** A dot that was probably meant as itself. */
export interface BareDot {
  /** UTF-16 offset in the pattern. */
  readonly offset: number;
  /** The host-like text around it, dots as written. */
  readonly host: string;
}

/** One step of a pattern's text: a class, an escape, a quoted part, or a character, with its repeat. */
const step = /\\Q[^]*?(?:\\E|$)|\\[^]|\[\^?\]?(?:\\[^]|\[:\^?\w+:\]|[^\]\\])*\]|[^]/gu;
const repeat = /^(?:[*+?]|\{\d+(?:,\d*)?\})/;

/**
 * Returns the dots that match any character but look like those of a host name: `ops-1234.ww-green.example.io`. In a pattern that is not `forHost`, only in
 * text of three names or more whose last is a word. Time linear in the pattern.
 */
export function bareDots(pattern: string, forHost: boolean): readonly BareDot[] {
  if (!mayHaveBareDot.test(pattern)) return [];
  const found: BareDot[] = [];
  let run: Run = { text: '', dots: [] };
  for (const match of pattern.matchAll(step)) {
    const [text] = match;
    const isRepeated = repeat.test(pattern.slice(match.index + text.length, match.index + text.length + 12));
    const part = isRepeated ? undefined : hostPart(text);
    if (part === undefined) {
      found.push(...dotsOf(run, forHost));
      run = { text: '', dots: [] };
      continue;
    }
    if (text === '.') run.dots.push(match.index);
    run = { ...run, text: run.text + text };
  }
  return [...found, ...dotsOf(run, forHost)];
}

interface Run {
  readonly text: string;
  readonly dots: number[];
}

/** Most patterns have none: told at a glance. */
const mayHaveBareDot = /(?:^|[^\\]|\\\\)\./;

/** The host character that a step stands for; undefined when it stands for none. */
function hostPart(text: string): string | undefined {
  const plain = text.length === 2 && text.startsWith('\\') ? text.slice(1) : text;
  if (text === '\\.' || plain === '-' || plain === '.') return plain;
  return text.length === 1 && /[A-Za-z0-9_]/.test(text) ? text : undefined;
}

function dotsOf({ text, dots }: Run, forHost: boolean): readonly BareDot[] {
  const names = text.replaceAll('\\', '').split('.');
  const isHost = /^[A-Za-z][A-Za-z0-9-]+$/.test(names.at(-1) ?? '') && names.length > (forHost ? 1 : 2);
  return isHost ? dots.map((offset) => ({ offset, host: text })) : [];
}
