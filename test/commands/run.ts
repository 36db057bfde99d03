/** Runs a command line in this process. */
import { Readable } from 'node:stream';
import type { Io } from '../../src/commands/io.ts';
import { runProgram } from '../../src/commands/program.ts';

/** What a command said. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `branchline <args>`; `more` is what differs of its process. */
export async function run(args: readonly string[], stdin = '', more: Partial<Io> = {}): Promise<Ran> {
  const said = { out: '', err: '' };
  const io: Io = {
    environment: {},
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    stdin: Readable.from([stdin]),
    isTerminal: false,
    stop: new AbortController().signal,
    ...more,
  };
  return { code: await runProgram(args, '1.2.3', io), ...said };
}
