#!/usr/bin/env node
/** argv → one command → exit code. The only process.exit, the only top-level catch, the only process.env. */
import { readFileSync } from 'node:fs';
import { exitCodes, type Io } from './commands/io.ts';
import { runProgram } from './commands/program.ts';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(exitCodes.worldRefused);
    stop.abort();
  });
}

// Whoever reads our output may stop early, as head does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.fine);
});
// A server goes on when nobody reads what it says any more.
process.stderr.on('error', () => undefined);

const io: Io = {
  environment: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  stdin: process.stdin,
  isTerminal: process.stdout.isTTY,
  stop: stop.signal,
};

/** Both `src/main.ts` and `dist/branchline.js` are one folder below package.json. */
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

runProgram(process.argv.slice(2), manifest.version, io).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(
      `branchline: this is a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(exitCodes.worldRefused);
  },
);
