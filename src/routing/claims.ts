/** What others have: hosts of foreign VirtualServices, and names of foreign objects. */
import type { Settings } from '../config/settings.ts';
import { isForSidecars } from '../model/gateways.ts';
import { resolveVirtualServiceHost } from '../model/hosts.ts';
import type { VirtualService } from '../model/kubernetes.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { byCodeUnit } from './layout.ts';

/** Host → the foreign VirtualService that has it, as `namespace/name`. Hosts in lower case; short names resolved. */
export interface Claims {
  readonly mesh: ReadonlyMap<string, string>;
  readonly gateway: ReadonlyMap<string, string>;
}

/** Gathers the hosts that foreign VirtualServices have. Of several the first by name is told. */
export function claimsOf(snapshot: Snapshot, settings: Settings): Claims {
  const foreign = [...snapshot.virtualServices.values()]
    .flatMap((inside) => [...inside.values()])
    .filter((one) => !one.managed);
  const mesh = new Map<string, string>();
  const gateway = new Map<string, string>();
  for (const one of foreign.sort((a, b) => byCodeUnit(labelOf(a), labelOf(b)))) {
    for (const host of one.hosts) {
      const full = resolveVirtualServiceHost(host, one.namespace, settings).host;
      if (isForSidecars(one)) claim(mesh, full, one);
      if (one.gateways.some((name) => name !== 'mesh')) claim(gateway, full, one);
    }
  }
  return { mesh, gateway };
}

function claim(claims: Map<string, string>, host: string, owner: VirtualService): void {
  if (!claims.has(host)) claims.set(host, labelOf(owner));
}

function labelOf({ namespace, name }: VirtualService): string {
  return `${namespace}/${name}`;
}

/**
 * Returns the name that an object of ours has: the wanted one, or, where a foreign object of the kind has that, one with `-branchline` behind.
 * The foreign one is never taken over.
 */
export function nameFor(
  snapshot: Snapshot,
  kind: 'VirtualService' | 'DestinationRule',
  namespace: string,
  wanted: string,
): string {
  return isForeign(snapshot, kind, namespace, wanted) ? `${wanted}${aside}` : wanted;
}

/** What the name of an object of ours ends in when the wanted one is taken. */
export const aside = '-branchline';

/** Tells whether an object of that kind and name exists and is not ours. */
export function isForeign(
  snapshot: Snapshot,
  kind: 'VirtualService' | 'DestinationRule',
  namespace: string,
  name: string,
): boolean {
  const existing =
    kind === 'VirtualService'
      ? inNamespace(snapshot.virtualServices, namespace).get(name)
      : inNamespace(snapshot.destinationRules, namespace).get(name);
  return existing?.managed === false;
}
