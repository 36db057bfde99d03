/**
 * Runs a script inside a box's network, with everything it starts: `node test/box/inside.ts SCRIPT [ARGUMENT…]`, or {@link runInside}.
 *
 *     caller ── runInside ─▶ unshare ─▶ supervise (process 1 of the namespace) ─▶ SCRIPT ─▶ etcd, kube-apiserver, …
 *
 * When the script ends, or any process to its left is killed, process 1 ends, and with it the kernel ends all that is left.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setUpNetwork, unshareArguments } from './network.ts';

const forwarded = ['SIGINT', 'SIGTERM'] as const;

/** Sent by {@link runInside} to {@link supervise}: a signal meant for the script. */
interface SignalMessage {
  readonly signal: (typeof forwarded)[number];
}

/**
 * Runs a script in namespaces of its own and returns its exit code (128 + number for a signal, as shells do). Standard input, output and
 * error are the caller's; SIGINT and SIGTERM reach the script, which decides when to end. The script's `TMPDIR` is removed afterwards.
 * @param script path of a file that node runs.
 * @throws Error when unshare cannot be started; call `missingTools` first.
 */
export async function runInside(script: string, args: readonly string[] = []): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-box-'));
  const command = [...unshareArguments(), process.execPath, import.meta.filename, script, ...args];
  const child = spawn('unshare', command, {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, TMPDIR: folder, [supervisorMark]: folder },
  });
  const handlers = forwarded.map(
    (signal) => [signal, () => child.connected && child.send({ signal } satisfies SignalMessage)] as const,
  );
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    return await exitCode(child);
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tells process 1 that it is, and holds the temporary folder; never seen by scripts. */
const supervisorMark = 'BRANCHLINE_BOX_SUPERVISOR';

/**
 * Process 1 of the namespace. It is not the script itself because the kernel does not deliver to process 1 a signal that it
 * has no handler for, and because the script's death must end everything.
 */
async function supervise(folder: string, script: string, args: readonly string[]): Promise<never> {
  if (process.pid !== 1)
    throw new Error(`${supervisorMark} is not for people: it is set for process 1 of a box's namespace`);
  for (const signal of forwarded) process.on(signal, () => undefined); // A terminal signals the whole group; the caller's message says it once.
  setUpNetwork();
  delete process.env[supervisorMark];
  // Detached is a session of its own, for the same reason: Ctrl-C must not reach the script twice.
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit', detached: true });
  process.on('message', ({ signal }: SignalMessage) => child.kill(signal));
  process.on('disconnect', () => {
    // The caller was killed, so nobody else removes its folder. Programs that still write to it end with us.
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    process.exit(1);
  });
  process.exit(await exitCode(child));
}

function exitCode(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

if (import.meta.main) {
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined) throw new Error('which script? node test/box/inside.ts SCRIPT [ARGUMENT…]');
  const folder = process.env[supervisorMark];
  if (folder === undefined) process.exitCode = await runInside(script, args);
  else await supervise(folder, script, args);
}
