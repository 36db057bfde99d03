/** The long-running programs of a box: each writes its output to a file and is ended by its pid, at once. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What to run, and the folder for its log (`<name>.log`). */
export interface Program {
  readonly name: string;
  /** The executable and its arguments. */
  readonly command: readonly string[];
  readonly folder: string;
  /** Added to the environment that every program gets. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A started program. */
export interface Daemon {
  readonly name: string;
  /** Resolves with the reason, in words, once it has ended. */
  readonly ended: Promise<string>;
  /** Ends it with SIGKILL and resolves when it is gone; fine when it has ended already. */
  kill(): Promise<void>;
  /** Returns the last lines of its log. */
  logTail(lines?: number): string;
}

/**
 * Starts a program with an environment of its own, so that nothing of the caller's (proxies, kubeconfig) changes what it does.
 * A second start with the same name appends to the same log.
 */
export function startDaemon({
  name,
  command: [executable = '', ...args],
  folder,
  environment = {},
}: Program): Daemon {
  const log = join(folder, `${name}.log`);
  const output = openSync(log, 'a');
  const child = spawn(executable, args, {
    cwd: folder,
    env: { ...programEnvironment(folder), ...environment },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      resolve(`ended with ${signal ?? `exit code ${code}`}`);
    });
  });
  return {
    name,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    logTail: (lines = 25) => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
  };
}

/** Returns the environment of every program of a box, `kubectl` included: a home in the box's folder and nothing else of the caller's but `PATH`. */
export function programEnvironment(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder };
}

/** How often readiness is asked for, in milliseconds: short, since every program's start waits for the one before. */
const readyPollMs = 25;

/**
 * Waits until `isReady` says so. An `isReady` that throws is not ready yet.
 * @throws Error with the program's last log lines when it ends first or is not ready within `timeoutMs`.
 */
export async function waitUntilReady(
  daemon: Daemon,
  isReady: () => Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const end = { reason: '' };
  void daemon.ended.then((reason) => {
    end.reason = reason;
  });
  let lastError = 'it said no';
  while (end.reason === '' && performance.now() < deadline) {
    try {
      if (await isReady()) return;
    } catch (error) {
      lastError = error instanceof Error ? error.message : String(error);
    }
    await sleep(readyPollMs);
  }
  const why =
    end.reason === ''
      ? `was not ready within ${timeoutMs} ms (${lastError})`
      : `${end.reason} before it was ready`;
  throw new Error(`${daemon.name} ${why}; its last lines:\n${daemon.logTail()}`);
}
