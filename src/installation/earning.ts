/** The failure policy that the server has earned: Fail once probes come back right, Ignore when the API server does not reach us any more. */
import type { Writes } from '../cluster/writes.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { branchPolicies, readConfigurations, setBranchPolicy } from './configurations.ts';
import { probe, type Probe } from './probe.ts';

/** What earning needs. */
export interface EarningSite {
  readonly writes: Pick<Writes, 'read' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly name: string;
  /** Whether the failure policy is ours to set; else probes are only looked at. */
  readonly earns: boolean;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'probed'>;
}

/** Looks at itself when told to. */
export interface Earning {
  /** One look. Never rejects. What cannot be asked changes nothing. */
  turn(): Promise<void>;
}

/** So many looks in a row, before anything is changed: one may fall into a moment of a rollout. */
const rightInARow = 2;
/** A wrong look means that a branch could come unseen anyway; several, that nobody serves. */
const wrongInARow = 3;

/** Starts without a record. */
export function createEarning(site: EarningSite): Earning {
  let row: { outcome: Probe['outcome']; length: number } = { outcome: 'unknown', length: 0 };
  let said = '';
  return {
    async turn() {
      const looked = await probe(site);
      if (looked.outcome !== 'unknown') site.metrics.probed(looked.outcome === 'right');
      row = { outcome: looked.outcome, length: row.outcome === looked.outcome ? row.length + 1 : 1 };
      if (looked.reason !== said && looked.outcome !== 'right')
        site.log.warn({ outcome: looked.outcome, reason: looked.reason }, 'probe through the API server');
      said = looked.reason;
      const policy = earned(row);
      if (site.earns && policy !== undefined) await setPolicy(site, policy);
    },
  };
}

/** Returns the failure policy that a row of looks is worth; undefined: as it is. */
export function earned({
  outcome,
  length,
}: {
  readonly outcome: Probe['outcome'];
  readonly length: number;
}): 'Fail' | 'Ignore' | undefined {
  if (outcome === 'right' && length >= rightInARow) return 'Fail';
  return outcome === 'wrong' && length >= wrongInARow ? 'Ignore' : undefined;
}

async function setPolicy({ writes, name, log }: EarningSite, policy: 'Fail' | 'Ignore'): Promise<void> {
  try {
    const configurations = await readConfigurations({ writes, name });
    if (branchPolicies(configurations).every((one) => one === policy)) return;
    if (await setBranchPolicy({ writes, name }, configurations, policy))
      log[policy === 'Fail' ? 'info' : 'warn']({ policy }, 'failure policy of the webhooks for branches');
  } catch (error) {
    log.warn(
      { policy, reason: error instanceof Error ? error.message : String(error) },
      'the failure policy of the webhooks for branches could not be set',
    );
  }
}
