/** Reads the body of a review within bounds: one limit for each, one budget for all that are being read. */
import type { IncomingMessage } from 'node:http';

/** A body that was read, was too large (its first part is kept, to answer in its name), or broke off. */
export type Body =
  | { readonly kind: 'whole'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'too-large'; readonly head: string }
  | { readonly kind: 'broken' };

/** Bytes of all bodies being read at one time. */
export interface BodyBudget {
  readonly free: number;
  take(bytes: number): void;
  give(bytes: number): void;
}

/** How much of a body over the limit is read and thrown away, so that its sender gets to read the answer instead of a reset. */
const discardBytesMax = 64 * 1024 * 1024;
/** The uid stands within the first few hundred bytes that an API server sends. */
const headBytes = 2048;

/** Makes a budget. */
export function createBudget(bytes: number): BodyBudget {
  let free = bytes;
  return {
    get free() {
      return free;
    },
    take(taken) {
      free -= taken;
    },
    give(given) {
      free += given;
    },
  };
}

/** Reads a body up to `limitBytes`. Takes what it holds from the budget and gives it back when done. Never rejects. */
export function readBody(request: IncomingMessage, limitBytes: number, budget: BodyBudget): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let held = 0;
    const finish = (body: Body): void => {
      budget.give(held);
      held = 0;
      resolve(body);
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limitBytes) {
        if (chunks.length > 1) chunks.splice(0, chunks.length, Buffer.concat(chunks).subarray(0, headBytes));
        budget.give(held);
        held = 0;
        if (bytes > discardBytesMax) request.destroy();
        return;
      }
      held += chunk.length;
      budget.take(chunk.length);
      chunks.push(chunk);
    });
    request.on('end', () => {
      const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      finish(bytes > limitBytes ? { kind: 'too-large', head: whole.toString('utf8', 0, headBytes) } : { kind: 'whole', text: whole.toString('utf8'), bytes });
    });
    request.on('error', () => { finish({ kind: 'broken' }); });
    request.on('close', () => { finish({ kind: 'broken' }); });
  });
}
