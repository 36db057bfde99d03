/**
 * What kwok's nodes do not do: readiness as a kubelet decides it. A pod is ready when its containers are (the annotation
 * `box/ready: "false"` says they are not) and every readiness gate is `True`; whoever owns a gate sets it. Also knows every running pod by its address.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import { at, labelsAt, listAt, textAt, type Labels } from '../../src/model/json.ts';

/** Annotation on a pod (or a pod template): `false` keeps its containers unready. */
export const readyAnnotation = 'box/ready';

/** A pod that runs. */
export interface RunningPod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
}

/** Keeps readiness until it is closed. */
export interface Kubelet {
  /** Returns the running pod that has an address; undefined when none has. */
  podAt(address: string): RunningPod | undefined;
  /** From now on pods that are deleted go on running for so long, as real ones do with a preStop sleep; at first they end at once. */
  linger(milliseconds: number): void;
  /** Stops it; resolves when it makes no more requests. */
  close(): Promise<void>;
}

/**
 * Turns kwok's stage that makes pods ready into one that makes them run: {@link startKubelet} does the rest.
 * @throws Error when the stages are not those that are expected, since pods would then be ready by themselves.
 */
export function runningOnly(stages: string): string {
  const ready = /status: "True"\n(\s+)type: (Ready|ContainersReady)\n/g;
  const gates = /\n\s+\{\{ range \.spec\.readinessGates \}\}[\s\S]*?\{\{ end \}\}/g;
  if (stages.match(ready)?.length !== 2 || stages.match(gates)?.length !== 1)
    throw new Error('kwok ships other stages than expected: read kubelet.ts and adapt runningOnly');
  return stages.replace(ready, 'status: "False"\n$1type: $2\n').replace(gates, '');
}

/** Pause after a watch ended or broke, in milliseconds. */
const retryPauseMs = 50;

/** How long after a watch's last word a pod that it did not name is forgotten, in milliseconds. */
const forgetMs = 1000;

/** Starts keeping the readiness of every pod; goes on through restarts of the API server until it is closed. */
export function startKubelet(api: Api): Kubelet {
  const pods = new Map<string, RunningPod>();
  const closing = new AbortController();
  const manner: Manner = { lingerMs: 0 };
  const running = (async () => {
    while (!closing.signal.aborted) {
      await keepUntilFailure(api, { pods, manner }, closing.signal);
      await sleep(retryPauseMs);
    }
  })();
  return {
    podAt: (address) => pods.get(address),
    linger(milliseconds) {
      manner.lingerMs = milliseconds;
    },
    close() {
      closing.abort();
      return running;
    },
  };
}

/** How pods behave. */
interface Manner {
  lingerMs: number;
}

/** A watch without a resource version starts with everything that is there. */
async function keepUntilFailure(
  api: Api,
  { pods, manner }: { readonly pods: Map<string, RunningPod>; readonly manner: Manner },
  closing: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const unfinished = new Set<Promise<void>>();
  const before = new Set(pods.keys());
  // While the API server is away pods go on; those that are not told of again have gone meanwhile.
  const forget = setTimeout(() => {
    for (const address of before) pods.delete(address);
  }, forgetMs);
  const onEvent = (event: unknown) => {
    const pod = at(event, 'object');
    before.delete(textAt(pod, 'status', 'podIP') ?? '');
    if (before.size > 0) forget.refresh();
    remember(pods, pod, textAt(event, 'type') === 'DELETED' ? manner : undefined);
    if (textAt(event, 'type') === 'DELETED') return;
    const keeping = keep(api, pod)
      .catch(() => {
        failed.abort();
      })
      .finally(() => unfinished.delete(keeping));
    unfinished.add(keeping);
  };
  try {
    await api.watch('/api/v1/pods?watch=true', onEvent, AbortSignal.any([closing, failed.signal]));
  } catch {
    // The API server is away, or we were told to stop: the loop decides.
  }
  clearTimeout(forget);
  await Promise.all(unfinished);
}

/** @param gone how it ends; undefined while it runs. */
function remember(pods: Map<string, RunningPod>, pod: unknown, gone: Manner | undefined): void {
  const address = textAt(pod, 'status', 'podIP');
  if (address === undefined) return;
  const known = {
    name: textAt(pod, 'metadata', 'name') ?? '',
    namespace: textAt(pod, 'metadata', 'namespace') ?? '',
    labels: labelsAt(pod, 'metadata', 'labels'),
  };
  // kwok gives an address of a pod that is gone to the next one.
  const forget = (): void => {
    if (pods.get(address)?.name === known.name) pods.delete(address);
  };
  if (gone === undefined) pods.set(address, known);
  else if (gone.lingerMs === 0) forget();
  else setTimeout(forget, gone.lingerMs).unref();
}

/** A conflict cannot happen: a patch names no resource version. A pod that is gone needs nothing. */
async function keep(api: Api, pod: unknown): Promise<void> {
  if (
    textAt(pod, 'status', 'phase') !== 'Running' ||
    textAt(pod, 'metadata', 'deletionTimestamp') !== undefined
  )
    return;
  const containers = textAt(pod, 'metadata', 'annotations', readyAnnotation) !== 'false';
  const gates = listAt(pod, 'spec', 'readinessGates').every(
    (gate) => conditionOf(pod, textAt(gate, 'conditionType') ?? '') === 'True',
  );
  const wanted = [
    ['ContainersReady', containers],
    ['Ready', containers && gates],
  ] as const;
  const changed = wanted.filter(([type, value]) => (conditionOf(pod, type) === 'True') !== value);
  if (changed.length === 0) return;
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const conditions = changed.map(([type, value]) => ({
    type,
    status: value ? 'True' : 'False',
    lastTransitionTime: now,
  }));
  const path = `/api/v1/namespaces/${textAt(pod, 'metadata', 'namespace') ?? ''}/pods/${textAt(pod, 'metadata', 'name') ?? ''}/status`;
  const { status } = await api.send('PATCH', path, { status: { conditions } });
  if (status !== 200 && status !== 404) throw new Error(`patch of ${path} answered ${status}`);
}

function conditionOf(pod: unknown, type: string): string | undefined {
  const found = listAt(pod, 'status', 'conditions').find((condition) => textAt(condition, 'type') === type);
  return textAt(found, 'status');
}
