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

/** Bytes gathered before a write; a decision line is about 300, so that at full load logging costs one write for 50 decisions. */
const batchBytes = 16_384;
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
  return createLog(level, openBatches(1));
}

/** Where lines go. */
interface Destination extends DestinationStream {
  flushSync?(this: void): void;
}

/**
 * Gathers lines as bytes and writes them in batches, without waiting. (pino's own destination measures its whole buffer anew for each line,
 * which took a tenth of a small review's time.) What is left is written when the process ends, however it ends.
 */
function openBatches(fd: number): Destination {
  const options: Parameters<typeof pino.destination>[0] & object = { fd, sync: false, maxLength: backlogBytesMax, contentMode: 'buffer' };
  const file = pino.destination(options) as unknown as { write(batch: Buffer): boolean; flushSync(): void };
  const flushFile = file.flushSync.bind(file);
  let batch = Buffer.allocUnsafe(batchBytes);
  let used = 0;
  const handOver = (): void => {
    if (used === 0) return;
    file.write(batch.subarray(0, used));
    batch = Buffer.allocUnsafe(batchBytes);
    used = 0;
  };
  const flushSync = (): void => {
    handOver();
    flushFile();
  };
  // pino calls this one at the end of the process.
  file.flushSync = flushSync;
  setInterval(handOver, flushMilliseconds).unref();
  return {
    write(line) {
      // A UTF-16 unit takes at most 3 bytes.
      if (line.length * 3 > batchBytes) {
        handOver();
        file.write(Buffer.from(line));
        return;
      }
      if (used + line.length * 3 > batchBytes) handOver();
      used += batch.write(line, used);
    },
    flushSync,
  };
}

/** Makes a log that hands each line to `destination.write`. */
export function createLog(level: string, destination: Destination): OpenLog {
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
