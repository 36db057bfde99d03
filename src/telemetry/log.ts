/** Structured logs: JSON lines on standard output, pretty ones on a terminal. Never object contents, never secrets. */
import { pino, type DestinationStream, type Logger } from 'pino';

/** What the program logs through: fields first, then a few words. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** A log and the way to get its last lines out before the process ends. */
export interface OpenLog {
  readonly log: Log;
  /** Returns when everything logged so far is written; what is logged later is written too. */
  flush(): void;
}

/** Bytes gathered before a write; a decision line is about 300, so that at full load logging costs one write for 50 decisions. Below sonic-boom's 16 KiB. */
const bufferBytes = 16_000;
/** Lines wait at most this long. */
const flushMilliseconds = 200;
/** When nobody reads the other end, lines beyond this are dropped instead of filling the memory. */
const backlogBytesMax = 16 * 1024 * 1024;

/** Opens the log on standard output. `pretty` is for people at a terminal; only then is its formatter loaded. */
export async function openLog(level: string, pretty: boolean): Promise<OpenLog> {
  if (pretty) {
    const { PinoPretty } = await import('pino-pretty');
    return createLog(level, PinoPretty({ sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true }));
  }
  return createLog(level, pino.destination({ dest: 1, sync: false, minLength: bufferBytes, maxLength: backlogBytesMax, periodicFlush: flushMilliseconds }));
}

/** Makes a log that hands each line to `destination.write`. */
export function createLog(level: string, destination: DestinationStream & { flushSync?(): void }): OpenLog {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, destination);
  return {
    log,
    flush() {
      try {
        destination.flushSync?.();
      } catch {
        // Standard output is gone, or was never opened: there is nobody left to tell.
      }
    },
  };
}
