/** The one table of settings. Flags, environment, help, the README's table and validation all come from it. */
import { problemKinds, type Severities } from '../model/problem.ts';
import { regexReaders, type RegexReader } from '../model/regex-readers.ts';

/** What a setting is about; `--help` and the README group by it. */
export type SettingGroup =
  | 'server'
  | 'certificates'
  | 'cluster'
  | 'controller'
  | 'branches'
  | 'lifecycle'
  | 'chat'
  | 'routes'
  | 'propagation';

/** One setting: its default, the JSON Schema that its value must meet, one line of help (with the unit). */
export interface Setting<T> {
  readonly group: SettingGroup;
  readonly default: T;
  readonly schema: { readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object' } & Readonly<
    Record<string, unknown>
  >;
  readonly help: string;
}

function text(
  group: SettingGroup,
  fallback: string,
  help: string,
  limits: Readonly<Record<string, unknown>> = {},
): Setting<string> {
  return { group, default: fallback, schema: { type: 'string', ...limits }, help };
}

function whole(
  group: SettingGroup,
  fallback: number,
  range: readonly [number, number],
  help: string,
): Setting<number> {
  return {
    group,
    default: fallback,
    schema: { type: 'integer', minimum: range[0], maximum: range[1] },
    help,
  };
}

function flag(group: SettingGroup, fallback: boolean, help: string): Setting<boolean> {
  return { group, default: fallback, schema: { type: 'boolean' }, help };
}

function list(
  group: SettingGroup,
  fallback: readonly string[],
  help: string,
  items: Readonly<Record<string, unknown>> = {},
): Setting<readonly string[]> {
  return {
    group,
    default: fallback,
    schema: { type: 'array', items: { type: 'string', minLength: 1, ...items } },
    help,
  };
}

const headerName = { pattern: '^[a-z0-9][a-z0-9-]*$', maxLength: 64 };
const labelKey = { pattern: '^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$' };
const labelValue = { pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$' };

const lifetimeText = { pattern: '^[1-9][0-9]{0,6}[smhdw]$' };

/** What the header agent carries unless settings say otherwise. */
export const defaultAgentHeaders = [
  'x-variant-id',
  'baggage',
  'traceparent',
  'tracestate',
  'x-request-id',
  'x-correlation-id',
  'x-feature-flags',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'x-ot-span-context',
] as const;

const regexReadersSetting: Setting<readonly RegexReader[]> = {
  group: 'routes',
  default: regexReaders,
  schema: { type: 'array', minItems: 1, items: { enum: regexReaders } },
  help: 'who must take the regexes of routes: go (istiod), re2-utf8 (Envoys up to 1.39.0), re2-latin1 (Envoys since 1.39.1)',
};

const severities: Setting<Severities> = {
  group: 'branches',
  default: {},
  schema: {
    type: 'object',
    propertyNames: { enum: Object.keys(problemKinds) },
    additionalProperties: { enum: ['deny', 'warn', 'off'] },
  },
  help: 'severity of problem codes, e.g. BL116=warn,BL112=off (deny, warn or off)',
};

/** Every setting, in the order of `--help`. Numbers carry their unit in the name. `port` is not a key: Kubernetes sets `BRANCHLINE_PORT` for a Service of that name. */
export const settingsTable = {
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
  keepAliveSeconds: whole(
    'server',
    300,
    [91, 3600],
    'idle connections are kept this long; the API server drops them after 90 s and must be first',
  ),
  headersTimeoutSeconds: whole(
    'server',
    120,
    [1, 600],
    'time for the headers of a request; for the first one on a connection it counts from its opening, and the API server may keep one unused for 90 s',
  ),
  requestTimeoutSeconds: whole(
    'server',
    120,
    [1, 600],
    'time for a request to arrive whole; counts like headersTimeoutSeconds and may not be less',
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
  caSecret: text(
    'certificates',
    '',
    'Secret (in systemNamespace) for a CA of our own making, shared by all replicas; the serving certificate is then signed in memory',
  ),
  caOverlapSeconds: whole(
    'certificates',
    3600,
    [1, 86_400],
    'with caSecret: how long an old and a new CA are trusted side by side, before and after the new one signs',
  ),
  webhookConfiguration: text(
    'certificates',
    '',
    'name of the two webhook configurations whose caBundle (with caSecret) and failure policy (with earnFailurePolicy) are kept',
  ),
  earnFailurePolicy: flag(
    'certificates',
    false,
    'webhooks for branches get failurePolicy Fail once a probe through the API server came back right, and Ignore when it does not any more',
  ),
  probeSeconds: whole(
    'certificates',
    30,
    [1, 3600],
    'how often the server looks at itself through the API server',
  ),
  certReloadSeconds: whole('certificates', 10, [1, 3600], 'how often the pair is looked at for a change'),
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
  watchSilenceSeconds: whole(
    'cluster',
    90,
    [5, 3600],
    'a watch without a word for this long is opened anew; the API server says something every 60 s',
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
  leaseName: text('controller', 'branchline', 'Lease by which replicas agree on the one that writes', {
    minLength: 1,
  }),
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

  routingHeader: text('branches', 'x-variant-id', 'header that carries the branch id', headerName),
  versionLabel: text('branches', 'version', 'pod label that carries the version', labelKey),
  baseline: text(
    'branches',
    'master',
    'version of what serves everybody; Namespaces and Services may name another',
    labelValue,
  ),
  urlScheme: text('branches', 'https', 'scheme of branch URLs: http or https', { enum: ['http', 'https'] }),
  branchTtl: text(
    'branches',
    '3d',
    'lifetime of a branch unless it or its namespace says otherwise (90m, 12h, 7d, 2w)',
    lifetimeText,
  ),
  maxBranchesPerService: whole(
    'branches',
    50,
    [0, 10_000],
    'branches of one service at one time; 0: no limit',
  ),
  maxBranchesPerNamespace: whole(
    'branches',
    0,
    [0, 100_000],
    'branch workloads in one namespace at one time; 0: no limit',
  ),
  severities,

  expiry: flag(
    'lifecycle',
    true,
    'the controller ends branches whose time is up; false: only branchline housekeep does',
  ),
  maxTtl: text(
    'lifecycle',
    '',
    'longest lifetime of a branch where its namespace names none; empty: no limit',
    { pattern: '^([1-9][0-9]{0,6}[smhdw])?$' },
  ),
  expiryWarning: text(
    'lifecycle',
    '6h',
    'a branch is warned about this long before it goes, or a quarter of its lifetime when that is less',
    lifetimeText,
  ),
  expiryAction: text(
    'lifecycle',
    'remove',
    'what happens to a branch whose time is up: remove, or sleep (scaled to zero until it is deployed again or kept)',
    { enum: ['remove', 'sleep'] },
  ),
  warnFirst: flag(
    'lifecycle',
    true,
    'a branch that nobody was warned about yet is warned about before it goes, even when its time is up',
  ),
  sweepSeconds: whole(
    'lifecycle',
    60,
    [5, 86_400],
    'how often the controller looks for branches whose time is up',
  ),
  sweepSharePercent: whole(
    'lifecycle',
    50,
    [1, 100],
    'a sweep that would end more than this share of the branches, and more than sweepFreeRemovals, ends none of them',
  ),
  sweepFreeRemovals: whole('lifecycle', 5, [0, 10_000], 'as many branches may always go in one sweep'),
  sweepNamespaces: list(
    'lifecycle',
    [],
    'only branches of these namespaces are ended; none given: of every enabled one',
  ),
  labelFilter: text(
    'lifecycle',
    '',
    'only workloads with these labels are ended, as a label selector, e.g. version,version!=master; empty: all',
  ),
  clockToleranceSeconds: whole(
    'lifecycle',
    300,
    [1, 86_400],
    "nothing is ended while our clock and the API server's, or our clock and the time that passed, differ by more",
  ),
  retireSeconds: whole(
    'lifecycle',
    60,
    [0, 3600],
    'longest wait for the routes of a branch to go before its pods',
  ),
  gitGrace: text(
    'lifecycle',
    '1h',
    'a branch deployed within this time is not ended because its git branch is merged or gone',
    lifetimeText,
  ),
  imageTag: text(
    'lifecycle',
    '{branch}',
    "image tag of a deployed branch: {branch} is its id, {host} its lower-case form, {baseline} the baseline's tag",
    { pattern: '^[A-Za-z0-9_.{}-]{1,128}$' },
  ),
  ownerAnnotation: text(
    'lifecycle',
    'branchline.dev/by',
    'annotation that says whose a branch is; deploy writes it, list shows it',
    labelKey,
  ),

  chatHost: text(
    'chat',
    '127.0.0.1',
    "address of the plain HTTP server for Slack; TLS is the ingress's business",
    { minLength: 1 },
  ),
  chatPort: whole('chat', 8090, [0, 65_535], 'port of the server for Slack; 0 takes a free one'),
  chatPath: text('chat', '/slack/events', 'path of the slash command and of events', {
    pattern: '^/[A-Za-z0-9/_-]*$',
  }),
  chatCommand: text('chat', '/branchline', 'the slash command', { pattern: '^/[a-z0-9_-]{1,31}$' }),
  chatSigningSecretFile: text('chat', '', "file with the Slack app's signing secret"),
  chatTokenFile: text('chat', '', "file with the Slack app's bot token (xoxb-…)"),
  chatUsers: list(
    'chat',
    [],
    'Slack user ids that may ask, e.g. U012AB3CD; * means everybody in the channels',
  ),
  chatChannels: list('chat', [], 'Slack channel ids in which to ask, e.g. C012AB3CD; * means any'),
  chatNamespaces: list('chat', [], 'namespaces that may be asked for; * means every enabled one'),
  chatApiUrl: text('chat', 'https://slack.com/api/', "Slack's Web API, or a proxy in front of it", {
    pattern: '^https?://',
  }),

  gateways: list(
    'routes',
    ['istio-system/public'],
    'Gateways of public services, as namespace/name; Namespaces and Services may name others',
    { pattern: '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' },
  ),
  settleMilliseconds: whole(
    'routes',
    5000,
    [0, 120_000],
    "between a subset and the route that names it, and between a route's end and its subset's; as long as the mesh takes to push",
  ),
  retryAttempts: whole('routes', 5, [0, 20], 'retries of every route; 0: what the mesh does without us'),
  retryOn: text('routes', 'connect-failure', 'when a route is retried, as Envoy names it', {
    pattern: '^[a-z0-9-]+(,[a-z0-9-]+)*$',
  }),
  routeTimeoutSeconds: whole('routes', 0, [0, 86_400], 'timeout of every route; 0: none'),
  regexReaders: regexReadersSetting,
  baggageMatches: flag('routes', false, 'match the W3C baggage member named like the routing header, too'),
  responseHeader: text(
    'routes',
    '',
    'response header that says which version served and why, e.g. x-served-by; empty: none',
    { pattern: '^([a-z0-9][a-z0-9-]*)?$', maxLength: 64 },
  ),
  publicHeader: text(
    'routes',
    'accept',
    'the routing header of requests from outside: accept, or remove (branches are then reached by their hosts only; with baggageMatches, baggage is removed as well)',
    { enum: ['accept', 'remove'] },
  ),
  publicHeaderGateways: list(
    'routes',
    [],
    'with publicHeader remove: Gateways that accept the routing header all the same, as namespace/name, e.g. the one inside the VPN',
    { pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' },
  ),
  objectSizeLimitBytes: whole(
    'routes',
    1_000_000,
    [10_000, 1_500_000],
    'largest route object that is written; etcd takes 1.5 MiB with what the API server adds',
  ),

  agentHeaders: list(
    'propagation',
    defaultAgentHeaders,
    'headers that the agent carries from inbound to outbound requests',
    headerName,
  ),
  agentHosts: list('propagation', [], 'further destinations that get them: host suffixes, namespaces, CIDRs'),
  agentGenerate: list(
    'propagation',
    [],
    'headers that the agent makes when a request has none, e.g. x-correlation-id',
    headerName,
  ),
  agentResponse: flag('propagation', false, 'repeat the carried headers in responses'),
  agentDelivery: text(
    'propagation',
    'configMap',
    "how the agent's file comes into a pod: configMap, image (an image volume; Kubernetes 1.35 or newer), initContainer, or none (settings only)",
    { enum: ['configMap', 'image', 'initContainer', 'none'] },
  ),
  agentImage: text(
    'propagation',
    '',
    "image with the file /agent.cjs, for agentDelivery image and initContainer; the latter also runs its cp, as the image's own user, which may not be root",
    { pattern: '^\\S*$', maxLength: 512 },
  ),
  proxyContainers: list(
    'propagation',
    [
      'istio-proxy',
      'istio-init',
      'istio-validation',
      'linkerd-proxy',
      'linkerd-init',
      'envoy',
      'cloud-sql-proxy',
      'vault-agent',
    ],
    'containers that are never given propagation settings',
  ),
} as const satisfies Readonly<Record<string, Setting<unknown>>>;

/** Name of a setting, as in the YAML file. */
export type SettingKey = keyof typeof settingsTable;

/** Valid, frozen settings. */
export type Settings = {
  readonly [K in SettingKey]: (typeof settingsTable)[K] extends Setting<infer T> ? T : never;
};

/** Every key of the table. */
export const settingKeys = Object.keys(settingsTable) as readonly SettingKey[];

/** Returns the command-line flag of a setting, e.g. `listenPort` → `--listen-port`. */
export function flagOf(key: SettingKey): string {
  return `--${words(key).join('-').toLowerCase()}`;
}

/** Returns the environment variable of a setting, e.g. `listenPort` → `BRANCHLINE_LISTEN_PORT`. */
export function environmentOf(key: SettingKey): string {
  return `BRANCHLINE_${words(key).join('_').toUpperCase()}`;
}

function words(key: string): readonly string[] {
  return key.split(/(?=[A-Z])/);
}

/** Renders a default as help and README show it; empty for an empty one. */
export function showDefault(key: SettingKey): string {
  const fallback: Settings[SettingKey] = settingsTable[key].default;
  if (typeof fallback === 'object')
    return Array.isArray(fallback) ? showList(fallback as readonly string[]) : '';
  return String(fallback);
}

function showList(members: readonly string[]): string {
  return members.length > 4 ? `${members.slice(0, 3).join(',')},... (${members.length})` : members.join(',');
}
