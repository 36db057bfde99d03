/** Load on an HTTPS server: as fast as so many connections go, or at a steady rate whatever the server does. Used by the bench and by the faults. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { openConnection, type Connection, type Endpoint, type Response } from './connection.ts';

/** What became of a run. */
export interface LoadResult {
  /** Requests that were answered or failed. */
  readonly requests: number;
  /** Milliseconds, one of each request that did not fail, in no order. */
  readonly latenciesMs: readonly number[];
  /** How many failed, by reason. */
  readonly failures: ReadonlyMap<string, number>;
  readonly seconds: number;
}

/** What to send to whom. */
export interface Load {
  readonly endpoint: Endpoint;
  /** Bytes of one request. */
  readonly request: Buffer;
  /** At most so many connections. */
  readonly connections: number;
  /** Says why a response is a failure; by default, because its status is not 200. */
  readonly judge?: (response: Response) => string | undefined;
}

const isNot200 = ({ status }: Response): string | undefined =>
  status === 200 ? undefined : `status ${status}`;

/** Adds one to a tally. */
export function count(tally: Map<string, number>, reason: string): void {
  tally.set(reason, (tally.get(reason) ?? 0) + 1);
}

/** Sends the next request on each connection as soon as the last is answered. @throws Error when a connection cannot be opened or breaks. */
export async function loadFully(
  { endpoint, request, connections, judge = isNot200 }: Load,
  milliseconds: number,
): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  const failures = new Map<string, number>();
  const pool = await Promise.all(Array.from({ length: connections }, () => openConnection(endpoint)));
  const started = performance.now();
  await Promise.all(
    pool.map(async (connection) => {
      let sent = performance.now();
      while (sent < started + milliseconds) {
        const reason = judge(await connection.send(request));
        const answered = performance.now();
        if (reason === undefined) latenciesMs.push(answered - sent);
        else count(failures, reason);
        sent = answered;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const connection of pool) connection.close();
  return {
    requests: latenciesMs.length + [...failures.values()].reduce((sum, one) => sum + one, 0),
    latenciesMs,
    failures,
    seconds,
  };
}

/** A steady load that is running. */
export interface SteadyLoad {
  /** Number of requests that failed so far, by reason. */
  readonly failures: ReadonlyMap<string, number>;
  /** Number of requests that came to an end so far. */
  requests(): number;
  /** Sends no more; resolves when all that was sent has come to an end. */
  stop(): Promise<LoadResult>;
}

/**
 * Starts requests at fixed moments, whether or not earlier ones are answered. Latency counts from the moment that a request was due, so a server that
 * stalls is charged with everybody who waits for it (no coordinated omission). Like Go's transport: a request takes the connection that was used last, or a new one.
 */
export function startSteadyLoad(
  { endpoint, request, connections, judge = isNot200 }: Load,
  perSecond: number,
): SteadyLoad {
  const pool = createPool(endpoint, connections);
  const latenciesMs: number[] = [];
  const failures = new Map<string, number>();
  const inFlight = new Set<Promise<void>>();
  let requests = 0;
  let stopping = false;

  const sendOne = async (due: number): Promise<void> => {
    try {
      const connection = await pool.take();
      const reason = await connection
        .send(request)
        .then(judge)
        .finally(() => {
          pool.give(connection);
        });
      if (reason === undefined) latenciesMs.push(performance.now() - due);
      else count(failures, reason);
    } catch (error) {
      count(failures, describe(error));
    }
    requests += 1;
  };

  const started = performance.now();
  const running = (async () => {
    for (let index = 0; !stopping; index += 1) {
      const due = started + (index * 1000) / perSecond;
      await until(due);
      const sending: Promise<void> = sendOne(due).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    }
    await Promise.all(inFlight);
  })();

  return {
    failures,
    requests: () => requests,
    async stop() {
      stopping = true;
      await running;
      const seconds = (performance.now() - started) / 1000;
      pool.close();
      return { requests, latenciesMs, failures, seconds };
    },
  };
}

/** Timers are late by up to 1 ms or so; the last bit is waited for turn by turn, with sockets being served between. */
const timerSlackMs = 1.5;

async function until(due: number): Promise<void> {
  const left = due - performance.now();
  if (left > timerSlackMs) await sleep(left - timerSlackMs);
  while (performance.now() < due) await nextTurn();
}

interface Pool {
  take(): Promise<Connection>;
  give(connection: Connection): void;
  close(): void;
}

function createPool(endpoint: Endpoint, limit: number): Pool {
  const idle: Connection[] = [];
  const waiting: ((connection: Connection | undefined) => void)[] = [];
  let open = 0;
  const takeIdle = (): Connection | undefined => {
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
      if (found.isOpen()) return found;
      open -= 1;
    }
    return undefined;
  };
  const dial = async (): Promise<Connection> => {
    open += 1;
    try {
      return await openConnection(endpoint);
    } catch (error) {
      open -= 1;
      waiting.shift()?.(undefined);
      throw error;
    }
  };
  return {
    async take() {
      const found = takeIdle();
      if (found !== undefined) return found;
      if (open < limit) return dial();
      return (
        (await new Promise<Connection | undefined>((resolve) => {
          waiting.push(resolve);
        })) ?? dial()
      );
    },
    give(connection) {
      if (!connection.isOpen()) {
        connection.close();
        open -= 1;
        waiting.shift()?.(undefined);
        return;
      }
      const next = waiting.shift();
      if (next === undefined) idle.push(connection);
      else next(connection);
    },
    close() {
      for (const connection of idle) connection.close();
    },
  };
}

/** Says in a few words what went wrong on the wire; the same words for the same thing, so that they can be counted. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
