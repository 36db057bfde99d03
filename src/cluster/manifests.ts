/**
 * Manifests: text → raw objects, each with its file and line. YAML (several documents, anchors, `List` kinds) and JSON go in; objects of any kind
 * come out, as they are written. What cannot be read is a problem and takes nothing else with it.
 */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseAllDocuments, isMap, isSeq, type Document, type Node, type Tags } from 'yaml';
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import { resourceOf } from '../model/snapshot.ts';
import { findFiles } from './files.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { ClusterError, type ClusterProblem } from './port.ts';

/** Bytes of one file, or of standard input: 40 times what the API server takes as one object; a dump of a large cluster still fits. */
const sizeLimitBytes = 64 * 1024 * 1024;
/** References to anchors that one document may make, counted as the library does (a bomb multiplies). */
const aliasLimit = 1_000;
/** Characters of one document after its aliases are written out. */
const expandedLimitCharacters = 256 * 1024 * 1024;
/** Levels of nesting in one document. The API server takes 10 000; nobody writes 500. */
const nestingLimit = 500;

/** A raw object and where it was written. `line` counts from 1. */
export interface Manifest {
  readonly object: JsonObject;
  readonly file: string;
  readonly line: number;
  /** Which of the documents and list items of its file it is, from 0; those that are no objects count, too. */
  readonly index: number;
}

/** What was read: objects in the order in which they stand, and what could not be read. */
export interface Manifests {
  readonly objects: readonly Manifest[];
  readonly problems: readonly ClusterProblem[];
}

/** One document, or one item of a `List`, before it is known to be an object. */
interface Item extends ItemPlace {
  readonly value: unknown;
}

/** Where an item stands. */
interface ItemPlace {
  readonly line: number;
  /** Its YAML; undefined where the text was read as JSON. */
  readonly node?: Node | null | undefined;
  readonly document?: Document | undefined;
}

/** A text with its name, as it was read. */
export interface Source {
  readonly file: string;
  readonly content: Uint8Array | string;
}

/**
 * Reads manifests from files and folders (in sorted order of their paths, a folder with all that is below it, each file once), and from `stdin`
 * where a path is `-`.
 * @throws {ClusterError} when a path that was named is not there or cannot be read.
 */
export async function readManifests(
  paths: readonly string[],
  stdin?: AsyncIterable<Uint8Array | string>,
): Promise<Manifests> {
  const { files, unreadable } = await findFiles(paths.filter((path) => path !== '-'));
  const [gone] = unreadable;
  if (gone !== undefined) throw new ClusterError(gone.reason, false);
  const parts =
    paths.includes('-') && stdin !== undefined ? [parseManifests(await readAll(stdin), stdinName)] : [];
  for (const { path } of files) parts.push(await readManifestFile(path));
  return { objects: parts.flatMap((part) => part.objects), problems: parts.flatMap((part) => part.problems) };
}

/** What problems call standard input. */
export const stdinName = 'stdin';

/** Reads all of standard input. @throws {ClusterError} when it is too large. */
export async function readStdin(stdin: AsyncIterable<Uint8Array | string>): Promise<Source> {
  return { file: stdinName, content: await readAll(stdin) };
}

/** Reads one file. A file that cannot be read is a problem. */
export async function readManifestFile(file: string): Promise<Manifests> {
  try {
    return parseManifests(await readFile(file), file);
  } catch (error) {
    return { objects: [], problems: [problemAt(file, 1, `The file cannot be read: ${reasonOf(error)}.`)] };
  }
}

/** Reads the objects of a text; `file` is what problems call it. Never throws. */
export function parseManifests(content: Uint8Array | string, file: string): Manifests {
  const text = decodeText(content);
  if (typeof text !== 'string') return { objects: [], problems: [problemAt(file, 1, text.reason)] };
  const problems: { readonly line: number; readonly reason: string }[] = [];
  const report: Report = (line, reason) => void problems.push({ line, reason });
  const objects: Manifest[] = [];
  for (const [index, { value, line }] of readItems(text, report).entries()) {
    const fault = faultOf(value);
    if (fault !== undefined) report(line, fault);
    else objects.push({ object: value as JsonObject, file, line, index });
  }
  return {
    objects,
    problems: problems
      .sort((a, b) => a.line - b.line)
      .map(({ line, reason }) => problemAt(file, line, reason)),
  };
}

/** Returns the namespace that an object counts for: the one it names, else `default`; `''` for kinds that stand in none. */
export function namespaceFor(object: unknown, namespaced: boolean): string {
  if (!namespaced) return '';
  const named = textAt(object, 'metadata', 'namespace') ?? '';
  return named === '' ? 'default' : named;
}

