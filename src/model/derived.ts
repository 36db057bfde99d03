/** What is worked out once from a collection and kept until the collection changes: decisions ask the same of it again and again. */

type Make<K extends object, V> = (collection: K) => V;

/** Collection → what was derived from it, by the function that did. */
const known = new WeakMap<object, Map<unknown, unknown>>();

/**
 * Returns `make(collection)`, from memory when that was asked before. `make` must be one function for ever (a constant of a module), and depend on
 * nothing but the collection. Whoever changes a collection in place calls {@link forgetDerived}.
 */
export function derived<K extends object, V>(collection: K, make: Make<K, V>): V {
  const values = known.get(collection) ?? new Map<unknown, unknown>();
  if (values.size === 0) known.set(collection, values);
  const found = values.get(make);
  if (found !== undefined) return found as V;
  const value = make(collection);
  values.set(make, value);
  return value;
}

/** Forgets what was derived from a collection: it changed. */
export function forgetDerived(collection: object): void {
  known.delete(collection);
}
