/** Lets thousands of projections share the strings and label maps that repeat among them. */
import { isObject, type JsonObject, type Labels } from '../model/json.ts';
import type { Projection } from '../model/snapshot.ts';

/** Entries after which a pool starts anew: sharing is lost then, nothing else. Bounds what ever-new values (pod-template-hash) could grow. */
const poolEntries = 20_000;

/**
 * Returns a function that replaces, in place, the strings and label maps of a fresh projection by shared ones.
 * The `name` is left alone: it repeats nowhere.
 */
export function createInterner(): <T extends Projection>(projection: T) => T {
  const strings = new Map<string, string>();
  const labelMaps = new Map<string, Labels>();

  function shareString(text: string): string {
    const known = strings.get(text);
    if (known !== undefined) return known;
    remember(strings, text, text);
    return text;
  }

  function shareLabels(labels: Labels): Labels {
    const key = JSON.stringify(labels);
    const known = labelMaps.get(key);
    if (known !== undefined) return known;
    for (const name in labels) (labels as Record<string, string>)[name] = shareString(labels[name] ?? '');
    remember(labelMaps, key, labels);
    return labels;
  }

  function share(value: unknown): unknown {
    if (typeof value === 'string') return shareString(value);
    if (Array.isArray(value)) return shareItems(value);
    if (!isObject(value)) return value;
    return Object.getPrototypeOf(value) === null ? shareLabels(value as Labels) : shareFields(value);
  }

  function shareItems(items: unknown[]): unknown[] {
    items.forEach((item, index) => {
      items[index] = share(item);
    });
    return items;
  }

  function shareFields(fields: JsonObject): unknown {
    for (const [key, value] of Object.entries(fields))
      if (key !== 'name') (fields as Record<string, unknown>)[key] = share(value);
    return fields;
  }

  return (projection) => {
    shareFields(projection as unknown as JsonObject);
    return projection;
  };
}

function remember<T>(pool: Map<string, T>, key: string, value: T): void {
  if (pool.size >= poolEntries) pool.clear();
  pool.set(key, value);
}
