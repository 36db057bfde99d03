/** What we answer when we could not decide: one policy for a bug, a passed deadline, and input that is out of bounds. */
import { at } from '../model/json.ts';
import { fullKey } from '../model/keys.ts';
import type { Severities } from '../model/problem.ts';
import { allowUnlessDenied, deny, judge, type Decision } from './decision.ts';
import type { Review } from './review.ts';

/** Why no decision was made. Load beyond the budget is not here: it is shed with 429 before a review is read. */
export type Failure = 'bug' | 'deadline' | 'too-large' | 'too-deep';

/**
 * Answers a review that was not decided.
 *
 * | failure      | a workload that declares a branch               | anything else                                   |
 * |--------------|-------------------------------------------------|-------------------------------------------------|
 * | `bug`        | refused, 500: admitted unseen, its pods would    | allowed with a warning: we never stand in the way |
 * |              | carry the baseline's labels and take its traffic | of what is not a branch                         |
 * | `deadline`   | refused, 504, "try again"                       | allowed with a warning                          |
 * | `too-large`  | refused, 413 (nobody can see what it is)        | refused, 413                                    |
 * | `too-deep`   | refused, 422                                    | allowed with a warning                          |
 */
export function answerFailure(
  failure: Failure,
  review: Review | undefined,
  severities: Severities = {},
): Decision {
  switch (failure) {
    case 'too-large':
      return refuse(
        'BL901',
        'the review is larger than the limit (bodyLimitBytes); make the object smaller, e.g. by server-side apply, which keeps no last-applied annotation',
        413,
        'RequestEntityTooLarge',
      );
    case 'too-deep':
      return declaresBranch(review)
        ? refuse('BL902', 'the object is nested too deeply to be checked; flatten it', 422, 'Invalid')
        : warn(
            'BL902',
            'the object is nested too deeply to be checked; it was let through unchecked',
            severities,
          );
    case 'deadline':
      return declaresBranch(review)
        ? refuse('BL903', 'branchline had no time left to check this branch; apply it again', 504, 'Timeout')
        : warn(
            'BL903',
            'branchline had no time left to check this object; it was let through unchecked',
            severities,
          );
    case 'bug':
      return declaresBranch(review)
        ? refuse(
            'BL904',
            'branchline failed on this branch (its log says why, look for the request uid); nothing was changed, apply it again or tell the platform team',
            500,
            'InternalError',
          )
        : warn(
            'BL904',
            'branchline failed on this object; it was let through unchecked (see its log)',
            severities,
          );
    default:
      return failure satisfies never;
  }
}

function declaresBranch(review: Review | undefined): boolean {
  const key = fullKey('branch');
  return [review?.object, review?.oldObject].some(
    (object) => at(object, 'metadata', 'annotations', key) !== undefined,
  );
}

function refuse(
  code: 'BL901' | 'BL902' | 'BL903' | 'BL904',
  message: string,
  status: number,
  reason: string,
): Decision {
  return deny([{ code, path: '', message, severity: 'deny' }], status, reason);
}

/** Lets pass with a warning, whatever severity settings give the code: a failure of ours must not start to refuse. */
function warn(code: 'BL902' | 'BL903' | 'BL904', message: string, severities: Severities): Decision {
  return allowUnlessDenied(
    judge([{ code, path: '', message }], {
      ...severities,
      [code]: severities[code] === 'off' ? 'off' : 'warn',
    }),
  );
}
