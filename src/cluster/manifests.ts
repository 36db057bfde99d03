/** Manifests as files: multi-document YAML or JSON, `List`s taken apart, each object with the place it came from. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseAllDocuments, type Document } from 'yaml';
import { isObject, listAt, textAt, type JsonObject } from '../model/json.ts';
import { resourceOf } from '../model/snapshot.ts';
import { ClusterError, type ClusterProblem } from './port.ts';

/** An object and where it stands. `line` counts from 1; `-` is standard input. */
export interface Manifest {
  readonly object: JsonObject;
  readonly file: string;
  readonly line: number;
}

/** What one or more files hold. A bad document is a problem and does not take the rest down. */
export interface Manifests {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly ClusterProblem[];
}

/** Aliases that a document may resolve to; more is a bomb. @see https://eemeli.org/yaml/#options */
const aliasesMax = 100;
/** Largest file that is read. */
const fileBytesMax = 100 * 1024 * 1024;
const manifestName = /\.(?:ya?ml|json)$/i;

/** Reads the objects of one text. Namespaced objects without a namespace are in `default`, as kubectl would have it. */
export function parseManifests(text: string, file: string): Manifests {
  const lines = new LineCounter();
  const manifests: Manifest[] = [];
  const problems: ClusterProblem[] = [];
  for (const document of documentsOf(text, lines)) {
    const { line } = lines.linePos(document.contents?.range?.[0] ?? document.range[0]);
    const error = document.errors[0];
    if (error !== undefined) {
      problems.push(problem(file, lines.linePos(error.pos[0]).line, error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'not YAML'));
      continue;
    }
    const value = valueOf(document);
    if (value instanceof Error) problems.push(problem(file, line, value.message));
    else for (const found of objectsOf(value)) addObject(found, { file, line, manifests, problems });
  }
  return { manifests, problems };
}

function documentsOf(text: string, lineCounter: LineCounter): readonly Document.Parsed[] {
  const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: true });
  return Array.isArray(documents) ? (documents as readonly Document.Parsed[]).filter((document) => document.contents !== null || document.errors.length > 0) : [];
}

function valueOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasesMax }) as unknown;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A List's items, or the one object itself; empty documents are nothing. */
function objectsOf(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  return isObject(value) && Array.isArray(value['items']) && textAt(value, 'kind')?.endsWith('List') === true ? listAt(value, 'items') : [value];
}

interface Gathering {
  readonly file: string;
  readonly line: number;
  readonly manifests: Manifest[];
  readonly problems: ClusterProblem[];
}

function addObject(value: unknown, { file, line, manifests, problems }: Gathering): void {
  const missing = ['kind', 'apiVersion'].find((key) => textAt(value, key) === undefined);
  if (!isObject(value)) problems.push(problem(file, line, 'this is no object with apiVersion and kind'));
  else if (missing !== undefined) problems.push(problem(file, line, `the object has no ${missing}`));
  else manifests.push({ object: placed(value), file, line });
}

function placed(object: JsonObject): JsonObject {
  if (resourceOf(object)?.namespaced !== true || textAt(object, 'metadata', 'namespace') !== undefined) return object;
  const metadata = object['metadata'];
  return { ...object, metadata: { ...(isObject(metadata) ? metadata : {}), namespace: 'default' } };
}

function problem(file: string, line: number, reason: string): ClusterProblem {
  return { code: 'BL010', path: '', source: `${file}:${line}`, message: `${file}:${line}: ${reason}; this document is left out` };
}

/**
 * Lists the manifest files under paths: files as they are given, folders with everything below that ends in .yaml, .yml or .json,
 * hidden ones left out. Sorted within each path.
 *
 * @throws {@link ClusterError} when a path does not exist or cannot be read.
 */
export async function listManifestFiles(paths: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(paths.map(listOne));
  return [...new Set(found.flat())];
}

async function listOne(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = await readdir(path, { recursive: true });
    return names.filter((name) => manifestName.test(name) && !name.split('/').some((part) => part.startsWith('.'))).map((name) => join(path, name)).sort();
  } catch (error) {
    throw new ClusterError(`cannot read manifests at ${path}: ${reasonOf(error)}`, false, error);
  }
}

/** Reads one file; an unreadable one is a problem. */
export async function readManifestFile(file: string): Promise<Manifests> {
  try {
    const { size } = await stat(file);
    if (size > fileBytesMax) return { manifests: [], problems: [problem(file, 1, `the file has ${size} bytes, more than ${fileBytesMax}`)] };
    return parseManifests(await readFile(file, 'utf8'), file);
  } catch (error) {
    return { manifests: [], problems: [problem(file, 1, `the file cannot be read: ${reasonOf(error)}`)] };
  }
}

/** Reads everything under paths, in order. @throws {@link ClusterError} as {@link listManifestFiles}. */
export async function readManifests(paths: readonly string[]): Promise<Manifests> {
  const read = await Promise.all((await listManifestFiles(paths)).map(readManifestFile));
  return { manifests: read.flatMap((one) => one.manifests), problems: read.flatMap((one) => one.problems) };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/, \w+ '.*'$/, '') : String(error);
}
