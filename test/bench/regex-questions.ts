/**
 * How many questions about two patterns have no answer at a glance: node test/bench/regex-questions.ts [file with VirtualServices …]
 * Without files: 500 VirtualServices of the shapes that people write, always the same ones. Every earlier match is compared with every later one, as the rules
 * about their order do.
 */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject } from '../../src/model/json.ts';
import { conditionsOf, mayMeet, takesAll } from '../../src/validation/match-conditions.ts';
import { createTexts, type TextCondition, type Texts } from '../../src/validation/texts.ts';

const objects = 500;

/** Numbers below `end`, the same ones in every run. */
function numbersFrom(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % end;
  };
}

type Numbers = (end: number) => number;

const words = ['api', 'web', 'users', 'orders', 'static', 'login', 'cart', 'admin', 'search', 'reviews'];

function wordOf(next: Numbers): string {
  return words[next(words.length)] ?? '';
}

const uris: readonly ((next: Numbers) => JsonObject)[] = [
  (next) => ({ exact: `/${wordOf(next)}` }),
  (next) => ({ exact: `/v${next(3)}/${wordOf(next)}` }),
  (next) => ({ prefix: `/${wordOf(next)}` }),
  (next) => ({ prefix: `/${wordOf(next)}/${wordOf(next)}/` }),
  (next) => ({ prefix: `/v${next(3)}/` }),
  () => ({ prefix: '/' }),
  () => ({ regex: '.*' }),
  () => ({ regex: '/.*' }),
  (next) => ({ regex: `/${wordOf(next)}.*` }),
  (next) => ({ regex: `/${wordOf(next)}/.*` }),
  (next) => ({ regex: `/${wordOf(next)}(/.*)?` }),
  (next) => ({ regex: `^/${wordOf(next)}/[0-9]+$` }),
  (next) => ({ regex: `/v[0-9]+/${wordOf(next)}` }),
  (next) => ({ regex: `/v[0-9]+/${wordOf(next)}/.*` }),
  () => ({ regex: '/v[0-9]+/.*' }),
  (next) => ({ regex: `/(${wordOf(next)}|${wordOf(next)})/.*` }),
  (next) => ({ regex: `/(?:${wordOf(next)}|${wordOf(next)})(/[^/]+)?` }),
  (next) => ({ regex: `.*/${wordOf(next)}` }),
  (next) => ({ regex: `.*\\.(${['js|css', 'png|jpg|gif', 'html'][next(3)] ?? ''})` }),
  (next) => ({ regex: `(?i)/${wordOf(next)}/.*` }),
  (next) => ({ regex: `/${wordOf(next)}/[^/]+/${wordOf(next)}` }),
  (next) => ({ regex: `/${wordOf(next)}/[a-z0-9-]+` }),
  (next) => ({ regex: `/${wordOf(next)}/\\d+(/.*)?` }),
];

const branchValues: readonly ((next: Numbers) => JsonObject)[] = [
  (next) => ({ exact: `OPS-${next(40)}` }),
  (next) => ({ exact: `ops-${next(40)}` }),
  (next) => ({ regex: `(OPS-${next(40)}|ops-${next(40)})` }),
  (next) => ({ regex: `(?i)ops-${next(40)}` }),
  (next) => ({ regex: `^(?i)ops-${next(40)}$` }),
  (next) => ({ regex: `OPS-${next(40)}.*` }),
  (next) => ({ regex: `.*OPS-${next(40)}.*` }),
  (next) => ({ regex: `[Oo][Pp][Ss]-${next(40)}` }),
  (next) => ({ regex: `(?i)feature/${wordOf(next)}-page-${next(40)}` }),
  () => ({ regex: 'OPS-[0-9]+' }),
  () => ({ regex: '(OPS|DEV)-[0-9]+' }),
  () => ({ regex: '.+' }),
  () => ({ regex: '^(?:OPS-1|OPS-2|OPS-3|OPS-4)$' }),
  (next) => ({ prefix: `OPS-${next(9)}` }),
];

const users = ['jason', 'dev-123', 'mary', 'tester'];

const cookies: readonly ((next: Numbers) => JsonObject)[] = [
  (next) => ({ regex: `^(.*?;)?(user=${users[next(4)] ?? ''})(;.*)?$` }),
  (next) => ({ regex: `.*user=${users[next(4)] ?? ''}.*` }),
  (next) => ({ regex: `^(.*?; ?)?(canary=(true|always))(;.*)?$`.replace('canary', wordOf(next)) }),
  (next) => ({ regex: `(.*; )?branch=OPS-${next(40)}(;.*)?` }),
];

