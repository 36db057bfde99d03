/**
 * Who of several replicas writes: the holder of a Lease. The rules and times are those of client-go's leader election.
 *
 * | times | default |
 * |---|---|
 * | another one may take a Lease that it has not seen renewed for | 15 s |
 * | the holder stops when its last renewal was sent so long ago | 10 s |
 * | renewals and tries are so far apart, tries up to 2.2 times as far | 2 s |
 *
 * Nobody compares clocks of two machines: a follower counts from when it saw the Lease change. The holder counts from when it *sent* the renewal, on two
 * clocks, and asks {@link Held.isHeld} before each write, so that a process that was stopped for a while writes nothing when it goes on.
 *
 * A Lease that is marked as retired (`branchline uninstall` does) is left by its holder and taken by nobody who saw the mark.
 * @see https://github.com/kubernetes/client-go/blob/master/tools/leaderelection/leaderelection.go
 */
import { numberAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { retiredAnnotation } from '../model/keys.ts';
import { Conflict, type Writes, type Written } from '../cluster/writes.ts';
import { sleep, type Clock } from './clock.ts';

/** What an election is about. */
export interface LeaseSite {
  readonly writes: Pick<Writes, 'read' | 'create' | 'replace'>;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Differs from that of every other contender, also of our own earlier runs. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
  readonly durationMilliseconds: number;
  /** Takes a Lease that is marked as retired, too. */
  readonly takesRetired?: boolean;
  /** Told when the Lease was won, lost, or could not be asked for (once, until it can). */
  readonly report: (outcome: 'won' | 'lost' | 'retired' | 'unreachable', reason: string) => void;
}

/** The Lease as its holder has it. */
export interface Held {
  /** Aborted when the Lease is, or may be, no longer ours. */
  readonly signal: AbortSignal;
  /** Tells whether nobody else can have it yet. Asked before every write. */
  isHeld(): boolean;
}

/** Takes part in the election until the signal; `lead` runs while we hold the Lease and ends soon after its signal. Never rejects, unless `lead` does. */
export async function takePart(
  site: LeaseSite,
  lead: (held: Held) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const contender = createContender(site);
  while (!signal.aborted && !contender.isRetired()) {
    if (await contender.attempt()) await hold(site, contender, lead, signal);
    else
      await sleep(site.clock, site.durationMilliseconds * retryShare * (1 + jitter * site.random()), signal);
  }
}

/** Shares of the duration: 10 s and 2 s of 15 s. */
const deadlineShare = 2 / 3;
const retryShare = 2 / 15;
/** client-go's JitterFactor. */
const jitter = 1.2;

async function hold(
  site: LeaseSite,
  contender: Contender,
  lead: (held: Held) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const stop = AbortSignal.any([signal, lost.signal]);
  const held: Held = { signal: stop, isHeld: () => !stop.aborted && contender.isSafe() };
  site.report('won', site.identity);
  const work = lead(held).finally(() => {
    lost.abort();
  });
  work.catch(() => undefined);
  try {
    await renew(site, contender, stop);
    if (!signal.aborted) site.report(contender.isRetired() ? 'retired' : 'lost', contender.reason());
  } finally {
    lost.abort();
    await work.finally(() => contender.release());
  }
}

/** Renews until it fails for too long, or is told to stop. */
async function renew(
  { clock, durationMilliseconds }: LeaseSite,
  contender: Contender,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await sleep(clock, Math.min(durationMilliseconds * retryShare, contender.safeFor()), stop);
    if (stop.aborted || !contender.isSafe()) return;
    // An answer that takes longer than we are safe is as good as none.
    const late = new AbortController();
    await Promise.race([
      contender.attempt(),
      sleep(clock, contender.safeFor(), AbortSignal.any([stop, late.signal])),
    ]);
    late.abort();
    if (contender.isOthers() || contender.isRetired()) return;
  }
}

interface Contender {
  /** Takes the Lease when it is free, renews it when it is ours. @returns whether it is ours now. */
  attempt(): Promise<boolean>;
  /** Gives it up for others to take at once. */
  release(): Promise<void>;
  isSafe(): boolean;
  /** Milliseconds for which it is safe. */
  safeFor(): number;
  isOthers(): boolean;
  isRetired(): boolean;
  reason(): string;
}

interface Observed {
  readonly lease: Written;
  readonly spec: string;
  readonly at: number;
}

interface ContenderState {
  observed: Observed | undefined;
  /** When the last renewal that succeeded was sent, on both clocks. */
  renewed: { readonly now: number; readonly wall: number } | undefined;
  isRetired: boolean;
  isUnreachable: boolean;
  reason: string;
}