/** Returns the object as a cluster would hold it, in namespace `default` when it names none; the same object when there is nothing to add or its kind is not known. */
export function placed(object: JsonObject): JsonObject {
  if (resourceOf(object)?.namespaced !== true || (textAt(object, 'metadata', 'namespace') ?? '') !== '')
    return object;
  return { ...object, metadata: { ...objectAt(object, 'metadata'), namespace: namespaceFor(object, true) } };
}

type Report = (line: number, reason: string) => void;

function readItems(text: string, report: Report): readonly Item[] {
  return readJson(text) ?? readPlain(text) ?? readYaml(text, report);
}

/** JSON is YAML too; this is the fast way for large dumps, without a line for every item. */
function readJson(text: string): readonly Item[] | undefined {
  const start = text.search(/\S/);
  if (text[start] !== '{') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    measure(value, nestingLimit, { characters: Infinity });
    const line = text.slice(0, start).split('\n').length;
    return expand({ value, line }, () => ({ line }));
  } catch {
    return undefined;
  }
}

/** The fast way for YAML without anything special in it. */
function readPlain(text: string): readonly Item[] | undefined {
  const documents = readPlainYaml(text);
  if (documents === undefined) return undefined;
  const lineAt = lineCounter(text);
  try {
    return documents.flatMap(({ value, start, itemStarts }) => {
      const line = lineAt(start);
      return value === null
        ? []
        : expand({ value: plain(value), line }, (index) => ({ line: lineAt(itemStarts[index] ?? start) }));
    });
  } catch {
    return undefined;
  }
}

/** Returns a function from offsets to lines; cheap for offsets that only grow. */
function lineCounter(text: string): (offset: number) => number {
  const last = { offset: 0, line: 1 };
  return (offset) => {
    if (offset < last.offset) Object.assign(last, { offset: 0, line: 1 });
    for (let at = text.indexOf('\n', last.offset); at >= 0 && at < offset; at = text.indexOf('\n', at + 1))
      Object.assign(last, { offset: at + 1, line: last.line + 1 });
    return last.line;
  };
}

/** Returns the items of a text with their YAML, in the order and number of {@link parseManifests}; for finding places, not for keeping. */
export function itemsWithNodes(content: Uint8Array | string, lines: LineCounter): readonly ItemPlace[] {
  const text = decodeText(content);
  return typeof text === 'string' ? readYaml(text, () => undefined, lines) : [];
}

function readYaml(text: string, report: Report, lines = new LineCounter()): readonly Item[] {
  const lineOf = (offset: number): number => Math.max(1, lines.linePos(offset).line);
  try {
    const options = {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      schema: 'yaml-1.1',
      customTags: kubernetesTags,
      resolveKnownTags: false,
    } as const;
    return [...parseAllDocuments(text, options)].flatMap((document) =>
      readDocument(document, lineOf, report),
    );
  } catch (error) {
    report(1, `The YAML cannot be read: ${reasonOf(error)}.`);
    return [];
  }
}

/** YAML as kubectl reads it is YAML 1.1 (`yes` is true, `<<` merges) without dates, times of day and binary. @see https://github.com/kubernetes-sigs/yaml */
function kubernetesTags(tags: Tags): Tags {
  return tags
    .filter(
      (tag) =>
        typeof tag !== 'string' && !foreignTags.has(tag.tag) && !('format' in tag && tag.format === 'TIME'),
    )
    .map(withDigits);
}

/** The library takes `e5` and `.` for numbers that are none. */
function withDigits(tag: Tags[number]): Tags[number] {
  if (
    typeof tag === 'string' ||
    tag.tag !== 'tag:yaml.org,2002:float' ||
    !('test' in tag) ||
    tag.test === undefined
  )
    return tag;
  const { test } = tag;
  return {
    ...tag,
    test: new RegExp(
      `^(?=[-+]?(?:\\.?[0-9]|\\.(?:inf|Inf|INF|nan|NaN|NAN)$))(?:${test.source.replace(/^\^|\$$/g, '')})$`,
    ),
  };
}

const foreignTags: ReadonlySet<string> = new Set(
  ['binary', 'omap', 'pairs', 'set', 'timestamp'].map((name) => `tag:yaml.org,2002:${name}`),
);

function readDocument(
  document: Document,
  lineOf: (offset: number) => number,
  report: Report,
): readonly Item[] {
  const [error] = document.errors;
  if (error !== undefined) {
    report(lineOf(error.pos[0]), `The YAML cannot be read: ${sentence(error.message)}`);
    return [];
  }
  const line = lineOf(startOf(document.contents) ?? document.range?.[0] ?? 0);
  try {
    const value = plain(document.toJS({ maxAliasCount: aliasLimit }));
    return value === null
      ? []
      : expand({ value, line, node: document.contents, document }, (index) => {
          const node = itemNode(document, index);
          return { line: lineOf(startOf(node) ?? document.range?.[0] ?? 0), node, document };
        });
  } catch (failure) {
    report(line, `The document cannot be read: ${reasonOf(failure)}.`);
    return [];
  }
}

