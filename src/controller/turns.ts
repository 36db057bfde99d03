/** Runs one thing again and again, never twice at once: soon after it was asked for, and when it said that it wants to. */
import type { Clock } from './clock.ts';

/** What is run, and until when. */
export interface TurnsSite {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** One turn; says at what time of the clock it wants the next one, if nothing happens before. */
  readonly turn: () => Promise<number | undefined>;
  /** Told of what a turn threw; the next one comes after a pause. */
  readonly bug: (error: unknown) => void;
}

/** Turns that go on until the signal. */
export interface Turns {
  /** Asks for a turn: after the present one, else at once. */
  soon(): void;
  /** Resolves when no turn runs and none will. */
  readonly ended: Promise<void>;
}

/** Pause after a turn that threw, in milliseconds. */
const bugMilliseconds = 5000;

/** Starts with no turn. */
export function createTurns({ clock, signal, turn, bug }: TurnsSite): Turns {
  const end = Promise.withResolvers<undefined>();
  let isRunning = false;
  let isAsked = false;
  let cancel = (): void => undefined;

  function at(time: number | undefined): void {
    cancel();
    if (time !== undefined) cancel = clock.after(Math.max(0, time - clock.now()), run);
  }

  function run(): void {
    if (isRunning || signal.aborted) return;
    isRunning = true;
    isAsked = false;
    cancel();
    // A report that throws has nobody left to be reported to.
    runOnce().catch(() => undefined);
  }

  async function runOnce(): Promise<void> {
    let next: number | undefined;
    try {
      next = await turn();
    } catch (error) {
      next = clock.now() + bugMilliseconds;
      bug(error);
    } finally {
      isRunning = false;
      if (signal.aborted) end.resolve(undefined);
      else at(isAsked ? clock.now() : next);
    }
  }

  function stop(): void {
    cancel();
    if (!isRunning) end.resolve(undefined);
  }

  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    soon() {
      if (isAsked) return;
      isAsked = true;
      if (!isRunning && !signal.aborted) at(clock.now());
    },
    ended: end.promise,
  };
}
