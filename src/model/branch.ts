/** A branch: the name that people use and the forms that the wire needs. */

/** One branch, e.g. name `feature/TS-4122_cms-live`, id `feature-TS-4122_cms-live`, host `feature-ts-4122-cms-live`. */
export interface Branch {
  /** As declared, any git ref. */
  readonly name: string;
  /** Label value and routing header value: `[A-Za-z0-9._-]`, at most 63 characters, case kept. */
  readonly id: string;
  /** DNS label in lower case, at most 63 characters; also the subset's name. */
  readonly host: string;
}

/** Longest label value and DNS label. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const labelLengthMax = 63;
const hashLength = 8;

/**
 * Makes the branch that a git ref or ticket number names. `refs/heads/` and `refs/tags/` are dropped; characters that no label
 * may hold become `-`; an id over 63 characters is cut and ends in a hash of the whole name.
 *
 * @returns undefined when nothing is left that a label could hold, e.g. for `///`.
 */
export function parseBranch(name: string): Branch | undefined {
  const ref = refOf(name);
  const label = trimEnds(ref.replace(/[^A-Za-z0-9._-]/gu, '-'));
  if (label === '') return undefined;
  const id = label.length <= labelLengthMax ? label : shorten(label, ref);
  return { name, id, host: id.toLowerCase().replace(/[^a-z0-9-]/g, '-') };
}

/** Tells whether two names as declared are one git ref: `refs/heads/OPS-1234` is `OPS-1234`. */
export function isSameRef(a: string, b: string): boolean {
  return refOf(a) === refOf(b);
}

function refOf(name: string): string {
  return name.trim().replace(/^refs\/(?:heads|tags)\//, '');
}

/** Tells whether two branch ids name the same thing to a proxy that also accepts the lower-case form. */
export function isSameId(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function shorten(label: string, whole: string): string {
  return `${trimEnds(label.slice(0, labelLengthMax - hashLength - 1))}-${hash(whole)}`;
}

function trimEnds(label: string): string {
  let start = 0;
  let end = label.length;
  while (start < end && !isAlphanumeric(label.charCodeAt(start))) start += 1;
  while (end > start && !isAlphanumeric(label.charCodeAt(end - 1))) end -= 1;
  return label.slice(start, end);
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** FNV-1a over UTF-16 code units, two lanes of 32 bits, as 8 base-36 characters (41 bits): names apart by chance are refused as a collision. */
function hash(text: string): string {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  for (let index = 0; index < text.length; index += 1) {
    high = Math.imul(high ^ text.charCodeAt(index), 0x01000193);
    low = Math.imul(low ^ text.charCodeAt(index), 0x85ebca6b);
  }
  const bits = (high >>> 0) * 0x200 + ((low >>> 0) >>> 23);
  return bits.toString(36).padStart(hashLength, '0').slice(-hashLength);
}
