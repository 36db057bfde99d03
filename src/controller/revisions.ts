/** Asks when branches were last deployed: only where one might be old enough for it to matter, and only for metadata. */
import type { Client } from '../cluster/client.ts';
import { needsRevision, type LifeFacts, type Revisions } from '../lifecycle/life.ts';
import { collectRevisions, revisionKinds } from '../lifecycle/revisions.ts';

/** Reads the newest revision of every workload that may be due. Nothing is kept but one time a workload. @throws ClusterError */
export async function readRevisions(
  client: Pick<Client, 'list'>,
  facts: Omit<LifeFacts, 'revisions'>,
): Promise<Revisions> {
  const collector = collectRevisions();
  const wanted = new Map(
    needsRevision(facts).map(({ workload: { kind, namespace } }) => [
      `${revisionKinds[kind]}/${namespace}`,
      { kind: revisionKinds[kind], namespace },
    ]),
  );
  await Promise.all(
    [...wanted.values()].map((options) => client.list({ ...options, metadataOnly: true }, collector.add)),
  );
  return collector.revisions;
}
