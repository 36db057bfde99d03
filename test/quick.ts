/** The environment by which a story shortens numbers that are no settings; CONTRIBUTING.md lists them. */
import type { FixedNumber } from '../src/config/fixed.ts';
import { environmentOf } from '../src/config/settings.ts';

/** Returns the variables that give a program these numbers in place of its own. */
export function withNumbers(
  numbers: Readonly<Partial<Record<FixedNumber, number>>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(numbers).map(([key, value]) => [environmentOf(key as FixedNumber), String(value)]),
  );
}
