/** The agent, built for tests. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildAgent } from '../../scripts/agent.ts';

/** Where the guest programs are. */
export const guests = new URL('guest/', import.meta.url).pathname;

/** Builds the agent to a folder of its own. */
export async function builtAgent(): Promise<{ readonly path: string; readonly bytes: number }> {
  const path = join(mkdtempSync(join(tmpdir(), 'branchline-agent-')), 'agent.cjs');
  await buildAgent(path);
  return { path, bytes: readFileSync(path).length };
}

/** Runs node with the agent in it; on nothing but what is given as environment. */
export async function runNode(
  agent: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env['PATH'], NODE_OPTIONS: `--require ${agent}`, ...env },
  });
}