function createContender(site: LeaseSite): Contender {
  const { clock, durationMilliseconds } = site;
  const state: ContenderState = {
    observed: undefined,
    renewed: undefined,
    isRetired: false,
    isUnreachable: false,
    reason: '',
  };
  const deadline = durationMilliseconds * deadlineShare;

  function safeFor(): number {
    if (state.renewed === undefined) return 0;
    const wallPassed = clock.wall() - state.renewed.wall;
    return deadline - Math.max(clock.now() - state.renewed.now, wallPassed);
  }

  async function attempt(): Promise<boolean> {
    const sent = { now: clock.now(), wall: clock.wall() };
    try {
      const written = await write(site, state);
      state.isUnreachable = false;
      if (written === undefined) return false;
      see(state, written, clock.now());
      state.renewed = sent;
      return true;
    } catch (error) {
      // What we knew of it may be old: it is read anew next time.
      state.observed =
        state.observed === undefined
          ? undefined
          : { ...state.observed, lease: { ...state.observed.lease, revision: '' } };
      state.reason = error instanceof Error ? error.message : String(error);
      if (error instanceof Conflict) return false;
      if (!state.isUnreachable) site.report('unreachable', state.reason);
      state.isUnreachable = true;
      return false;
    }
  }

  return {
    attempt,
    isSafe: () => safeFor() > 0,
    safeFor: () => Math.max(0, safeFor()),
    isOthers: () => state.observed !== undefined && holderOf(state.observed.lease) !== site.identity,
    isRetired: () => state.isRetired && site.takesRetired !== true,
    reason: () => state.reason,
    async release() {
      const { observed } = state;
      state.renewed = undefined;
      if (observed === undefined || holderOf(observed.lease) !== site.identity) return;
      const spec = {
        ...objectAt(observed.lease.object, 'spec'),
        holderIdentity: '',
        leaseDurationSeconds: 1,
        renewTime: microTime(clock.wall()),
      };
      await site.writes.replace({ ...(observed.lease.object as JsonObject), spec }).then(
        (lease) => {
          see(state, lease, clock.now());
        },
        () => undefined,
      );
    },
  };
}

/** @returns the Lease when it is ours now; undefined when it is another's. Somebody who was faster is no error. */
async function write(site: LeaseSite, state: ContenderState): Promise<Written | undefined> {
  const { writes, clock, identity, namespace, name, durationMilliseconds } = site;
  const lease = freshOf(state, identity) ?? (await writes.read({ kind: 'Lease', namespace, name }));
  const spec = {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(durationMilliseconds / 1000),
    renewTime: microTime(clock.wall()),
  };
  if (lease === undefined) {
    const created = { ...spec, acquireTime: spec.renewTime, leaseTransitions: 0 };
    return writes.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace, name },
      spec: created,
    });
  }
  see(state, lease, clock.now());
  state.isRetired = textAt(lease.object, 'metadata', 'annotations', retiredAnnotation) !== undefined;
  if (state.isRetired && site.takesRetired !== true) return undefined;
  const holder = holderOf(lease);
  if (!['', identity].includes(holder) && !isExpired(state, durationMilliseconds, clock.now()))
    return undefined;
  const before = objectAt(lease.object, 'spec');
  const transition =
    holder === identity
      ? {}
      : { acquireTime: spec.renewTime, leaseTransitions: (numberAt(before, 'leaseTransitions') ?? 0) + 1 };
  return writes.replace({ ...(lease.object as JsonObject), spec: { ...before, ...spec, ...transition } });
}

/** While we hold it, what our own renewal was answered with is what there is. */
function freshOf({ observed }: ContenderState, identity: string): Written | undefined {
  return observed !== undefined && observed.lease.revision !== '' && holderOf(observed.lease) === identity
    ? observed.lease
    : undefined;
}

/** A change of anything in it counts as a sign of life, from when we see it. */
function see(state: ContenderState, lease: Written, now: number): void {
  const spec = JSON.stringify(objectAt(lease.object, 'spec'));
  state.observed = { lease, spec, at: state.observed?.spec === spec ? state.observed.at : now };
}

function isExpired({ observed }: ContenderState, durationMilliseconds: number, now: number): boolean {
  if (observed === undefined) return false;
  const theirs = (numberAt(observed.lease.object, 'spec', 'leaseDurationSeconds') ?? 0) * 1000;
  return now - observed.at >= Math.max(durationMilliseconds, theirs);
}

function holderOf({ object }: Written): string {
  return textAt(object, 'spec', 'holderIdentity') ?? '';
}

/** @see https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/micro_time.go */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
