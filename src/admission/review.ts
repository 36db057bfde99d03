/** The wire boundary: the only file that knows the shape of an AdmissionReview. */
import { at, isObject, objectAt, textAt, type JsonObject } from '../model/json.ts';
import type { Decision } from './decision.ts';

/** The operations that a review may be about. */
type ReviewOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** One request to admit something. `object` is undefined on DELETE, `oldObject` on CREATE. */
export interface Review {
  /** The request's own version, echoed in the answer. */
  readonly apiVersion: string;
  readonly uid: string;
  readonly operation: ReviewOperation;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  /** Empty when the API server has yet to make one from `generateName`. */
  readonly name: string;
  readonly subResource: string;
  readonly dryRun: boolean;
  readonly object: JsonObject | undefined;
  readonly oldObject: JsonObject | undefined;
}

/** The answer as it goes over the wire. */
export interface ReviewAnswer {
  readonly apiVersion: string;
  readonly kind: 'AdmissionReview';
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
    readonly patchType?: 'JSONPatch';
    readonly patch?: string;
  };
}

const operations: readonly ReviewOperation[] = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'];
const apiVersionPattern = /^admission\.k8s\.io\/v[0-9a-z]+$/;

/** Reads a parsed AdmissionReview. @returns the review, or in words why it is none. */
export function decodeReview(body: unknown): Review | string {
  if (!isObject(body)) return 'the body is not a JSON object';
  if (textAt(body, 'kind') !== 'AdmissionReview') return 'kind is not AdmissionReview';
  const apiVersion = textAt(body, 'apiVersion') ?? '';
  if (!apiVersionPattern.test(apiVersion)) return 'apiVersion is not admission.k8s.io/v1';
  const request = at(body, 'request');
  if (!isObject(request)) return 'request is missing';
  const uid = textAt(request, 'uid');
  if (uid === undefined || uid === '') return 'request.uid is missing';
  const operation = operations.find((known) => known === at(request, 'operation'));
  if (operation === undefined) return 'request.operation is not CREATE, UPDATE, DELETE or CONNECT';
  return { apiVersion, uid, operation, ...readTarget(request) };
}

function readTarget(request: JsonObject): Omit<Review, 'apiVersion' | 'uid' | 'operation'> {
  const object = at(request, 'object');
  const oldObject = at(request, 'oldObject');
  const subject = isObject(object) ? object : oldObject;
  const text = (...path: readonly string[]): string => textAt(request, ...path) ?? '';
  return {
    group: text('kind', 'group'),
    kind: text('kind', 'kind'),
    namespace: text('namespace') || (textAt(subject, 'metadata', 'namespace') ?? ''),
    name: text('name') || (textAt(subject, 'metadata', 'name') ?? ''),
    subResource: text('subResource'),
    dryRun: at(request, 'dryRun') === true,
    object: isObject(object) ? object : undefined,
    oldObject: isObject(oldObject) ? oldObject : undefined,
  };
}

/** Longest warning: the API server advises 120 characters. @see https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response */
const warningLengthMax = 120;
/** The API server cuts warnings once they pass 4096 characters in all, so more than this many say nothing. */
const warningsMax = 20;

/** The version answered when the request's own could not be read. */
const defaultApiVersion = 'admission.k8s.io/v1';

/**
 * Makes the answer. `patch` is base64 of the JSON operations; there is neither `patch` nor `patchType` without operations, and a
 * refusal stands in `status` (the field's JSON name; `result` would be ignored).
 *
 * @see https://github.com/kubernetes/api/blob/master/admission/v1/types.go
 */
export function encodeReview(
  review: Pick<Review, 'apiVersion' | 'uid'>,
  decision: Decision,
  toBase64: (text: string) => string,
): ReviewAnswer {
  return {
    apiVersion: review.apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid: review.uid,
      allowed: decision.outcome !== 'denied',
      ...(decision.outcome === 'denied'
        ? { status: { code: decision.code, reason: decision.reason, message: decision.message } }
        : {}),
      ...(decision.warnings.length > 0
        ? { warnings: decision.warnings.flatMap(wrap).slice(0, warningsMax) }
        : {}),
      ...(decision.outcome === 'mutated'
        ? { patchType: 'JSONPatch' as const, patch: toBase64(JSON.stringify(decision.patch)) }
        : {}),
    },
  };
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

const continuation = 'branchline:  ';

function cut(text: string): string {
  return text.length <= warningLengthMax ? text : `${text.slice(0, warningLengthMax - '...'.length)}...`;
}

/** Reads the uid and version near the start of a review that is too large to parse, so that even its refusal is an answer to it. */
export function peekIdentity(head: string): Pick<Review, 'apiVersion' | 'uid'> | undefined {
  const uid = /"request"\s*:\s*\{\s*"uid"\s*:\s*"([0-9A-Za-z-]{1,64})"/.exec(head)?.[1];
  if (uid === undefined) return undefined;
  const apiVersion =
    /"apiVersion"\s*:\s*"(admission\.k8s\.io\/v[0-9a-z]+)"/.exec(head)?.[1] ?? defaultApiVersion;
  return { apiVersion, uid };
}

/** Returns the name to show for an object: its own, or what `generateName` will start with. */
export function nameToShow(review: Review): string {
  return review.name === ''
    ? `${textAt(objectAt(review.object, 'metadata'), 'generateName') ?? ''}*`
    : review.name;
}
