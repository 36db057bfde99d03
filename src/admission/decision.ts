/** What we say to one review. */
import type { JsonObject } from '../model/json.ts';
import { severityOf, toLine, type Problem, type Severities, type Severity } from '../model/problem.ts';
import type { Operation } from './json-patch.ts';

/** A problem with the severity in force. */
export interface JudgedProblem extends Problem {
  readonly severity: Severity;
}

/** Warnings go to whoever sent the request, each whole and on one line. */
interface Said {
  readonly warnings: readonly string[];
  readonly problems: readonly JudgedProblem[];
}

/** The outcome of one review. `denied` has the HTTP code and reason that kubectl shows. */
export type Decision = Said &
  (
    | { readonly outcome: 'allowed' }
    | {
        readonly outcome: 'mutated';
        readonly patch: readonly Operation[];
        /** The object with the patch; shares with the review's what did not change. */
        readonly after: JsonObject;
      }
    | { readonly outcome: 'denied'; readonly code: number; readonly reason: string; readonly message: string }
  );

/** Longest refusal, in characters: every problem of a sane object fits, a hostile one cannot make us send megabytes. */
const messageLengthMax = 16_384;

/** Lets the request pass, with words. */
export function allow(warnings: readonly string[] = [], problems: readonly JudgedProblem[] = []): Decision {
  return { outcome: 'allowed', warnings: tidy(warnings), problems };
}

/** Lets the request pass with changes; without operations it is an {@link allow}. */
export function mutate(
  patch: readonly Operation[],
  after: JsonObject,
  warnings: readonly string[],
  problems: readonly JudgedProblem[] = [],
): Decision {
  return patch.length === 0
    ? allow(warnings, problems)
    : { outcome: 'mutated', patch, after, warnings: tidy(warnings), problems };
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

/** No control characters (the API server drops such warnings silently), and no repeats. */
function tidy(warnings: readonly string[]): readonly string[] {
  return [
    ...new Set(warnings.map((warning) => warning.replace(/[\p{Cc}\p{Cs}\u2028\u2029]+/gu, ' ').trim())),
  ];
}
