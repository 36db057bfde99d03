/** Structured logs: JSON lines on standard output, pretty ones on a terminal. Never object contents, never secrets. */
import { pino, type Logger } from 'pino';

/** What the program logs through. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** A log and the way to get its last lines out before the process ends. */
export interface OpenLog {
  readonly log: Log;
  flush(): void;
}

/** Bytes gathered before a write; a decision line is about 300, so that logging costs one write for a dozen decisions. */
const bufferBytes = 4096;
/** Lines wait at most this long. */
const flushMilliseconds = 500;

/** Opens the log on standard output. `pretty` is for people at a terminal. */
export async function openLog(level: string, pretty: boolean): Promise<OpenLog> {
  if (pretty) {
    const { PinoPretty } = await import('pino-pretty');
    const stream = PinoPretty({ sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true });
    return { log: pino({ level }, stream), flush: () => undefined };
  }
  const destination = pino.destination({ dest: 1, sync: false, minLength: bufferBytes, periodicFlush: flushMilliseconds });
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } };
  return {
    log: pino(options, destination),
    flush() {
      try {
        destination.flushSync();
      } catch {
        // Standard output is gone, or was never opened: there is nobody left to tell.
      }
    },
  };
}
