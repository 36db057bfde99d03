/** Edge protection: at which Gateways the public chooses a branch by header, and what is taken off its requests at the others. */
import type { Settings } from '../config/settings.ts';

/** Gateways by what they do with the routing header of the public; as `namespace/name`, in the order given. */
export interface Edge {
  readonly accepting: readonly string[];
  readonly removing: readonly string[];
}

/** Sorts Gateways by what they do with the routing header of the public. */
export function edgeOf(gateways: readonly string[], { publicHeader, publicHeaderGateways }: Settings): Edge {
  const accepts = (gateway: string): boolean =>
    publicHeader === 'accept' || publicHeaderGateways.includes(gateway);
  return { accepting: gateways.filter(accepts), removing: gateways.filter((gateway) => !accepts(gateway)) };
}

/** Returns the headers by which a request can ask for a branch: what a Gateway that accepts none takes off. */
export function carriersOf({ routingHeader, baggageMatches }: Settings): readonly string[] {
  return baggageMatches ? [routingHeader, 'baggage'] : [routingHeader];
}
