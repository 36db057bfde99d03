/** What is worked out once for an object and kept for as long as the object is: decisions ask the same of it again and again. */

type Build<K extends object, A extends readonly unknown[], V> = (object: K, ...rest: A) => V;

/** What is known after some of the arguments: the answer, when they were all, and what follows by the next argument. */
interface Known {
  answer: { readonly value: unknown } | undefined;
  readonly next: Map<unknown, Known>;
}

/** Object → function that was asked → its other arguments, one by one. */
const memory = new WeakMap<object, Known>();

/**
 * Returns `build(object, ...rest)`, from memory when the same was asked before: of this object, by this function, with all these arguments (compared
 * as a Map compares keys). `build` must be one function for ever (of a module, no closure), depend on nothing but its arguments, and have few
 * different `rest` for one object. Whoever changes an object in place calls {@link invalidate}.
 */
export function memoize<K extends object, A extends readonly unknown[], V>(
  object: K,
  build: Build<K, A, V>,
  ...rest: A
): V {
  let known = memory.get(object);
  if (known === undefined) memory.set(object, (known = nothing()));
  known = after(known, build);
  for (const argument of rest) known = after(known, argument);
  known.answer ??= { value: build(object, ...rest) };
  return known.answer.value as V;
}

/** Forgets what was worked out for an object: it changed. */
export function invalidate(object: object): void {
  memory.delete(object);
}

function nothing(): Known {
  return { answer: undefined, next: new Map() };
}

function after({ next }: Known, argument: unknown): Known {
  let found = next.get(argument);
  if (found === undefined) next.set(argument, (found = nothing()));
  return found;
}
