/** A server in a process of its own: started, asked by its pid what it costs, ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onCore } from './cores.ts';

/** What to run and where. */
export interface ProcessOptions {
  /** Arguments of node. */
  readonly args: readonly string[];
  readonly core?: number | undefined;
  /** Stands for the container runtime, which reads what is logged: nobody by default. */
  readonly stdout?: number | 'ignore';
}

/** A server that has said that it listens. */
export interface ServerProcess {
  readonly pid: number;
  /** The first `https://` URL that it printed to standard error. */
  readonly url: URL;
  /** The first `http://` URL after it, if any. */
  readonly plainUrl: URL | undefined;
  /** When it was started, on the clock of `performance.now()`. */
  readonly startedAt: number;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  signal(name: NodeJS.Signals): void;
  /** Processor time of all its threads so far, in milliseconds (in steps of 10). */
  cpuMs(): Promise<number>;
  /** Resident memory in MB (10⁶ bytes). */
  residentMb(): Promise<number>;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** Longest wait for a server to listen, in milliseconds. */
const startMs = 30_000;
/** A clock tick of /proc, in milliseconds. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (sysconf(_SC_CLK_TCK), 100 on Linux) */
const tickMs = 10;

/** Starts node with a clean environment. @throws Error with what it printed when it ends, or stays silent, instead of listening. */
export async function startServer({ args, core, stdout = 'ignore' }: ProcessOptions): Promise<ServerProcess> {
  const [executable = '', ...rest] = onCore(core, [process.execPath, ...args]);
  const startedAt = performance.now();
  const child = spawn(executable, rest, { stdio: ['ignore', stdout, 'pipe'], env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'] } });
  const ended = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => code ?? signal ?? 'unknown');
  const { url, plainUrl } = await listening(child, ended);
  const pid = child.pid ?? 0;
  return {
    pid, url, plainUrl, startedAt, ended,
    signal: (name) => void child.kill(name),
    async cpuMs() {
      // The name, in parentheses, may hold spaces; what follows it are fields 3 and on, of which 14 and 15 are user and system time.
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) * tickMs;
    },
    async residentMb() {
      const kibibytes = /^VmRSS:\s*(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
      return (Number(kibibytes) * 1024) / 1e6;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

interface Urls {
  readonly url: URL;
  readonly plainUrl: URL | undefined;
}

async function listening(child: ChildProcess, ended: Promise<number | string>): Promise<Urls> {
  let printed = '';
  const urls = new Promise<Urls>((resolve) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      const [, url, plainUrl] = /(https:\/\/[^\s,]+)(?:.*?(http:\/\/[^\s,]+))?.*\n/.exec(printed) ?? [];
      if (url !== undefined) resolve({ url: new URL(url), plainUrl: plainUrl === undefined ? undefined : new URL(plainUrl) });
    });
  });
  const silence = new Promise<never>((_resolve, reject) => { setTimeout(() => { reject(new Error(`not listening after ${startMs} ms: ${printed}`)); }, startMs).unref(); });
  return Promise.race([urls, silence, ended.then((how) => { throw new Error(`the server ended with ${how}: ${printed}`); })]);
}

/** Copies the bundle and what it reads to a folder, so that a build meanwhile does not pull it from under a run. @returns its path. */
export async function copyBundle(folder: string): Promise<string> {
  const root = new URL('../../', import.meta.url);
  await mkdir(join(folder, 'dist'), { recursive: true });
  await copyFile(new URL('package.json', root), join(folder, 'package.json'));
  await copyFile(new URL('dist/branchline.js', root), join(folder, 'dist', 'branchline.js'));
  return join(folder, 'dist', 'branchline.js');
}
