/** One core for the server, another for the loader, where the machine has taskset and two cores. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

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
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(loader), String(process.pid)], {
      stdio: 'ignore',
    });
    return { server, loader };
  } catch {
    return { server: undefined, loader: undefined };
  }
}

/** Undoes {@link divideCores} for this process and what it starts from now on: a whole cluster does not fit on the loader's core. */
export function shareCores(): void {
  try {
    execFileSync(
      'taskset',
      ['--all-tasks', '--cpu-list', '--pid', `0-${cpus().length - 1}`, String(process.pid)],
      { stdio: 'ignore' },
    );
  } catch {
    // Without taskset nothing was divided.
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
