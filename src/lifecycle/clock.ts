/** Whether a clock may be believed when it says that a branch's time is up. */
import { showSpan } from '../model/duration.ts';

/** What is known about the time. Milliseconds. */
export interface ClockReading {
  /** Our clock, since 1970. */
  readonly now: number;
  /** The API server's, read at the same moment; undefined where there is none. */
  readonly server?: number | undefined;
  /** The sweep before: what our clock showed then, and how long ago that is by a clock that nobody sets. */
  readonly before?: { readonly now: number; readonly elapsed: number } | undefined;
}

/** Says why a clock is not believed; undefined when it is. */
export function distrust(
  { now, server, before }: ClockReading,
  toleranceSeconds: number,
): string | undefined {
  const tolerance = toleranceSeconds * 1000;
  if (server !== undefined && Math.abs(now - server) > tolerance)
    return `our clock is ${span(now - server)} of the API server's`;
  if (before !== undefined && Math.abs(now - before.now - before.elapsed) > tolerance)
    return `our clock jumped: it is ${span(now - before.now - before.elapsed)} of where it should be`;
  return undefined;
}

function span(milliseconds: number): string {
  return `${showSpan(Math.abs(milliseconds) / 1000)} ${milliseconds > 0 ? 'ahead' : 'behind'}`;
}
