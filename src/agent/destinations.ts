/** Which hosts are in the cluster: nobody else gets a header of ours. */

/** Tells whether a host (with or without a port) is in the cluster. */
export type IsInside = (host: unknown) => boolean;

const rememberedHosts = 500;

/**
 * Inside are names of one label, `*.svc`, `*.svc.<cluster domain>` and loopback; and what `extra` adds: host suffixes, namespaces
 * (`orders` covers `api.orders`), and networks such as `10.0.0.0/8`.
 */
export function createDestinations(extra: readonly string[], clusterDomain: string, net: typeof import('node:net')): IsInside {
  const suffixes = ['svc', `svc.${clusterDomain}`, ...extra.filter((item) => !item.includes('/')).map((item) => item.replace(/^\*?\./, ''))];
  const networks = new net.BlockList();
  for (const item of ['127.0.0.0/8', '::1/128', ...extra]) addNetwork(networks, item);
  const known = new Map<string, boolean>();

  const decide = (host: string): boolean => {
    const version = net.isIP(host);
    if (version !== 0) return networks.check(host, version === 4 ? 'ipv4' : 'ipv6');
    // A number, in whatever base, is an address in disguise.
    if (!host.includes('.')) return host !== '' && !/^(?:\d+|0x[\da-f]*)$/.test(host) && /^[\w-]+$/.test(host);
    return suffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
  };
  return (host) => {
    if (typeof host !== 'string') return false;
    const found = known.get(host);
    if (found !== undefined) return found;
    const decided = decide(bareHost(host));
    if (known.size >= rememberedHosts) known.clear();
    known.set(host, decided);
    return decided;
  };
}

/** `Api.Orders.svc.:8080` → `api.orders.svc`; `[::1]:80` → `::1` */
function bareHost(host: string): string {
  const [, inBrackets, other = ''] = /^\[([^\]]*)\]/.exec(host) ?? [undefined, undefined, host];
  if (inBrackets !== undefined) return inBrackets;
  // More than one colon: an IPv6 address without brackets.
  return (/:.*:/.test(other) ? other : other.replace(/:\d*$/, '')).replace(/\.$/, '').toLowerCase();
}

function addNetwork(networks: import('node:net').BlockList, item: string): void {
  const [, address = '', bits] = /^([\da-f.:]+)\/(\d+)$/.exec(item) ?? [];
  try {
    if (address !== '') networks.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  } catch {
    // One network that nobody can read must not switch off the others.
  }
}
