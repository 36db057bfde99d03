/** The rules about a VirtualService among everything else in the cluster, in one table. */
import type { Problem } from '../model/problem.ts';
import { run, type Check, type FactOwner, type Row } from './finding.ts';
import { branchNameRows } from './branch-names.ts';
import { neighbourRows } from './virtual-service-neighbours.ts';
import { specOf } from './istio-api/virtual-service-object.ts';
import { hostRows } from './virtual-service-hosts.ts';
import { subjectOf, type FactRow } from './virtual-service-subject.ts';
import { subsetRows } from './virtual-service-subsets.ts';

const rows: readonly FactRow[] = [...subsetRows, ...hostRows, ...neighbourRows, ...branchNameRows];

/** Runs every rule about a VirtualService that needs the cluster. */
export function* virtualServiceFactProblems(owner: FactOwner): Generator<Problem> {
  const self = subjectOf(owner);
  const bound: readonly Row[] = rows.map(({ code, check }) => ({
    code,
    check: ((here) => check(here, owner, self)) satisfies Check,
  }));
  yield* run(bound, specOf(owner.object), owner);
}
