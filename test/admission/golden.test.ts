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

function run(one: Case, body: JsonObject): { decision: ReturnType<typeof decide>; review: Exclude<ReturnType<typeof decodeReview>, string> } {
  const review = decodeReview(structuredClone(body));
  if (typeof review === 'string') throw new Error(review);
  return { decision: decide(one.path, review, one), review };
}

for (const one of readCases()) {
  test(one.name.replaceAll('-', ' '), (t) => {
    const { decision, review } = run(one, one.body);
    const out = outOf(decision, review.object);
    if (update) writeFileSync(one.outFile, stringify(out, { lineWidth: 0 }));
    if (!existsSync(one.outFile)) {
      t.fail(`${one.outFile} is missing; make it with UPDATE_GOLDEN=1 and read it`);
      t.end();
      return;
    }
    t.same(out, parse(readFileSync(one.outFile, 'utf8')), 'as the golden file says');

    const request = one.body['request'] as JsonObject;
    const raw = structuredClone(request['object']);
    if (decision.outcome === 'mutated') {
      const answer = encodeReview(review, decision, (text) => Buffer.from(text).toString('base64'));
      const patch = JSON.parse(Buffer.from(answer.response.patch ?? '', 'base64').toString()) as Parameters<typeof jsonPatch.applyPatch>[1];
      const patched: unknown = jsonPatch.applyPatch(raw, patch, true).newDocument;
      t.same(patched, out['object'], 'the emitted patch makes the object from the raw input');
    } else t.same(review.object ?? null, raw ?? null, 'nothing is changed without a patch');

    if (one.path.startsWith('/mutate')) {
      const again = run(one, { ...one.body, request: { ...request, object: review.object } });
      t.equal(again.decision.outcome, 'allowed', 'its own output again needs no patch');
    }
    t.end();
  });
}

test('no golden file is stale', (t) => {
  t.same(staleFiles(), []);
  t.end();
});

test('every problem of a declaration has a case that trips it', (t) => {
  const tripped = new Set(readCases().flatMap((one) => run(one, one.body).decision.problems.map((problem) => problem.code)));
  const rules = Object.keys(problemKinds).filter((code) => /^BL(?:1|3)/.test(code));
  t.same(rules.filter((code) => !tripped.has(code as keyof typeof problemKinds)), []);
  t.end();
});
