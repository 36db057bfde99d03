/** Edits without touching the original, and the RFC 6902 operations between the two. Unchanged parts are shared, so a diff costs only what changed. */
import jsonPatch from 'fast-json-patch';
import { isObject, textAt, type JsonObject } from '../model/json.ts';

/** One RFC 6902 operation. */
export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

type Path = readonly (string | number)[];

/**
 * Returns a copy of `object` in which `path` holds `value` (undefined removes the key); parents that are missing or null are made.
 * Everything else is shared with the original. Returns the original itself when nothing changes, or when a parent is neither an object nor a list.
 */
export function withValue(object: JsonObject, path: Path, value: unknown): JsonObject {
  return setIn(object, path, value, 0) as JsonObject;
}

/** `depth` is how much of the path is behind us. */
function setIn(current: unknown, path: Path, value: unknown, depth: number): unknown {
  const step = path[depth];
  if (step === undefined) return value;
  const parent = current ?? {};
  if (Array.isArray(parent)) return setInList(parent as readonly unknown[], path, value, depth);
  if (!isObject(parent)) return current;
  const before = Object.hasOwn(parent, step) ? parent[step] : undefined;
  const after = setIn(before, path, value, depth + 1);
  if (after === before) return current;
  if (after !== undefined) return { ...parent, [step]: after };
  return Object.fromEntries(Object.entries(parent).filter(([key]) => key !== step));
}

function setInList(list: readonly unknown[], path: Path, value: unknown, depth: number): unknown {
  const step = path[depth];
  if (typeof step !== 'number' || step > list.length) return list;
  const after = setIn(list[step], path, value, depth + 1);
  return after === list[step] ? list : [...list.slice(0, step), after, ...list.slice(step + 1)];
}

/**
 * Returns the operations that turn `before` into `after`, in the key order of `after`: only what differs, list members put in front with `/0` or
 * appended with `/-`, never reordered. A list that got shorter is replaced as a whole.
 */
export function diff(before: unknown, after: unknown, path = ''): readonly Operation[] {
  if (before === after) return [];
  if (isObject(before) && isObject(after)) return diffObjects(before, after, path);
  if (Array.isArray(before) && Array.isArray(after) && after.length >= before.length)
    return diffLists(before, after, path);
  return [{ op: 'replace', path, value: after }];
}

/** Keys that a JSON Patch library may refuse in a path, for fear of prototypes; their parent is replaced as a whole. */
const unspeakable = ['__proto__', 'constructor', 'prototype'];

function diffObjects(before: JsonObject, after: JsonObject, path: string): readonly Operation[] {
  const isChanged = (key: string): boolean =>
    Object.hasOwn(before, key) !== Object.hasOwn(after, key) ||
    (Object.hasOwn(before, key) && before[key] !== after[key]);
  if (unspeakable.some(isChanged)) return [{ op: 'replace', path, value: after }];
  const operations: Operation[] = [];
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) operations.push({ op: 'remove', path: `${path}/${escape(key)}` });
  }
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(before, key))
      operations.push({ op: 'add', path: `${path}/${escape(key)}`, value: after[key] });
    else if (before[key] !== after[key])
      operations.push(...diff(before[key], after[key], `${path}/${escape(key)}`));
  }
  return operations;
}

function diffLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
): readonly Operation[] {
  const lead = leadOf(before, after);
  const led = after
    .slice(0, lead)
    .reverse()
    .map((value): Operation => ({ op: 'add', path: `${path}/0`, value }));
  const changed = before.flatMap((member, index) =>
    member === after[index + lead] ? [] : diff(member, after[index + lead], `${path}/${index + lead}`),
  );
  const added = after
    .slice(before.length + lead)
    .map((value): Operation => ({ op: 'add', path: `${path}/-`, value }));
  return [...led, ...changed, ...added];
}

/** How many members were put in front: those before the one that was the first, which is the same object, or has its name. */
function leadOf(before: readonly unknown[], after: readonly unknown[]): number {
  const [first] = before;
  if (!isObject(first) || after[0] === first) return 0;
  const name = textAt(first, 'name');
  const lead = after.findIndex(
    (member) => member === first || (name !== undefined && textAt(member, 'name') === name),
  );
  return lead > 0 && lead + before.length <= after.length ? lead : 0;
}

/** What came of a patch: the object with it, or why it does not apply. */
export type Applied = { readonly after: JsonObject } | { readonly reason: string };

/**
 * Returns `target` with the operations applied, one after the other; what they do not touch is shared with `target`, which stays as it is. A patch that
 * does not apply rejects the request even under `failurePolicy: Ignore`, so none is sent unchecked.
 *
 * @see https://github.com/kubernetes/apiserver/blob/master/pkg/admission/plugin/webhook/mutating/dispatcher.go (callAttrMutatingHook)
 */
export function applyPatch(target: JsonObject, operations: readonly Operation[]): Applied {
  const copies = new Set<unknown>();
  let after: unknown = target;
  try {
    for (const [index, operation] of operations.entries()) {
      after = withOwnParents(after, operation.path, copies);
      after = jsonPatch.applyOperation(after, operation, true, true, true, index).newDocument;
    }
    return isObject(after) ? { after } : { reason: 'it leaves no object' };
  } catch (error) {
    return { reason: (error instanceof Error ? error.message.split('\n')[0] : undefined) ?? String(error) };
  }
}

/** Copies what an operation is about to change, from the root to the parent of its path, save what was copied before. */
function withOwnParents(document: unknown, path: string, copies: Set<unknown>): unknown {
  const root = ownCopy(document, copies);
  let parent = root;
  for (const step of path.split('/').slice(1, -1).map(unescape)) {
    if (!isContainer(parent) || !Object.hasOwn(parent, step)) break;
    parent = parent[step] = ownCopy(parent[step], copies);
  }
  return root;
}

function ownCopy(value: unknown, copies: Set<unknown>): unknown {
  if (!isContainer(value) || copies.has(value)) return value;
  const copy = Array.isArray(value) ? [...(value as readonly unknown[])] : { ...value };
  copies.add(copy);
  return copy;
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** @see RFC 6901, section 4 */
function unescape(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** @see RFC 6901, section 3 */
function escape(key: string): string {
  return /[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key;
}
