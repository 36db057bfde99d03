/** Structured logs: JSON lines on standard output, pretty ones on a terminal. Never object contents, never secrets. */
import { pino, type DestinationStream, type Logger } from 'pino';
import { openBatches } from './batches.ts';

/** What the program logs through: fields first, then a few words. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** A log and the way to get its last lines out before the process ends. */
export interface OpenLog {
  readonly log: Log;
  /** Resolves when everything logged so far is written; what is logged later is written too. */
  flush(): Promise<void>;
}

/** Opens the log on standard output. `pretty` is for people at a terminal; only then is its formatter loaded. */
export async function openLog(level: string, pretty: boolean): Promise<OpenLog> {
  if (pretty) {
    const { PinoPretty } = await import('pino-pretty');
    const stream = PinoPretty({
      sync: true,
      ignore: 'pid,hostname',
      translateTime: 'HH:MM:ss.l',
      singleLine: true,
    });
    return createLog(level, {
      write: (line) => {
        stream.write(line);
      },
    });
  }
  return createLog(level, openBatches(1));
}

/** Where lines go; without `flush` each is there at once. */
interface Destination extends DestinationStream {
  flush?(this: void): Promise<void>;
}

/** Makes a log that hands each line to `destination.write`. */
export function createLog(level: string, destination: Destination): OpenLog {
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    log,
    flush: async () => {
      await destination.flush?.();
    },
  };
}
