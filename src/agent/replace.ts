/** Methods in place of others. */
import { attempt } from './context.ts';

/** An object about which nothing is known. */
export type AnyObject = Record<PropertyKey, unknown>;
/** A method about which nothing is known. */
export type Method = (this: object, ...args: unknown[]) => unknown;

// By names that minifying shortens.
export const { getPrototypeOf } = Object;
export const { isArray } = Array;

/** On an object or a function: what we know about it, and that it is ours. */
export const marked = Symbol('branchline');

/** Puts a method in place of one that an object has or inherits; once, whoever asks again. Does nothing when there is none. */
export function replace(target: object, name: string, make: (original: Method) => Method): void {
  const original = (target as AnyObject)[name] as Method & { [marked]?: true };
  if (typeof original !== 'function' || original[marked]) return;
  const value: typeof original = make(original);
  value[marked] = true;
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

/** Has a method called with the arguments that `prepare` makes of the given ones; with those themselves when it makes none, or fails. */
export function prepareArguments(
  target: object,
  name: string,
  prepare: (self: never, args: readonly unknown[]) => readonly unknown[] | false | undefined,
): void {
  replace(
    target,
    name,
    (original) =>
      function (...args) {
        return original.apply(this, (attempt(() => prepare(this as never, args)) || args) as unknown[]);
      },
  );
}

/** Returns the value under the symbol that an object's class describes so: where a library keeps what it does not publish. */
export function hidden(target: object, description: string): unknown {
  for (const symbol of Object.getOwnPropertySymbols(target))
    if (symbol.description === description) return (target as AnyObject)[symbol];
  return undefined;
}

/** Returns a copy of a list with another member at a place. */
export function withMember(list: readonly unknown[], index: number, member: unknown): readonly unknown[] {
  const copy = list.slice();
  copy[index] = member;
  return copy;
}
