/** Steady traffic through real Envoys, each answer judged. */
import type { Proxy, ProxyRequest, Reply } from '../box/proxy.ts';

/** What is asked, and what must come back. */
export interface Asked {
  readonly proxy: Proxy;
  readonly request: ProxyRequest;
  /** Returns what is wrong, in words that are the same for the same fault; undefined when nothing is. */
  readonly judge: (reply: Reply) => string | undefined;
}

/** One answer that was not as it must be. */
export interface Fault {
  readonly atMilliseconds: number;
  readonly reason: string;
}

/** Traffic that goes on until it is stopped. */
export interface Traffic {
  readonly count: () => number;
  readonly faults: readonly Fault[];
  /** Resolves when the last answer is there. */
  stop(): Promise<void>;
}

/** Requests at one time: one that hangs must not make the others wait. */
const parallelLimit = 200;

/** Asks in turn, so many times a second. */
export function startTraffic(asked: readonly Asked[], perSecond: number): Traffic {
  const faults: Fault[] = [];
  const open = new Set<Promise<void>>();
  const started = performance.now();
  let sent = 0;
  const send = ({ proxy, request, judge }: Asked): void => {
    const asking = proxy
      .send(request)
      .then(judge, (error: unknown) => `no answer: ${error instanceof Error ? error.message : String(error)}`)
      .then((reason) => {
        if (reason !== undefined) faults.push({ atMilliseconds: performance.now(), reason });
      })
      .finally(() => open.delete(asking));
    open.add(asking);
  };
  const timer = setInterval(() => {
    for (
      const due = ((performance.now() - started) / 1000) * perSecond;
      sent < due && open.size < parallelLimit;
      sent += 1
    ) {
      const next = asked[sent % asked.length];
      if (next !== undefined) send(next);
    }
  }, 5);
  return {
    count: () => sent,
    faults,
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

/** Wants an answer of this version of this service. */
export function wants(service: string, version: string): (reply: Reply) => string | undefined {
  return (reply) => {
    // Without the app's word the body is Envoy's, which says what was missing.
    if (reply.status !== 200) return `status ${reply.status} for ${service}: ${reply.body.slice(0, 120)}`;
    return reply.service === service && reply.version === version
      ? undefined
      : `${reply.service ?? '?'} ${reply.version ?? '?'} in place of ${service} ${version}`;
  };
}

/** Groups faults by their words, for people. */
export function summary(faults: readonly Fault[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of faults) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} × ${reason}`).join('; ');
}
