/** What routes may rest on besides the facts: what the proxies know by now, and how often a route may come and go. */

/** A version of a service. */
interface VersionPlace {
  readonly namespace: string;
  readonly service: string;
  readonly version: string;
}

/** Asked while routes are decided. Hosts are full names of Services. */
export interface Pace {
  /** Tells whether the proxies know a subset, by the pods of that version, so that a route may name it. */
  isKnown(host: string, subset: string, version: string): boolean;
  /** Tells whether any route of ours names a subset of the host. */
  isRouted(host: string): boolean;
  /** Tells whether a version that is ready may have its route now; it may not when it came and went too often. */
  mayAppear(place: VersionPlace): boolean;
  /** Returns the subsets of the host that exist and are ours: name → version. */
  subsetsOf(host: string): ReadonlyMap<string, string>;
}

const none: ReadonlyMap<string, string> = new Map();

/** The pace of a world in which everything is known at once and nothing was there before: manifests, not a mesh. */
export const unpaced: Pace = {
  isKnown: () => true,
  isRouted: () => false,
  mayAppear: () => true,
  subsetsOf: () => none,
};
