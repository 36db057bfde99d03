/** Names of what we make: unique, at most 63 characters where a DNS label is wanted, the same for the same input. */
import type { Branch } from '../model/branch.ts';

const labelLengthMax = 63;

/**
 * Gives every branch id of a namespace a host label of its own. Ids that make the same label share nothing: the one that is spelt like the
 * label keeps it (else the first by code units), the others get a hash of the id behind it.
 */
export function labelsFor(branches: readonly Branch[]): {
  readonly labels: ReadonlyMap<string, string>;
  readonly shared: readonly (readonly [string, string])[];
} {
  const hosts = new Map<string, string>();
  for (const { id, host } of branches) hosts.set(id, host);
  const owners = new Map<string, string>();
  const labels = new Map<string, string>();
  const shared: (readonly [string, string])[] = [];
  for (const [id, host] of [...hosts].sort(preferred)) {
    const label = labelOf(host);
    const owner = owners.get(label);
    if (owner !== undefined) shared.push([id, owner]);
    else owners.set(label, id);
    labels.set(id, owner === undefined ? label : withHash(label, id));
  }
  return { labels, shared };
}

function preferred([a, hostA]: readonly [string, string], [b, hostB]: readonly [string, string]): number {
  return Number(a !== hostA) - Number(b !== hostB) || (a < b ? -1 : 1);
}

/** A host label may neither start nor end with `-`, and an id may do so by its dots and underscores. */
function labelOf(text: string): string {
  const label = text
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+|-+$/g, '');
  return label === '' ? `v-${hash(text)}` : label;
}

/**
 * Names the subsets of one service: version → subset. The baseline and the long-lived versions come first; a branch whose label is
 * taken by one of them gets a hash behind it.
 */
export function subsetNames(
  fixed: readonly string[],
  branches: readonly (readonly [string, string])[],
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const [version, wanted] of [
    ...fixed.map((version) => [version, labelOf(version)] as const),
    ...branches,
  ]) {
    const name = taken.has(wanted) ? withHash(wanted, version) : wanted;
    taken.add(name);
    names.set(version, name);
  }
  return names;
}

/** Returns `<text>-<hash of whole>`, at most 63 characters. */
export function withHash(text: string, whole: string): string {
  const suffix = `-${hash(whole)}`;
  return text.slice(0, labelLengthMax - suffix.length).replace(/-+$/, '') + suffix;
}

/** FNV-1a, 32 bits, as 7 base-36 characters. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value >>> 0).toString(36).padStart(7, '0');
}
