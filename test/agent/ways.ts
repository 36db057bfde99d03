/** Ways to start the guest: each is a way to start somebody's application, with the agent preloaded. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildAgent } from '../../scripts/agent.ts';
import { cache, hpropagateText, install, libraries, tracingText } from './installed.ts';
import type { GuestRun } from './run-guest.ts';

/** What is made once, for every version of Node. Paths. */
export interface Guest {
  readonly folder: string;
  readonly agent: string;
  readonly tracing: string;
  /** Requires hpropagate, as its users do. */
  readonly hpropagate: string;
  /** Of a package, in what is installed beside the guest. */
  readonly installed: (path: string) => string;
}

/** A way to start; undefined where that version of Node has no such way. */
export type Way = (
  node: { readonly path: string; readonly version: string },
  guest: Guest,
) => (Omit<GuestRun, 'preloads'> & { readonly preloads?: readonly string[] }) | undefined;

/** One of each kind, where a way to start can only be all right or all wrong. */
const typical = { only: '^(https?|fetch|undici6|undici7|grpc|axios|express 5|fastify 5)' };

const main = ({ folder }: Guest): string => join(folder, 'main.js');

/** `22.13.0` and newer, for `[22, 13]`. */
function isFrom(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/** Where a way preloads something else than the agent alone, it says so. */
export const ways: Readonly<Record<string, Way>> = {
  import: ({ path: node }, guest) => ({ node, program: [main(guest)] }),
  require: ({ path: node }, guest) => ({ node, program: [main(guest)], options: { loader: 'require' } }),
  'preloaded with --import': ({ path: node, version }, guest) =>
    isFrom(version, [18, 19])
      ? { node, program: [main(guest)], preload: '--import', options: typical }
      : undefined,
  tsx: ({ path: node, version }, guest) =>
    isFrom(version, [18, 19])
      ? {
          node,
          program: ['--import', pathToFileURL(guest.installed('tsx/dist/loader.mjs')).href, main(guest)],
          options: typical,
        }
      : undefined,
  'ts-node': ({ path: node }, guest) => ({
    node,
    program: [
      '--require',
      guest.installed('ts-node/register/transpile-only'),
      join(guest.folder, 'typed', 'bundled.ts'),
    ],
    env: {
      TS_NODE_SKIP_PROJECT: 'true',
      TS_NODE_COMPILER: guest.installed('typescript'),
      TS_NODE_COMPILER_OPTIONS: JSON.stringify({
        module: 'commonjs',
        target: 'es2022',
        allowJs: true,
        esModuleInterop: true,
        ignoreDeprecations: '5.0',
      }),
    },
  }),
  worker: ({ path: node }, guest) => ({ node, program: [main(guest)], options: { inside: 'worker' } }),
  child: ({ path: node }, guest) => ({
    node,
    program: [main(guest)],
    options: { inside: 'child', loader: 'require' },
  }),
  cluster: ({ path: node }, guest) => ({ node, program: [main(guest)], options: { inside: 'cluster' } }),
  'npm start': ({ path: node }, guest) => ({
    node,
    program: [
      guest.installed('npm/bin/npm-cli.js'),
      '--prefix',
      guest.folder,
      '--silent',
      '--no-update-notifier',
      'start',
      '--',
    ],
    options: typical,
  }),
  // The agent itself is not among what may be read: nor is it in a pod.
  '--permission': ({ path: node, version }, guest) =>
    isFrom(version, [22, 13])
      ? {
          node,
          program: [
            '--permission',
            `--allow-fs-read=${dirname(guest.folder)}/`,
            `--allow-fs-read=${join(cache, 'certs')}/`,
            ...(isFrom(version, [25, 0]) ? ['--allow-net'] : []),
            main(guest),
          ],
          options: typical,
        }
      : undefined,
  'global dispatcher of undici 6': ({ path: node }, guest) => ({
    node,
    program: [main(guest)],
    options: { global: 'undici6', only: 'fetch' },
  }),
  esbuild: ({ path: node }, { folder }) => ({ node, program: [join(folder, 'bundled.cjs')] }),
  webpack: ({ path: node }, { folder }) => ({ node, program: [join(folder, 'packed', 'main.cjs')] }),
  'single executable': (node, guest) =>
    isFrom(node.version, [20, 0]) ? { node: singleExecutable(node, guest), program: [] } : undefined,
  'tracing before': ({ path: node }, guest) => ({
    node,
    program: [main(guest)],
    preloads: [guest.tracing, guest.agent],
  }),
  'tracing after': ({ path: node }, guest) => ({
    node,
    program: [main(guest)],
    preloads: [guest.agent, guest.tracing],
  }),
};

/** Installs the libraries, and makes all that the ways need. */
export async function makeGuest(): Promise<Guest> {
  const home = join(cache, 'libraries');
  const folder = join(home, 'guest');
  const source = new URL('guest', import.meta.url).pathname;
  const guest: Guest = {
    folder,
    agent: join(cache, 'agent.cjs'),
    tracing: join(folder, 'tracing.cjs'),
    hpropagate: join(folder, 'hpropagate.cjs'),
    installed: (path) => join(home, 'node_modules', path),
  };
  install(home, libraries);
  mkdirSync(join(folder, 'typed'), { recursive: true });
  cpSync(source, folder, { recursive: true });
  cpSync(source, join(folder, 'typed'), { recursive: true });
  copyFileSync(join(source, 'bundled.js'), join(folder, 'typed', 'bundled.ts'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "scripts": { "start": "node main.js" } }');
  writeFileSync(join(folder, 'typed', 'package.json'), '{ "type": "commonjs" }');
  await buildAgent(guest.agent);
  writeFileSync(guest.tracing, tracingText);
  writeFileSync(guest.hpropagate, hpropagateText);
  await build({
    entryPoints: [join(folder, 'bundled.js')],
    outfile: join(folder, 'bundled.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'warning',
  });
  await pack(guest);
  return guest;
}

interface Packed {
  readonly hasErrors: () => boolean;
  readonly toString: () => string;
}
type Webpack = (options: object, done: (error: Error | null, packed?: Packed) => void) => void;

async function pack({ folder, installed }: Guest): Promise<void> {
  const { default: webpack } = (await import(installed('webpack/lib/index.js'))) as { default: Webpack };
  const options = {
    mode: 'production',
    target: 'node18',
    context: folder,
    entry: './bundled.js',
    output: {
      path: join(folder, 'packed'),
      filename: 'main.cjs',
      chunkFilename: '[id].cjs',
      chunkFormat: 'commonjs',
    },
  };
  await new Promise<void>((resolve, reject) => {
    webpack(options, (error, packed) => {
      if (error === null && packed?.hasErrors() === false) resolve();
      else reject(error ?? new Error(packed?.toString()));
    });
  });
}

/** Where Node looks for an application inside itself. @see https://nodejs.org/api/single-executable-applications.html */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

function singleExecutable(
  { path, version }: { readonly path: string; readonly version: string },
  { folder, installed }: Guest,
): string {
  const home = join(cache, `node-${version}`);
  const [executable, blob, config] = [
    join(home, 'application'),
    join(home, 'application.blob'),
    join(home, 'application.json'),
  ];
  writeFileSync(
    config,
    JSON.stringify({ main: join(folder, 'bundled.cjs'), output: blob, disableExperimentalSEAWarning: true }),
  );
  execFileSync(path, ['--experimental-sea-config', config], { stdio: 'ignore' });
  copyFileSync(path, executable);
  execFileSync(
    process.execPath,
    [installed('postject/dist/cli.js'), executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse],
    { stdio: 'ignore' },
  );
  return executable;
}
