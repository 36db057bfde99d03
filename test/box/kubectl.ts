/** Runs the box's own kubectl as a person would, with the caller's working directory and none of the caller's settings. */
import { spawn } from 'node:child_process';
import { programEnvironment } from './process.ts';

/** How to run one kubectl command. */
export interface KubectlOptions {
  /** What it reads from standard input, for `-f -`. */
  readonly stdin?: string;
  /** The command must fail (any exit code but 0); without it, it must not. */
  readonly expectFailure?: boolean;
  /** After this many milliseconds it is killed and counts as failed; 60 000 by default. */
  readonly timeoutMs?: number;
}

/** What a kubectl command printed, and its exit code (-1 when it was killed). */
export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kubectl and returns what it printed. @throws Error with its output when it fails unexpectedly, or does not fail as expected. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<KubectlResult>;

/** Returns a kubectl bound to one kubeconfig; its caches go to `folder`. */
export function kubectlFor(executable: string, kubeconfig: string, folder: string): Kubectl {
  const env = { ...programEnvironment(folder), KUBECONFIG: kubeconfig };
  return async (args, { stdin = '', expectFailure = false, timeoutMs = 60_000 } = {}) => {
    const result = await run([executable, ...args], { stdin, timeoutMs, env });
    if ((result.code !== 0) === expectFailure) return result;
    const surprise = expectFailure ? 'was expected to fail' : `ended with exit code ${result.code}`;
    throw new Error(`\`kubectl ${args.join(' ')}\` ${surprise}:\n${result.stdout}${result.stderr}`);
  };
}

function run(
  [executable = '', ...args]: readonly string[],
  options: { stdin: string; timeoutMs: number; env: NodeJS.ProcessEnv },
): Promise<KubectlResult> {
  const child = spawn(executable, args, {
    env: options.env,
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.stderr += text;
  });
  child.stdin.on('error', () => undefined); // kubectl that fails early does not read its input: its exit code says so
  child.stdin.end(options.stdin);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code: code ?? -1, ...printed });
    });
  });
}
