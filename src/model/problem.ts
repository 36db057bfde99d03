/** What can be wrong with what we were given. Problems are returned, never thrown. */

/** What a problem does to a review: `deny` refuses it, `warn` lets it pass with a warning, `off` is not reported. */
export type Severity = 'deny' | 'warn' | 'off';

interface ProblemKind {
  /** Name of the rule: reads as a sentence about the object. */
  readonly rule: string;
  /** Considered default; `settings.severities` changes it. Deny what would harm others' traffic or can never work, warn what only does not work yet. */
  readonly severity: Severity;
}

/** Every problem there is. The README's table is equal to this one, by test. */
export const problemKinds = {
  BL001: { rule: 'setting is not valid', severity: 'deny' },
  BL010: { rule: 'manifest cannot be read', severity: 'deny' },
  BL011: { rule: 'kind cannot be read from the cluster', severity: 'warn' },

  BL101: { rule: 'branch name makes no id', severity: 'deny' },
  BL102: { rule: 'branch is named like the baseline', severity: 'deny' },
  BL103: { rule: 'existing workload cannot become a branch', severity: 'deny' },
  BL104: { rule: 'live branch cannot be renamed or become the baseline', severity: 'deny' },
  BL105: { rule: 'branch has a second workload for the same service', severity: 'deny' },
  BL106: { rule: 'another branch has the same id or host', severity: 'deny' },
  BL107: { rule: 'branch host is already a public host', severity: 'deny' },
  BL108: { rule: 'no Service is there for the branch', severity: 'warn' },
  BL109: { rule: 'several Services select the branch', severity: 'deny' },
  BL110: { rule: 'Service of others selects the branch', severity: 'deny' },
  BL111: { rule: 'Service selector pins the version', severity: 'deny' },
  BL112: { rule: 'service has no baseline', severity: 'warn' },
  BL113: { rule: 'ready baseline pods lack the version label', severity: 'deny' },
  BL114: { rule: 'Service has no HTTP port', severity: 'deny' },
  BL115: { rule: 'Service has ports that are not HTTP', severity: 'warn' },
  BL116: { rule: 'namespace has no sidecars', severity: 'deny' },
  BL117: { rule: 'ttl is not a lifetime', severity: 'deny' },
  BL118: { rule: 'branch quota is passed', severity: 'deny' },
  BL119: { rule: 'foreign route would send traffic to the branch', severity: 'deny' },
  BL120: { rule: 'foreign route owns the service host', severity: 'warn' },
  BL121: { rule: 'annotation value is not known', severity: 'deny' },
  BL122: { rule: 'container is not in the pod', severity: 'warn' },
  BL123: { rule: 'branchline.dev key is not known', severity: 'warn' },
  BL124: { rule: 'branch annotation is on the pod template', severity: 'warn' },
  BL125: { rule: 'cluster facts are not known yet', severity: 'warn' },
  BL126: { rule: 'namespace is not enabled', severity: 'warn' },
  BL127: { rule: 'public service has no domain', severity: 'warn' },
  BL128: { rule: 'workload beside branches does not carry the baseline label', severity: 'deny' },
  BL129: { rule: 'branch has no pod template of its own', severity: 'deny' },
  BL130: { rule: 'headless Service selects the branch', severity: 'warn' },

  BL131: { rule: 'Service annotation is not valid', severity: 'deny' },
  BL132: { rule: 'http annotation is not a route setting', severity: 'deny' },
  BL141: { rule: 'Namespace annotation is not valid', severity: 'deny' },

  BL201: { rule: 'regex is not RE2', severity: 'deny' },
  BL202: { rule: 'regex is empty', severity: 'deny' },
  BL203: { rule: 'regex is longer than 1024 bytes', severity: 'deny' },
  BL204: { rule: 'regex program is too big for the proxies', severity: 'deny' },
  BL205: { rule: 'regex means different things to different proxies', severity: 'warn' },
  BL206: { rule: 'regex has an unescaped dot in a host', severity: 'warn' },
  BL207: { rule: 'object has more regexes than can be judged', severity: 'deny' },

  BL210: { rule: 'annotation is not for routes', severity: 'deny' },
  BL211: { rule: 'host is no host name', severity: 'deny' },
  BL212: { rule: 'hosts and gateways do not go together', severity: 'deny' },
  BL213: { rule: 'hosts of one VirtualService overlap', severity: 'deny' },
  BL214: { rule: 'VirtualService has no routes', severity: 'deny' },
  BL215: { rule: 'gateway is no Gateway name', severity: 'deny' },
  BL216: { rule: 'gateway is named in the old form', severity: 'warn' },
  BL217: { rule: 'match is not valid', severity: 'deny' },
  BL218: { rule: 'route does not do exactly one thing', severity: 'deny' },
  BL219: { rule: 'destination is not valid', severity: 'deny' },
  BL220: { rule: 'mirror is not valid', severity: 'deny' },
  BL221: { rule: 'field is deprecated', severity: 'warn' },
  BL222: { rule: 'header operation is not valid', severity: 'deny' },
  BL223: { rule: 'corsPolicy is not valid', severity: 'deny' },
  BL224: { rule: 'fault is not valid', severity: 'deny' },
  BL225: { rule: 'fault aborts or delays nothing', severity: 'warn' },
  BL226: { rule: 'redirect is not valid', severity: 'deny' },
  BL227: { rule: 'directResponse is not valid', severity: 'deny' },
  BL228: { rule: 'directResponse body is large', severity: 'warn' },
  BL229: { rule: 'rewrite is not valid', severity: 'deny' },
  BL230: { rule: 'duration is not valid', severity: 'deny' },
  BL231: { rule: 'retries are not valid', severity: 'deny' },
  BL232: { rule: 'exportTo is not valid', severity: 'deny' },
  BL233: { rule: 'tls or tcp route is not valid', severity: 'deny' },
  BL234: { rule: 'subset is not valid', severity: 'deny' },
  BL235: { rule: 'subset labels do not tell pods apart', severity: 'warn' },
  BL236: { rule: 'trafficPolicy is not valid', severity: 'deny' },
  BL237: { rule: 'workloadSelector is not valid', severity: 'deny' },
  BL238: { rule: 'workloadSelector selects everything', severity: 'warn' },
  BL239: { rule: 'field was removed from the API', severity: 'warn' },
  BL240: { rule: 'field is not known', severity: 'deny' },

  BL242: { rule: 'route comes after one that takes everything', severity: 'warn' },
  BL243: { rule: 'branch route comes after a broader one', severity: 'warn' },
  BL244: { rule: 'no route is left for the baseline', severity: 'warn' },
  BL245: { rule: 'match is covered by an earlier one', severity: 'warn' },
  BL246: { rule: 'baseline route names no subset', severity: 'warn' },
  BL247: { rule: 'host is short or half qualified', severity: 'warn' },
  BL248: { rule: 'subset name has upper case', severity: 'warn' },
  BL249: { rule: 'header match never matches', severity: 'warn' },
  BL250: { rule: 'header name has upper case', severity: 'warn' },
  BL251: { rule: 'routing header is added, not set', severity: 'warn' },
  BL252: { rule: 'regex is a few plain values', severity: 'warn' },
  BL253: { rule: 'subset is not named after its version', severity: 'warn' },
  BL254: { rule: 'authority regex misses a port or a spelling', severity: 'warn' },
  BL255: { rule: 'object is costly for the proxies', severity: 'warn' },
  BL256: { rule: 'Gateway API route passes a limit', severity: 'deny' },
  BL257: { rule: 'second match of a header is ignored', severity: 'warn' },
  BL258: { rule: 'failover has no outlierDetection', severity: 'warn' },
  BL259: { rule: 'server name of a TLS route is an address', severity: 'warn' },

  BL260: { rule: 'subset of a branch route is not there', severity: 'warn' },
  BL261: { rule: "subset of everybody's route is not there", severity: 'deny' },
  BL262: { rule: 'subset that is routed to is removed', severity: 'deny' },
  BL263: { rule: 'mesh host has a second VirtualService', severity: 'deny' },
  BL264: { rule: 'host is not served by the Gateway', severity: 'warn' },
  BL265: { rule: 'Gateway is not there', severity: 'warn' },
  BL266: { rule: 'Service does not select the pods of a subset', severity: 'warn' },
  BL267: { rule: 'route was checked without the cluster', severity: 'warn' },
  BL268: { rule: "DestinationRules of a host get in each other's way", severity: 'warn' },
  BL269: { rule: 'DestinationRule of a host is not known', severity: 'warn' },
  BL270: { rule: 'regex of a branch matches another branch', severity: 'deny' },
  BL271: { rule: 'regex of a branch matches the baseline', severity: 'warn' },
  BL273: { rule: "VirtualServices of one Gateway host get in each other's way", severity: 'warn' },
  BL274: { rule: "everybody's route leads to a branch", severity: 'deny' },
  BL275: { rule: 'subset selects no pods', severity: 'warn' },
  BL276: { rule: 'subset of a route has no ready pods', severity: 'warn' },
  BL277: { rule: 'destination names no port of several', severity: 'warn' },
  BL278: { rule: 'DestinationRule that is routed to is deleted', severity: 'warn' },
  BL279: { rule: 'DestinationRule of another namespace lacks the subset of a route', severity: 'warn' },
  BL290: { rule: 'ignore annotation gives no reason', severity: 'warn' },
  BL291: { rule: 'manifest names a route kind or API version that is not there', severity: 'deny' },
  BL292: { rule: 'object stands twice in the manifests', severity: 'warn' },

  BL301: { rule: 'header agent cannot be delivered', severity: 'warn' },
  BL302: { rule: 'NODE_OPTIONS is not ours to extend', severity: 'warn' },
  BL303: { rule: 'pod has no place for the header agent', severity: 'warn' },
  BL304: { rule: 'Node would not start with the header agent', severity: 'warn' },
  BL305: { rule: 'propagation variable is not ours to extend', severity: 'warn' },

  BL401: { rule: 'baseline pods lack the version label, so the service has no routes', severity: 'warn' },
  BL402: { rule: 'branches make the same host', severity: 'warn' },
  BL403: { rule: 'foreign VirtualService has the host', severity: 'warn' },
  BL404: { rule: 'foreign object has the name', severity: 'warn' },
  BL405: { rule: 'two services have the same public path', severity: 'warn' },
  BL406: { rule: 'domain belongs to others of ours', severity: 'warn' },
  BL407: { rule: 'route object would be too large', severity: 'deny' },
  BL408: { rule: 'http annotation cannot be merged', severity: 'warn' },
  BL409: { rule: 'branch belongs to no Service', severity: 'warn' },
  BL410: { rule: 'branch pods lack the version label', severity: 'warn' },
  BL411: { rule: 'service with branches has no HTTP port', severity: 'warn' },
  BL412: { rule: 'public host is too long', severity: 'warn' },
  BL413: { rule: 'public address is not valid', severity: 'warn' },

  BL501: { rule: 'Gateway API cannot say it, so it is left out', severity: 'warn' },

  BL901: { rule: 'review is too large', severity: 'deny' },
  BL902: { rule: 'review is nested too deeply', severity: 'deny' },
  BL903: { rule: 'review ran out of time', severity: 'warn' },
  BL904: { rule: 'branchline failed on the review', severity: 'warn' },
} as const satisfies Readonly<Record<string, ProblemKind>>;

/** Code of a problem, e.g. `BL101`. */
export type ProblemCode = keyof typeof problemKinds;

/** Severities that settings change, by code. */
export type Severities = Readonly<Partial<Record<ProblemCode, Severity>>>;

/** One thing that is wrong: one line of plain words that says what, for which value, and what to do. */
export interface Problem {
  readonly code: ProblemCode;
  /** Where, e.g. `metadata.annotations[branchline.dev/ttl]`; empty for the object as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do, where it stands apart from the message. */
  readonly fix?: string;
}

/** Returns the severity in force: what the settings say, else the default. */
export function severityOf(code: ProblemCode, severities: Severities): Severity {
  return severities[code] ?? problemKinds[code].severity;
}

/** Renders a problem as the line that people read: message, what to do, then the code in brackets. Control characters become spaces. */
export function toLine(problem: Problem): string {
  return toText(`${problem.message}${problem.fix === undefined ? '' : `; ${problem.fix}`} [${problem.code}]`);
}

/** Makes one line of a text: control characters become spaces. */
export function toText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** Quotes a value for a message: at most 80 characters of it, without control characters. */
export function quote(value: string): string {
  const shown = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return JSON.stringify(shown).replace(/\p{Cc}/gu, ' ');
}
