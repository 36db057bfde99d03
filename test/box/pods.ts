/** Pods of a mesh as tests want them: added, ready, unready; and waiting until every part of the API server says the same about them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import { readyAnnotation } from './kubelet.ts';
import {
  at,
  covers,
  labelsAt,
  listAt,
  numberAt,
  textAt,
  toLabels,
  type Labels,
} from '../../src/model/json.ts';

/** Pods to add: an ordinary Deployment whose pods run the app. */
export interface NewBackend {
  readonly name: string;
  readonly namespace: string;
  /** Labels of the pods, and their selector; by default `app: <name>`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Annotations of the Deployment. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** 1 by default. */
  readonly replicas?: number;
  /** False keeps the pods running and unready until {@link setReady} says otherwise. */
  readonly ready?: boolean;
}

/** Creates the Deployment, and resolves when its pods run and what Services know of them is settled. */
export async function addBackend(
  api: Api,
  { name, namespace, labels = { app: name }, annotations = {}, replicas = 1, ready = true }: NewBackend,
): Promise<void> {
  const template = {
    metadata: { labels, annotations: ready ? {} : { [readyAnnotation]: 'false' } },
    spec: { containers: [{ name: 'app', image: name, ports: [{ containerPort: 8080 }] }] },
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, annotations },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
  const { status, body } = await api.send(
    'POST',
    `/apis/apps/v1/namespaces/${namespace}/deployments`,
    deployment,
  );
  if (status !== 201)
    throw new Error(
      `creating Deployment ${namespace}/${name} answered ${status}: ${textAt(body, 'message') ?? ''}`,
    );
  await podsSettled(api);
}

/**
 * Makes the containers of the pods with these labels ready or not; resolves when what Services know of them is settled.
 * @throws Error when no pod has the labels.
 */
export async function setReady(
  api: Api,
  namespace: string,
  { labels, ready }: { readonly labels: Readonly<Record<string, string>>; readonly ready: boolean },
): Promise<void> {
  const wanted = toLabels(Object.entries(labels));
  const pods = (await list(api, `/api/v1/namespaces/${namespace}/pods`)).filter((pod) =>
    covers(labelsAt(pod, 'metadata', 'labels'), wanted),
  );
  if (pods.length === 0) throw new Error(`no pod of ${namespace} has the labels ${JSON.stringify(labels)}`);
  for (const pod of pods) {
    const path = `/api/v1/namespaces/${namespace}/pods/${textAt(pod, 'metadata', 'name') ?? ''}`;
    const { status } = await api.send('PATCH', path, {
      metadata: { annotations: { [readyAnnotation]: String(ready) } },
    });
    if (status !== 200 && status !== 404) throw new Error(`patch of ${path} answered ${status}`);
  }
  await podsSettled(api);
}

/** How long controllers may take to agree, in milliseconds: after a restart of the API server they pause up to some seconds. */
const settleTimeoutMs = 60_000;
const pollMs = 25;

/**
 * Resolves when every Deployment has its pods, every pod's readiness follows from its annotation and gates, and every EndpointSlice says what the pods say.
 * @throws Error with the first thing that is not settled after a minute.
 */
export async function podsSettled(api: Api): Promise<void> {
  const deadline = performance.now() + settleTimeoutMs;
  for (;;) {
    const unsettled = await firstUnsettled(api);
    if (unsettled === undefined) return;
    if (performance.now() > deadline)
      throw new Error(`not settled after ${settleTimeoutMs} ms: ${unsettled}`);
    await sleep(pollMs);
  }
}

async function firstUnsettled(api: Api): Promise<string | undefined> {
  const [deployments, pods, services, slices] = await Promise.all(
    [
      '/apis/apps/v1/deployments',
      '/api/v1/pods',
      '/api/v1/services',
      '/apis/discovery.k8s.io/v1/endpointslices',
    ].map((path) => list(api, path)),
  );
  const unfinished = deployments?.find(
    (one) =>
      (numberAt(one, 'status', 'observedGeneration') ?? 0) < (numberAt(one, 'metadata', 'generation') ?? 0) ||
      (numberAt(one, 'status', 'updatedReplicas') ?? 0) !== numberAt(one, 'spec', 'replicas') ||
      (numberAt(one, 'status', 'replicas') ?? 0) !== numberAt(one, 'spec', 'replicas'),
  );
  if (unfinished !== undefined) return `Deployment ${nameOf(unfinished)} has not its pods`;
  const waiting = pods?.find(
    (pod) =>
      textAt(pod, 'metadata', 'deletionTimestamp') !== undefined ||
      textAt(pod, 'status', 'phase') !== 'Running' ||
      isReady(pod) !== shouldBeReady(pod),
  );
  if (waiting !== undefined) return `Pod ${nameOf(waiting)} does not run, or is not as ready as it should be`;
  const wrong = services?.find(
    (service) =>
      at(service, 'spec', 'selector') !== undefined &&
      podsOf(service, pods ?? []) !== endpointsOf(service, slices ?? []),
  );
  return wrong === undefined
    ? undefined
    : `EndpointSlices of Service ${nameOf(wrong)} do not say what its pods say`;
}

function shouldBeReady(pod: unknown): boolean {
  const gates = listAt(pod, 'spec', 'readinessGates').map((gate) => textAt(gate, 'conditionType'));
  return (
    textAt(pod, 'metadata', 'annotations', readyAnnotation) !== 'false' &&
    gates.every((gate) =>
      listAt(pod, 'status', 'conditions').some(
        (condition) => textAt(condition, 'type') === gate && textAt(condition, 'status') === 'True',
      ),
    )
  );
}

function isReady(pod: unknown): boolean {
  return listAt(pod, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}

/** Addresses and readiness of the pods behind a Service, as text to compare. */
function podsOf(service: unknown, pods: readonly unknown[]): string {
  const selector: Labels = labelsAt(service, 'spec', 'selector');
  const publishes = at(service, 'spec', 'publishNotReadyAddresses') === true;
  return pods
    .filter(
      (pod) =>
        textAt(pod, 'metadata', 'namespace') === textAt(service, 'metadata', 'namespace') &&
        covers(labelsAt(pod, 'metadata', 'labels'), selector),
    )
    .map((pod) => `${textAt(pod, 'status', 'podIP') ?? ''} ${isReady(pod) || publishes}`)
    .sort()
    .join();
}

function endpointsOf(service: unknown, slices: readonly unknown[]): string {
  const mine = slices.filter(
    (slice) =>
      textAt(slice, 'metadata', 'namespace') === textAt(service, 'metadata', 'namespace') &&
      textAt(slice, 'metadata', 'labels', 'kubernetes.io/service-name') ===
        textAt(service, 'metadata', 'name'),
  );
  return mine
    .flatMap((slice) => listAt(slice, 'endpoints'))
    .map(
      (endpoint) =>
        `${textAt(endpoint, 'addresses', 0) ?? ''} ${at(endpoint, 'conditions', 'ready') === true}`,
    )
    .sort()
    .join();
}

function nameOf(object: unknown): string {
  return `${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
}

async function list(api: Api, path: string): Promise<readonly unknown[]> {
  const { status, body } = await api.send('GET', path);
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return listAt(body, 'items');
}
