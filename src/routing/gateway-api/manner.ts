/** How requests are sent on, beside where to: headers and timeout, of what settings and the `http` annotation say that the Gateway API's standard channel can. */
import type { Settings } from '../../config/settings.ts';
import { isObject, listAt, objectAt, type JsonObject } from '../../model/json.ts';
import { extraOf } from '../istio.ts';
import type { ServiceLayout } from '../layout.ts';

/** Header operations by lower-case name. */
export interface HeaderChanges {
  readonly set: ReadonlyMap<string, string>;
  readonly add: ReadonlyMap<string, string>;
  readonly remove: ReadonlySet<string>;
}

/** What holds for every route of one service. */
export interface Manner {
  readonly request: HeaderChanges;
  readonly response: HeaderChanges;
  /** As GEP-2257 writes it; undefined: none. */
  readonly timeout: string | undefined;
  /** Fields of the annotation that have no counterpart, sorted as written. */
  readonly leftOut: readonly string[];
}

/** Reads the manner of a service. */
export function mannerOf(layout: ServiceLayout, { routeTimeoutSeconds }: Settings): Manner {
  const extra = extraOf(layout) ?? {};
  const leftOut = Object.keys(extra).filter((key) => !['timeout', 'headers'].includes(key));
  const written = extra['timeout'];
  const timeout =
    written === undefined
      ? routeTimeoutSeconds === 0
        ? undefined
        : durationOf(`${routeTimeoutSeconds}s`)
      : durationOf(written);
  if (written !== undefined && timeout === undefined) leftOut.push('timeout');
  return {
    request: changesOf(extra, 'request', leftOut),
    response: changesOf(extra, 'response', leftOut),
    timeout,
    leftOut,
  };
}

/** Hours, minutes, seconds, milliseconds, at most five digits each. @see https://gateway-api.sigs.k8s.io/geps/gep-2257/ */
function durationOf(written: unknown): string | undefined {
  if (typeof written !== 'string' || !/^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(written)) return undefined;
  const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const parts = [...written.matchAll(/([\d.]+)(h|ms|m|s)/g)];
  let rest = Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0),
  );
  let text = '';
  for (const [unit, length] of Object.entries(units)) {
    const count = Math.floor(rest / length);
    if (count > 99_999) return undefined;
    if (count > 0) text += `${count}${unit}`;
    rest -= count * length;
  }
  return text === '' ? '0s' : text;
}

/** Members of one list of a header filter are at most 16; one is kept for ours. @see https://gateway-api.sigs.k8s.io/reference/spec/#httpheaderfilter */
const headersMax = 15;

const headerName = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}$/;

function changesOf(extra: JsonObject, side: 'request' | 'response', leftOut: string[]): HeaderChanges {
  const written = objectAt(extra['headers'], side);
  const known = (operation: 'set' | 'add'): ReadonlyMap<string, string> => {
    const fields = isObject(written[operation]) ? Object.entries(written[operation]) : [];
    const kept = fields.filter(([name, value]) => isSayable(name, value)).slice(0, headersMax);
    leftOut.push(
      ...fields
        .filter((field) => !kept.includes(field))
        .map(([name]) => `headers.${side}.${operation}.${name}`),
    );
    return new Map(kept.map(([name, value]) => [name.toLowerCase(), String(value)]));
  };
  const removed = listAt(written, 'remove').map(String);
  const kept = removed.filter((name) => headerName.test(name)).slice(0, headersMax);
  leftOut.push(
    ...removed.filter((name) => !kept.includes(name)).map((name) => `headers.${side}.remove.${name}`),
  );
  return { set: known('set'), add: known('add'), remove: new Set(kept.map((name) => name.toLowerCase())) };
}

/** A `%` is a command to Envoy and a plain character to others; `host` is rewritten by other means. */
function isSayable(name: string, value: unknown): boolean {
  return (
    headerName.test(name) &&
    name.toLowerCase() !== 'host' &&
    typeof value === 'string' &&
    value !== '' &&
    value.length <= 4096 &&
    !value.includes('%')
  );
}

/** Returns header changes with ours over them. */
export function withOurs(
  { set, add, remove }: HeaderChanges,
  ours: { readonly set?: ReadonlyMap<string, string>; readonly remove?: readonly string[] },
): HeaderChanges {
  return {
    set: new Map([...set, ...(ours.set ?? [])]),
    add,
    remove: new Set([...remove, ...(ours.remove ?? [])]),
  };
}

/** Makes the filter of header changes; none for no changes. */
export function headerFilters(
  type: 'RequestHeaderModifier' | 'ResponseHeaderModifier',
  { set, add, remove }: HeaderChanges,
): readonly JsonObject[] {
  if (set.size + add.size + remove.size === 0) return [];
  const pairs = (headers: ReadonlyMap<string, string>): readonly JsonObject[] =>
    [...headers].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => ({ name, value }));
  const change = {
    ...(set.size === 0 ? {} : { set: pairs(set) }),
    ...(add.size === 0 ? {} : { add: pairs(add) }),
    ...(remove.size === 0 ? {} : { remove: [...remove].sort() }),
  };
  return [
    { type, [type === 'RequestHeaderModifier' ? 'requestHeaderModifier' : 'responseHeaderModifier']: change },
  ];
}
