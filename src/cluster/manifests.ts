/**
 * Manifests: text → raw objects, each with its file and line. YAML (several documents, anchors, `List` kinds) and JSON go in; objects of any kind
 * come out, as they are written. What cannot be read is a problem and takes nothing else with it.
 */
import { readFile } from 'node:fs/promises';
import { objectAt, textAt, type JsonObject } from '../model/json.ts';
import { resourceOf } from '../model/snapshot.ts';
import { findFiles } from './files.ts';
import { invalidObjectReason } from './invalid-object.ts';
import { readItems, reasonOf, type ItemPlace, type Report } from './manifest-items.ts';
import { ClusterError, type ClusterProblem } from './port.ts';

/** Bytes of one file, or of standard input: 40 times what the API server takes as one object; a dump of a large cluster still fits. */
const sizeLimitBytes = 64 * 1024 * 1024;

/** A raw object and where it was written. */
export interface Manifest extends ItemPlace {
  readonly object: JsonObject;
  readonly file: string;
}

/** What was read: objects in the order in which they stand, and what could not be read. */
export interface Manifests {
  readonly objects: readonly Manifest[];
  readonly problems: readonly ClusterProblem[];
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
  for (const { value, ...place } of readItems(text, report)) {
    const reason = invalidObjectReason(value);
    if (reason !== undefined) report(place.line, reason);
    else objects.push({ object: value as JsonObject, file, ...place });
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

/** Returns the text of a file or of standard input, without a byte order mark; or why it is none. */
export function decodeText(content: Uint8Array | string): string | { readonly reason: string } {
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
