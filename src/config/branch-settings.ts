/** The settings of branches: what they are, how long they stay, how they are routed, what carries their header. */
import { problemKinds, type Severities } from '../model/problem.ts';
import { regexReaders, type RegexReader } from '../model/regex-readers.ts';
import {
  flag,
  headerName,
  labelKey,
  labelValue,
  lifetimeText,
  list,
  text,
  whole,
  type Setting,
} from './setting.ts';

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

/** In the order of `--help`. Numbers carry their unit in the name. */
export const branchSettings = {
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
  maxRemovalsPerSweep: text(
    'lifecycle',
    '50%',
    'a sweep that would delete or scale down more branches than this touches none: a number, or a share such as 50% (of which five are always allowed)',
    { pattern: '^(0|[1-9][0-9]{0,4}|([1-9][0-9]?|100)%)$' },
  ),
  labelFilter: text(
    'lifecycle',
    '',
    'only workloads with these labels are ended, as a label selector, e.g. version,version!=master; empty: all',
  ),
  retireSeconds: whole(
    'lifecycle',
    60,
    [0, 3600],
    'longest wait for the routes of a branch to go before its pods',
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
} as const;
