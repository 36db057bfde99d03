/** Where in a text the field of an object stands: paths as problems have them → lines and columns. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Document, type Node, type Pair } from 'yaml';
import { itemsWithNodes } from './manifests.ts';

/** A place in a text. Lines and columns count from 1, columns in UTF-16 units; `endColumn` is the first one behind it, on the same line. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

/** A field: of which item of the text (as in a Manifest), and its path, e.g. `spec.http[0].match[1].headers[x-variant-id].regex`. */
export interface Wanted {
  readonly index: number;
  readonly path: string;
  /** The place of the field's name, not of its value. */
  readonly name?: boolean;
}

/** Longest text that is read again for places, in bytes: the parser needs some fifty times as much memory. */
const textLimitBytes = 16 * 1024 * 1024;

/**
 * Finds fields in a text. Where the last steps of a path are not there (a field is missing) the place is that of the last step that is.
 * Undefined for a text that is too long.
 */
export function locate(
  content: Uint8Array | string,
  wanted: readonly Wanted[],
): readonly (Place | undefined)[] {
  if (content.length > textLimitBytes) return wanted.map(() => undefined);
  const lines = new LineCounter();
  const items = itemsWithNodes(content, lines);
  return wanted.map(({ index, path, name = false }) => {
    const { node, document } = items[index] ?? {};
    if (node === undefined || node === null || document === undefined) return undefined;
    return placeOf(find(node, path, { document, name }), lines);
  });
}

/** Range of the deepest node on the path: the value where it is a scalar, else its key. */
function find(
  root: Node,
  path: string,
  { document, name }: { readonly document: Document; readonly name: boolean },
): readonly [number, number] {
  let shown: readonly [number, number] = [root.range?.[0] ?? 0, (root.range?.[0] ?? 0) + 1];
  let node: unknown = root;
  for (let rest = path; rest !== '';) {
    const step = stepInto(resolved(node, document), rest, document);
    if (step === undefined) break;
    shown = rangeOf(step, name && step.rest === '') ?? shown;
    node = step.value;
    rest = step.rest;
  }
  return shown;
}

interface Step {
  readonly key: unknown;
  readonly value: unknown;
  readonly rest: string;
}

function stepInto(node: unknown, rest: string, document: Document): Step | undefined {
  if (isSeq(node)) {
    const index = /^\[([0-9]+)\]/.exec(rest);
    return index === null || node.items[Number(index[1])] === undefined
      ? undefined
      : { key: undefined, value: node.items[Number(index[1])], rest: rest.slice(index[0].length) };
  }
  return isMap(node) ? stepIntoPairs(node.items, rest, document) : undefined;
}

/** The longest key that the path goes on with: keys may hold dots and brackets, and long ones are cut in paths. A merged mapping comes last. */
function stepIntoPairs(pairs: readonly Pair[], rest: string, document: Document): Step | undefined {
  let best: Step | undefined;
  for (const { key, value } of pairs) {
    const name = isScalar(key) ? String(key.value) : '';
    const left = behind(name, rest) ?? behind(`${name.slice(0, 64)}...`, rest);
    if (left !== undefined && (best === undefined || left.length < best.rest.length))
      best = { key, value, rest: left };
  }
  const merged = pairs.find(({ key }) => isScalar(key) && key.source === '<<')?.value;
  return best ?? (merged === undefined ? undefined : stepInto(resolved(merged, document), rest, document));
}

function behind(name: string, rest: string): string | undefined {
  for (const form of [`[${name}]`, `.${name}`, name]) {
    if (rest.startsWith(form) && ['', '.', '['].includes(rest.charAt(form.length)))
      return rest.slice(form.length);
  }
  return undefined;
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function rangeOf({ key, value }: Step, wantsName: boolean): readonly [number, number] | undefined {
  const node = !wantsName && isWritten(value) ? value : ((key ?? value) as Node | undefined);
  const range = node?.range;
  if (range === undefined || range === null) return undefined;
  return isScalar(node) ? [range[0], range[1]] : [range[0], range[0] + 1];
}

/** Tells whether a value is a scalar that stands in the text: an empty one does not. */
function isWritten(value: unknown): value is Node {
  return isScalar(value) && (value.range?.[1] ?? 0) > (value.range?.[0] ?? 0);
}

function placeOf([start, end]: readonly [number, number], lines: LineCounter): Place {
  const { line, col } = lines.linePos(start);
  const last = lines.linePos(end);
  return {
    line: Math.max(1, line),
    column: Math.max(1, col),
    endColumn: last.line === line ? Math.max(last.col, col + 1) : col + 1,
  };
}
