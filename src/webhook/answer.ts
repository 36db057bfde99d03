/** From the text of a review to the text of its answer: the one place where a decision may fail, run late, or be cut short. */
import { decide, type Facts, type ReviewPath } from '../admission/decide.ts';
import type { Decision } from '../admission/decision.ts';
import { answerFailure, type Failure } from '../admission/failure.ts';
import { decodeReview, encodeReview, nameToShow, peekIdentity, type Review } from '../admission/review.ts';
import type { Log } from '../telemetry/log.ts';

/** What deciding needs. `now` is in milliseconds and never goes back. */
export interface Deciding {
  readonly facts: () => Facts;
  readonly log: Log;
  readonly now: () => number;
}

/** A review that arrived whole, or its head. */
export interface Arrived {
  readonly path: ReviewPath;
  readonly text: string;
  /** When the deadline of the review passes, on the clock of {@link Deciding.now}. */
  readonly deadline: number;
  readonly arrivedAt: number;
}

/** An answer: the body of an HTTP 200, or why there can be none. */
export type Answer =
  | { readonly kind: 'review'; readonly body: string; readonly review: Pick<Review, 'operation'> | undefined; readonly decision: Decision; readonly failure: Failure | undefined }
  | { readonly kind: 'unreadable'; readonly reason: string };

const toBase64 = (text: string): string => Buffer.from(text).toString('base64');

/** Answers one review. Never throws. */
export function answerReview(arrived: Arrived, deciding: Deciding): Answer {
  let review: Review | string;
  try {
    review = decodeReview(JSON.parse(arrived.text));
  } catch (error) {
    review = `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof review === 'string') return { kind: 'unreadable', reason: review };
  const decided = decideInTime(review, arrived, deciding);
  logDecision(review, decided, { arrived, deciding });
  return { kind: 'review', review, ...decided };
}

/** Answers a review that is too large to read, in its own name where its head shows one. */
export function answerTooLarge(path: ReviewPath, head: string, { log }: Deciding): Answer {
  const identity = peekIdentity(head);
  if (identity === undefined) return { kind: 'unreadable', reason: 'the body is larger than the limit (bodyLimitBytes) and no review uid stands at its start' };
  const decision = answerFailure('too-large', undefined);
  log.warn({ path, uid: identity.uid, outcome: decision.outcome, failure: 'too-large' }, 'review is too large');
  return { kind: 'review', body: JSON.stringify(encodeReview(identity, decision, toBase64)), review: undefined, decision, failure: 'too-large' };
}

interface Decided {
  readonly decision: Decision;
  readonly body: string;
  readonly failure: Failure | undefined;
}

/** The stack is what bounds the nesting of what we copy into a patch; running out of it is an answer, not the end of the process. */
function decideInTime(review: Review, { path, deadline }: Arrived, { facts, log, now }: Deciding): Decided {
  const answer = (decision: Decision, failure?: Failure): Decided => ({ decision, failure, body: JSON.stringify(encodeReview(review, decision, toBase64)) });
  const failed = (failure: Failure): Decided => answer(answerFailure(failure, review, facts().settings.severities), failure);
  if (now() > deadline) return failed('deadline');
  try {
    const decided = answer(decide(path, review, facts()));
    return now() > deadline ? failed('deadline') : decided;
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('call stack')) return failed('too-deep');
    log.error({ uid: review.uid, path, stack: error instanceof Error ? error.stack : String(error) }, 'deciding failed');
    return failed('bug');
  }
}

interface DecisionLog {
  readonly arrived: Arrived;
  readonly deciding: Deciding;
}

function logDecision(review: Review, { decision, failure }: Decided, { arrived, deciding }: DecisionLog): void {
  deciding.log.info({
    uid: review.uid,
    path: arrived.path,
    operation: review.operation,
    kind: review.kind,
    object: `${review.namespace}/${nameToShow(review)}`,
    outcome: decision.outcome,
    codes: decision.problems.map((problem) => problem.code),
    ...(failure === undefined ? {} : { failure }),
    ...(review.dryRun ? { dryRun: true } : {}),
    milliseconds: Math.round((deciding.now() - arrived.arrivedAt) * 1000) / 1000,
  }, 'decided');
}
