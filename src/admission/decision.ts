/** What we say to one review. */
import { severityOf, toLine, type Problem, type Severities, type Severity } from '../model/problem.ts';
import type { Operation } from './json-patch.ts';

/** A problem with the severity in force. */
export interface JudgedProblem extends Problem {
  readonly severity: Severity;
}

/** Warnings go to whoever sent the request; kubectl prints each on a line of its own. */
interface Said {
  readonly warnings: readonly string[];
  readonly problems: readonly JudgedProblem[];
}

/** The outcome of one review. `denied` has the HTTP code and reason that kubectl shows. */
export type Decision = Said &
  (
    | { readonly outcome: 'allowed' }
    | { readonly outcome: 'mutated'; readonly patch: readonly Operation[] }
    | { readonly outcome: 'denied'; readonly code: number; readonly reason: string; readonly message: string }
  );

/** Longest warning: the API server advises 120 characters. @see https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response */
const warningLengthMax = 120;
/** The API server cuts warnings once they pass 4096 characters in all, so more than this many say nothing. */
const warningsMax = 20;
/** Longest refusal, in characters: every problem of a sane object fits, a hostile one cannot make us send megabytes. */
const messageLengthMax = 16_384;

/** Lets the request pass, with words. */
export function allow(warnings: readonly string[] = [], problems: readonly JudgedProblem[] = []): Decision {
  return { outcome: 'allowed', warnings: tidy(warnings), problems };
}

/** Lets the request pass with changes; without operations it is an {@link allow}. */
export function mutate(
  patch: readonly Operation[],
  warnings: readonly string[],
  problems: readonly JudgedProblem[] = [],
): Decision {
  return patch.length === 0
    ? allow(warnings, problems)
    : { outcome: 'mutated', patch, warnings: tidy(warnings), problems };
}

/** Refuses the request: one problem a line, the code in brackets. */
export function deny(problems: readonly JudgedProblem[], code = 403, reason = 'Forbidden'): Decision {
  const message = problems
    .filter((problem) => problem.severity === 'deny')
    .map(toLine)
    .join('\n');
  const cut = message.length > messageLengthMax ? `${message.slice(0, messageLengthMax)}...` : message;
  const warnings = problems.filter((problem) => problem.severity === 'warn').map(toWarning);
  return { outcome: 'denied', code, reason, message: cut, warnings: tidy(warnings), problems };
}

/** Gives each problem its severity and drops those that are off. */
export function judge(problems: readonly Problem[], severities: Severities): readonly JudgedProblem[] {
  return problems
    .map((problem) => ({ ...problem, severity: severityOf(problem.code, severities) }))
    .filter((problem) => problem.severity !== 'off');
}

/** Refuses when a problem denies; else lets pass, with a warning for each. */
export function allowUnlessDenied(problems: readonly JudgedProblem[]): Decision {
  if (problems.some((problem) => problem.severity === 'deny')) return deny(problems);
  return allow(problems.map(toWarning), problems);
}

/** Renders a problem as a warning. */
export function toWarning(problem: Problem): string {
  return `branchline: ${toLine(problem)}`;
}

/** No control characters (the API server drops such warnings silently), no repeats, and lines short enough to arrive whole. */
function tidy(warnings: readonly string[]): readonly string[] {
  const lines = new Set(
    warnings.map((warning) => warning.replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ').trim()),
  );
  return [...lines].flatMap(wrap).slice(0, warningsMax);
}

/** Breaks a long warning at its words, so that what to do is not cut off; kubectl prints the parts under each other. */
function wrap(line: string): readonly string[] {
  const parts: string[] = [];
  let current = '';
  for (const word of line.split(/ +/)) {
    const next = current === '' ? word : `${current} ${word}`;
    if (next.length <= warningLengthMax) {
      current = next;
      continue;
    }
    if (current.trim() !== '') parts.push(current);
    current = cut(parts.length === 0 ? word : `${continuation} ${word}`);
  }
  return current === '' ? parts : [...parts, current];
}

/** Puts warnings together again that were broken for the API server. */
export function unwrap(warnings: readonly string[]): readonly string[] {
  return warnings.reduce<readonly string[]>((whole, line) => {
    const last = whole.at(-1);
    return last !== undefined && line.startsWith(`${continuation} `)
      ? [...whole.slice(0, -1), `${last} ${line.slice(continuation.length + 1)}`]
      : [...whole, line];
  }, []);
}

const continuation = 'branchline:  ';

function cut(text: string): string {
  return text.length <= warningLengthMax ? text : `${text.slice(0, warningLengthMax - '...'.length)}...`;
}
