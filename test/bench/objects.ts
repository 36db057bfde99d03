/** Kubernetes objects as an API server holds and sends them: defaulted, with managedFields and the annotation of `kubectl apply`, and as large as one likes. */

/** What a workload of the bench is like. */
export interface WorkloadOptions {
  readonly namespace: string;
  readonly name: string;
  /** Value of the label `app`, and the name of the Service that selects it. */
  readonly app: string;
  readonly version: string;
  /** Further annotations of the workload. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Environment variables of all containers together; some 250 bytes each, since they stand three times in the object. */
  readonly variables: number;
  readonly replicas?: number;
}

/** Variables that one container has at most. */
const variablesPerContainer = 80;

/** Makes a Deployment. */
export function deployment({
  namespace,
  name,
  app,
  version,
  annotations = {},
  variables,
  replicas = 2,
}: WorkloadOptions): object {
  const labels = { app, version, 'app.kubernetes.io/managed-by': 'Helm', 'helm.sh/chart': `${app}-1.4.2` };
  const template = { metadata: { labels }, spec: { containers: containers(app, version, variables) } };
  const spec = { replicas, selector: { matchLabels: { app } }, template };
  const applied = JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, annotations, labels: { app } },
    spec,
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      uid: '0e5a7c1a-6393-11e8-b7cc-42010a800002',
      generation: 1,
      creationTimestamp: '2026-08-21T09:00:00Z',
      labels: { app },
      annotations: { ...annotations, 'kubectl.kubernetes.io/last-applied-configuration': `${applied}\n` },
      managedFields: [
        {
          manager: 'kubectl-client-side-apply',
          operation: 'Update',
          apiVersion: 'apps/v1',
          time: '2026-08-21T09:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: managed(template.spec.containers),
        },
      ],
    },
    spec: {
      ...spec,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: {
        ...template,
        spec: {
          ...template.spec,
          restartPolicy: 'Always',
          terminationGracePeriodSeconds: 30,
          dnsPolicy: 'ClusterFirst',
          securityContext: {},
          schedulerName: 'default-scheduler',
        },
      },
    },
    status: {},
  };
}

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
}

function containers(app: string, version: string, variables: number): readonly Container[] {
  const count = Math.max(1, Math.ceil(variables / variablesPerContainer));
  return Array.from({ length: count }, (_, index) => ({
    name: index === 0 ? 'app' : `helper-${index}`,
    image: `registry.example.io/${app}:${version}`,
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name: 'http', containerPort: 8080 + index, protocol: 'TCP' }],
    env: range(Math.min(variablesPerContainer, variables - index * variablesPerContainer)).map((at) =>
      variable(index * variablesPerContainer + at),
    ),
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '256Mi' } },
    readinessProbe: {
      httpGet: { path: '/health/ready', port: 'http', scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  }));
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index);
}

function variable(index: number): { name: string; value: string } {
  return {
    name: `BACKEND_${index}_URL`,
    value: `http://backend-${index}.ww-green.svc.cluster.local:8080/api/v${index % 4}`,
  };
}

function managed(all: readonly Container[]): object {
  const fields = all.map(({ name, env }): [string, object] => [
    `k:${JSON.stringify({ name })}`,
    {
      '.': {},
      'f:image': {},
      'f:name': {},
      'f:env': {
        '.': {},
        ...Object.fromEntries(
          env.map((one): [string, object] => [
            `k:${JSON.stringify({ name: one.name })}`,
            { '.': {}, 'f:name': {}, 'f:value': {} },
          ]),
        ),
      },
    },
  ]);
  return {
    'f:metadata': { 'f:annotations': { '.': {} } },
    'f:spec': {
      'f:replicas': {},
      'f:selector': {},
      'f:template': { 'f:spec': { 'f:containers': Object.fromEntries(fields) } },
    },
  };
}

/** Makes the Service of an app. */
export function service(namespace: string, app: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: app,
      namespace,
      uid: '1e5a7c1a-6393-11e8-b7cc-42010a800002',
      creationTimestamp: '2026-08-21T09:00:00Z',
      annotations: { 'branchline.dev/context': `/${app}` },
    },
    spec: {
      selector: { app },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
      type: 'ClusterIP',
      sessionAffinity: 'None',
      ipFamilies: ['IPv4'],
    },
  };
}

/** Makes a ready pod of an app. */
export function pod(
  namespace: string,
  name: string,
  { app, version, variables }: Pick<WorkloadOptions, 'app' | 'version' | 'variables'>,
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: '2e5a7c1a-6393-11e8-b7cc-42010a800002',
      creationTimestamp: '2026-08-21T09:00:00Z',
      labels: { app, version, 'pod-template-hash': '5d4f8c7b9' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${app}-5d4f8c7b9`,
          uid: '3e5a7c1a',
          controller: true,
        },
      ],
    },
    spec: { nodeName: 'n1', containers: containers(app, version, variables), serviceAccountName: 'default' },
    status: {
      phase: 'Running',
      podIP: '10.99.1.7',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-08-21T09:00:10Z' }],
      containerStatuses: [{ name: 'app', ready: true, restartCount: 0 }],
    },
  };
}
