/** Every wire string that we read or write: labels, annotations, names. */

/** Prefix of every key of ours on labels and annotations. */
export const keyPrefix = 'branchline.dev/';

/** Annotations and labels of ours, without the prefix, by the kind that carries them. @see README, "What a developer does" */
export const declaredKeys = {
  workload: [
    'branch',
    'service',
    'ttl',
    'keep',
    'propagate',
    'containers',
    'inject',
    'header',
    'url',
    'status',
    'keep-until',
    'by',
    'warned',
    'retiring',
    'asleep',
  ],
  service: [
    'baseline',
    'context',
    'versions',
    'hostname',
    'ingress',
    'gateways',
    'http',
    'status',
    'version-of',
  ],
  namespace: [
    'domain',
    'secondary-domains',
    'gateways',
    'baseline',
    'branches',
    'ingress',
    'inject',
    'ttl',
    'max-ttl',
  ],
} as const;

/** Annotations that admission writes on a branch workload. */
export const writtenKeys = ['header', 'url', 'service'] as const;

/** Label on a Namespace that puts it in scope when its value is `true`. */
export const enabledLabel = `${keyPrefix}enabled`;

/** Label by which we recognise what we own. */
export const managedByLabel = 'app.kubernetes.io/managed-by';
/** Value of {@link managedByLabel} on what we own. */
export const managedByValue = 'branchline';

/** Readiness gate of branch pods: they are not ready before the default route is out, and so take no traffic of the baseline. */
export const routedGate = `${keyPrefix}routed`;

/** Finalizer of branch workloads where their end waits for that of their routes. */
export const routesFinalizer = `${keyPrefix}routes`;

/** Annotation on the Lease of replicas that are to stop for good. */
export const retiredAnnotation = `${keyPrefix}retired`;

/** Label on the ConfigMap by which the server looks at itself, with the name of its webhook configurations; created as a dry run only. */
export const probeLabel = `${keyPrefix}probe`;
/** Annotation that admission writes on it. */
export const probedAnnotation = `${keyPrefix}probed`;
/** Key of its data that asks for a refusal, when it is `true`. */
export const probeRefusalKey = 'refuse';
/** Reason of the Status by which a probe is refused: the server knows its own refusal by it. */
export const probeRefusalReason = 'BranchlineProbe';

/** Names of the webhooks whose failure policy is earned, as the chart has them: those of workloads that declare a branch. */
export const branchWebhookNames: readonly string[] = [
  'branches.mutate.branchline.dev',
  'branches.validate.branchline.dev',
];

/** Annotation on the Secret of our CA: another value than before asks for a new CA. */
export const rotateAnnotation = `${keyPrefix}rotate`;

/** Name under which we write: the owner of fields in server-side apply. */
export const fieldManager = 'branchline';

/** Static pods carry this; the API server only mirrors them, so changing one changes nothing. */
export const mirrorPodAnnotation = 'kubernetes.io/config.mirror';

/**
 * How the header agent is delivered to a container: the ConfigMap's name prefix and key, the volume (and the init container that fills it), where it is
 * mounted. That is a folder at the root, so that no volume of the application lies over it or forbids making it.
 */
export const agent = {
  configMapPrefix: 'branchline-agent-',
  file: 'agent.cjs',
  volume: 'branchline-agent',
  mountPath: '/branchline',
} as const;

/**
 * A ConfigMap whose one key is an empty `NODE_OPTIONS`. As the first `envFrom` of a container it is what `$(NODE_OPTIONS)` means when no other source of the
 * container's has that key; a reference that nothing resolves would stay as it is written, and node would not start.
 */
export const emptyOptions = { configMap: 'branchline-node-options', key: 'NODE_OPTIONS' } as const;

/** Annotation on a pod: which agent its containers have, and why one has none, as JSON. Without the prefix. */
export const podAgentKey = 'agent';

/** Environment of the header agent. Names are a contract with `src/agent/`. */
export const agentEnvironment = {
  headers: 'BRANCHLINE_AGENT_HEADERS',
  hosts: 'BRANCHLINE_AGENT_HOSTS',
  clusterDomain: 'BRANCHLINE_AGENT_CLUSTER_DOMAIN',
  generate: 'BRANCHLINE_AGENT_GENERATE',
  response: 'BRANCHLINE_AGENT_RESPONSE',
} as const;

/** Returns the full key, e.g. `branch` → `branchline.dev/branch`. */
export function fullKey(key: string): string {
  return keyPrefix + key;
}

/** Returns where one of our annotations stands in an object, e.g. `metadata.annotations[branchline.dev/ttl]`. */
export function annotationPath(key: string): string {
  return `metadata.annotations[${fullKey(key)}]`;
}
