/** One request for a review, over HTTP: read within bounds, decided in turn, answered once; counted from its first byte to its end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReviewPath } from '../admission/decide.ts';
import type { Settings } from '../config/settings.ts';
import type { Metrics, ReviewOutcome } from '../telemetry/metrics.ts';
import { answerReview, answerUnread, framesOf, type Answer, type Arrival, type Deciding } from './answer.ts';
import { createBodyBudget, isDeeperThan, largeBodyBytes, readBody, type Body } from './body.ts';
import { sendJson, sendRefusal, type Refusal } from './status.ts';
import { createTurns } from './turns.ts';

/** What answering needs. */
export interface ReviewSurroundings extends Deciding {
  readonly settings: Settings;
  readonly metrics: Metrics;
  /** True while the server drains: each answer is then the last one on its connection. */
  readonly isDraining: () => boolean;
  /** Tells whether the caller on a connection may post reviews. */
  readonly isAllowed: (socket: unknown) => boolean;
}

/** Answers one request to a review path, now or later. Never throws. */
export type ReviewHandler = (
  path: ReviewPath,
  request: IncomingMessage,
  response: ServerResponse<IncomingMessage>,
) => void;

interface Visit extends Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse<IncomingMessage>;
}

/** Share of the caller's time that we use; the rest is for the network and the API server's own work. */
const deadlineShare = 0.8;
/** The API server's default `timeoutSeconds`, for callers that do not say. */
const callerMillisecondsDefault = 10_000;
/** Deepest object that the API server itself reads. @see https://github.com/kubernetes/apimachinery/blob/master/pkg/util/json/json.go (maxDepth) */
const levelsMax = 10_000;

/** Makes the handler. It keeps the body budget and the queue of large bodies for all requests together. */
export function createReviewHandler(surroundings: ReviewSurroundings): ReviewHandler {
  const { settings, metrics, now } = surroundings;
  const bounds = {
    limitBytes: settings.bodyLimitBytes,
    budget: createBodyBudget(settings.bodyBudgetBytes, settings.bodyLimitBytes),
  };
  const turns = createTurns();
  return (path, request, response) => {
    metrics.began(path);
    const arrivedAt = now();
    const deadline =
      arrivedAt +
      Math.min(readTimeout(request.url ?? '') * deadlineShare, settings.decisionTimeoutMilliseconds);
    const visit: Visit = { path, request, response, arrivedAt, deadline };
    const unread = whyNotRead(request, surroundings);
    if (unread !== undefined) {
      refuse(visit, surroundings, unread);
      return;
    }
    readBody(request, { ...bounds, milliseconds: deadline - arrivedAt }, (body) => {
      if (body.outcome === 'whole' && body.bytes.length > largeBodyBytes)
        turns.take(() => {
          answerSurely(visit, body, surroundings);
        });
      else answerSurely(visit, body, surroundings);
    });
  };
}

/** The API server sends what is left of its own time as `?timeout=10s`. @see https://github.com/kubernetes/apiserver/blob/master/pkg/util/webhook/client.go */
function readTimeout(url: string): number {
  const [, amount, unit] = /[?&]timeout=([0-9]{1,6})(ms|s|m)(?:&|$)/.exec(url) ?? [];
  if (amount === undefined) return callerMillisecondsDefault;
  return Number(amount) * (unit === 'ms' ? 1 : unit === 's' ? 1000 : 60_000);
}

type OutcomeRefusal = Refusal & { readonly outcome: ReviewOutcome };

function whyNotRead(
  { headers, socket }: IncomingMessage,
  { isAllowed }: ReviewSurroundings,
): OutcomeRefusal | undefined {
  if (!isAllowed(socket))
    return {
      code: 403,
      outcome: 'forbidden',
      message: 'your certificate carries none of the names that may post reviews (clientNames)',
    };
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return undefined;
  return {
    code: 415,
    outcome: 'unreadable',
    message: `content-encoding ${encoding} is not read here; send the review as it is`,
  };
}

/** What failed here failed outside a decision, whose failures are answers; the caller is told, and the process goes on. */
function answerSurely(visit: Visit, body: Body, surroundings: ReviewSurroundings): void {
  try {
    answerBody(visit, body, surroundings);
  } catch (error) {
    surroundings.log.error({ path: visit.path, stack: framesOf(error) }, 'answering failed: this is a bug');
    refuse(visit, surroundings, {
      code: 500,
      outcome: 'bug',
      message: 'branchline failed on this request; its log says why',
    });
  }
}

function answerBody(visit: Visit, body: Body, surroundings: ReviewSurroundings): void {
  switch (body.outcome) {
    case 'whole':
      try {
        answerWhole(visit, body.bytes, surroundings);
      } finally {
        body.release();
      }
      return;
    case 'too-large':
      answer(visit, surroundings, answerUnread(visit, body.head, 'too-large', surroundings), 413);
      return;
    case 'over-budget':
      shed(visit, surroundings);
      return;
    case 'late':
      refuse(visit, surroundings, {
        code: 408,
        outcome: 'late',
        message: 'the review did not arrive within the time that its caller gives for the answer',
      });
      return;
    case 'aborted':
      end(visit, surroundings, 'aborted');
      return;
    default:
      body satisfies never;
  }
}

function answerWhole(visit: Visit, bytes: Buffer, surroundings: ReviewSurroundings): void {
  const isTooDeep = bytes.length > largeBodyBytes && isDeeperThan(levelsMax, bytes);
  const said = isTooDeep
    ? answerUnread(visit, bytes.toString('latin1', 0, largeBodyBytes), 'too-deep', surroundings)
    : answerReview(
        { path: visit.path, arrivedAt: visit.arrivedAt, deadline: visit.deadline, text: bytes.toString() },
        surroundings,
      );
  answer(visit, surroundings, said, 400);
}

/**
 * Too much is being read. The API server comes back within its own time; when that is up, the failure policy of the webhook decides, which
 * knows what we have not read: whether the object declares a branch.
 */
function shed(visit: Visit, surroundings: ReviewSurroundings): void {
  refuse(visit, surroundings, {
    code: 429,
    outcome: 'shed',
    message: 'too much is being reviewed at this moment; try again in a second',
    headers: { 'retry-after': '1' },
  });
}

function answer(
  visit: Visit,
  surroundings: ReviewSurroundings,
  said: Answer,
  codeWhenUnreadable: number,
): void {
  if (said.kind === 'unreadable') {
    refuse(visit, surroundings, { code: codeWhenUnreadable, outcome: 'unreadable', message: said.reason });
    return;
  }
  sendJson(visit.response, 200, said.body, { last: surroundings.isDraining() });
  for (const problem of said.decision.problems) surroundings.metrics.found(problem);
  end(visit, surroundings, said.failure ?? said.decision.outcome, said.review?.operation);
}

function refuse(visit: Visit, surroundings: ReviewSurroundings, refusal: OutcomeRefusal): void {
  sendRefusal(visit.response, refusal, { last: surroundings.isDraining() });
  const { path } = visit;
  surroundings.log.warn(
    { path, outcome: refusal.outcome, status: refusal.code, reason: refusal.message },
    'refused',
  );
  end(visit, surroundings, refusal.outcome);
}

function end(
  { path, arrivedAt }: Visit,
  { metrics, now }: ReviewSurroundings,
  outcome: ReviewOutcome,
  operation = '',
): void {
  metrics.ended({ path, operation, outcome, milliseconds: now() - arrivedAt });
}
