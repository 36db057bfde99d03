/** What a rule about a workload is given, and what it returns. */
import type { Branch } from '../model/branch.ts';
import type { Membership } from '../model/membership.ts';
import type { Problem } from '../model/problem.ts';
import type { BranchReview, Facts, WorkloadReview } from './scope.ts';

/** What a rule about a branch workload may use. `siblings` are the other branch workloads of the namespace. */
export interface Declaration extends WorkloadReview, Facts {
  /** Undefined when the declared name makes no id. */
  readonly review: BranchReview | undefined;
  /** The branch that an update finds: declared or by label, and labelled so. */
  readonly live: Branch | undefined;
  /** An update that leaves the branch what it is, behind the same Services. */
  readonly inPlace: boolean;
  readonly siblings: readonly Membership[];
}

/** A rule: returns every problem it finds, in words. */
export type Rule = (declaration: Declaration) => readonly Problem[];
