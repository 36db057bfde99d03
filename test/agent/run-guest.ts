/** Runs the guest program in a Node with the agent in it, and reads what it counted. */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';

/** One client or server under its sixty requests. */
export interface Row {
  readonly kind: 'client' | 'server';
  readonly name: string;
  readonly right: number;
  /** Somebody else's header, or one where there should be none. */
  readonly wrong: number;
  /** None where there should be one. */
  readonly lost: number;
  /** With a tracing library's own header. */
  readonly traced: number;
  readonly of: number;
  readonly error?: string;
  /** Why it could not be tried at all: not installed, or not for this Node. */
  readonly absent?: string;
}

/** How to run it. */
export interface GuestRun {
  /** Path of node. */
  readonly node: string;
  /** The guest's `main.js`, after what goes before it; none: `node` is the program itself. */
  readonly program: readonly string[];
  /** Files to preload, in order. */
  readonly preloads: readonly string[];
  /** How they are preloaded; default `--require`. */
  readonly preload?: '--require' | '--import';
  readonly env?: Readonly<Record<string, string>>;
  /** What `main.js` reads: loader, pair, only, global, at. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Longest run, in milliseconds: only what hangs takes longer. */
const patienceMs = 1_100_000;

/** Runs it. @throws Error with what it printed when it ends otherwise than well. */
export function runGuest({
  node,
  program,
  preloads,
  preload = '--require',
  env: more = {},
  options = {},
}: GuestRun): Promise<readonly Row[]> {
  const env = {
    // Who starts `node` by its name gets this one.
    PATH: `${dirname(node)}:${process.env['PATH'] ?? ''}`,
    HOME: process.env['HOME'],
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    NODE_OPTIONS: preloads.map((path) => `${preload} ${path}`).join(' '),
    ...more,
  };
  return new Promise((resolve, reject) => {
    execFile(
      node,
      [...program, JSON.stringify(options)],
      { env, timeout: patienceMs, maxBuffer: 1e8 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stderr}`));
        else resolve(JSON.parse(stdout) as readonly Row[]);
      },
    );
  });
}
