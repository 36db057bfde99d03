/** Reads values that came from outside. Every reader looks at own properties only, so keys such as `__proto__` and `constructor` are data. */

/** A JSON object as `JSON.parse` or a YAML parser made it; values are unknown until read. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** String → string map without a prototype: every key is safe to index. */
export type Labels = Readonly<Record<string, string>>;

/** Tells whether a value is a JSON object (not null, not a list). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value at a path of own keys and list indexes; undefined where any step is missing or of another shape. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    current = (current as Readonly<Record<string | number, unknown>>)[step];
  }
  return current;
}

/** Returns the string at a path, or undefined. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

/** Returns the finite number at a path, or undefined. */
export function numberAt(value: unknown, ...path: readonly (string | number)[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

/** Returns the list at a path; empty when missing or of another shape. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly unknown[]) : [];
}

/** Returns the object at a path; empty when missing or of another shape. */
export function objectAt(value: unknown, ...path: readonly (string | number)[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

/** Returns the string values of the object at a path, without those that are not strings. */
export function labelsAt(value: unknown, ...path: readonly (string | number)[]): Labels {
  return toLabels(Object.entries(objectAt(value, ...path)));
}

/** Makes a prototype-less map of the entries whose value is a string. */
export function toLabels(entries: Iterable<readonly [string, unknown]>): Labels {
  const labels = Object.create(null) as Record<string, string>;
  for (const [key, value] of entries) if (typeof value === 'string') labels[key] = value;
  return labels;
}

/** Returns the labels with one of them set; the same object when it is so already. */
export function withLabel(labels: Labels, key: string, value: string): Labels {
  if (labels[key] === value) return labels;
  const copy = Object.assign(Object.create(null) as Record<string, string>, labels);
  copy[key] = value;
  return copy;
}

/** Tells whether `labels` has every key of `selector` with the same value (an equality selector, as in a Service). */
export function covers(labels: Labels, selector: Labels): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}

/** Splits a comma-separated annotation into its trimmed, non-empty members. */
export function commaList(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}
