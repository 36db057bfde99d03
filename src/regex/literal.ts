/** Cheap questions about a pattern's text. */

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
