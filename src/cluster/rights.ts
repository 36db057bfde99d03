/** Every right that `branchline serve` needs, in one list: the chart grants the same, by test, and so does `examples/kubernetes/rbac.yaml` without those about the installation. */

/** One rule of a Role. */
export interface Right {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** What it is for. */
  readonly why: string;
}

/** Rights to read, everywhere or in every namespace in scope: all that the webhook needs. */
export const readRights: readonly Right[] = [
  {
    apiGroups: [''],
    resources: ['namespaces', 'services', 'pods', 'configmaps'],
    verbs: ['list', 'watch'],
    why: 'who is what, and who is ready',
  },
  {
    apiGroups: ['discovery.k8s.io'],
    resources: ['endpointslices'],
    verbs: ['list', 'watch'],
    why: 'who takes requests',
  },
  {
    apiGroups: ['apps'],
    resources: ['deployments', 'statefulsets'],
    verbs: ['list', 'watch'],
    why: 'branches and baselines',
  },
  {
    apiGroups: ['argoproj.io'],
    resources: ['rollouts'],
    verbs: ['list', 'watch'],
    why: 'the same, where Argo Rollouts is installed',
  },
  {
    apiGroups: ['networking.istio.io'],
    resources: ['virtualservices', 'destinationrules', 'gateways'],
    verbs: ['list', 'watch'],
    why: "routes, ours and others'",
  },
];

/** Rights to write, which the controller needs besides. Server-side apply asks for `patch`, and for `create` where it makes something new. */
export const writeRights: readonly Right[] = [
  {
    apiGroups: ['networking.istio.io'],
    resources: ['virtualservices', 'destinationrules'],
    verbs: ['create', 'patch', 'delete'],
    why: 'routes of ours',
  },
  {
    apiGroups: ['apps'],
    resources: ['deployments', 'statefulsets'],
    verbs: ['get', 'patch', 'delete'],
    why: 'status annotation and finalizer of branch workloads; warning, scaling and removing those whose time is up',
  },
  { apiGroups: ['argoproj.io'], resources: ['rollouts'], verbs: ['get', 'patch', 'delete'], why: 'the same' },
  {
    apiGroups: ['apps'],
    resources: ['replicasets', 'controllerrevisions'],
    verbs: ['list'],
    why: 'when a branch was deployed last; asked for only where one may be due',
  },
  {
    apiGroups: [''],
    resources: ['services'],
    verbs: ['patch'],
    why: 'status annotation of a service that cannot be routed',
  },
  { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'], why: 'readiness gate of branch pods' },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    verbs: ['create', 'patch', 'delete'],
    why: 'delivery of the header agent; the pods that use it become its owners at the end',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['create'],
    why: 'Events on workloads, Services and routes',
  },
];

/** Rights in branchline's own namespace only. */
export const ownRights: readonly Right[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'create', 'update', 'delete'],
    why: 'which replica writes; uninstall removes it',
  },
];

/** Rights about the installation itself: its certificates, its webhook configurations, its probes. The chart grants those on existing objects by name. */
export const installationRights: { readonly cluster: readonly Right[]; readonly own: readonly Right[] } = {
  cluster: [
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      verbs: ['get', 'update'],
      why: 'caBundle and failure policy of our own two',
    },
  ],
  own: [
    {
      apiGroups: [''],
      resources: ['configmaps'],
      verbs: ['create'],
      why: "probes, as dry runs; the API server's time",
    },
    { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'get', 'update'], why: 'our CA' },
  ],
};
