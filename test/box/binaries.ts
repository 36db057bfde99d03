/**
 * Finds the parts of a box, or makes them once and keeps them outside the checkout
 * (`$XDG_CACHE_HOME/branchline/box`, by default under `~/.cache`). A folder named by `KUBEBUILDER_ASSETS` comes first.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildArtifact } from './build.ts';
import { isInside } from './network.ts';
import { recipes } from './recipes.ts';
import type { Artifact } from './recipes.ts';

/** Where each artifact asked for lies: absolute paths. */
export type ArtifactPaths<Name extends Artifact = Artifact> = Readonly<Record<Name, string>>;

/**
 * Returns the paths of the artifacts, making those that are missing. Safe to run twice at once (the second waits for the first) and
 * to interrupt: a file appears under its name only when it is whole, so an interrupted build is simply done again.
 * @param log takes one line per build that starts or is waited for; by default stderr.
 * @throws Error when a build fails (with its last lines), or when one is needed inside a box's network, where no registry can be reached.
 */
export async function ensureArtifacts<Name extends Artifact>(
  names: readonly Name[],
  log: (line: string) => void = console.error,
): Promise<ArtifactPaths<Name>> {
  const missing = names.filter((name) => findArtifact(name) === undefined);
  if (missing.length > 0 && isInside())
    throw new Error(
      `${missing.join(', ')}: not made yet, and cannot be inside a box's network; call ensureArtifacts before runInside`,
    );
  if (missing.length > 0) await underLock(log, () => makeMissing(missing, log));
  return Object.fromEntries(names.map((name) => [name, findArtifact(name) ?? ''])) as Record<Name, string>;
}

/** Returns the path of an artifact that is there already, or undefined. */
export function findArtifact(name: Artifact): string | undefined {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const candidates = [
    ...(assets === undefined || assets === '' ? [] : [join(assets, name)]),
    cachedPath(name),
  ];
  return candidates.find((path) => existsSync(path));
}

function cacheFolder(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  return join(
    configured === undefined || configured === '' ? join(homedir(), '.cache') : configured,
    'branchline',
    'box',
  );
}

/** A folder per recipe, so that a new version of one part leaves the others as they are. */
function cachedPath(name: Artifact): string {
  const recipe = recipes[name];
  const hash = createHash('sha256')
    .update(JSON.stringify([process.platform, process.arch, recipe]))
    .digest('hex')
    .slice(0, 8);
  return join(cacheFolder(), `${name}-${recipe.version}-${hash}`, name);
}

async function makeMissing(names: readonly Artifact[], log: (line: string) => void): Promise<void> {
  await removeInterruptedBuilds();
  for (const name of names) {
    if (findArtifact(name) !== undefined) continue;
    log(
      `box: making ${name} ${recipes[name].version}, once${recipes[name].kind === 'go' ? ' (minutes)' : ''}`,
    );
    const started = performance.now();
    await makeArtifact(name);
    log(`box: made ${name} in ${Math.round((performance.now() - started) / 1000)} s`);
  }
}

const buildPrefix = 'building-';

async function makeArtifact(name: Artifact): Promise<void> {
  const folder = await mkdtemp(join(cacheFolder(), buildPrefix));
  try {
    const made = await buildArtifact(recipes[name], folder);
    await mkdir(join(cachedPath(name), '..'), { recursive: true });
    await rename(made, cachedPath(name));
  } catch (error) {
    throw new Error(
      `cannot make ${name} ${recipes[name].version}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeInterruptedBuilds(): Promise<void> {
  const left = (await readdir(cacheFolder())).filter((entry) => entry.startsWith(buildPrefix));
  await Promise.all(left.map((entry) => rm(join(cacheFolder(), entry), { recursive: true, force: true })));
}

/**
 * Does something while holding the cache's lock. The lock is the kernel's, held by a child whose stdin is our pipe: however we end,
 * the pipe closes, the child ends and the lock is free, so there is no stale lock to judge.
 */
async function underLock(log: (line: string) => void, act: () => Promise<void>): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const holder = spawn('flock', [join(cacheFolder(), 'lock'), 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = setTimeout(() => {
    log('box: waiting for another run that is building');
  }, 1000);
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'close').then(() => {
        throw new Error('flock ended without the lock');
      }),
    ]);
    clearTimeout(waiting);
    await act();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end();
  }
}
