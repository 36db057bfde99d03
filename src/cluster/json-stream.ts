/** Takes JSON that arrives in pieces apart, by bytes, so that neither a cut in the middle of a character nor a list of thousands costs anything. */

/** Longest line of a watch, and longest item of a list. An object in etcd has at most 1.5 MiB; JSON may blow that up a few times. */
const pieceLimitBytes = 16 * 1024 * 1024;
/** What stands around the items of a list. */
const envelopeLimitBytes = 1024 * 1024;

const newline = 0x0a;
const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The other side sent something that is not what it should be. */
class BrokenStream extends Error {
  override readonly name = 'BrokenStream';
}

/**
 * Yields each line that ends in a newline, decoded. What follows the last newline is half a line: it is left out.
 * @throws {BrokenStream} when a line is too long; and what the source throws.
 */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const line = createPiece(pieceLimitBytes);
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      line.add(chunk.subarray(start, end));
      start = end + 1;
      yield line.take();
    }
    line.add(chunk.subarray(start));
  }
}

/**
 * Reads a list (`{"metadata":…,"items":[…]}`) as it arrives, telling of each item, parsed; only one item is held at a time.
 * @returns the list without its items.
 * @throws {BrokenStream} when it is no JSON, or ends too early; and what the source throws.
 */
export async function readList(
  source: AsyncIterable<Uint8Array>,
  onItem: (item: unknown) => void,
): Promise<unknown> {
  const splitter = createListSplitter((text) => {
    onItem(parse(text));
  });
  for await (const chunk of source) splitter.add(chunk);
  return parse(splitter.end());
}

/** Parses JSON. @throws {BrokenStream} when it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new BrokenStream(
      `not JSON: ${text.length} characters that end in ${JSON.stringify(text.slice(-40))}`,
    );
  }
}

interface Piece {
  readonly add: (bytes: Uint8Array) => void;
  /** Returns what was added, decoded, and begins anew. */
  readonly take: () => string;
}

function createPiece(limitBytes: number): Piece {
  let parts: Uint8Array[] = [];
  let length = 0;
  return {
    add(bytes) {
      if (bytes.length === 0) return;
      length += bytes.length;
      if (length > limitBytes) throw new BrokenStream(`more than ${limitBytes} bytes without an end`);
      parts.push(bytes);
    },
    take() {
      const text = Buffer.concat(parts, length).toString('utf8');
      parts = [];
      length = 0;
      return text;
    },
  };
}

/** Follows the nesting of a JSON text byte by byte: level 1 is the list, 2 its `items`, from 3 on an item. All that has meaning here is ASCII, which no part of another UTF-8 character is. */
function createListSplitter(onItem: (text: string) => void): {
  readonly add: (chunk: Uint8Array) => void;
  readonly end: () => string;
} {
  const item = createPiece(pieceLimitBytes);
  const envelope = createPiece(envelopeLimitBytes);
  let tail = '';
  let level = 0;
  let isInItems = false;
  let isInText = false;
  let isEscaped = false;
  let start = 0;

  function skipText(byte: number): void {
    if (isEscaped) isEscaped = false;
    else if (byte === backslash) isEscaped = true;
    else isInText = byte !== quote;
  }

  function open(chunk: Uint8Array, index: number): void {
    level += 1;
    if (level === 2 && chunk[index] === openBracket && isItems(chunk, index)) {
      flush(chunk, index + 1);
      isInItems = true;
    } else if (isInItems && level === 3) start = index;
  }

  function close(chunk: Uint8Array, index: number): void {
    level -= 1;
    if (isInItems && level === 2) {
      item.add(chunk.subarray(start, index + 1));
      onItem(item.take());
    } else if (isInItems && level === 1) {
      isInItems = false;
      start = index;
    }
  }

  /** Whether the key before this bracket is `items`: it may stand in the chunk before. */
  function isItems(chunk: Uint8Array, index: number): boolean {
    const before = tail + Buffer.from(chunk.subarray(Math.max(start, index - 32), index)).toString('latin1');
    return /"items"\s*:\s*$/.test(before);
  }

  /** Keeps what stands outside of the items. */
  function flush(chunk: Uint8Array, end: number): void {
    const bytes = chunk.subarray(start, end);
    envelope.add(bytes);
    tail = (tail + Buffer.from(bytes.subarray(-32)).toString('latin1')).slice(-32);
  }

  function step(chunk: Uint8Array, index: number): void {
    const byte = chunk[index] ?? 0;
    if (isInText) skipText(byte);
    else if (byte === quote) isInText = true;
    else if (byte === openBrace || byte === openBracket) open(chunk, index);
    else if (byte === closeBrace || byte === closeBracket) close(chunk, index);
  }

  return {
    add(chunk) {
      start = 0;
      for (let index = 0; index < chunk.length; index += 1) step(chunk, index);
      if (!isInItems) flush(chunk, chunk.length);
      else if (level > 2) item.add(chunk.subarray(start));
    },
    end: envelope.take,
  };
}
