/** How long a branch may live: its own word, its namespace's, the setting's. */
import { parseLifetimeSeconds } from './duration.ts';
import type { Meta, Namespace } from './kubernetes.ts';

/** The settings that say how long branches live. */
export interface LifetimeDefaults {
  /** Lifetime of a branch that says nothing, where its namespace says nothing. */
  readonly branchTtl: string;
  /** Longest lifetime where the namespace names none; empty: none. */
  readonly maxTtl: string;
}

/** The lifetime in force. */
export interface Lifetime {
  readonly seconds: number;
  /** As somebody wrote it, e.g. `7d`. */
  readonly text: string;
  /** Who said so. */
  readonly from: 'branch' | 'namespace' | 'setting' | 'maximum';
}

/** Returns the lifetime in force: the branch's `ttl`, else the namespace's, else the setting's; never more than the maximum. What is no lifetime does not count. */
export function lifetimeOf(
  workload: Pick<Meta, 'declared'>,
  namespace: Namespace | undefined,
  defaults: LifetimeDefaults,
): Lifetime {
  const own =
    lifetime(workload.declared['ttl'], 'branch') ??
    lifetime(namespace?.declared['ttl'], 'namespace') ??
    lifetime(defaults.branchTtl, 'setting');
  const wanted = own ?? { seconds: 3 * 86_400, text: '3d', from: 'setting' };
  const most = maximumOf(namespace, defaults);
  return most !== undefined && most.seconds < wanted.seconds ? most : wanted;
}

/** Returns the longest lifetime in a namespace; undefined when there is no limit. */
export function maximumOf(
  namespace: Namespace | undefined,
  { maxTtl }: Pick<LifetimeDefaults, 'maxTtl'>,
): Lifetime | undefined {
  return lifetime(namespace?.declared['max-ttl'], 'maximum') ?? lifetime(maxTtl, 'maximum');
}

function lifetime(text: string | undefined, from: Lifetime['from']): Lifetime | undefined {
  const seconds = parseLifetimeSeconds(text?.trim() ?? '');
  return text === undefined || seconds === undefined ? undefined : { seconds, text: text.trim(), from };
}
