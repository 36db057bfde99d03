/** One core for the server, another for the loader, where the machine has taskset and two cores. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Cores as taskset numbers them; undefined: whatever the scheduler chooses. */
export interface Cores {
  readonly server: number | undefined;
  readonly loader: number | undefined;
}

/** Pins this process, with all its threads, to the last core that it may use, and leaves the first to servers. */
export function divideCores(): Cores {
  try {
    const allowed = allowedCores(readFileSync('/proc/self/status', 'utf8'));
    const [server] = allowed;
    const loader = allowed.at(-1);
    if (server === loader || loader === undefined) return { server: undefined, loader: undefined };
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(loader), String(process.pid)], { stdio: 'ignore' });
    return { server, loader };
  } catch {
    return { server: undefined, loader: undefined };
  }
}

/** Returns a command line that runs another one on a core. */
export function onCore(core: number | undefined, command: readonly string[]): readonly string[] {
  return core === undefined ? command : ['taskset', '--cpu-list', String(core), ...command];
}

/** e.g. `0-1,4` → 0, 1, 4 */
function allowedCores(status: string): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
