/** Reads the bodies of answers: whole, or line by line as they arrive. */
import { ClusterError } from './port.ts';

/** Longest line of a watch. An object in etcd has at most 1.5 MiB; JSON may blow that up a few times. */
const lineLimitBytes = 16 * 1024 * 1024;
/** Longest body that is read whole: a page of objects that are all as large as etcd lets them be. */
const bodyLimitBytes = 256 * 1024 * 1024;

const newline = 0x0a;

/**
 * Yields each line that ends in a newline, decoded. What follows the last newline is half a line: it is left out.
 * @throws {@link ClusterError} when a line is too long; and what the source throws.
 */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const line = createPiece(lineLimitBytes);
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

/** Reads a body to its end, decoded. @throws {@link ClusterError} when it is too long; and what the source throws. */
export async function readText(source: AsyncIterable<Uint8Array>): Promise<string> {
  const body = createPiece(bodyLimitBytes);
  for await (const chunk of source) body.add(chunk);
  return body.take();
}

/** Reads a body of JSON to its end. @throws {@link ClusterError} when it is too long or no JSON; and what the source throws. */
export async function readJson(source: AsyncIterable<Uint8Array>): Promise<unknown> {
  return parse(await readText(source));
}

/** Parses JSON. @throws {@link ClusterError} when it is none. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ClusterError(
      `not JSON: ${text.length} characters that end in ${JSON.stringify(text.slice(-40))}`,
      true,
      error,
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
      if (length > limitBytes) throw new ClusterError(`more than ${limitBytes} bytes without an end`, true);
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
