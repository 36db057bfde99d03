/** Finds manifest files: which there are below some paths, and whether they changed since. */
import { readdir, realpath, stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';

/** A file that may hold manifests. `path` begins with the path that was given; `stamp` differs when the content may. */
export interface FoundFile {
  readonly path: string;
  readonly stamp: string;
}

/** What is below some paths. */
export interface Found {
  /** Sorted by path; no file twice, whatever links lead to it. */
  readonly files: readonly FoundFile[];
  /** Every directory that was looked into, without links in its path. */
  readonly directories: readonly string[];
  /** Paths that are not there or cannot be looked into: nothing is known about what is below them. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/** Levels of folders below a given path. */
const depthLimit = 32;

interface Walk {
  readonly files: Map<string, FoundFile>;
  readonly directories: Set<string>;
  readonly unreadable: { path: string; reason: string }[];
}

/**
 * Looks below files and folders. In folders only `*.yaml`, `*.yml` and `*.json` count; what begins with a dot (editors' swap files, the
 * `..data` of a mounted ConfigMap, `.git`) and `node_modules` is left out. Links are followed. A file that is named itself counts whatever its name.
 */
export async function findFiles(paths: readonly string[]): Promise<Found> {
  const walk: Walk = { files: new Map(), directories: new Set(), unreadable: [] };
  for (const path of [...paths].sort()) await visit(walk, path, 0);
  return {
    files: [...walk.files.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
    directories: [...walk.directories],
    unreadable: walk.unreadable,
  };
}

/** Looks at one path: `depth` 0 is one that was given. */
async function visit(walk: Walk, path: string, depth: number): Promise<void> {
  try {
    const stats = await stat(path, { bigint: true });
    // A pipe (`-f <(kustomize build)`) has no real path.
    const real = await realpath(path).catch(() => path);
    if (stats.isDirectory()) await visitFolder(walk, path, real, depth);
    else if (depth === 0 || (stats.isFile() && isManifest(path)))
      addFile(walk, real, { path, stamp: stampOf(stats) });
  } catch (error) {
    // Below a given path, a file that vanished while we looked, or a link to nowhere, is simply not there.
    if (depth === 0 || !isMissing(error))
      walk.unreadable.push({
        path,
        reason: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      });
  }
}

async function visitFolder(walk: Walk, path: string, real: string, depth: number): Promise<void> {
  if (walk.directories.has(real) || depth > depthLimit) return;
  walk.directories.add(real);
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (
      entry.name.startsWith('.') ||
      entry.name === 'node_modules' ||
      (entry.isFile() && !isManifest(entry.name))
    )
      continue;
    await visit(walk, join(path, entry.name), depth + 1);
  }
}

/** Keeps the first of two paths to one file, in order of their names. */
function addFile(walk: Walk, real: string, file: FoundFile): void {
  const known = walk.files.get(real);
  if (known === undefined || file.path < known.path) walk.files.set(real, file);
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

function isManifest(path: string): boolean {
  return /\.(ya?ml|json)$/i.test(path);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ELOOP');
}
