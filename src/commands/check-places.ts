/** Where in the files the problems of `branchline check` stand. */
import { readFile } from 'node:fs/promises';
import { namespaceFor, stdinName, type Manifests, type Source } from '../cluster/manifests.ts';
import { locate } from '../cluster/places.ts';
import type { Settings } from '../config/settings.ts';
import { textAt } from '../model/json.ts';
import { severityOf, toText } from '../model/problem.ts';
import { objectOf, type CheckProblem } from './check-output.ts';
import type { Found } from './check-problems.ts';

/** Says where problems stand. Each file with problems is read once more; nothing else of it was kept. */
export async function located(
  found: readonly Found[],
  stdin: Source | undefined,
): Promise<readonly CheckProblem[]> {
  const byFile = Map.groupBy(found, ({ manifest }) => manifest.file);
  const problems: CheckProblem[] = [];
  for (const [file, inFile] of byFile) {
    if (file === '') {
      for (const one of inFile) problems.push(describe(one, nowhere, []));
      continue;
    }
    const content =
      file === stdinName && stdin !== undefined ? stdin.content : await readFile(file).catch(() => '');
    const places = locate(
      content,
      inFile.map(({ manifest, problem }) => ({
        item: manifest,
        path: problem.path,
        name: problem.code === 'BL240',
      })),
    );
    const lines = linesOf(content);
    for (const [index, one] of inFile.entries())
      problems.push(
        describe(one, places[index] ?? { line: one.manifest.line, column: 1, endColumn: 2 }, lines),
      );
  }
  return problems;
}

/** The place of what is in a cluster. */
const nowhere = { line: 0, column: 0, endColumn: 0 };

/** Longest text whose lines are shown, in bytes. */
const excerptLimitBytes = 16 * 1024 * 1024;

function linesOf(content: Uint8Array | string): readonly string[] {
  if (content.length > excerptLimitBytes) return [];
  return (typeof content === 'string' ? content : new TextDecoder().decode(content)).split(/\r?\n/);
}

function describe(
  { manifest, problem, severity, ignoredFor }: Found,
  place: { readonly line: number; readonly column: number; readonly endColumn: number },
  lines: readonly string[],
): CheckProblem {
  const { object, file } = manifest;
  return {
    code: problem.code,
    severity,
    kind: textAt(object, 'kind') ?? '',
    namespace: namespaceFor(object, true),
    name: textAt(object, 'metadata', 'name') ?? '',
    path: problem.path,
    message: toText(problem.message),
    fix: toText(problem.fix ?? ''),
    file,
    ...place,
    source: lines[place.line - 1] ?? '',
    ignoredFor,
  };
}

/** Makes the problem of a manifest that cannot be read. */
export function unreadable(
  { code, message, source }: Manifests['problems'][number],
  settings: Settings,
): CheckProblem {
  const [, file = source, line = '1'] = /^(.*):([0-9]+)$/s.exec(source) ?? [];
  const severity = severityOf(code, settings.severities) === 'deny' ? 'error' : 'warning';
  return {
    code,
    severity,
    kind: '',
    namespace: '',
    name: '',
    path: '',
    message: toText(message.startsWith(`${source}: `) ? message.slice(source.length + 2) : message),
    fix: '',
    file,
    line: Number(line),
    column: 1,
    endColumn: 2,
    source: '',
    ignoredFor: undefined,
  };
}

/** Orders problems by file and place. */
export function byPlace(a: CheckProblem, b: CheckProblem): number {
  return (
    compare(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    (a.file === '' ? compare(objectOf(a), objectOf(b)) : 0) ||
    compare(a.code, b.code) ||
    compare(a.path, b.path)
  );
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
