import { test } from 'tap';
import { allow, deny, judge, mutate } from '../../src/admission/decision.ts';
import { answerFailure, type Failure } from '../../src/admission/failure.ts';
import { decodeReview, encodeReview, peekIdentity, type Review } from '../../src/admission/review.ts';
import { reviewOf } from './golden.ts';

const toBase64 = (text: string): string => Buffer.from(text).toString('base64');
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', namespace: 'n' } };

function decoded(body: unknown): Review {
  const review = decodeReview(body);
  if (typeof review === 'string') throw new Error(review);
  return review;
}

const unreadable: readonly (readonly [string, unknown, RegExp])[] = [
  ['a list', [], /not a JSON object/],
  ['null', null, /not a JSON object/],
  ['another kind', { kind: 'Pod' }, /kind/],
  ['another group', { kind: 'AdmissionReview', apiVersion: 'v1' }, /apiVersion/],
  ['no request', { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' }, /request is missing/],
  [
    'no uid',
    { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: { operation: 'CREATE' } },
    /uid/,
  ],
  [
    'no operation',
    { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: { uid: 'u' } },
    /operation/,
  ],
];
for (const [name, body, reason] of unreadable) {
  test(`says why ${name} is no review`, (t) => {
    t.match(decodeReview(body), reason);
    t.end();
  });
}

test('takes name and namespace from the object where the request has none', (t) => {
  const review = decoded(reviewOf(deployment, { name: '', namespace: '' }));
  t.same([review.name, review.namespace, review.group, review.kind], ['a', 'n', 'apps', 'Deployment']);
  t.end();
});

test('echoes uid and version, and has patch and patchType together or not at all', (t) => {
  const review = decoded({ ...reviewOf(deployment), apiVersion: 'admission.k8s.io/v1beta1' });
  const plain = encodeReview(review, allow(), toBase64);
  t.same(plain, {
    apiVersion: 'admission.k8s.io/v1beta1',
    kind: 'AdmissionReview',
    response: { uid: review.uid, allowed: true },
  });
  const patched = encodeReview(review, mutate([{ op: 'add', path: '/a', value: 1 }], {}, ['w']), toBase64);
  t.same(patched.response, {
    uid: review.uid,
    allowed: true,
    warnings: ['w'],
    patchType: 'JSONPatch',
    patch: toBase64('[{"op":"add","path":"/a","value":1}]'),
  });
  t.notOk('patch' in encodeReview(review, mutate([], {}, []), toBase64).response);
  t.end();
});

test('a refusal stands in status, one problem a line, with warnings beside it', (t) => {
  const problems = judge(
    [
      { code: 'BL101', path: 'a', message: 'one' },
      { code: 'BL112', path: '', message: 'two' },
      { code: 'BL116', path: '', message: 'three' },
      { code: 'BL117', path: '', message: 'four' },
    ],
    { BL116: 'off' },
  );
  const { response } = encodeReview(
    { apiVersion: 'admission.k8s.io/v1', uid: 'u' },
    deny(problems),
    toBase64,
  );
  t.same(response, {
    uid: 'u',
    allowed: false,
    status: { code: 403, reason: 'Forbidden', message: 'one [BL101]\nfour [BL117]' },
    warnings: ['branchline: two [BL112]'],
  });
  t.end();
});

test('warnings are one line, without control characters or repeats, at most 120 characters, and nothing of them is lost', (t) => {
  const long = `branchline: ${'word '.repeat(60)}end [BL108]`;
  const warningsOf = (notes: readonly string[]): readonly string[] =>
    encodeReview({ apiVersion: '', uid: '' }, allow(notes), toBase64).response.warnings ?? [];
  const notes = ['a\nb\u0000c', 'a b c', long];
  t.same(allow(notes).warnings, ['a b c', long], 'a decision holds them whole');
  const warnings = warningsOf(notes);
  t.equal(warnings[0], 'a b c');
  t.equal(warnings.filter((warning) => warning === 'a b c').length, 1);
  for (const warning of warnings) t.ok(warning.length <= 120 && !/\p{Cc}/u.test(warning), warning);
  t.equal(warnings.slice(1).join(' ').match(/word/g)?.length, 60);
  t.match(warnings.at(-1), /end \[BL108\]$/);
  t.ok(warningsOf([`x ${'y'.repeat(500)}`]).every((warning) => warning.length <= 120));
  t.ok(warningsOf(Array.from({ length: 100 }, (_, index) => `w${index}`)).length <= 20);
  t.end();
});

const branch = decoded(
  reviewOf({
    ...deployment,
    metadata: { ...deployment.metadata, annotations: { 'branchline.dev/branch': 'OPS-1' } },
  }),
);
const plain = decoded(reviewOf(deployment));
const failures: readonly (readonly [Failure, number, boolean])[] = [
  ['bug', 500, true],
  ['deadline', 504, true],
  ['too-deep', 422, true],
  ['too-large', 413, false],
];
for (const [failure, code, plainAllowed] of failures) {
  test(`on ${failure} a branch is refused with ${code} and anything else is ${plainAllowed ? 'let through with a warning' : 'refused too'}`, (t) => {
    const refused = answerFailure(failure, branch);
    t.equal(refused.outcome === 'denied' ? refused.code : 0, code);
    const other = answerFailure(failure, plain);
    t.equal(other.outcome, plainAllowed ? 'allowed' : 'denied');
    if (plainAllowed) t.match(other.warnings[0], /BL90/);
    t.end();
  });
}

test('settings cannot make a failure of ours refuse what is not a branch', (t) => {
  t.equal(answerFailure('bug', plain, { BL904: 'deny' }).outcome, 'allowed');
  t.same(answerFailure('bug', plain, { BL904: 'off' }).warnings, []);
  t.end();
});

test('finds the uid at the start of a review too large to read', (t) => {
  t.same(peekIdentity(JSON.stringify(reviewOf(deployment)).slice(0, 150)), {
    apiVersion: 'admission.k8s.io/v1',
    uid: 'a1b2c3d4-0000-4000-8000-000000000001',
  });
  t.equal(peekIdentity('{"spec":{}}'), undefined);
  t.end();
});
