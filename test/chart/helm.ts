/** The real helm, where this machine has it or can make it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { findArtifact } from '../box/binaries.ts';

const execute = promisify(execFile);

export const chart = join(import.meta.dirname, '../../charts/branchline');

/** Why the tests that need helm are skipped here; false where there is one. */
export const skip =
  findArtifact('helm') === undefined
    ? 'helm is not made on this machine yet; npm run box makes it once, with go'
    : false;

/** What helm printed, and its exit code. */
export interface HelmResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs helm with settings and caches of its own. */
export async function helm(...args: readonly string[]): Promise<HelmResult> {
  const program = findArtifact('helm');
  if (program === undefined) throw new Error('helm is not made yet: npm run box makes it once, with go');
  const home = await mkdtemp(join(tmpdir(), 'helm-'));
  try {
    const { stdout, stderr } = await execute(program, args, {
      env: { HOME: home, PATH: process.env['PATH'] },
      maxBuffer: 1e8,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    return {
      code: typeof code === 'number' ? code : -1,
      stdout: stdout ?? '',
      stderr: stderr ?? String(error),
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Renders the chart as for an installation. */
export function template(values: object = {}, ...flags: readonly string[]): Promise<HelmResult> {
  return templateOf(chart, values, ...flags);
}

/** Renders a chart of another version. */
async function templateOf(
  folderOfChart: string,
  values: object,
  ...flags: readonly string[]
): Promise<HelmResult> {
  const folder = await mkdtemp(join(tmpdir(), 'values-'));
  const file = join(folder, 'values.yaml');
  await writeFile(file, stringify(values));
  try {
    return await helm(
      'template',
      'branchline',
      folderOfChart,
      '--namespace',
      'branchline-system',
      '--values',
      file,
      ...flags,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Renders it and returns the objects. @throws Error with what helm said when it refuses. */
export function rendered(values: object = {}, ...flags: readonly string[]): Promise<readonly unknown[]> {
  return renderedOf(chart, values, ...flags);
}

/** As {@link rendered}, of a chart in another folder. */
export async function renderedOf(
  folderOfChart: string,
  values: object,
  ...flags: readonly string[]
): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await templateOf(folderOfChart, values, ...flags);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as unknown)
    .filter((object) => object !== null);
}
