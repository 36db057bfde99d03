import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import jsonPatch from 'fast-json-patch';
import { test } from 'tap';
import { parse, stringify } from 'yaml';
import { decide } from '../../src/admission/decide.ts';
import { decodeReview, encodeReview } from '../../src/admission/review.ts';
import { problemKinds } from '../../src/model/problem.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { outOf, readCases, staleFiles, type Case } from './golden.ts';

const update = process.env['UPDATE_GOLDEN'] === '1';

function run(
  one: Case,
  body: JsonObject,
): { decision: ReturnType<typeof decide>; review: Exclude<ReturnType<typeof decodeReview>, string> } {
  const review = decodeReview(structuredClone(body));
  if (typeof review === 'string') throw new Error(review);
  return { decision: decide(one.path, review, one), review };
}

/** Codes that each case tripped, kept by the first run: some cases take a second. */
const codesOf = new Map<string, ReadonlySet<string>>();

for (const one of readCases()) {
  test(one.name.replaceAll('-', ' '), (t) => {
    const { decision, review } = run(one, one.body);
    codesOf.set(one.name, new Set(decision.problems.map(({ code }) => code)));
    const out = outOf(decision);
    if (update) writeFileSync(one.outFile, stringify(out, { lineWidth: 0 }));
    if (!existsSync(one.outFile)) {
      t.fail(`${one.outFile} is missing; make it with UPDATE_GOLDEN=1 and read it`);
      t.end();
      return;
    }
    t.same(out, parse(readFileSync(one.outFile, 'utf8')), 'as the golden file says');

    const request = one.body['request'] as JsonObject;
    const raw = structuredClone(request['object']);
    t.same(review.object ?? null, raw ?? null, 'the review stays as it is');
    if (one.path.startsWith('/mutate'))
      t.same(outOf(decide(one.path, review, one)), out, 'the same review is decided the same again');
    if (decision.outcome === 'mutated') {
      const answer = encodeReview(review, decision, (text) => Buffer.from(text).toString('base64'));
      const patch = JSON.parse(Buffer.from(answer.response.patch ?? '', 'base64').toString()) as Parameters<
        typeof jsonPatch.applyPatch
      >[1];
      const patched: unknown = jsonPatch.applyPatch(raw, patch, true).newDocument;
      t.same(patched, out['object'], 'the emitted patch makes the object from the raw input');
    }

    if (one.path.startsWith('/mutate')) {
      const again = run(one, {
        ...one.body,
        request: { ...request, object: decision.outcome === 'mutated' ? decision.after : raw },
      });
      t.equal(again.decision.outcome, 'allowed', 'its own output again needs no patch');
    }
    t.end();
  });
}

test('no golden file is stale', (t) => {
  t.same(staleFiles(), []);
  t.end();
});

/** Only `branchline check` sees these: see test/commands/check.test.ts. */
const onlyInFiles = ['BL240', 'BL290', 'BL291', 'BL292'];

for (const one of readCases()) {
  const [, code = '', near] = /^routes\/(BL2[0-9]{2})-(passes-)?/.exec(one.name) ?? [];
  if (code === '') continue;
  test(`${one.name.replaceAll('-', ' ')}: ${near === undefined ? 'trips' : 'does not trip'} ${code}`, (t) => {
    t.equal(codesOf.get(one.name)?.has(code), near === undefined);
    t.end();
  });
}

test('every rule about routes has a neighbour that does not trip it', (t) => {
  const passed = new Set(
    readCases().flatMap(({ name }) => /^routes\/(BL2[0-9]{2})-passes-/.exec(name)?.[1] ?? []),
  );
  t.same(
    Object.keys(problemKinds).filter(
      (code) => code.startsWith('BL2') && !onlyInFiles.includes(code) && !passed.has(code),
    ),
    [],
  );
  t.end();
});

test('every problem of a declaration or a route has a case that trips it', (t) => {
  const tripped = new Set([...codesOf.values()].flatMap((codes) => [...codes]));
  const rules = Object.keys(problemKinds).filter(
    (code) => /^BL(?:1|2|3)/.test(code) && !onlyInFiles.includes(code),
  );
  t.same(
    rules.filter((code) => !tripped.has(code)),
    [],
  );
  t.end();
});
