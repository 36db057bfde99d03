/** Who reads the regexes of routes. */

/**
 * Who compiles a route's regex: Go's regexp/syntax (istiod), RE2 over UTF-8 (Envoys up to 1.39.0), RE2 over Latin-1 (Envoys since 1.39.1).
 * The last takes every byte for a character of its own.
 */
export const regexReaders = ['go', 're2-utf8', 're2-latin1'] as const;
/** One of {@link regexReaders}. */
export type RegexReader = (typeof regexReaders)[number];
