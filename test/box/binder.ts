/**
 * Stands in for the scheduler: every pod goes to the one node, so that ordinary manifests without `nodeName` work. Like the scheduler it
 * leaves alone pods with scheduling gates, with another `schedulerName`, or being deleted; it looks at no resources, taints or affinity.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import { at, listAt, textAt } from '../../src/model/json.ts';

/** A running binder. */
export interface Binder {
  /** Stops it; resolves when it makes no more requests. */
  close(): Promise<void>;
}

/** Pause after a watch ended or broke, in milliseconds: an API server that is restarting is asked again soon. */
const retryPauseMs = 50;

/** Starts binding pods to a node; goes on through restarts of the API server until it is closed. */
export function startBinder(api: Api, nodeName: string): Binder {
  const closing = new AbortController();
  const running = (async () => {
    while (!closing.signal.aborted) {
      await bindUntilFailure(api, nodeName, closing.signal);
      await sleep(retryPauseMs);
    }
  })();
  return {
    close() {
      closing.abort();
      return running;
    },
  };
}

/** A watch without a resource version starts with everything that is there, so beginning again is all the recovery that is needed. */
async function bindUntilFailure(api: Api, nodeName: string, closing: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const unfinished = new Set<Promise<void>>();
  const onEvent = (event: unknown) => {
    const pod = at(event, 'object');
    if (textAt(event, 'type') === 'DELETED' || !isWaiting(pod)) return;
    const binding = bind(api, pod, nodeName)
      .catch(() => {
        failed.abort();
      })
      .finally(() => unfinished.delete(binding));
    unfinished.add(binding);
  };
  try {
    await api.watch(
      '/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3D',
      onEvent,
      AbortSignal.any([closing, failed.signal]),
    );
  } catch {
    // The API server is away, or we were told to stop: the loop decides.
  }
  await Promise.all(unfinished);
}

function isWaiting(pod: unknown): boolean {
  return (
    textAt(pod, 'kind') === 'Pod' &&
    textAt(pod, 'spec', 'nodeName') === undefined &&
    textAt(pod, 'spec', 'schedulerName') === 'default-scheduler' &&
    textAt(pod, 'metadata', 'deletionTimestamp') === undefined &&
    listAt(pod, 'spec', 'schedulingGates').length === 0
  );
}

async function bind(api: Api, pod: unknown, nodeName: string): Promise<void> {
  const name = textAt(pod, 'metadata', 'name') ?? '';
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name },
    target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
  };
  const { status } = await api.send(
    'POST',
    `/api/v1/namespaces/${textAt(pod, 'metadata', 'namespace') ?? ''}/pods/${name}/binding`,
    binding,
  );
  const isSettled = status < 300 || status === 404 || status === 409; // gone, or bound already
  if (!isSettled) throw new Error(`binding ${name} answered ${status}`);
}
