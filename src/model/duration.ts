/** Lifetimes as people write them. */

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Parses a lifetime such as `90s`, `90m`, `12h`, `7d`, `2w` (whole and above zero, up to 10 years). @returns seconds, or undefined. */
export function parseLifetimeSeconds(text: string): number | undefined {
  const [, amount, unit] = /^([1-9][0-9]{0,6})([smhdw])$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const seconds = Number(amount) * (secondsPerUnit[unit] ?? 0);
  return seconds <= 10 * 365 * 86_400 ? seconds : undefined;
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** Shows a time span in its two largest units, e.g. `3d`, `2d4h`, `5m30s`, `0s`; fractions of a second are dropped, a negative one counts as none. */
export function showSpan(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds));
  const first = units.findIndex(([, size]) => left >= size);
  if (first < 0) return '0s';
  let text = '';
  for (const [unit, size] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    if (count > 0) text += `${count}${unit}`;
    left -= count * size;
  }
  return text;
}
