/** What is wrong with the regexes of a route object: one rule after another over each. No cluster facts are needed. */
import type { JsonObject } from '../model/json.ts';
import { problemKinds, quote, type Problem, type ProblemCode } from '../model/problem.ts';
import { judge, type Difference, type Refusal, type Verdict } from '../regex/judge.ts';
import { bareDots } from '../regex/literal.ts';
import type { Reader, Reason } from '../regex/scan.ts';
import { fieldOf } from './finding.ts';
import { regexesOf, type RouteRegex } from './regexes.ts';

/** A regex with its verdict. */
interface Judged extends RouteRegex {
  readonly verdict: Verdict;
}

type RegexRule = (regex: Judged) => Problem | undefined;

/** Every rule about one regex. */
const rules: readonly RegexRule[] = [regexCompiles, regexMeansTheSameToAll, dotsOfHostsAreEscaped];

/** Most problems that are named; a refusal is read in a terminal. */
const problemsMax = 50;

/** Most work on distinct patterns of one object, in {@link workOf} units; about half a second. */
const workMax = 2_000_000;

/** Checks the regexes of a VirtualService, HTTPRoute or GRPCRoute as these readers will judge them (all, unless told); other kinds have none. Bounded for any object. */
export function checkRoutes(object: JsonObject, readers?: readonly Reader[]): readonly Problem[] {
  const verdicts = new Map<string, Verdict>();
  const problems: Problem[] = [];
  let work = 0;
  let unjudged = 0;
  for (const regex of regexesOf(object)) {
    if (regex.mayBeStar && regex.pattern === '*') continue;
    const known = verdicts.get(regex.pattern);
    if (known === undefined) work += workOf(regex.pattern);
    if (known === undefined && work > workMax) {
      unjudged++;
      continue;
    }
    const verdict = known ?? verdictOf(regex.pattern, readers);
    const subject = `${fieldOf(regex.path)} ${regex.pattern}`;
    verdicts.set(regex.pattern, verdict);
    for (const rule of rules)
      problems.push(
        ...[rule({ ...regex, verdict })]
          .filter((problem) => problem !== undefined)
          .map((problem) => ({ ...problem, subject })),
      );
  }
  return capped([...(unjudged > 0 ? [tooManyToJudge(unjudged)] : []), ...problems]);
}

/** Verdicts of late: services have the same branches, so many objects have the same patterns. */
const recent = new Map<string, Verdict>();
const recentMax = 1000;

function verdictOf(pattern: string, readers: readonly Reader[] | undefined): Verdict {
  if (pattern.length > 256) return judge(pattern, readers);
  const key = `${readers?.join() ?? ''} ${pattern}`;
  const known = recent.get(key);
  if (known !== undefined) return known;
  const verdict = judge(pattern, readers);
  if (recent.size >= recentMax) recent.clear();
  recent.set(key, verdict);
  return verdict;
}

/** Cuts a long list of problems: refusals first, so that the cut never hides that there is one. */
export function capped(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= problemsMax) return problems;
  const ordered = [...problems].sort((one, other) => rank(one) - rank(other));
  const [first, ...rest] = ordered.slice(problemsMax);
  if (first === undefined) return ordered;
  return [
    ...ordered.slice(0, problemsMax),
    {
      code: first.code,
      path: 'spec',
      message: `and ${rest.length + 1} more problems with this object`,
      fix: 'put these right first',
    },
  ];
}

function rank({ code }: Problem): number {
  return problemKinds[code].severity === 'deny' ? 0 : 1;
}

/** What a pattern costs to judge: its length, more where it names large classes. */
function workOf(pattern: string): number {
  const classes = pattern.length > 1024 ? 0 : pattern.split(/\\[pP]/).length - 1;
  return 20 + Math.min(pattern.length, 1024) + 1000 * classes;
}

function tooManyToJudge(count: number): Problem {
  return {
    code: 'BL207',
    path: 'spec',
    subject: 'regexes',
    message: `${count} more regexes of this object were not judged: there are too many`,
    fix: 'put routes into several objects, or match exact values',
  };
}

/** Codes of what is wrong with a regex as a whole; all else is syntax. */
const wholeCodes: Readonly<Partial<Record<Reason, ProblemCode>>> = {
  empty: 'BL202',
  'too-long': 'BL203',
  'too-big': 'BL204',
};

function regexCompiles({ path, pattern, verdict }: Judged): Problem | undefined {
  if (verdict.accepted) return undefined;
  const { refusal } = verdict;
  const whole = wholeCodes[refusal.reason];
  if (whole !== undefined)
    return { code: whole, path, message: `${path} ${quote(pattern)} ${refusal.what}`, fix: refusal.instead };
  return {
    code: 'BL201',
    path,
    message: `${path} ${quote(pattern)}: at character ${characterOf(pattern, refusal.offset)}, ${quote(shownText(refusal))} ${refusal.what}`,
    fix: refusal.instead,
  };
}

/** Counted from 1, as editors do. */
function characterOf(pattern: string, offset: number): number {
  return Array.from(pattern.slice(0, offset)).length + 1;
}

function shownText({ text }: Refusal): string {
  return text.length > 20 ? `${text.slice(0, 17)}...` : text;
}

function regexMeansTheSameToAll({ path, pattern, verdict }: Judged): Problem | undefined {
  return verdict.accepted && verdict.difference !== undefined
    ? {
        code: 'BL205',
        path,
        message: `${path}: ${differs(pattern, verdict.difference)}`,
        fix: 'use ASCII only',
      }
    : undefined;
}

function differs(pattern: string, { kind, offset }: Difference): string {
  if (kind === 'unicode-class') return 'Envoy 1.39.1 and newer read bytes and match \\p{...} otherwise';
  if (pattern.startsWith('\\', offset))
    return 'a code over \\x7F is a character to some proxies, a byte to others';
  return `${quote(String.fromCodePoint(pattern.codePointAt(offset) ?? 0))} is one character to some proxies, several bytes to others`;
}

function dotsOfHostsAreEscaped({ path, pattern, subject, verdict }: Judged): Problem | undefined {
  if (!verdict.accepted || subject === 'path') return undefined;
  const [first] = bareDots(pattern, subject === 'host');
  return (
    first && {
      code: 'BL206',
      path,
      message: `${path}: a bare . matches any character`,
      fix: `write \\. in ${quote(first.host)}`,
    }
  );
}
