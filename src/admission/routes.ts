import type { JsonObject } from '../model/json.ts';
import type { Problem } from '../model/problem.ts';

/** Checks the regexes of a route object. */
export function checkRoutes(object: JsonObject): readonly Problem[] {
  void object;
  return [];
}
