/** What a command may touch of the process it runs in. main.ts gives the real one. */

/** Exit codes of every command. */
export const exitCodes = { fine: 0, problemsFound: 1, wrongUse: 2, worldRefused: 3 } as const;
/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The process as commands see it. */
export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output: for machines, and for the answer that was asked for. */
  readonly out: (text: string) => void;
  /** Writes to standard error: words for people. */
  readonly err: (text: string) => void;
  /** Standard input, read when a command is told to. */
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly isTerminal: boolean;
  /** Aborted by the first SIGTERM or SIGINT. A second one ends the process at once. */
  readonly stop: AbortSignal;
}
