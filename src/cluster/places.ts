/** Where in a text the field of an object stands: paths as problems have them → lines and columns. */
import { isAlias, isMap, isScalar, isSeq, type Document, type Node, type Pair } from 'yaml';
import { memberNode, type ItemPlace } from './manifest-items.ts';
import { decodeText } from './manifests.ts';
import { positionsOf, readYamlDocument } from './yaml-documents.ts';

/** A place in a text. Lines and columns count from 1, columns in UTF-16 units; `endColumn` is the first one behind it, on the same line. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
}

type Position = Omit<Place, 'endColumn'>;

/** A field: of which item of the text, and its path, e.g. `spec.http[0].match[1].headers[x-variant-id].regex`. */
export interface Wanted {
  readonly item: Pick<ItemPlace, 'document' | 'member'>;
  readonly path: string;
  /** The place of the field's name, not of its value. */
  readonly name?: boolean;
}

/** Longest document that is read again for places, in UTF-16 units: the parser needs some fifty times as much memory. */
const documentLimitCharacters = 16 * 1024 * 1024;

/**
 * Finds fields in a text; only their documents are read again, one at a time. Where the last steps of a path are not there (a field is missing) the place
 * is that of the last step that is. Undefined in a document that is too long.
 */
export function locate(
  content: Uint8Array | string,
  wanted: readonly Wanted[],
): readonly (Place | undefined)[] {
  const text = decodeText(content);
  if (typeof text !== 'string') return wanted.map(() => undefined);
  const positionOf = positionsOf(text);
  const places = new Map<Wanted, Place>();
  for (const inDocument of Map.groupBy(wanted, ({ item }) => item.document.start).values()) {
    const { start, end } = inDocument[0]?.item.document ?? { start: 0, end: 0 };
    if (end - start > documentLimitCharacters) continue;
    const document = readYamlDocument(text.slice(start, end));
    for (const one of inDocument) {
      const range = document && rangeIn(document, one);
      if (range !== undefined)
        places.set(one, placeOf(positionOf(start + range[0]), positionOf(start + range[1])));
    }
  }
  return wanted.map((one) => places.get(one));
}

function rangeIn(
  document: Document.Parsed,
  { item: { member }, path, name = false }: Wanted,
): readonly [number, number] | undefined {
  const root = member === undefined ? document.contents : memberNode(document, member);
  return root === undefined || root === null ? undefined : find(root, path, { document, name });
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

function placeOf(start: Position, end: Position): Place {
  return {
    ...start,
    endColumn: Math.max(end.line === start.line ? end.column : 0, start.column + 1),
  };
}
