/** From the text of a review to the text of its answer: the one place where a decision may fail, run late, or be cut short. */
import { decide as decideReview, type Facts, type ReviewPath } from '../admission/decide.ts';
import type { Decision } from '../admission/decision.ts';
import { answerFailure, type Failure } from '../admission/failure.ts';
import { decodeReview, encodeReview, nameToShow, peekIdentity, type Review } from '../admission/review.ts';
import type { Log } from '../telemetry/log.ts';

/** What deciding needs. `now` is in milliseconds and never goes back. */
export interface Deciding {
  /** Asked anew for each review. */
  readonly facts: () => Facts;
  readonly log: Log;
  readonly now: () => number;
  /** Admission's own unless a test gives another. */
  readonly decide?: typeof decideReview;
}

/** A review on its way. Times are on the clock of {@link Deciding.now}. */
export interface Arrival {
  readonly path: ReviewPath;
  readonly arrivedAt: number;
  /** When no decision is of use any more. */
  readonly deadline: number;
}

/** A review that arrived whole. */
export interface Arrived extends Arrival {
  readonly text: string;
}

/** An answer: the body of an HTTP 200, or why there can be none. `review` is undefined when only the head was read. */
export type Answer =
  | {
      readonly kind: 'review';
      readonly body: string;
      readonly review: Pick<Review, 'operation'> | undefined;
      readonly decision: Decision;
      readonly failure: Failure | undefined;
    }
  | { readonly kind: 'unreadable'; readonly reason: string };

const toBase64 = (text: string): string => Buffer.from(text).toString('base64');

/** Answers one review. Never throws. */
export function answerReview(arrived: Arrived, deciding: Deciding): Answer {
  const review = read(arrived.text);
  if (typeof review === 'string') return { kind: 'unreadable', reason: review };
  const decided = decideInTime(review, arrived, deciding);
  logDecision(review, decided, { arrived, deciding });
  return { kind: 'review', review, ...decided };
}

/** The parser's own message quotes the text, which is not ours to repeat; its place is enough. */
function read(text: string): Review | string {
  if (text === '') return 'the body is empty; post an AdmissionReview';
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    return `the body is not JSON${/ at position [0-9]+/.exec(error instanceof Error ? error.message : '')?.[0] ?? ''}`;
  }
  return decodeReview(body);
}

const unreadWords = {
  'too-large':
    'the body is larger than the limit (bodyLimitBytes), and no request.uid stands at its start to answer to',
  'too-deep': 'the body is nested too deeply to be read, and no request.uid stands at its start to answer to',
} as const;

/** Answers a review of which only the start was read, in its own name where that shows one. */
export function answerUnread(
  arrival: Arrival,
  head: string,
  failure: 'too-large' | 'too-deep',
  { facts, log, now }: Deciding,
): Answer {
  const identity = peekIdentity(head);
  if (identity === undefined) return { kind: 'unreadable', reason: unreadWords[failure] };
  const decision = answerFailure(failure, undefined, facts().settings.severities);
  log.warn(
    {
      uid: identity.uid,
      path: arrival.path,
      outcome: decision.outcome,
      failure,
      codes: codesOf(decision),
      milliseconds: since(arrival, now),
    },
    'not read',
  );
  return {
    kind: 'review',
    body: JSON.stringify(encodeReview(identity, decision, toBase64)),
    review: undefined,
    decision,
    failure,
  };
}

interface Decided {
  readonly decision: Decision;
  readonly body: string;
  readonly failure: Failure | undefined;
}

/** The stack is what bounds the nesting of what we copy into a patch; running out of it is an answer, not the end of the process. */
function decideInTime(review: Review, { path, deadline }: Arrived, deciding: Deciding): Decided {
  const { now, decide = decideReview } = deciding;
  const facts = deciding.facts();
  const answer = (decision: Decision, failure?: Failure): Decided => ({
    decision,
    failure,
    body: JSON.stringify(encodeReview(review, decision, toBase64)),
  });
  const failed = (failure: Failure): Decided =>
    answer(answerFailure(failure, review, facts.settings.severities), failure);
  if (now() >= deadline) return failed('deadline');
  try {
    const decided = answer(decide(path, review, facts));
    return now() >= deadline ? failed('deadline') : decided;
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('call stack')) return failed('too-deep');
    logBug(error, review, { path, log: deciding.log });
    return failed('bug');
  }
}

/** Returns where an error was thrown, without its message, which may quote the object. */
export function framesOf(error: unknown): readonly string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
}

/** Whoever needs the message turns on debug. */
function logBug(error: unknown, { uid }: Review, { path, log }: { path: ReviewPath; log: Log }): void {
  log.error(
    { uid, path, error: error instanceof Error ? error.name : typeof error, stack: framesOf(error) },
    'deciding failed: this is a bug',
  );
  log.debug({ uid, message: String(error) }, 'deciding failed, in its own words (they may quote the object)');
}

interface DecisionLog {
  readonly arrived: Arrived;
  readonly deciding: Deciding;
}

function logDecision(
  review: Review,
  { decision, failure }: Decided,
  { arrived, deciding }: DecisionLog,
): void {
  deciding.log.info(
    {
      uid: review.uid,
      path: arrived.path,
      operation: review.operation,
      kind: review.kind,
      object: `${review.namespace}/${nameToShow(review)}`,
      outcome: decision.outcome,
      codes: codesOf(decision),
      failure,
      dryRun: review.dryRun,
      milliseconds: since(arrived, deciding.now),
    },
    'decided',
  );
}

function codesOf(decision: Decision): readonly string[] {
  return decision.problems.map(({ code }) => code);
}

/** To a microsecond. */
function since({ arrivedAt }: Arrival, now: () => number): number {
  return Math.round((now() - arrivedAt) * 1000) / 1000;
}
