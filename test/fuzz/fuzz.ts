/** Generated and mutated reviews: whatever comes in, what goes out is an AdmissionReview whose patch applies, once. */
import jsonPatch from 'fast-json-patch';
import { answerReview } from '../../src/webhook/answer.ts';
import { reviewPaths, type Facts, type ReviewPath } from '../../src/admission/decide.ts';
import { isObject, type JsonObject } from '../../src/model/json.ts';
import { readCases } from '../admission/golden.ts';

export interface FuzzFailure {
  /** Seed of the one review that failed: `runFuzz({ seed, count: 1 })` makes it again. */
  readonly seed: number;
  readonly path: string;
  readonly reason: string;
  readonly text: string;
}

export interface FuzzResult {
  readonly reviews: number;
  readonly mutated: number;
  readonly denied: number;
  readonly unreadable: number;
  readonly failures: readonly FuzzFailure[];
}

type Random = () => number;

/** Numbers in [0, 1) that a seed decides. @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c (mulberry32, public domain) */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const oddStrings = [
  '',
  ' ',
  '///',
  'OPS-1234',
  'master',
  'v1',
  'true',
  'x'.repeat(300),
  '\u0000\u001b[31m',
  '\ud800',
  '日本',
  '__proto__',
  'constructor',
  '(?=x)',
  '(?i)a',
  '\\p{L}{28}',
  '.*',
  'a{1000}',
  '(((((',
  '-1',
  '1e999',
  '~1/~0',
];
const oddKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '',
  'a/b~c',
  'branchline.dev/branch',
  'branchline.dev/service',
  'branchline.dev/ttl',
  'branchline.dev/containers',
  'branchline.dev/http',
  'version',
  'app',
  'regex',
  'headers',
  'match',
  'http',
  'labels',
  'annotations',
  'matchExpressions',
  'env',
  'envFrom',
  'volumes',
];

/** The cases of each path: a path is drawn first, however many cases it has. */
const cases = [...Map.groupBy(readCases(), ({ path }) => path).values()];

/** Changes a random place of a JSON value, in place. */
function damage(value: unknown, random: Random): void {
  let current = value;
  for (let depth = 0; depth < 12; depth += 1) {
    if (!isObject(current) && !Array.isArray(current)) return;
    const container = current as Record<string | number, unknown>;
    const keys = Object.keys(container);
    const key = keys[Math.floor(random() * keys.length)];
    if (key === undefined || random() < 0.2) {
      change(container, key, random);
      return;
    }
    current = container[key];
  }
}

function change(container: Record<string | number, unknown>, key: string | undefined, random: Random): void {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const choice = random();
  const target = key === undefined || choice < 0.3 ? pick(oddKeys) : key;
  if (choice > 0.85 && key !== undefined && !Array.isArray(container)) {
    Reflect.deleteProperty(container, key);
    return;
  }
  const values: readonly unknown[] = [
    null,
    true,
    0,
    -1,
    1e308,
    [],
    {},
    [null],
    [[[]]],
    { a: { b: null } },
    pick(oddStrings),
    pick(oddStrings),
    pick(oddStrings),
    [pick(oddStrings)],
    { [pick(oddKeys)]: pick(oddStrings) },
    nested(Math.floor(random() * 60)),
    container[key ?? ''],
  ];
  if (Array.isArray(container) && random() < 0.5) container.push(pick(values));
  else
    Object.defineProperty(container, Array.isArray(container) ? container.length : target, {
      value: structuredClone(pick(values)),
      enumerable: true,
      configurable: true,
      writable: true,
    });
}

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

interface Made {
  readonly path: ReviewPath;
  readonly text: string;
  readonly facts: Facts;
}

/** Makes one review: a golden one, damaged, sometimes sent to another path, sometimes cut. */
function make(random: Random): Made {
  const ofPath = cases[Math.floor(random() * cases.length)] ?? [];
  const one = ofPath[Math.floor(random() * ofPath.length)];
  if (one === undefined) throw new Error('there are no golden cases to start from');
  const body = structuredClone<JsonObject>(one.body);
  const operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];
  const request = body['request'] as Record<string, unknown>;
  if (random() < 0.2) request['operation'] = operations[Math.floor(random() * 4)];
  if (random() < 0.2) request['oldObject'] = structuredClone(request['object'] ?? request['oldObject']);
  for (let count = Math.floor(random() * 6); count > 0; count -= 1)
    damage(random() < 0.9 ? body['request'] : body, random);
  const text = JSON.stringify(body);
  const cut = random() < 0.02 ? text.slice(0, Math.floor(random() * text.length)) : text;
  const path =
    random() < 0.85 ? one.path : (reviewPaths[Math.floor(random() * reviewPaths.length)] ?? one.path);
  return { path, text: cut, facts: { settings: one.settings, snapshot: one.snapshot } };
}

