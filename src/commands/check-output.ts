/** How `branchline check` prints problems: for people, as JSON, as SARIF. */
import { isAbsolute, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { problemKinds, type ProblemCode } from '../model/problem.ts';

/** A problem and where it stands. */
export interface CheckProblem {
  readonly code: ProblemCode;
  readonly severity: 'error' | 'warning';
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly message: string;
  readonly fix: string;
  /** Empty for what is in a cluster; then there are no lines and columns. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
  /** The line of the file. */
  readonly source: string;
  /** The reason that an annotation gives for it; undefined when it counts. */
  readonly ignoredFor: string | undefined;
}

/** Columns of a line that an excerpt shows. */
const excerptWidth = 140;

/** Returns the object that a problem is about, for people. */
export function objectOf({ kind, namespace, name }: CheckProblem): string {
  return kind === '' ? '' : `${kind} ${namespace}/${name}`;
}

/** Prints problems by file, each with its line of the file and a caret; those of a cluster by object. */
export function printText(problems: readonly CheckProblem[], colour: boolean): string {
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  let group: string | undefined;
  for (const problem of problems) {
    const heading = problem.file === '' ? objectOf(problem) : problem.file;
    if (heading !== group) lines.push(...(group === undefined ? [] : ['']), paint('1', heading));
    group = heading;
    const { severity, code, message, fix } = problem;
    lines.push(
      `  ${placeOf(problem)}${paint(severity === 'error' ? '31' : '33', severity)} ${code}${subjectOf(problem)} ${message}`,
    );
    if (fix !== '') lines.push(`      ${paint('32', 'fix:')} ${fix}`);
    lines.push(...excerptOf(problem).map((text) => `      ${paint('2', text)}`));
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function placeOf({ file, line, column }: CheckProblem): string {
  return file === '' ? '' : `${line}:${column} `;
}

/** The object, where the heading is a file. */
function subjectOf(problem: CheckProblem): string {
  return problem.file === '' || problem.kind === '' ? '' : ` ${objectOf(problem)}:`;
}

/** The line and, under it, carets. A long line is cut around the place; tabs and control characters become blanks, so that carets stand right. */
function excerptOf({ source, line, column, endColumn }: CheckProblem): readonly string[] {
  if (source.trim() === '') return [];
  const start = column > excerptWidth - 20 ? column - 41 : 0;
  const part = source.slice(start, start + excerptWidth).replace(/\p{Cc}/gu, ' ');
  const indent = start > 0 ? 0 : Math.min(part.search(/\S|$/), column - 1);
  const width = Math.max(1, Math.min(endColumn - column, part.length - (column - 1 - start)));
  const margin = String(line);
  return [
    `${margin} | ${part.slice(indent).trimEnd()}`,
    `${' '.repeat(margin.length)} | ${' '.repeat(column - 1 - start - indent)}${'^'.repeat(width)}`,
  ];
}

/** Prints problems as `{problems: [...]}`; file, line and column are null for what is in a cluster. */
export function printJson(problems: readonly CheckProblem[]): string {
  const shown = problems.map(
    ({ code, severity, kind, namespace, name, path, message, fix, file, line, column }) => ({
      code,
      severity,
      kind,
      namespace,
      name,
      path,
      message,
      fix,
      ...(file === '' ? { file: null, line: null, column: null } : { file, line, column }),
    }),
  );
  return `${JSON.stringify({ problems: shown }, null, 2)}\n`;
}

/** Prints problems as SARIF 2.1.0; ignored ones are there, suppressed with their reason. @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
export function printSarif(problems: readonly CheckProblem[], version: string): string {
  const codes = [...new Set(problems.map(({ code }) => code))].sort();
  const run = {
    tool: { driver: { name: 'branchline', version, rules: codes.map(ruleOf) } },
    columnKind: 'utf16CodeUnits',
    results: problems.map((problem) => resultOf(problem, codes.indexOf(problem.code))),
  };
  return `${JSON.stringify({ $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [run] }, null, 2)}\n`;
}

function ruleOf(code: ProblemCode): object {
  const { rule, severity } = problemKinds[code];
  return {
    id: code,
    shortDescription: { text: rule },
    defaultConfiguration: { level: severity === 'deny' ? 'error' : 'warning' },
  };
}

function resultOf(problem: CheckProblem, ruleIndex: number): object {
  const { code, severity, kind, namespace, name, path, message, fix, ignoredFor } = problem;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: fix === '' ? message : `${message}; ${fix}` },
    locations: [
      {
        ...(problem.file === ''
          ? {}
          : {
              physicalLocation: {
                artifactLocation: artifactOf(problem.file),
                region: {
                  startLine: problem.line,
                  startColumn: problem.column,
                  endColumn: problem.endColumn,
                },
              },
            }),
        ...(kind === ''
          ? {}
          : {
              logicalLocations: [
                {
                  fullyQualifiedName: `${kind}/${namespace}/${name}${path === '' ? '' : `#${path}`}`,
                  kind: 'resource',
                },
              ],
            }),
      },
    ],
    ...(ignoredFor === undefined ? {} : { suppressions: [{ kind: 'inSource', justification: ignoredFor }] }),
  };
}

/** Code hosts want paths relative to the repository, which is where CI runs. */
function artifactOf(file: string): object {
  const path = isAbsolute(file) ? relative('.', file) : file;
  if (path.startsWith('..')) return { uri: pathToFileURL(file).href };
  return { uri: path.split(sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
}
