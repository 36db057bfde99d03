/** Events on the objects that people look at: one line each, not the same one twice, never many. */
import { toText } from '../model/problem.ts';
import type { JsonObject } from '../model/json.ts';
import type { Clock } from './clock.ts';

/** What happened to which object. */
export interface Happening {
  readonly kind: string;
  readonly apiVersion: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  readonly reason: string;
  readonly note: string;
}

/** Events that are to be written. */
export interface EventQueue {
  /** Adds one, unless the same was said of late or too much was said about the object. */
  add(happening: Happening): void;
  /** Takes the oldest: an object of `events.k8s.io/v1`. */
  take(): JsonObject | undefined;
}

/** The same words about the same object are said again after this long, in milliseconds. */
const repeatMilliseconds = 60 * 60 * 1000;
/** Events about one object: so many at once, then one in so many milliseconds. client-go's are 25 and 5 min. @see https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go */
const burst = 25;
const refillMilliseconds = 5 * 60 * 1000;
/** Events that wait to be written; the oldest goes when there are more. */
const queueLimit = 1000;
/** Longest note. @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const noteLimit = 1024;

/** Makes an empty queue. `identity` names this process. */
export function createEventQueue(clock: Clock, identity: string): EventQueue {
  const queue: JsonObject[] = [];
  const said = new Map<string, number>();
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>();
  let count = 0;

  function mayAdd({ kind, namespace, name, reason, note }: Happening, now: number): boolean {
    const object = `${kind}/${namespace}/${name}`;
    const words = `${object}/${reason}/${note}`;
    if ((said.get(words) ?? -Infinity) + repeatMilliseconds > now) return false;
    const known = buckets.get(object) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, known.tokens + (now - known.at) / refillMilliseconds);
    if (tokens < 1) return false;
    said.set(words, now);
    buckets.set(object, { tokens: tokens - 1, at: now });
    forget(said, now - repeatMilliseconds, (at) => at);
    forget(buckets, now - burst * refillMilliseconds, ({ at }) => at);
    return true;
  }

  return {
    add(happening) {
      if (!mayAdd(happening, clock.now())) return;
      count += 1;
      queue.push(eventOf(happening, { wall: clock.wall(), identity, count }));
      if (queue.length > queueLimit) queue.shift();
    },
    take: () => queue.shift(),
  };
}

/** Forgets entries that are too old to matter; the oldest stand first, more or less. */
function forget<T>(entries: Map<string, T>, before: number, timeOf: (entry: T) => number): void {
  for (const [key, entry] of entries) {
    if (timeOf(entry) > before) return;
    entries.delete(key);
  }
}

/** Events about cluster-scoped objects stand in `default`. */
function eventOf(
  { kind, apiVersion, namespace, name, uid, type, reason, note }: Happening,
  { wall, identity, count }: { readonly wall: number; readonly identity: string; readonly count: number },
): JsonObject {
  const text = toText(note);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      namespace: namespace === '' ? 'default' : namespace,
      name: `${name.slice(0, 200)}.${Math.floor(wall * 1000 + (count % 1000)).toString(16)}`,
    },
    eventTime: new Date(wall).toISOString().replace('Z', '000Z'),
    reportingController: 'branchline.dev/controller',
    reportingInstance: identity.slice(0, 128),
    action: reason,
    reason,
    type,
    note: text.length > noteLimit ? `${text.slice(0, noteLimit - 3)}...` : text,
    regarding: {
      apiVersion,
      kind,
      name,
      ...(namespace === '' ? {} : { namespace }),
      ...(uid === '' ? {} : { uid }),
    },
  };
}
