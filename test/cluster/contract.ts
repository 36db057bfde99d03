/** What every implementation of the port promises. Run on the fake, on a folder, and on Kubernetes. */
import type { Test } from 'tap';
import type { Change, Cluster } from '../../src/cluster/port.ts';
import { inNamespace, namespaceOf, resources } from '../../src/model/snapshot.ts';

/** A world to open a cluster on. */
export interface World {
  put(object: unknown): Promise<void> | void;
  remove(object: unknown): Promise<void> | void;
  open(): Cluster;
  close(): Promise<void>;
}

export const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'ww-green', labels: { 'branchline.dev/enabled': 'true' } },
};
export const service = (name: string, app = name) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'ww-green' },
  spec: { selector: { app }, ports: [{ name: 'http', port: 80 }] },
});
export const workload = (kind: 'Deployment' | 'StatefulSet', name: string) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'ww-green', annotations: { 'branchline.dev/branch': 'OPS-1' } },
  spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } } } },
});
export const configMap = (name: string, labels: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ww-green', labels },
  immutable: true,
  data: { 'agent.cjs': '' },
});

/** What only a wait that would never end meets: it is told then what was waited for. */
const hangMilliseconds = 600_000;

/** Waits until `holds`, looking after each change and, since a change may come before the wait, every few milliseconds. */
export async function until(t: Test, cluster: Cluster, what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + hangMilliseconds;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  t.ok(holds(), what);
  t.ok(cluster.snapshot, 'and there is a snapshot');
}

/** Runs the contract on one implementation; `make` makes an empty world. */
export function contract(t: Test, make: () => Promise<World>): void {
  const suite = (name: string, run: (t: Test, world: World) => Promise<void>): void =>
    void t.test(name, async (s) => {
      const world = await make();
      s.teardown(() => world.close());
      await run(s, world);
    });

  suite('shows what is there, once synced', async (s, world) => {
    for (const object of [namespace, service('a'), workload('Deployment', 'a'), workload('StatefulSet', 'a')])
      await world.put(object);
    const cluster = world.open();
    s.teardown(() => cluster.close());
    await cluster.synced;
    s.ok(cluster.snapshot.synced);
    s.ok(namespaceOf(cluster.snapshot, 'ww-green')?.enabled);
    s.same({ ...inNamespace(cluster.snapshot.services, 'ww-green').get('a')?.selector }, { app: 'a' });
    s.same([...inNamespace(cluster.snapshot.workloads, 'ww-green').keys()].sort(), [
      'Deployment/a',
      'StatefulSet/a',
    ]);
    s.equal(inNamespace(cluster.snapshot.workloads, 'ww-green').get('StatefulSet/a')?.kind, 'StatefulSet');
  });

  suite('follows additions, changes and removals, and tells of each after it shows', async (s, world) => {
    await world.put(namespace);
    const cluster = world.open();
    s.teardown(() => cluster.close());
    await cluster.synced;
    const seen: (Change & { readonly there: boolean })[] = [];
    cluster.onChange((change) => {
      seen.push({
        ...change,
        there: cluster.snapshot[change.collection].get(change.namespace)?.has(change.key) === true,
      });
    });
    const services = () => inNamespace(cluster.snapshot.services, 'ww-green');
    await world.put(service('a'));
    await until(s, cluster, 'the addition shows', () => services().has('a'));
    await world.put(service('a', 'other'));
    await until(s, cluster, 'the change shows', () => services().get('a')?.selector['app'] === 'other');
    await world.remove(service('a'));
    await until(s, cluster, 'the removal shows', () => !services().has('a'));
    s.same(
      seen,
      [true, true, false].map((there) => ({
        collection: 'services',
        namespace: 'ww-green',
        key: 'a',
        there,
      })),
    );
  });

  suite('keeps kinds that share a collection apart', async (s, world) => {
    await world.put(workload('Deployment', 'a'));
    await world.put(workload('StatefulSet', 'a'));
    const cluster = world.open();
    s.teardown(() => cluster.close());
    await cluster.synced;
    await world.remove(workload('Deployment', 'a'));
    await until(
      s,
      cluster,
      'one is gone',
      () => !inNamespace(cluster.snapshot.workloads, 'ww-green').has('Deployment/a'),
    );
    s.ok(inNamespace(cluster.snapshot.workloads, 'ww-green').has('StatefulSet/a'));
  });

  suite('knows only the ConfigMaps that are ours', async (s, world) => {
    await world.put(configMap('ours', { 'app.kubernetes.io/managed-by': 'branchline' }));
    await world.put(configMap('theirs', { 'app.kubernetes.io/managed-by': 'Helm' }));
    const cluster = world.open();
    s.teardown(() => cluster.close());
    await cluster.synced;
    s.same([...inNamespace(cluster.snapshot.agentConfigMaps, 'ww-green').keys()], ['ours']);
  });

  suite('says how current each kind is, in the order of the table', async (s, world) => {
    await world.put(service('a'));
    const cluster = world.open();
    s.teardown(() => cluster.close());
    await cluster.synced;
    const fresh = cluster.freshness();
    s.same(
      fresh.map(({ kind }) => kind),
      resources.map(({ kind }) => kind),
    );
    s.ok(
      fresh.every(
        ({ synced, ageMilliseconds }) => synced && ageMilliseconds !== undefined && ageMilliseconds >= 0,
      ),
    );
    s.equal(fresh.find(({ kind }) => kind === 'Service')?.objects, 1);
  });

  suite('says nothing any more once a listener has left, or after close', async (s, world) => {
    await world.put(namespace);
    const cluster = world.open();
    await cluster.synced;
    let told = 0;
    const leave = cluster.onChange(() => {
      told += 1;
    });
    leave();
    await world.put(service('a'));
    await until(s, cluster, 'the addition shows', () =>
      inNamespace(cluster.snapshot.services, 'ww-green').has('a'),
    );
    await cluster.close();
    await cluster.close();
    s.equal(told, 0);
  });
}
