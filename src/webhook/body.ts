/** Reads request bodies as bytes, within a limit for one and a budget for all. */
import type { IncomingMessage } from 'node:http';

/** Parsing more than this takes over a millisecond, so larger bodies wait for each other and nobody else for them. */
export const largeBodyBytes = 256 * 1024;

/** Bytes that all bodies together may hold at one time. */
export interface BodyBudget {
  /** Takes `bytes` if that many are left; of what a large body asks for, so many less. */
  take(bytes: number, isLarge: boolean): boolean;
  give(bytes: number): void;
}

/** Of the budget, for bodies of at most {@link largeBodyBytes}. */
const reservedShare = 1 / 4;

/** Makes a budget of which a quarter is for bodies that are not large, so that no number of large ones keeps them out; less where one of the largest would not fit beside it. */
export function createBodyBudget(budgetBytes: number, limitBytes = 0): BodyBudget {
  const reserved = Math.min(budgetBytes * reservedShare, budgetBytes - limitBytes);
  let left = budgetBytes;
  return {
    take(bytes, isLarge) {
      if (bytes > left - (isLarge ? reserved : 0)) return false;
      left -= bytes;
      return true;
    },
    give(bytes) {
      left += bytes;
    },
  };
}

/**
 * How reading ended. `whole`: `release` gives the bytes back to the budget and must be called once. `too-large` and `over-budget`: the rest
 * was discarded, so that the client is there to read the answer; `head` is how the body starts. `late`: it did not arrive in time. `aborted`: the client is gone.
 */
export type Body =
  | { readonly outcome: 'whole'; readonly bytes: Buffer; readonly release: () => void }
  | { readonly outcome: 'too-large' | 'over-budget'; readonly head: string }
  | { readonly outcome: 'late' | 'aborted' };

/** What bounds reading. */
export interface BodyBounds {
  readonly limitBytes: number;
  readonly budget: BodyBudget;
  /** Nobody waits for the answer to a body that arrives later; until then it holds its part of the budget. */
  readonly milliseconds: number;
}

/** Enough of a body to find the uid in: the API server writes it within the first 200 bytes. */
const headBytes = 4096;
/** A body that is too large is discarded up to this many times the limit; who sends more may not get to read the answer. */
const discardFactor = 4;

/** Reads the body of a request; calls `done` once. */
export function readBody(
  request: IncomingMessage,
  { limitBytes, budget, milliseconds }: BodyBounds,
  done: (body: Body) => void,
): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let held = 0;
  let refused: 'too-large' | 'over-budget' | 'late' | undefined;
  let head = '';
  let finished = false;
  const declaredBytes = Number(request.headers['content-length'] ?? 0);

  const release = (): void => {
    budget.give(held);
    held = 0;
  };
  const finish = (body: Body): void => {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    chunks = [];
    if (body.outcome !== 'whole') release();
    done(body);
  };
  const refuse = (outcome: 'too-large' | 'over-budget' | 'late'): void => {
    refused = outcome;
    head = Buffer.concat(chunks).toString('latin1', 0, headBytes);
    chunks = [];
    release();
  };
  const ended = (): Body =>
    refused === 'late' || refused === undefined ? { outcome: 'late' } : { outcome: refused, head };
  const timer = setTimeout(() => {
    if (refused === undefined) refuse('late');
    finish(ended());
  }, milliseconds);

  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (refused !== undefined) {
      if (size > limitBytes * discardFactor) finish(ended());
      return;
    }
    chunks.push(chunk);
    if (size > limitBytes || (declaredBytes > limitBytes && size >= headBytes)) refuse('too-large');
    else if (budget.take(chunk.length, size > largeBodyBytes)) held += chunk.length;
    else refuse('over-budget');
  });
  request.on('end', () => {
    if (refused === undefined)
      finish({
        outcome: 'whole',
        bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks),
        release,
      });
    else finish(ended());
  });
  request.on('error', () => undefined);
  request.on('close', () => finish({ outcome: 'aborted' }));
}

/** Quote, backslash, brackets and braces in ASCII. */
const ascii = {
  quote: 0x22,
  backslash: 0x5c,
  openList: 0x5b,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/**
 * Tells whether JSON is nested more than `levelsMax` deep, without parsing it: a level costs the parser some 100 bytes, so 7 MiB of
 * brackets would take 350 MB. About 1 ns a byte; meant for large bodies, small ones cannot hurt.
 */
export function isDeeperThan(levelsMax: number, json: Uint8Array): boolean {
  let level = 0;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (byte === ascii.quote) index = endOfString(json, index + 1);
    else if (byte === ascii.openList || byte === ascii.openObject) {
      level += 1;
      if (level > levelsMax) return true;
    } else if (byte === ascii.closeList || byte === ascii.closeObject) level -= 1;
  }
  return false;
}

function endOfString(json: Uint8Array, start: number): number {
  let index = start;
  while (index < json.length && json[index] !== ascii.quote) index += json[index] === ascii.backslash ? 2 : 1;
  return index;
}
