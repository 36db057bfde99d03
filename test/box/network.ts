/**
 * The network of a box: one network namespace in which every Pod and Service address is local, so that plain processes stand in
 * for pods and nothing leaves the machine. Loopback addresses would not do: EndpointSlice validation refuses them.
 */
import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';

/** The box's own address: API server, node, and whatever a test serves under a non-loopback address. */
export const boxAddress = '10.99.255.1';

/** The addresses that pods of the one node get. */
export const podCidr = '10.99.1.0/24';

/** Returns the address of the nth proxy of a mesh, from 0: outside the pods' range, so that none gets it. */
export function proxyAddress(index: number): string {
  return `10.99.${2 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}

/** The addresses that Services get. Nothing listens there; the API server goes straight to endpoints. */
export const serviceCidr = '10.96.0.0/16';

const localRanges = ['10.99.0.0/16', serviceCidr];

/** Tells whether this process already runs in a box's network. */
export function isInside(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === boxAddress),
  );
}

/**
 * Returns the options of unshare(1) that make a box's namespaces. The process namespace is what leaves nothing behind: when its first
 * process ends, the kernel ends the others, and `--kill-child` ends the first when unshare itself is killed.
 */
export function unshareArguments(): readonly string[] {
  const becomeRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  return [...becomeRoot, '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
}

/**
 * Gives a fresh network namespace its addresses.
 * @throws Error with what `ip` said.
 */
export function setUpNetwork(): void {
  ip('link', 'set', 'lo', 'up');
  for (const range of localRanges) ip('route', 'add', 'local', range, 'dev', 'lo');
  ip('address', 'add', `${boxAddress}/32`, 'dev', 'lo');
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'inherit', 'pipe'] });
}
