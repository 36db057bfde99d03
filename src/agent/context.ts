/** What the request in hand carries, wherever in the code we are. */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { builtin } from './builtin.ts';

/** Names in lower case, with valid values. */
export type Carried = readonly (readonly [name: string, value: string])[];

let storage: AsyncLocalStorage<Carried | undefined> | undefined;
const onFirst: (() => void)[] = [];

/** Returns what the request in hand carries. Free until the first one that carries something. */
export function carried(): Carried | undefined {
  return storage && storage.getStore();
}

/** Tells whether any request carried something yet. */
export function isStarted(): boolean {
  return !!storage;
}

/** Runs a task when the first request that carries something arrives, before it is served. */
export function beforeFirst(task: () => void): void {
  onFirst.push(task);
}

/**
 * Runs a task on behalf of a request. Storage is made for the first one that carries something: before Node 24 it costs every `await` of the process.
 */
export function runWith<T>(store: Carried | undefined, task: () => T): T {
  if (!storage) {
    if (!store) return task();
    storage = new (builtin('async_hooks').AsyncLocalStorage)();
    onFirst.forEach(attempt);
  }
  return storage.getStore() === store ? task() : storage.run(store, task);
}

/** Returns what a hook computes; undefined when it fails, so that the caller goes on without us. */
export function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
