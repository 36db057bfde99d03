/** Which hosts are in the cluster: nobody else gets a header of ours. */
import type Net from 'node:net';
import { attempt } from './context.ts';

/** Tells whether a host (with or without a port) is in the cluster. */
export type IsInside = (host: unknown) => boolean;

/**
 * Inside are names of one label, `*.svc`, `*.svc.<cluster domain>` and loopback; and what `extra` adds: host suffixes, namespaces
 * (`orders` covers `api.orders`), and networks such as `10.0.0.0/8`.
 */
export function createDestinations(
  extra: readonly string[],
  clusterDomain: string,
  { BlockList, isIP }: typeof Net,
): IsInside {
  const suffixes = [
    'svc',
    `svc.${clusterDomain}`,
    ...extra.filter((item) => !item.includes('/')).map((item) => item.replace(/^\*?\./, '')),
  ];
  const networks = new BlockList();
  for (const item of ['127.0.0.0/8', '::1/128', ...extra]) addNetwork(networks, item);
  const known = new Map<string, boolean>();

  const decide = (host: string): boolean => {
    if (isIP(host)) return networks.check(host, familyOf(host));
    // A number, in whatever base, is an address in disguise.
    if (/^[\w-]+$/.test(host)) return !/^(\d+|0x.*)$/.test(host);
    return suffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
  };
  return (host) => {
    if (typeof host !== 'string') return false;
    if (!known.has(host)) {
      // Names may come from outside: what is remembered of them ends somewhere.
      if (known.size >= 500) known.clear();
      known.set(host, decide(bareHost(host)));
    }
    return known.get(host) as boolean;
  };
}

/** `Api.Orders.svc.:8080` → `api.orders.svc`; `[::1]:80` → `::1` */
function bareHost(host: string): string {
  const inBrackets = /^\[(.*)\]/.exec(host);
  // More than one colon: an IPv6 address without brackets.
  return (inBrackets ? (inBrackets[1] as string) : host.replace(/^([^:]*):\d*$/, '$1'))
    .replace(/\.$/, '')
    .toLowerCase();
}

function addNetwork(networks: Net.BlockList, item: string): void {
  const [address = '', bits] = item.split('/');
  // One network that nobody can read must not switch off the others.
  if (bits)
    attempt(() => {
      networks.addSubnet(address, +bits, familyOf(address));
    });
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