/** Runs reviews `seed`, `seed + 1`, … and keeps at most 20 failures. */
export function runFuzz({ seed, count }: { readonly seed: number; readonly count: number }): FuzzResult {
  const tally = { mutated: 0, denied: 0, unreadable: 0 };
  const failures: FuzzFailure[] = [];
  for (let index = 0; index < count && failures.length < 20; index += 1) {
    const made = make(randomOf(seed + index));
    try {
      const outcome = check(made);
      if (outcome in tally) tally[outcome as keyof typeof tally] += 1;
    } catch (error) {
      failures.push({
        seed: seed + index,
        path: made.path,
        reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
        text: made.text,
      });
    }
  }
  return { reviews: count, ...tally, failures };
}

/** Answers one review as the server does, and throws when the answer breaks a promise. @returns its outcome. */
function check({ path, text, facts }: Made): string {
  const errors: unknown[] = [];
  const answer = answer_(path, text, facts, errors);
  if (errors.length > 0) throw new Error(`a decider threw: ${JSON.stringify(errors)}`);
  if (answer.kind === 'unreadable') {
    if (isReview(text)) throw new Error(`a readable review was called unreadable: ${answer.reason}`);
    return 'unreadable';
  }
  if (answer.decision.problems.some((problem) => problem.code === 'BL904'))
    throw new Error('the patch does not apply, or deciding failed');
  const response = (
    JSON.parse(answer.body) as {
      response: { uid: string; allowed: boolean; patch?: string; patchType?: string; warnings?: string[] };
    }
  ).response;
  const sent = JSON.parse(text) as { request: JsonObject };
  if (response.uid !== sent.request['uid']) throw new Error('the uid is not echoed');
  if ((response.patch === undefined) !== (response.patchType === undefined))
    throw new Error('patch and patchType do not go together');
  for (const warning of response.warnings ?? [])
    if (warning.length > 120 || /\p{Cc}/u.test(warning))
      throw new Error(`a warning that the API server would drop: ${warning}`);
  if (response.patch === undefined) return response.allowed ? 'allowed' : 'denied';
  if (!path.startsWith('/mutate')) throw new Error('a validating path patched');
  const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString()) as Parameters<
    typeof jsonPatch.applyPatch
  >[1];
  const after: unknown = jsonPatch.applyPatch(
    structuredClone(sent.request['object']),
    patch,
    true,
  ).newDocument;
  const again = answer_(
    path,
    JSON.stringify({ ...sent, request: { ...sent.request, object: after } }),
    facts,
    errors,
  );
  if (again.kind !== 'review' || again.decision.outcome === 'mutated')
    throw new Error(`a second mutation is not empty: ${again.kind === 'review' ? again.body : again.reason}`);
  return 'mutated';
}

function isReview(text: string): boolean {
  try {
    const { kind, apiVersion, request } = JSON.parse(text) as Record<string, unknown>;
    return (
      kind === 'AdmissionReview' &&
      /^admission\.k8s\.io\/v[0-9a-z]+$/.test(String(apiVersion)) &&
      isObject(request) &&
      typeof request['uid'] === 'string' &&
      request['uid'] !== '' &&
      ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'].includes(String(request['operation']))
    );
  } catch {
    return false;
  }
}

function answer_(path: ReviewPath, text: string, facts: Facts, errors: unknown[]) {
  const silent = (): void => undefined;
  const log = {
    debug: silent,
    info: silent,
    warn: silent,
    fatal: silent,
    error: (entry: unknown) => {
      errors.push(entry);
    },
  } as unknown as Parameters<typeof answerReview>[1]['log'];
  return answerReview(
    { path, text, deadline: Number.POSITIVE_INFINITY, arrivedAt: 0 },
    { facts: () => facts, log, now: () => 0 },
  );
}
