/** Servers in processes of their own: started, asked by pid what they cost, ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { onCore } from './cores.ts';

/** What to run and where. */
export interface ProcessOptions {
  /** Arguments of node. */
  readonly args: readonly string[];
  readonly core?: number | undefined;
  /** Added to a clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** An open file, `pipe` for {@link ServerProcess.listening} to read, or nobody (the default). */
  readonly stdout?: number | 'ignore' | 'pipe';
}

/** Where a server listens. */
export interface Urls {
  /** The first `https://` URL that it printed. */
  readonly url: URL;
  /** The first `http://` URL after it on the same line, if any. */
  readonly plainUrl: URL | undefined;
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly pid: number;
  /** When it was started, on the clock of `performance.now()`. */
  readonly startedAt: number;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Resolves once it has said, on standard error or in its log on a piped standard output, where it listens. @throws Error with what it printed when it ends or stays silent. */
  listening(): Promise<Urls>;
  signal(name: NodeJS.Signals): void;
  /** Processor time of all its threads so far, in milliseconds (in steps of 10). */
  cpuMs(): Promise<number>;
  /** Resident memory in MB (10⁶ bytes): now, and the most that it ever was. */
  residentMb(): Promise<{ readonly now: number; readonly peak: number }>;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** Longest wait for a server to listen, in milliseconds. */
const startMs = 30_000;
/** A clock tick of /proc, in milliseconds. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (sysconf(_SC_CLK_TCK), 100 on Linux) */
const tickMs = 10;

/** Starts node with a clean environment. */
export function startProcess({ args, core, env = {}, stdout = 'ignore' }: ProcessOptions): ServerProcess {
  const [executable = '', ...rest] = onCore(core, [process.execPath, ...args]);
  const startedAt = performance.now();
  const child = spawn(executable, rest, {
    stdio: ['ignore', stdout, 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'], ...env },
  });
  const pid = child.pid ?? 0;
  const ended = once(child, 'exit').then(
    ([code, signal]: (number | string | null)[]) => code ?? signal ?? 'unknown',
  );
  const urls = findUrls([child.stderr, child.stdout]);
  return {
    pid,
    startedAt,
    ended,
    listening() {
      const silence = new Promise<string>((resolve) => {
        setTimeout(resolve, startMs, `said nothing for ${startMs} ms`).unref();
      });
      const failure = Promise.race([silence, ended]).then((why) => {
        throw new Error(`the server is not listening (${why}): ${urls.printed()}`);
      });
      return Promise.race([urls.found, failure]);
    },
    signal: (name) => void child.kill(name),
    async cpuMs() {
      // The name, in parentheses, may hold spaces; what follows it are fields 3 and on, of which 14 and 15 are user and system time.
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) * tickMs;
    },
    async residentMb() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const read = (name: string): number =>
        (Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6;
      return { now: read('VmRSS'), peak: read('VmHWM') };
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

interface UrlSearch {
  readonly found: Promise<Urls>;
  readonly printed: () => string;
}

/** Reads on when it has found them, or the server would stand still before a full pipe. */
function findUrls(streams: readonly (Readable | null)[]): UrlSearch {
  const { promise, resolve } = Promise.withResolvers<Urls>();
  let printed = '';
  let isFound = false;
  for (const stream of streams) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      if (isFound) return;
      printed += text;
      const [, url, plainUrl] = /(https:\/\/[^\s,"]+)(?:.*?(http:\/\/[^\s,"]+))?.*\n/.exec(printed) ?? [];
      if (url === undefined) return;
      isFound = true;
      resolve({ url: new URL(url), plainUrl: plainUrl === undefined ? undefined : new URL(plainUrl) });
    });
  }
  return { found: promise, printed: () => printed };
}

/** Copies what a build made, and what it reads, to a folder, so that another build meanwhile does not pull it from under a run. @returns the bundle's path. */
export async function copyBundle(folder: string): Promise<string> {
  const root = new URL('../../', import.meta.url);
  await cp(new URL('dist', root), join(folder, 'dist'), { recursive: true });
  await cp(new URL('package.json', root), join(folder, 'package.json'));
  return join(folder, 'dist', 'branchline.js');
}
