/** Through which Gateways a request comes in from outside, where that is not said. */
import { resolveGateway } from '../model/gateways.ts';
import { bareHost } from '../model/hosts.ts';
import { toLabels } from '../model/json.ts';
import { byCodeUnit } from '../routing/layout.ts';
import type { Hop, World } from './explain.ts';
import { routesFor } from './virtual-host.ts';

/** Returns every Gateway that a route names, as `namespace/name`, sorted. */
export function gatewaysIn({ rules }: World): readonly string[] {
  const named = rules.virtualServices.flatMap(({ gateways, namespace }) =>
    gateways.map((name) => resolveGateway(name, namespace)),
  );
  return [...new Set(named)].filter((name) => name !== 'mesh').sort(byCodeUnit);
}

/** Returns the Gateways at which a host has routes, sorted. */
export function entrancesOf(world: World, host: string): readonly string[] {
  const request = {
    through: 'gateway',
    namespace: '',
    labels: toLabels([]),
    host,
    path: '/',
    method: 'GET',
    port: undefined,
    headers: [],
  } as const;
  return gatewaysIn(world).filter(
    (gateway) => routesFor(bareHost(host), { ...request, gateway }, world.rules) !== undefined,
  );
}

/** Tells whether two answers lead to the same: versions, statuses and the header that arrives. Where their routes are written may differ. */
export function leadAlike(some: readonly Hop[], others: readonly Hop[]): boolean {
  const outcome = (hops: readonly Hop[]): string =>
    JSON.stringify(
      hops.map(({ namespace, service, version, status, header }) => [
        namespace,
        service,
        version,
        status,
        header,
      ]),
    );
  return outcome(some) === outcome(others);
}