function startOf(node: Node | null | undefined): number | undefined {
  return node?.range?.[0];
}

function itemNode(document: Document, index: number): Node | undefined {
  const items: unknown = isMap(document.contents) ? document.contents.get('items', true) : undefined;
  return isSeq(items) ? (items.items[index] as Node | undefined) : undefined;
}

/** A tree of its own: no two places share an object, no string holds on to the text of the file. @throws Error for what is too large or too deep. */
function plain(value: unknown): unknown {
  const left = { characters: expandedLimitCharacters };
  measure(value, nestingLimit, left);
  return JSON.parse(JSON.stringify(value ?? null)) as unknown;
}

function measure(value: unknown, levels: number, left: { characters: number }): void {
  left.characters -= typeof value === 'string' ? value.length + 2 : 8;
  if (left.characters < 0) throw new Error('its aliases expand to too much');
  if (typeof value !== 'object' || value === null) return;
  if (levels === 0) throw new Error(`it is nested more than ${nestingLimit} levels deep`);
  for (const [key, inner] of Object.entries(value)) {
    left.characters -= key.length;
    measure(inner, levels - 1, left);
  }
}

/** A `List` (as `kubectl get -o yaml` prints it) stands for its items; those of a typed list, e.g. a `PodList`, do not name their kind. */
function expand(item: Item, placeOfItem: (index: number) => ItemPlace): readonly Item[] {
  const kind = textAt(item.value, 'kind') ?? '';
  if (!kind.endsWith('List') || !Array.isArray(at(item.value, 'items'))) return [item];
  const typed =
    kind === 'List' ? {} : { apiVersion: at(item.value, 'apiVersion'), kind: kind.slice(0, -'List'.length) };
  return listAt(item.value, 'items').flatMap((value, index) => {
    const place = placeOfItem(index);
    return expand({ ...place, value: isObject(value) ? { ...typed, ...value } : value }, () => place);
  });
}

/** What makes a document no Kubernetes object: only what the API server would refuse, too, whatever the kind. */
function faultOf(value: unknown): string | undefined {
  if (!isObject(value))
    return 'The document is no Kubernetes object: write a mapping with apiVersion, kind and metadata.';
  for (const key of ['apiVersion', 'kind']) {
    if ((textAt(value, key) ?? '') === '')
      return `The object has no ${key}: every Kubernetes object needs one.`;
  }
  for (const key of ['name', 'namespace', 'generateName']) {
    const fault = faultOfText(at(value, 'metadata', key), `metadata.${key}`);
    if (fault !== undefined) return fault;
  }
  return (
    faultOfMap(value, 'metadata', 'labels') ??
    faultOfMap(value, 'metadata', 'annotations') ??
    faultOfMap(value, 'spec', 'template', 'metadata', 'labels')
  );
}

function faultOfMap(object: JsonObject, ...path: readonly string[]): string | undefined {
  for (const [key, value] of Object.entries(objectAt(object, ...path))) {
    const fault = faultOfText(value, `${path.join('.')}[${key}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfText(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null || typeof value === 'string') return undefined;
  const written = JSON.stringify(value);
  return typeof value === 'object'
    ? `${path} must be text, not ${quote(written)}.`
    : `${path} must be text, not ${written}: write it in quotes, "${written}".`;
}

function decodeText(content: Uint8Array | string): string | { readonly reason: string } {
  if (content.length > sizeLimitBytes)
    return { reason: `The file is larger than ${sizeLimitBytes / 1024 / 1024} MiB: split it.` };
  if (typeof content === 'string') return content.replace(/^\uFEFF/, '');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return { reason: 'The file is not UTF-8 text: save it as UTF-8.' };
  }
}

async function readAll(stream: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    bytes += piece.length;
    if (bytes > sizeLimitBytes)
      throw new ClusterError(
        `Standard input is larger than ${sizeLimitBytes / 1024 / 1024} MiB: split it.`,
        false,
      );
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}

function problemAt(file: string, line: number, reason: string): ClusterProblem {
  const source = `${file}:${line}`;
  return { code: 'BL010', path: '', message: `${source}: ${reason}`, source };
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'it is nested too deeply';
  return (error instanceof Error ? error.message : String(error)).replace(/[\s.]+$/, '').replace(/\s+/g, ' ');
}

/** The library reports a full stack as an error of the text. */
function sentence(text: string): string {
  return text.includes('call stack')
    ? 'it is nested too deeply.'
    : `${text.replace(/\s+/g, ' ').replace(/[\s.]+$/, '')}.`;
}
