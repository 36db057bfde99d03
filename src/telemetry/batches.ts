/** Lines to a file descriptor: gathered as bytes, written in batches without waiting; what is left is written when the process ends. */
import { write, writeSync } from 'node:fs';
import process from 'node:process';

/** A sink for lines. */
export interface Batches {
  write(this: void, line: string): void;
  /** Returns when everything is written, or when nobody takes it. */
  flushSync(this: void): void;
}

/** Bytes gathered before a write; a decision line is about 300, so that at full load logging costs one write for 50 decisions. */
const batchBytes = 16_384;
/** Lines wait at most this long. */
const flushMilliseconds = 200;
/** When nobody reads the other end, lines beyond this are dropped instead of filling the memory. */
const backlogBytesMax = 16 * 1024 * 1024;
/** A full pipe is tried again after this long. */
const retryMilliseconds = 20;
/** At the end, a full pipe is given this long to be read. */
const patienceMilliseconds = 1000;

/**
 * Opens a sink. A reader that is gone is no error: lines are then dropped. (pino's own destination measures its whole buffer anew for each
 * line, which took a tenth of a small review's time, and waits for ever at the end when its reader is gone.)
 */
export function openBatches(fd: number): Batches {
  let batch = Buffer.allocUnsafe(batchBytes);
  let used = 0;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let isWriting = false;
  let isBroken = false;

  function enqueue(bytes: Buffer): void {
    if (isBroken || waitingBytes + bytes.length > backlogBytesMax) return;
    waiting.push(bytes);
    waitingBytes += bytes.length;
    if (!isWriting) writeNext();
  }

  function handOver(): void {
    if (used === 0) return;
    enqueue(batch.subarray(0, used));
    batch = Buffer.allocUnsafe(batchBytes);
    used = 0;
  }

  function takeNext(): Buffer | undefined {
    const next = waiting.shift();
    waitingBytes -= next?.length ?? 0;
    return next;
  }

  function giveUp(): void {
    isBroken = true;
    waiting = [];
    waitingBytes = 0;
  }

  function writeNext(): void {
    const next = takeNext();
    isWriting = next !== undefined;
    if (next !== undefined) writeOn(next);
  }

  function writeOn(bytes: Buffer): void {
    write(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(writeOn, retryMilliseconds, bytes);
      else if (error !== null) giveUp();
      else if (written < bytes.length) writeOn(bytes.subarray(written));
      else writeNext();
    });
  }

  function flushSync(): void {
    handOver();
    for (let next = takeNext(); next !== undefined; next = takeNext()) if (!writeWhole(fd, next)) giveUp();
  }

  setInterval(handOver, flushMilliseconds).unref();
  // The one place outside main.ts that hears the process: a log is worth most when the process ends without asking.
  process.once('exit', flushSync);
  return {
    write(line) {
      // A UTF-16 unit takes at most 3 bytes.
      const most = line.length * 3;
      if (used + most > batchBytes) handOver();
      if (most > batchBytes) enqueue(Buffer.from(line));
      else used += batch.write(line, used);
    },
    flushSync,
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
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMilliseconds);
      waited += retryMilliseconds;
    }
  }
  return false;
}
