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
  if (process.platform !== 'linux')
    return [`Linux (this is ${process.platform}): a box lives in Linux namespaces`];
  return [...(await runLacks()), ...(await missingBuildTools(names))];
}

async function runLacks(): Promise<readonly string[]> {
  const namespaces = await namespacesLack();
  return [
    ...(namespaces === undefined ? [] : [namespaces]),
    ...(isOnPath('ip') ? [] : ['ip (iproute2), to give the box its addresses']),
  ];
}

/** Says in words what this machine lacks to make those of the artifacts that are not there yet; empty when nothing is. */
export async function missingBuildTools(names: readonly Artifact[]): Promise<readonly string[]> {
  const builds = names.filter((name) => findArtifact(name) === undefined);
  if (builds.length === 0) return [];
  const wheels = builds.filter((name) => recipes[name].kind === 'wheel');
  const fromGo = builds.filter((name) => !wheels.includes(name));
  return [
    ...(isOnPath('flock')
      ? []
      : ['flock (util-linux), so that two runs do not build the same thing at once']),
    ...(fromGo.length === 0 || (await hasGo())
      ? []
      : [`go ${oldestGo.join('.')} or newer, to make ${fromGo.join(', ')} once`]),
    ...(wheels.length === 0 || (await hasPip())
      ? []
      : [`python3 with pip, to get ${wheels.join(', ')} once`]),
  ];
}

const execute = promisify(execFile);

async function namespacesLack(): Promise<string | undefined> {
  if (isInside()) return undefined;
  if (!isOnPath('unshare')) return 'unshare (util-linux), to give the box a network of its own';
  try {
    await execute('unshare', [...unshareArguments(), process.execPath, '--version']);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return `network and process namespaces (root, or user namespaces that others may create): ${reason}`;
  }
}

async function hasGo(): Promise<boolean> {
  if (!isOnPath('go')) return false;
  const { stdout } = await execute('go', ['env', 'GOVERSION', 'GOTOOLCHAIN']);
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  const [oldestMajor, oldestMinor] = oldestGo;
  const isNewEnough =
    Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
  const getsNewer = stdout.includes('auto'); // an older go then downloads the toolchain that the module asks for
  return isNewEnough || getsNewer;
}

async function hasPip(): Promise<boolean> {
  try {
    await execute('python3', ['-m', 'pip', '--version']);
    return true;
  } catch {
    return false;
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
