/** The settings of the program itself: how it serves, which cluster it looks at, what it writes there. */
import { flag, list, text, whole } from './setting.ts';

/** In the order of `--help`. Numbers carry their unit in the name. `port` is not a key: Kubernetes sets `BRANCHLINE_PORT` for a Service of that name. */
export const serverSettings = {
  listenHost: text('server', '127.0.0.1', 'address of the TLS webhook server', { minLength: 1 }),
  listenPort: whole('server', 8443, [0, 65_535], 'port of the TLS webhook server; 0 takes a free one'),
  plainHost: text('server', '127.0.0.1', 'address of the plain server for health and metrics', {
    minLength: 1,
  }),
  plainPort: whole(
    'server',
    8080,
    [0, 65_535],
    'port of the plain server for health and metrics; 0 takes a free one',
  ),
  bodyLimitBytes: whole(
    'server',
    7_340_032,
    [65_536, 67_108_864],
    'largest review; two objects of 3 MiB and the frame fit the default',
  ),
  bodyBudgetBytes: whole(
    'server',
    67_108_864,
    [65_536, 1_073_741_824],
    'reviews being read at one time, together; beyond it they are shed with 429',
  ),
  decisionTimeoutMilliseconds: whole(
    'server',
    5000,
    [10, 30_000],
    'longest a review may wait for its decision; less when the caller has less time',
  ),
  drainSeconds: whole('server', 10, [0, 25], 'after SIGTERM: unready but serving for this long'),
  logLevel: text('server', 'info', 'trace, debug, info, warn, error or fatal', {
    enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
  }),

  certDirectory: text(
    'certificates',
    'certs',
    'where a self-made CA and serving pair are kept when none is given',
    { minLength: 1 },
  ),
  tlsCertFile: text('certificates', '', 'PEM serving certificate (chain); read again when it changes'),
  tlsKeyFile: text('certificates', '', 'PEM key of tlsCertFile'),
  tlsNames: list(
    'certificates',
    ['localhost', '127.0.0.1', 'branchline.branchline-system.svc'],
    'DNS names and IP addresses in a self-made certificate',
  ),
  webhookConfiguration: text(
    'certificates',
    '',
    'name of the two webhook configurations of this installation, and of its Lease: their caBundle is kept (the CA is in Secret <name>-ca) unless tlsCertFile is given, their failure policy with earnFailurePolicy',
  ),
  earnFailurePolicy: flag(
    'certificates',
    false,
    'webhooks for branches get failurePolicy Fail once a probe through the API server came back right, and Ignore when it does not any more',
  ),
  clientCaFile: text('certificates', '', 'PEM CA; when given, callers must show a certificate of it'),
  clientNames: list(
    'certificates',
    [],
    'common names or DNS names that a caller may show; none given: any of that CA',
  ),

  manifests: list('cluster', [], 'files or folders of manifests in place of a cluster; watched'),
  kubeconfig: text(
    'cluster',
    '',
    'kubeconfig file; default: in-cluster account, $KUBECONFIG, ~/.kube/config',
  ),
  kubeContext: text('cluster', '', 'context of the kubeconfig; default: its current one'),
  clusterDomain: text('cluster', 'cluster.local', 'DNS domain of the cluster', { format: 'hostname' }),
  istioRootNamespace: text(
    'cluster',
    'istio-system',
    'root namespace of the mesh, whose DestinationRules hold for everybody',
    { minLength: 1 },
  ),

  controller: flag('controller', true, 'write routes into the cluster; false: webhook only'),
  outputDirectory: text(
    'controller',
    '',
    'with manifests: folder that the routes are written into; empty: nothing is written',
  ),
  systemNamespace: text(
    'controller',
    'branchline-system',
    'namespace of branchline itself, where its Lease is',
    { minLength: 1 },
  ),
  leaseSeconds: whole(
    'controller',
    15,
    [3, 600],
    'a Lease that is not renewed for this long may be taken; its holder stops after two thirds, and renews each two fifteenths',
  ),
  readinessGate: flag(
    'controller',
    true,
    "branch pods are not ready before their service has its default route, and so never take the baseline's traffic",
  ),
  gracefulEnd: flag(
    'controller',
    false,
    'a finalizer on branch workloads: a deleted one stays until its routes are away; while no controller runs, so does the workload',
  ),
  flapSeconds: whole(
    'controller',
    10,
    [0, 3600],
    'the route of a branch whose pods come and go appears at most once in this time; it goes at once',
  ),
  agentFile: text(
    'controller',
    '',
    'header agent that pods preload (one file); default: agent.cjs beside the program, when it is there',
  ),
} as const;
