/** Problems that the author of an object knows and accepts: `branchline.dev/ignore: "BL206: the host is ours alone"`, several by line or `;`. */
import { textAt } from '../model/json.ts';
import { annotationPath } from '../model/keys.ts';
import { problemKinds, quote, type Problem } from '../model/problem.ts';

/** What an object's annotation says: code → reason, and what is wrong with it. */
export interface Ignores {
  readonly reasons: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

const ignorePath = annotationPath('ignore');
const fix = 'write "BL206: why it is fine here"';

/** Reads the annotation of an object. An entry without a code that exists, or without a reason, ignores nothing and is a problem. */
export function readIgnores(object: unknown): Ignores {
  const text = textAt(object, 'metadata', 'annotations', 'branchline.dev/ignore');
  const reasons = new Map<string, string>();
  const problems: Problem[] = [];
  if (text === undefined) return { reasons, problems };
  for (const entry of text
    .trim()
    .split(/[\n;]/)
    .map((one) => one.trim())) {
    const { codes, reason } = readEntry(entry);
    if (codes.length === 0)
      problems.push({
        code: 'BL290',
        path: ignorePath,
        message: `${ignorePath} has ${quote(entry)}, which names no problem`,
        fix,
      });
    else if (reason === '')
      problems.push({
        code: 'BL290',
        path: ignorePath,
        message: `${ignorePath} has ${quote(entry)}, without a reason`,
        fix,
      });
    else for (const code of codes) reasons.set(code, reason);
  }
  return { reasons, problems };
}

function readEntry(entry: string): { readonly codes: readonly string[]; readonly reason: string } {
  const colon = entry.indexOf(':');
  const codes = (colon < 0 ? entry : entry.slice(0, colon))
    .split(/[, ]+/)
    .filter((code) => Object.hasOwn(problemKinds, code));
  return { codes, reason: colon < 0 ? '' : entry.slice(colon + 1).trim() };
}

/** Returns the reason for which a problem is ignored; undefined when it is not. */
export function ignored({ code }: Problem, { reasons }: Ignores): string | undefined {
  return code === 'BL290' ? undefined : reasons.get(code);
}
