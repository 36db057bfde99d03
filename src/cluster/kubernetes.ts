/** A Kubernetes cluster: one reflector for each kind of the resource table, all into one live snapshot. */
import { resources } from '../model/snapshot.ts';
import { connect, type ApiServer, type ServerOptions } from './api-server.ts';
import { pageSize } from './pages.ts';
import { ClusterError, type Cluster, type ClusterProblem } from './port.ts';
import { startReflector, type Reflector, type ReflectorOptions } from './reflector.ts';
import { createListeners, createStore } from './store.ts';
import { askMinor } from './version.ts';

/** Which cluster, and the times of its reflectors where they are not the defaults. */
export interface KubernetesOptions extends ServerOptions, Partial<ReflectorOptions> {
  /** The server is asked for its version once it is found. Default: it is not asked. */
  readonly wantsMinor?: boolean;
}

const defaults: ReflectorOptions = {
  silenceMilliseconds: 90_000,
  watchSeconds: 240,
  pageSize,
  absentMilliseconds: 30_000,
  backoffMilliseconds: [250, 30_000],
  now: () => performance.now(),
  random: Math.random,
};

/** Opens a cluster. Kinds are listed side by side; `synced` resolves when each has been listed once. */
export function openKubernetes({ wantsMinor = false, ...options }: KubernetesOptions = {}): Cluster {
  const store = createStore();
  const stop = new AbortController();
  const problemListeners = createListeners<readonly ClusterProblem[]>();
  let reflectors: readonly (Reflector & { readonly ended: Promise<void> })[] = [];
  let api: ApiServer | undefined;
  let minor = 0;
  let asked: Promise<void> | undefined;
  const problems = (): readonly ClusterProblem[] =>
    reflectors.flatMap((reflector) => {
      const message = reflector.problem();
      return message === undefined
        ? []
        : [{ code: 'BL011' as const, path: '', source: reflector.freshness().kind, message }];
    });

  const synced = new Promise<void>((resolve, reject) => {
    stop.signal.addEventListener(
      'abort',
      () => {
        reject(new ClusterError('the cluster was closed before it was read', false));
      },
      { once: true },
    );
    const started = connect(options).then((server) => {
      api = server;
      if (wantsMinor)
        asked = askMinor(server, stop.signal).then((found) => {
          minor = found;
        });
      const waiting = new Set(resources);
      reflectors = resources.map((resource) =>
        startReflector({
          resource,
          api: server,
          store,
          options: { ...defaults, ...options },
          signal: stop.signal,
          events: {
            synced() {
              waiting.delete(resource);
              if (waiting.size > 0) return;
              store.markSynced();
              resolve();
            },
            changed: () => {
              problemListeners.tell(problems());
            },
          },
        }),
      );
    });
    started.catch(reject);
  });
  synced.catch(() => undefined);

  return {
    snapshot: store.snapshot,
    synced,
    ...(wantsMinor ? { kubernetesMinor: () => minor } : {}),
    onChange: store.onChange,
    freshness: () =>
      reflectors.length > 0
        ? reflectors.map((reflector) => reflector.freshness())
        : resources.map(({ kind }) => ({
            kind,
            synced: false,
            objects: 0,
            ageMilliseconds: undefined,
            watchRestarts: 0,
            relistDiffs: 0,
          })),
    problems,
    onProblems: problemListeners.add,
    async close() {
      stop.abort();
      await Promise.all([asked, ...reflectors.map((reflector) => reflector.ended)]);
      api?.close();
    },
  };
}
