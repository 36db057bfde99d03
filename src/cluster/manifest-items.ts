/** Text → values: each document, and each member of a `List`, with its line. Not yet known to be objects. */
import { isMap, isSeq, type Document, type Node } from 'yaml';
import { at, isObject, listAt, textAt } from '../model/json.ts';
import { positionsOf, readYamlDocuments } from './yaml-documents.ts';

/** References to anchors that one document may make, counted as the library does (a bomb multiplies). */
const aliasLimit = 1_000;
/** Characters of one document after its aliases are written out. */
const expandedLimitCharacters = 256 * 1024 * 1024;
/** Levels of nesting in one document. The API server takes 10 000; nobody writes 500. */
const nestingLimit = 500;

/** Where an item stands. `line` counts from 1. */
export interface ItemPlace {
  readonly line: number;
  /** The part of the text that its document is, in UTF-16 units. */
  readonly document: { readonly start: number; readonly end: number };
  /** Which member of the document's `items` it is; undefined for a document of its own. */
  readonly member: number | undefined;
}

/** One document, or one member of a `List`. */
export interface Item extends ItemPlace {
  readonly value: unknown;
}

/** Takes what could not be read. */
export type Report = (line: number, reason: string) => void;

/** Reads the items of a text in the order in which they stand; documents without content are left out. Never throws. */
export function readItems(text: string, report: Report): readonly Item[] {
  return readJson(text) ?? readYaml(text, report);
}

/** Returns the YAML of a `List`'s member. */
export function memberNode(document: Document, member: number): Node | undefined {
  const members: unknown = isMap(document.contents) ? document.contents.get('items', true) : undefined;
  return isSeq(members) ? (members.items[member] as Node | undefined) : undefined;
}

/** JSON is YAML too; this is the fast way for large dumps, without a line for every item. */
function readJson(text: string): readonly Item[] | undefined {
  const start = text.search(/\S/);
  if (text[start] !== '{') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    checkSize(value, nestingLimit, { characters: Infinity });
    const line = text.slice(0, start).split('\n').length;
    return expandLists(
      { value, line, document: { start: 0, end: text.length }, member: undefined },
      () => line,
    );
  } catch {
    return undefined;
  }
}

function readYaml(text: string, report: Report): readonly Item[] {
  const positionOf = positionsOf(text);
  const lineOf = (offset: number): number => positionOf(offset).line;
  const items: Item[] = [];
  try {
    for (const document of readYamlDocuments(text))
      for (const item of readDocument(document, lineOf, report)) items.push(item);
  } catch (error) {
    report(1, `The YAML cannot be read: ${reasonOf(error)}.`);
  }
  return items;
}

function readDocument(
  document: Document.Parsed,
  lineOf: (offset: number) => number,
  report: Report,
): readonly Item[] {
  const [error] = document.errors;
  if (error !== undefined) {
    report(lineOf(error.pos[0]), `The YAML cannot be read: ${sentence(error.message)}`);
    return [];
  }
  const lineOfNode = (node: Node | null | undefined): number => lineOf(node?.range?.[0] ?? document.range[0]);
  const line = lineOfNode(document.contents);
  try {
    const [start, , end] = document.range;
    const value = toPlainTree(document.toJS({ maxAliasCount: aliasLimit }));
    return value === null
      ? []
      : expandLists({ value, line, document: { start, end }, member: undefined }, (member) =>
          lineOfNode(memberNode(document, member)),
        );
  } catch (failure) {
    report(line, `The document cannot be read: ${reasonOf(failure)}.`);
    return [];
  }
}

/** A tree of its own: no two places share an object, no string holds on to the text of the file. @throws Error for what is too large or too deep. */
function toPlainTree(value: unknown): unknown {
  checkSize(value, nestingLimit, { characters: expandedLimitCharacters });
  return JSON.parse(JSON.stringify(value ?? null)) as unknown;
}

function checkSize(value: unknown, levels: number, left: { characters: number }): void {
  left.characters -= typeof value === 'string' ? value.length + 2 : 8;
  if (left.characters < 0) throw new Error('its aliases expand to too much');
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw new Error(`it is nested more than ${nestingLimit} levels deep`);
  for (const [key, inner] of Object.entries(value)) {
    left.characters -= key.length;
    checkSize(inner, levels - 1, left);
  }
}

/** A `List` (as `kubectl get -o yaml` prints it) stands for its items; those of a typed list, e.g. a `PodList`, do not name their kind. */
function expandLists(item: Item, lineOfMember: (member: number) => number): readonly Item[] {
  const kind = textAt(item.value, 'kind') ?? '';
  if (!kind.endsWith('List') || !Array.isArray(at(item.value, 'items'))) return [item];
  const typed =
    kind === 'List' ? {} : { apiVersion: at(item.value, 'apiVersion'), kind: kind.slice(0, -'List'.length) };
  return listAt(item.value, 'items').flatMap((value, index) => {
    const member = item.member ?? index;
    const line = item.member === undefined ? lineOfMember(index) : item.line;
    return expandLists(
      { ...item, line, member, value: isObject(value) ? { ...typed, ...value } : value },
      lineOfMember,
    );
  });
}

/** Returns why something failed, without a stop at the end. */
export function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'it is nested too deeply';
  return (error instanceof Error ? error.message : String(error)).replace(/[\s.]+$/, '').replace(/\s+/g, ' ');
}

/** The library reports a full stack as an error of the text. */
function sentence(text: string): string {
  return text.includes('call stack')
    ? 'it is nested too deeply.'
    : `${text.replace(/\s+/g, ' ').replace(/[\s.]+$/, '')}.`;
}
