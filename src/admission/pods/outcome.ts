/** What comes of giving a container something: the container with it, or why not. */
import type { JsonObject } from '../../model/json.ts';
import type { ProblemCode } from '../../model/problem.ts';

/** A code, and what stands in the way: the rest of a sentence about the container, with what to do. */
export interface Refusal {
  readonly code: ProblemCode;
  readonly why: string;
}

/** One or the other. */
export type Outcome =
  | { readonly container: JsonObject; readonly refusal?: undefined }
  | { readonly container?: undefined; readonly refusal: Refusal };

/** One thing that a container is to be given. */
export type Gift = (container: JsonObject) => Outcome;

/** The container as it is to be. */
export function given(container: JsonObject): Outcome {
  return { container };
}

/** Why it stays as it is. */
export function refused(code: ProblemCode, why: string): Outcome {
  return { refusal: { code, why } };
}

/** Gives one thing after another; a refusal leaves the container as it was and does not keep the others away. */
export function giveEach(
  container: JsonObject,
  gifts: readonly Gift[],
): { readonly container: JsonObject; readonly refusals: readonly Refusal[] } {
  let current = container;
  const refusals: Refusal[] = [];
  for (const gift of gifts) {
    const outcome = gift(current);
    if (outcome.refusal === undefined) current = outcome.container;
    else refusals.push(outcome.refusal);
  }
  return { container: current, refusals };
}

/** Gives several things, or none of them. */
export function giveAll(container: JsonObject, gifts: readonly Gift[]): Outcome {
  let current = container;
  for (const gift of gifts) {
    const outcome = gift(current);
    if (outcome.refusal !== undefined) return outcome;
    current = outcome.container;
  }
  return given(current);
}
