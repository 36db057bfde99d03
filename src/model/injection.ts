/** What `branchline.dev/inject` may ask for. */
import { commaList } from './json.ts';

/** `node`: the header agent. `otel`, `spring`: settings of what the application brings itself. */
export const injections = ['node', 'otel', 'spring'] as const;
/** One of {@link injections}. */
export type Injection = (typeof injections)[number];

/** The annotation's value, read. */
export interface Injections {
  readonly wanted: readonly Injection[];
  /** Members that mean nothing, as written. */
  readonly unknown: readonly string[];
  /** `none` stands beside something else, or nothing stands there at all. */
  readonly unclear: boolean;
}

/** Reads a value such as `node,otel` or `none`. */
export function readInjections(text: string): Injections {
  const members = commaList(text);
  const wanted = injections.filter((injection) => members.includes(injection));
  const none = members.includes('none');
  return {
    wanted: none ? [] : wanted,
    unknown: members.filter(
      (member) => member !== 'none' && !injections.some((injection) => injection === member),
    ),
    unclear: members.length === 0 || (none && members.length > 1),
  };
}