const agents: readonly ((next: Numbers) => JsonObject)[] = [
  () => ({ regex: '.*Mobile.*' }),
  () => ({ regex: '.*(Android|iPhone).*' }),
  () => ({ regex: '.*Firefox/[0-9]+.*' }),
  () => ({ prefix: 'curl/' }),
];

const hosts: readonly ((next: Numbers) => JsonObject)[] = [
  (next) => ({ regex: `(?i)ops-${next(40)}\\.ww-green\\.example\\.io(:\\d+)?` }),
  (next) => ({ regex: `ops-${next(40)}\\.example\\.io(:[0-9]+)?` }),
  () => ({ regex: '.*\\.example\\.io' }),
  () => ({ regex: '(.+\\.)?example\\.io(:\\d+)?' }),
  (next) => ({ exact: `ops-${next(40)}.example.io` }),
];

function pick(from: readonly ((next: Numbers) => JsonObject)[], next: Numbers): JsonObject {
  return from[next(from.length)]?.(next) ?? {};
}

function matchOf(next: Numbers): JsonObject {
  const headers: Record<string, JsonObject> = {};
  if (next(10) < 6) headers['x-variant-id'] = pick(branchValues, next);
  if (next(10) < 2) headers['cookie'] = pick(cookies, next);
  if (next(10) < 2) headers['user-agent'] = pick(agents, next);
  if (next(10) < 1) headers['baggage'] = { regex: `(.*,)?x-variant-id=OPS-${next(40)}(,.*)?` };
  return {
    ...(next(10) < 7 ? { uri: pick(uris, next) } : {}),
    ...(next(10) < 1 ? { authority: pick(hosts, next) } : {}),
    ...(next(20) < 1 ? { withoutHeaders: { 'x-variant-id': pick(branchValues, next) } } : {}),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  };
}

function generated(): readonly JsonObject[] {
  const next = numbersFrom(29);
  return Array.from({ length: objects }, () => ({
    kind: 'VirtualService',
    spec: {
      http: Array.from({ length: 2 + next(14) }, () => ({
        match: Array.from({ length: 1 + next(2) }, () => matchOf(next)),
      })),
    },
  }));
}

function readFrom(files: readonly string[]): readonly JsonObject[] {
  return files
    .flatMap((file) =>
      parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as unknown),
    )
    .filter((object) => isObject(object))
    .filter((object) => object['kind'] === 'VirtualService');
}

interface Count {
  questions: number;
  ofTwoPatterns: number;
  untold: number;
  readonly examples: Set<string>;
}

/** Counts the questions of one object. Those of texts only, or of one text and a pattern, have an exact answer always. */
function countedTexts(texts: Texts, count: Count): Texts {
  const note = (words: string, one: TextCondition, other: TextCondition, told: boolean | undefined) => {
    count.questions++;
    const isOfTwo =
      [one, other].some(({ kind }) => kind === 'regex') &&
      [one, other].every(
        ({ kind, fold }) => kind === 'regex' || kind === 'prefix' || (kind === 'exact' && fold),
      );
    if (isOfTwo) count.ofTwoPatterns++;
    if (isOfTwo && told === undefined) {
      count.untold++;
      count.examples.add(`${words} ${one.kind} ${one.text} | ${other.kind} ${other.text}`);
    }
    return told;
  };
  return {
    ...texts,
    implies: (given, wanted) => note('implies', given, wanted, texts.implies(given, wanted)),
    overlap: (one, other) => note('overlap', one, other, texts.overlap(one, other)),
  };
}

function countOf(object: JsonObject, count: Count): void {
  const texts = countedTexts(createTexts(['go', 're2-utf8', 're2-latin1']), count);
  const all = conditionsOf({ value: object['spec'], path: 'spec' }, texts);
  for (const [at, match] of all.entries()) {
    for (const earlier of all.slice(0, at)) {
      takesAll(earlier, match, texts);
      mayMeet(earlier, match, texts);
    }
  }
}

const files = process.argv.slice(2);
const read = files.length === 0 ? generated() : readFrom(files);
const count: Count = { questions: 0, ofTwoPatterns: 0, untold: 0, examples: new Set() };
for (const object of read) countOf(object, count);
console.log(
  `${read.length} VirtualServices, ${count.questions} questions, ${count.ofTwoPatterns} about two patterns, ${count.untold} of them not told`,
);
for (const example of [...count.examples].slice(0, 40)) console.log(example);
