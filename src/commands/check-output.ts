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

/** Prints problems by file, each with its line of the file and a caret. */
export function printText(problems: readonly CheckProblem[], colour: boolean): string {
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines: string[] = [];
  let file: string | undefined;
  for (const problem of problems) {
    if (problem.file !== file) lines.push(...(file === undefined ? [] : ['']), paint('1', problem.file));
    file = problem.file;
    const { severity, code, message, fix } = problem;
    const what = problem.kind === '' ? '' : ` ${problem.kind} ${problem.namespace}/${problem.name}:`;
    lines.push(`  ${problem.line}:${problem.column} ${paint(severity === 'error' ? '31' : '33', severity)} ${code}${what} ${message}`);
    if (fix !== '') lines.push(`      ${paint('32', 'fix:')} ${fix}`);
    lines.push(...excerptOf(problem).map((text) => `      ${paint('2', text)}`));
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The line and, under it, carets. A long line is cut around the place; tabs and control characters become blanks, so that carets stand right. */
function excerptOf({ source, line, column, endColumn }: CheckProblem): readonly string[] {
  if (source.trim() === '') return [];
  const start = column > excerptWidth - 20 ? column - 41 : 0;
  const part = source.slice(start, start + excerptWidth).replace(/\p{Cc}/gu, ' ');
  const indent = start > 0 ? 0 : Math.min(part.search(/\S|$/), column - 1);
  const width = Math.max(1, Math.min(endColumn - column, part.length - (column - 1 - start)));
  const margin = String(line);
  return [`${margin} | ${part.slice(indent).trimEnd()}`, `${' '.repeat(margin.length)} | ${' '.repeat(column - 1 - start - indent)}${'^'.repeat(width)}`];
}

/** Prints problems as `{problems: [...]}`. */
export function printJson(problems: readonly CheckProblem[]): string {
  const shown = problems.map(({ code, severity, kind, namespace, name, path, message, fix, file, line, column }) => ({ code, severity, kind, namespace, name, path, message, fix, file, line, column }));
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
  return { id: code, shortDescription: { text: rule }, defaultConfiguration: { level: severity === 'deny' ? 'error' : 'warning' } };
}

function resultOf(problem: CheckProblem, ruleIndex: number): object {
  const { code, severity, kind, namespace, name, path, message, fix, ignoredFor } = problem;
  return {
    ruleId: code, ruleIndex, level: severity,
    message: { text: fix === '' ? message : `${message}; ${fix}` },
    locations: [{
      physicalLocation: { artifactLocation: artifactOf(problem.file), region: { startLine: problem.line, startColumn: problem.column, endColumn: problem.endColumn } },
      ...(kind === '' ? {} : { logicalLocations: [{ fullyQualifiedName: `${kind}/${namespace}/${name}${path === '' ? '' : `#${path}`}`, kind: 'resource' }] }),
    }],
    ...(ignoredFor === undefined ? {} : { suppressions: [{ kind: 'inSource', justification: ignoredFor }] }),
  };
}

/** Code hosts want paths relative to the repository, which is where CI runs. */
function artifactOf(file: string): object {
  const path = isAbsolute(file) ? relative('.', file) : file;
  if (path.startsWith('..')) return { uri: pathToFileURL(file).href };
  return { uri: path.split(sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
}
