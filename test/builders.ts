/**
 * Raw objects as an API server holds them, the smallest that mean something: namespace `green` and its Service `one`. `more` is merged in: mappings key by
 * key, anything else replaces, null removes.
 */
import type { Review } from '../src/admission/review.ts';
import { isObject, textAt, type JsonObject } from '../src/model/json.ts';

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(merged, key);
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

function made(object: JsonObject, more: JsonObject): JsonObject {
  return mergePatch(object, more) as JsonObject;
}

/** Annotations of branchline's by their short keys. */
export function annotated(declared: Readonly<Record<string, string>>): JsonObject {
  return {
    metadata: {
      annotations: Object.fromEntries(
        Object.entries(declared).map(([key, value]) => [`branchline.dev/${key}`, value]),
      ),
    },
  };
}

/** Enabled. */
export function namespace(more: JsonObject = {}): JsonObject {
  return made(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'green', labels: { 'branchline.dev/enabled': 'true' } },
    },
    more,
  );
}

/** Selects the pods with its name as `app`; one HTTP port. */
export function service(name = 'one', more: JsonObject = {}): JsonObject {
  return made(
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'green', name },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
    },
    more,
  );
}

/** What a workload of `one` is; `more` says the rest. */
export interface WorkloadParts {
  /** No version label where it is left out. */
  readonly version?: string;
  /** Declared. */
  readonly branch?: string;
  readonly more?: JsonObject;
}

function workload(
  apiVersion: string,
  kind: string,
  name: string,
  { version, branch, more = {} }: WorkloadParts,
): JsonObject {
  const labels = { app: 'one', ...(version === undefined ? {} : { version }) };
  return made(
    {
      apiVersion,
      kind,
      metadata: {
        namespace: 'green',
        name,
        annotations: branch === undefined ? {} : { 'branchline.dev/branch': branch },
      },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app' }] } },
      },
    },
    more,
  );
}

export function deployment(name = 'one', parts: WorkloadParts = {}): JsonObject {
  return workload('apps/v1', 'Deployment', name, parts);
}

export function statefulSet(name = 'one', parts: WorkloadParts = {}): JsonObject {
  return workload('apps/v1', 'StatefulSet', name, parts);
}

export function rollout(name = 'one', parts: WorkloadParts = {}): JsonObject {
  return workload('argoproj.io/v1alpha1', 'Rollout', name, parts);
}

/** A ready pod of `one`. */
export function pod(name = 'one-1', version?: string, more: JsonObject = {}): JsonObject {
  return made(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace: 'green',
        name,
        labels: { app: 'one', ...(version === undefined ? {} : { version }) },
      },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    },
    more,
  );
}

/** Made for a workload at a time. */
export function replicaSet(of: JsonObject, creationTimestamp: string, more: JsonObject = {}): JsonObject {
  const [kind, name, uid] = [
    textAt(of, 'kind'),
    textAt(of, 'metadata', 'name'),
    textAt(of, 'metadata', 'uid'),
  ];
  return made(
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        namespace: 'green',
        name: `${name ?? ''}-1`,
        creationTimestamp,
        ownerReferences: [{ kind, name, uid, controller: true }],
      },
    },
    more,
  );
}

/** Of Service `one`: pods by name, and whether each is ready. */
export function endpointSlice(pods: Readonly<Record<string, boolean>>, more: JsonObject = {}): JsonObject {
  return made(
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'green', name: 'one-1', labels: { 'kubernetes.io/service-name': 'one' } },
      endpoints: Object.entries(pods).map(([name, ready]) => ({
        targetRef: { kind: 'Pod', name },
        conditions: { ready },
      })),
    },
    more,
  );
}

/** Says that branchline owns a route object. */
export const managed: JsonObject = { metadata: { labels: { 'app.kubernetes.io/managed-by': 'branchline' } } };

/** One of somebody else's, unless {@link managed}. */
export function virtualService(name: string, spec: JsonObject, more: JsonObject = {}): JsonObject {
  return made(
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { namespace: 'green', name },
      spec,
    },
    more,
  );
}

/** One of somebody else's, unless {@link managed}. */
export function destinationRule(name: string, spec: JsonObject, more: JsonObject = {}): JsonObject {
  return made(
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { namespace: 'green', name },
      spec,
    },
    more,
  );
}

/** The review of an object that is new, or that was another one before. */
export function review(object: JsonObject, oldObject?: JsonObject): Review {
  const [group, version] = (textAt(object, 'apiVersion') ?? '').split('/');
  const name = textAt(object, 'metadata', 'name') ?? '';
  return {
    apiVersion: 'admission.k8s.io/v1',
    uid: 'a1b2c3d4-0000-4000-8000-000000000001',
    operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
    group: version === undefined ? '' : (group ?? ''),
    kind: textAt(object, 'kind') ?? '',
    // The API server gives a Namespace's own name.
    namespace: textAt(object, 'metadata', 'namespace') ?? name,
    name,
    subResource: '',
    dryRun: false,
    object,
    oldObject,
  };
}
