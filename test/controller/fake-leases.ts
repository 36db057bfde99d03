/** A Lease as the API server keeps it: every change has a revision, and a replacement of an older one is refused. */
import { Conflict, type Writes, type Written } from '../../src/cluster/writes.ts';
import { ClusterError } from '../../src/cluster/port.ts';
import { textAt, type JsonObject } from '../../src/model/json.ts';

export interface FakeLeases {
  readonly writes: (who: string) => Pick<Writes, 'read' | 'create' | 'replace'>;
  /** Contenders whose requests fail. */
  readonly cut: Set<string>;
  holder(): string;
  lease(): JsonObject | undefined;
  put(lease: JsonObject): void;
}

export function createFakeLeases(): FakeLeases {
  let lease: JsonObject | undefined;
  let revision = 0;
  const cut = new Set<string>();
  const store = (object: JsonObject): Written => {
    revision += 1;
    lease = {
      ...object,
      metadata: { ...(object['metadata'] as JsonObject), resourceVersion: String(revision), uid: 'lease' },
    };
    return { uid: 'lease', revision: String(revision), object: lease };
  };
  const reach = (who: string): void => {
    if (cut.has(who)) throw new ClusterError('connection refused', true);
  };
  return {
    cut,
    holder: () => textAt(lease, 'spec', 'holderIdentity') ?? '',
    lease: () => lease,
    put: store,
    writes: (who) => ({
      async read() {
        await Promise.resolve();
        reach(who);
        return lease === undefined ? undefined : { uid: 'lease', revision: String(revision), object: lease };
      },
      async create(object) {
        await Promise.resolve();
        reach(who);
        if (lease !== undefined) throw new Conflict('it is there already');
        return store(object);
      },
      async replace(object) {
        await Promise.resolve();
        reach(who);
        if (textAt(object, 'metadata', 'resourceVersion') !== String(revision))
          throw new Conflict('the object has been modified');
        return store(object);
      },
    }),
  };
}
