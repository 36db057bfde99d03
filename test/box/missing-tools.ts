/** What this machine lacks to run a box, in words. Looks, never changes anything. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findArtifact } from './binaries.ts';
import { isInside, unshareArguments } from './network.ts';
import { oldestGo, recipes } from './recipes.ts';
import type { Artifact } from './recipes.ts';

/**
 * Says in words what this machine lacks to make and run a box of these artifacts; empty when nothing is. For callers that
 * would rather skip with a reason than fail. Tools that only builds need are asked for only while something has to be built.
 */
export async function missingTools(names: readonly Artifact[]): Promise<readonly string[]> {
  if (process.platform !== 'linux') return [`Linux (this is ${process.platform}): a box lives in Linux namespaces`];
  const builds = names.filter((name) => findArtifact(name) === undefined);
  const kinds = new Set(builds.map((name) => recipes[name].kind));
  const found = await Promise.all([
    namespacesLack(),
    isOnPath('ip') ? undefined : 'ip (iproute2), to give the box its addresses',
    builds.length === 0 || isOnPath('flock') ? undefined : 'flock (util-linux), so that two runs do not build the same thing at once',
    kinds.has('go') || kinds.has('module-files') ? goLacks(builds) : undefined,
    kinds.has('wheel') ? pipLacks(builds) : undefined,
  ]);
  return found.filter((reason) => reason !== undefined);
}

const execute = promisify(execFile);

async function namespacesLack(): Promise<string | undefined> {
  if (isInside()) return undefined;
  if (!isOnPath('unshare')) return 'unshare (util-linux), to give the box a network of its own';
  try {
    await execute('unshare', [...unshareArguments(), 'true']);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return `network and process namespaces (root, or user namespaces that others may create): ${reason}`;
  }
}

async function goLacks(builds: readonly Artifact[]): Promise<string | undefined> {
  const [major, minor] = oldestGo;
  const wanted = `go ${major}.${minor} or newer, to make ${builds.join(', ')} once`;
  if (!isOnPath('go')) return wanted;
  const { stdout } = await execute('go', ['env', 'GOVERSION', 'GOTOOLCHAIN']);
  const [, foundMajor, foundMinor] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  const isNew = Number(foundMajor) > major || (Number(foundMajor) === major && Number(foundMinor) >= minor);
  const fetchesNewer = stdout.includes('auto');
  return isNew || fetchesNewer ? undefined : `${wanted} (found ${stdout.split('\n')[0]})`;
}

async function pipLacks(builds: readonly Artifact[]): Promise<string | undefined> {
  try {
    await execute('python3', ['-m', 'pip', '--version']);
    return undefined;
  } catch {
    return `python3 with pip, to get ${builds.filter((name) => recipes[name].kind === 'wheel').join(', ')} once`;
  }
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
