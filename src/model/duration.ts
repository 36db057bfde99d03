/** Lifetimes as people write them. */

const secondsPerUnit: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Parses a lifetime such as `90m`, `12h`, `7d`, `2w` (whole and above zero, up to 10 years). @returns seconds, or undefined. */
export function parseLifetimeSeconds(text: string): number | undefined {
  const [, amount, unit] = /^([1-9][0-9]{0,6})([mhdw])$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const seconds = Number(amount) * (secondsPerUnit[unit] ?? 0);
  return seconds <= 10 * 365 * 86_400 ? seconds : undefined;
}
