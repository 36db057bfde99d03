/**
 * Order made into specificity. Istio asks one route after the other; the Gateway API takes the rule with the longest path, then the most header
 * conditions, and between equals the oldest object. In: conditions in the order in which they are to be asked; out: conditions of which, for every
 * request, the most specific one is the one that would have been asked first, so that neither order nor age of objects decides anything.
 * @see https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
 */
import { isBelow } from '../site.ts';

/** A condition on one header; the value is compared whole. */
export interface HeaderCondition {
  readonly type: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

/** A path and all below it, the headers asked for (no header twice), and what happens then. */
export interface Condition<Action> {
  readonly path: string;
  readonly headers: readonly HeaderCondition[];
  readonly action: Action;
}

/** The name of the header in which a branch may be one member among others, and so may stand beside another header. */
const baggage = 'baggage';

/**
 * Makes order needless. Conditions on one header must not overlap, save those on `baggage` among themselves; those on `baggage` come after the others of
 * their path.
 */
export function settle<Action>(ordered: readonly Condition<Action>[]): readonly Condition<Action>[] {
  const settled = new Map<string, Condition<Action>>();
  const closed: string[] = [];
  const hasBaggage = ordered.some(({ headers }) => headers.some(({ name }) => name === baggage));
  for (const [index, condition] of ordered.entries()) {
    const { path, headers, action } = condition;
    const below =
      headers.length === 0
        ? []
        : ordered
            .slice(index + 1)
            .map((later) => later.path)
            .filter((other) => isBelow(other, path));
    const places = [...new Set([path, ...below])].filter(
      (place) => !closed.some((other) => covers(other, place)),
    );
    const made = places.flatMap((place) =>
      (hasBaggage ? strengthened(headers) : [headers]).map((asked) => ({
        path: place,
        headers: asked,
        action,
      })),
    );
    for (const one of made) {
      const key = JSON.stringify([one.path, one.headers]);
      if (!settled.has(key)) settled.set(key, one);
    }
    if (headers.length === 0) closed.push(path);
  }
  return [...settled.values()];
}

function covers(path: string, other: string): boolean {
  return path === other || isBelow(other, path);
}

/** A branch that the routing header names comes before one that `baggage` names: where both are there, two conditions beat one. */
function strengthened(headers: readonly HeaderCondition[]): readonly (readonly HeaderCondition[])[] {
  if (headers.length === 0 || headers.some(({ name }) => name === baggage)) return [headers];
  return [headers, [...headers, { type: 'RegularExpression', name: baggage, value: '.*' }]];
}
