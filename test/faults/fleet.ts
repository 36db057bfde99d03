/** The replicas behind one Service. */
import type { Replica } from './replica.ts';
import type { ManualService } from './service.ts';
import type { Site } from './site.ts';

/** Replicas that get requests. */
export interface Fleet {
  /** Those that are published now, oldest first. */
  replicas(): readonly Replica[];
  /** Starts one, and publishes it once it is ready. */
  add(flags?: readonly string[]): Promise<Replica>;
  /** Publishes one that runs already, beside the others. */
  join(replica: Replica): Promise<void>;
  /** Publishes the others only; the replica itself is left as it is. */
  remove(replica: Replica): Promise<void>;
  /** Makes as many new ones with other flags, and ends the old ones when nobody uses them any more. Nothing is lost, and nobody counts. */
  replaceAll(flags: readonly string[]): Promise<void>;
}

/** Makes an empty fleet. */
export function createFleet(site: Pick<Site, 'startReplica'>, service: ManualService): Fleet {
  let published: readonly Replica[] = [];
  const publish = async (replicas: readonly Replica[]): Promise<void> => {
    published = replicas;
    await service.publish(published);
  };
  const fleet: Fleet = {
    replicas: () => published,
    async add(flags = []) {
      const replica = await site.startReplica(...flags);
      await fleet.join(replica);
      return replica;
    },
    join: (replica) => publish([...published, replica]),
    remove: (replica) => publish(published.filter((one) => one !== replica)),
    async replaceAll(flags) {
      const old = published;
      const next = await Promise.all(old.map(() => site.startReplica(...flags)));
      await publish(next);
      await Promise.all(old.map((replica) => replica.process.kill()));
    },
  };
  return fleet;
}
