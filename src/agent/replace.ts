/** Methods in place of others. */
import { attempt } from './context.ts';

/** An object about which nothing is known. */
export type AnyObject = Record<PropertyKey, unknown>;
/** A method about which nothing is known. */
export type Method = (this: object, ...args: unknown[]) => unknown;

/** On an object of a library: what we know about it. */
export const marked = Symbol('branchline');

const replacements = new WeakSet();

/** Puts a method in place of one that an object has or inherits; once, whoever asks again. Does nothing when there is none. */
export function replace(target: object, name: string, make: (original: Method) => Method): void {
  const original = (target as AnyObject)[name] as Method;
  if (typeof original !== 'function' || replacements.has(original)) return;
  const value = make(original);
  replacements.add(value);
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

/** Has a method called with the arguments that `prepare` makes of the given ones; with those themselves when it makes none, or fails. */
export function prepareArguments(target: object, name: string, prepare: (self: object, args: readonly unknown[]) => readonly unknown[] | undefined): void {
  replace(target, name, (original) => function (...args) {
    return original.apply(this, (attempt(() => prepare(this, args)) || args) as unknown[]);
  });
}

/** Returns the value under the symbol that an object's class describes so: where a library keeps what it does not publish. */
export function hidden(target: object, description: string): unknown {
  for (const symbol of Object.getOwnPropertySymbols(target)) if (symbol.description === description) return (target as AnyObject)[symbol];
  return undefined;
}

/** Returns a copy of a list with another member at a place. */
export function withMember(list: readonly unknown[], index: number, member: unknown): readonly unknown[] {
  const copy = list.slice();
  copy[index] = member;
  return copy;
}
