/** Methods in place of others. */

/** A function about which nothing is known. */
export type AnyFunction = (this: never, ...args: readonly never[]) => unknown;
/** An object about which nothing is known. */
export type AnyObject = Record<PropertyKey, unknown>;

const replaced = new WeakSet<object>();

/** Puts a method in place of one that an object has or inherits; once, whoever asks again. Does nothing when there is none. */
export function replace<F extends (this: never, ...args: never[]) => unknown>(target: object, name: string, make: (original: F) => F): void {
  const original = (target as AnyObject)[name] as F | undefined;
  if (typeof original !== 'function' || replaced.has(original)) return;
  const replacement = make(original);
  replaced.add(replacement);
  Object.defineProperty(target, name, { value: replacement, writable: true, configurable: true, enumerable: Object.getOwnPropertyDescriptor(target, name)?.enumerable ?? false });
}

/** Returns the value under the symbol that an object's class describes so: where a library keeps what it does not publish. */
export function hidden(target: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(target).find((one) => one.description === description);
  return symbol === undefined ? undefined : (target as AnyObject)[symbol];
}
