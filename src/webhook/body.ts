/** Reads request bodies as bytes, within a limit for one and a budget for all. */
import type { IncomingMessage } from 'node:http';

/** Bytes that all bodies together may hold at one time. */
export interface BodyBudget {
  /** Takes `bytes` if that many are left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** Makes a budget. */
export function createBodyBudget(limitBytes: number): BodyBudget {
  let left = limitBytes;
  return {
    take(bytes) {
      if (bytes > left) return false;
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
 * was discarded, so that the client is there to read the answer; `head` is how the body starts. `aborted`: the client is gone.
 */
export type Body =
  | { readonly outcome: 'whole'; readonly bytes: Buffer; readonly release: () => void }
  | { readonly outcome: 'too-large' | 'over-budget'; readonly head: string }
  | { readonly outcome: 'aborted' };

/** What bounds reading. */
export interface BodyBounds {
  readonly limitBytes: number;
  readonly budget: BodyBudget;
}

/** Enough of a body to find the uid in: the API server writes it within the first 200 bytes. */
const headBytes = 4096;
/** A body that is too large is discarded up to this many times the limit; who sends more may not get to read the answer. */
const discardFactor = 4;

/** Reads the body of a request; calls `done` once. */
export function readBody(request: IncomingMessage, { limitBytes, budget }: BodyBounds, done: (body: Body) => void): void {
  let chunks: Buffer[] = [];
  let size = 0;
  let held = 0;
  let refused: 'too-large' | 'over-budget' | undefined;
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
    chunks = [];
    if (body.outcome !== 'whole') release();
    done(body);
  };
  const refuse = (outcome: 'too-large' | 'over-budget'): void => {
    refused = outcome;
    head = Buffer.concat(chunks).toString('latin1', 0, headBytes);
    chunks = [];
    release();
  };

  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (refused !== undefined) {
      if (size > limitBytes * discardFactor) finish({ outcome: refused, head });
      return;
    }
    chunks.push(chunk);
    if (size > limitBytes || (declaredBytes > limitBytes && size >= headBytes)) refuse('too-large');
    else if (budget.take(chunk.length)) held += chunk.length;
    else refuse('over-budget');
  });
  request.on('end', () => {
    if (refused === undefined) finish({ outcome: 'whole', bytes: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks), release });
    else finish({ outcome: refused, head });
  });
  request.on('error', () => undefined);
  request.on('close', () => finish({ outcome: 'aborted' }));
}

/** Quote, backslash, brackets and braces in ASCII. */
const ascii = { quote: 0x22, backslash: 0x5c, openList: 0x5b, closeList: 0x5d, openObject: 0x7b, closeObject: 0x7d } as const;

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
