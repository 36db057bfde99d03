/** Lines to a file descriptor: gathered as bytes, written in batches without waiting; what is left is written when the process ends. */
import { write, writeSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';

/** A sink for lines. */
export interface Batches {
  write(this: void, line: string): void;
  /** Resolves when everything is written, or when nobody takes it within a second. */
  flush(this: void): Promise<void>;
}

/** Bytes gathered before a write; a decision line is about 300, so that at full load logging costs one write for 200 decisions. */
const batchBytes = 65_536;
/** Lines wait at most this long. */
const flushMilliseconds = 200;
/** When nobody reads the other end, lines beyond this are dropped instead of filling the memory. */
const backlogBytesMax = 16 * 1024 * 1024;
/** A full pipe is tried again after this long. */
const retryMilliseconds = 20;
const pollMilliseconds = 5;
/** At the end, a full pipe is given this long to be read. */
const patienceMilliseconds = 1000;

/**
 * Opens a sink. A reader that is gone is no error: lines are then dropped. (pino's own destination measures its whole buffer anew for each
 * line, which took a twentieth of a small review's time, and waits for ever at the end when its reader is gone.)
 */
export function openBatches(fd: number): Batches {
  const queue = createQueue(fd);
  let batch = Buffer.allocUnsafe(batchBytes);
  let used = 0;

  function handOver(): void {
    if (used === 0) return;
    queue.put(batch.subarray(0, used));
    batch = Buffer.allocUnsafe(batchBytes);
    used = 0;
  }

  setInterval(handOver, flushMilliseconds).unref();
  // The one place outside main.ts that hears the process: a log is worth most when the process ends without asking.
  process.once('exit', () => {
    handOver();
    queue.writeRest();
  });
  return {
    write(line) {
      // A UTF-16 unit takes at most 3 bytes.
      const most = line.length * 3;
      if (used + most > batchBytes) handOver();
      if (most > batchBytes) queue.put(Buffer.from(line));
      else used += batch.write(line, used);
    },
    async flush() {
      handOver();
      for (let waited = 0; !queue.isIdle() && waited < patienceMilliseconds; waited += pollMilliseconds)
        await setTimeout(pollMilliseconds);
    },
  };
}

/** Writes in order, one write at a time. */
interface Queue {
  put(bytes: Buffer): void;
  isIdle(): boolean;
  /** Writes what waits before it returns. */
  writeRest(): void;
}

function createQueue(fd: number): Queue {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let isWriting = false;
  let isBroken = false;

  function take(): Buffer | undefined {
    const next = waiting.shift();
    waitingBytes -= next?.length ?? 0;
    return next;
  }

  function writeNext(): void {
    const next = take();
    isWriting = next !== undefined;
    if (next !== undefined) writeOn(next);
  }

  function writeOn(bytes: Buffer): void {
    write(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN')
        void setTimeout(retryMilliseconds).then(() => {
          writeOn(bytes);
        });
      else if (error !== null) giveUp();
      else if (written < bytes.length) writeOn(bytes.subarray(written));
      else writeNext();
    });
  }

  function giveUp(): void {
    isBroken = true;
    isWriting = false;
    waiting = [];
    waitingBytes = 0;
  }

  return {
    put(bytes) {
      if (isBroken || waitingBytes + bytes.length > backlogBytesMax) return;
      waiting.push(bytes);
      waitingBytes += bytes.length;
      if (!isWriting) writeNext();
    },
    isIdle: () => !isWriting,
    writeRest() {
      // There is no waiting for a write that was begun; a moment is mostly enough for it to be done first.
      if (isWriting) pause(retryMilliseconds);
      for (let next = take(); next !== undefined; next = take()) if (!writeWhole(fd, next)) giveUp();
    },
  };
}

/** Writes all of it, waiting for a slow reader for a while. @returns false when nobody takes it. */
function writeWhole(fd: number, bytes: Buffer): boolean {
  let left = bytes;
  for (let waited = 0; waited < patienceMilliseconds;) {
    try {
      left = left.subarray(writeSync(fd, left));
      if (left.length === 0) return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false;
      pause(retryMilliseconds);
      waited += retryMilliseconds;
    }
  }
  return false;
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
