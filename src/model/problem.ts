/** What can be wrong with what we were given. Problems are returned, never thrown. */

/** What a problem does to a review: `deny` refuses it, `warn` lets it pass with a warning, `off` is not reported. */
export type Severity = 'deny' | 'warn' | 'off';

interface ProblemKind {
  /** Name of the rule: reads as a sentence about the object. */
  readonly rule: string;
  /** Considered default; `settings.severities` changes it. Deny what would harm others' traffic or can never work, warn what only does not work yet. */
  readonly severity: Severity;
  /**
   * Whose rule it is. `istio`: istiod or the API server refuses the object, too. `proxies`: Istio lets it pass, proxies refuse it or differ. `cluster`: it is
   * wrong beside what else is there. `branchline`: a limit or a convention of its own.
   */
  readonly judgedBy: 'istio' | 'proxies' | 'branchline' | 'cluster';
  /** `check`: only `branchline check` and `review` say it, of routes. In a cluster istiod or the API server refuses the object, or it is a matter of style. Absent: whoever finds it says it. */
  readonly saidBy?: 'check';
}

/** Every problem there is. The README's table is equal to this one, by test. */
export const problemKinds = {
  BL001: { rule: 'setting is not valid', severity: 'deny', judgedBy: 'branchline' },
  BL010: { rule: 'manifest cannot be read', severity: 'deny', judgedBy: 'branchline' },
  BL011: { rule: 'kind cannot be read from the cluster', severity: 'warn', judgedBy: 'cluster' },

  BL101: { rule: 'branch name makes no id', severity: 'deny', judgedBy: 'branchline' },
  BL102: { rule: 'branch is named like the baseline', severity: 'deny', judgedBy: 'branchline' },
  BL103: { rule: 'existing workload cannot become a branch', severity: 'deny', judgedBy: 'branchline' },
  BL104: {
    rule: 'live branch cannot be renamed or become the baseline',
    severity: 'deny',
    judgedBy: 'branchline',
  },
  BL105: {
    rule: 'branch has a second workload for the same service',
    severity: 'deny',
    judgedBy: 'branchline',
  },
  BL106: { rule: 'another branch has the same id or host', severity: 'deny', judgedBy: 'cluster' },
  BL107: { rule: 'branch host is already a public host', severity: 'deny', judgedBy: 'cluster' },
  BL108: { rule: 'no Service is there for the branch', severity: 'warn', judgedBy: 'cluster' },
  BL109: { rule: 'several Services select the branch', severity: 'deny', judgedBy: 'cluster' },
  BL110: { rule: 'Service of others selects the branch', severity: 'deny', judgedBy: 'cluster' },
  BL111: { rule: 'Service selector pins the version', severity: 'deny', judgedBy: 'branchline' },
  BL112: { rule: 'service has no baseline', severity: 'warn', judgedBy: 'cluster' },
  BL113: { rule: 'ready baseline pods lack the version label', severity: 'deny', judgedBy: 'cluster' },
  BL114: { rule: 'Service has no HTTP port', severity: 'deny', judgedBy: 'cluster' },
  BL115: { rule: 'Service has ports that are not HTTP', severity: 'warn', judgedBy: 'cluster' },
  BL116: { rule: 'namespace has no sidecars', severity: 'deny', judgedBy: 'cluster' },
  BL117: { rule: 'ttl is not a lifetime', severity: 'deny', judgedBy: 'branchline' },
  BL118: { rule: 'branch quota is passed', severity: 'deny', judgedBy: 'cluster' },
  BL119: { rule: 'foreign route would send traffic to the branch', severity: 'deny', judgedBy: 'cluster' },
  BL120: { rule: 'foreign route owns the service host', severity: 'warn', judgedBy: 'cluster' },
  BL121: { rule: 'annotation value is not known', severity: 'deny', judgedBy: 'branchline' },
  BL122: { rule: 'container is not in the pod', severity: 'warn', judgedBy: 'branchline' },
  BL123: { rule: 'branchline.dev key is not known', severity: 'warn', judgedBy: 'branchline' },
  BL124: { rule: 'branch annotation is on the pod template', severity: 'warn', judgedBy: 'branchline' },
  BL125: { rule: 'cluster facts are not known yet', severity: 'warn', judgedBy: 'cluster' },
  BL126: { rule: 'namespace is not enabled', severity: 'warn', judgedBy: 'cluster' },
  BL127: { rule: 'public service has no domain', severity: 'warn', judgedBy: 'cluster' },
  BL128: {
    rule: 'workload beside branches does not carry the baseline label',
    severity: 'deny',
    judgedBy: 'cluster',
  },
  BL129: { rule: 'branch has no pod template of its own', severity: 'deny', judgedBy: 'branchline' },
  BL130: { rule: 'headless Service selects the branch', severity: 'warn', judgedBy: 'cluster' },

  BL131: { rule: 'Service annotation is not valid', severity: 'deny', judgedBy: 'branchline' },
  BL132: { rule: 'http annotation is not a route setting', severity: 'deny', judgedBy: 'branchline' },
  BL141: { rule: 'Namespace annotation is not valid', severity: 'deny', judgedBy: 'branchline' },

  BL201: { rule: 'regex is not RE2', severity: 'deny', judgedBy: 'istio' },
  BL202: { rule: 'regex is empty', severity: 'deny', judgedBy: 'istio' },
  BL203: { rule: 'regex is longer than 1024 bytes', severity: 'deny', judgedBy: 'istio' },
  BL204: { rule: 'regex program is too big for the proxies', severity: 'deny', judgedBy: 'proxies' },
  BL205: { rule: 'regex means different things to different proxies', severity: 'warn', judgedBy: 'proxies' },
  BL206: { rule: 'regex has an unescaped dot in a host', severity: 'warn', judgedBy: 'branchline' },
  BL207: { rule: 'object has more regexes than can be judged', severity: 'deny', judgedBy: 'branchline' },

  BL210: { rule: 'annotation is not for routes', severity: 'deny', judgedBy: 'istio', saidBy: 'check' },
  BL211: { rule: 'Invalid route field', severity: 'deny', judgedBy: 'istio', saidBy: 'check' },
  BL212: {
    rule: 'hosts and gateways do not go together',
    severity: 'deny',
    judgedBy: 'istio',
    saidBy: 'check',
  },
  BL213: {
    rule: 'hosts of one VirtualService overlap',
    severity: 'deny',
    judgedBy: 'istio',
    saidBy: 'check',
  },
  BL214: { rule: 'VirtualService has no routes', severity: 'deny', judgedBy: 'istio', saidBy: 'check' },
  BL216: { rule: 'gateway is named in the old form', severity: 'warn', judgedBy: 'istio', saidBy: 'check' },
  BL218: {
    rule: 'route does not do exactly one thing',
    severity: 'deny',
    judgedBy: 'istio',
    saidBy: 'check',
  },
  BL221: { rule: 'field is deprecated', severity: 'warn', judgedBy: 'istio', saidBy: 'check' },
  BL225: { rule: 'fault aborts or delays nothing', severity: 'warn', judgedBy: 'istio', saidBy: 'check' },
  BL228: { rule: 'directResponse body is large', severity: 'warn', judgedBy: 'istio', saidBy: 'check' },
  BL235: {
    rule: 'subset labels do not tell pods apart',
    severity: 'warn',
    judgedBy: 'istio',
    saidBy: 'check',
  },
  BL238: {
    rule: 'workloadSelector selects everything',
    severity: 'warn',
    judgedBy: 'istio',
    saidBy: 'check',
  },
  BL239: { rule: 'field was removed from the API', severity: 'warn', judgedBy: 'istio', saidBy: 'check' },
  BL240: { rule: 'field is not known', severity: 'deny', judgedBy: 'istio', saidBy: 'check' },
  BL241: { rule: 'header operation is refused by the proxies', severity: 'deny', judgedBy: 'istio' },

  BL242: { rule: 'route comes after one that takes everything', severity: 'warn', judgedBy: 'branchline' },
  BL243: { rule: 'branch route comes after a broader one', severity: 'warn', judgedBy: 'branchline' },
  BL244: { rule: 'no route is left for the baseline', severity: 'warn', judgedBy: 'branchline' },
  BL245: {
    rule: 'match is covered by an earlier one',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL246: { rule: 'baseline route names no subset', severity: 'warn', judgedBy: 'branchline' },
  BL247: {
    rule: 'host is short or half qualified',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL248: { rule: 'subset name has upper case', severity: 'warn', judgedBy: 'branchline', saidBy: 'check' },
  BL249: { rule: 'header match never matches', severity: 'warn', judgedBy: 'branchline', saidBy: 'check' },
  BL250: { rule: 'header name has upper case', severity: 'warn', judgedBy: 'branchline', saidBy: 'check' },
  BL251: {
    rule: 'routing header is added, not set',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL252: { rule: 'regex is a few plain values', severity: 'warn', judgedBy: 'branchline', saidBy: 'check' },
  BL253: {
    rule: 'subset is not named after its version',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL254: {
    rule: 'authority regex misses a port or a spelling',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL255: {
    rule: 'object is costly for the proxies',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL256: { rule: 'Gateway API route passes a limit', severity: 'deny', judgedBy: 'istio', saidBy: 'check' },
  BL257: {
    rule: 'second match of a header is ignored',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL258: {
    rule: 'failover has no outlierDetection',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL259: {
    rule: 'server name of a TLS route is an address',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },

  BL260: { rule: 'subset of a branch route is not there', severity: 'warn', judgedBy: 'cluster' },
  BL261: { rule: "subset of everybody's route is not there", severity: 'deny', judgedBy: 'cluster' },
  BL262: { rule: 'subset that is routed to is removed', severity: 'deny', judgedBy: 'cluster' },
  BL263: { rule: 'mesh host has a second VirtualService', severity: 'deny', judgedBy: 'cluster' },
  BL264: { rule: 'host is not served by the Gateway', severity: 'warn', judgedBy: 'cluster' },
  BL265: { rule: 'Gateway is not there', severity: 'warn', judgedBy: 'cluster' },
  BL266: { rule: 'Service does not select the pods of a subset', severity: 'warn', judgedBy: 'cluster' },
  BL267: { rule: 'route was checked without the cluster', severity: 'warn', judgedBy: 'cluster' },
  BL268: {
    rule: "DestinationRules of a host get in each other's way",
    severity: 'warn',
    judgedBy: 'cluster',
  },
  BL269: { rule: 'DestinationRule of a host is not known', severity: 'warn', judgedBy: 'cluster' },
  BL270: { rule: 'regex of a branch matches another branch', severity: 'deny', judgedBy: 'cluster' },
  BL271: { rule: 'regex of a branch matches the baseline', severity: 'warn', judgedBy: 'cluster' },
  BL273: {
    rule: "VirtualServices of one Gateway host get in each other's way",
    severity: 'warn',
    judgedBy: 'cluster',
  },
  BL274: { rule: "everybody's route leads to a branch", severity: 'deny', judgedBy: 'cluster' },
  BL275: { rule: 'subset selects no pods', severity: 'warn', judgedBy: 'cluster' },
  BL276: { rule: 'subset of a route has no ready pods', severity: 'warn', judgedBy: 'cluster' },
  BL277: { rule: 'destination names no port of several', severity: 'warn', judgedBy: 'cluster' },
  BL278: { rule: 'DestinationRule that is routed to is deleted', severity: 'warn', judgedBy: 'cluster' },
  BL279: {
    rule: 'DestinationRule of another namespace lacks the subset of a route',
    severity: 'warn',
    judgedBy: 'cluster',
  },
  BL290: {
    rule: 'ignore annotation gives no reason',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },
  BL291: {
    rule: 'manifest names a route kind or API version that is not there',
    severity: 'deny',
    judgedBy: 'istio',
    saidBy: 'check',
  },
  BL292: {
    rule: 'object stands twice in the manifests',
    severity: 'warn',
    judgedBy: 'branchline',
    saidBy: 'check',
  },

  BL301: { rule: 'header agent cannot be delivered', severity: 'warn', judgedBy: 'branchline' },
  BL302: { rule: 'NODE_OPTIONS is not ours to extend', severity: 'warn', judgedBy: 'branchline' },
  BL303: { rule: 'pod has no place for the header agent', severity: 'warn', judgedBy: 'branchline' },
  BL304: { rule: 'Node would not start with the header agent', severity: 'warn', judgedBy: 'branchline' },
  BL305: { rule: 'propagation variable is not ours to extend', severity: 'warn', judgedBy: 'branchline' },

  BL401: {
    rule: 'baseline pods lack the version label, so the service has no routes',
    severity: 'warn',
    judgedBy: 'cluster',
  },
  BL402: { rule: 'branches make the same host', severity: 'warn', judgedBy: 'cluster' },
  BL403: { rule: 'foreign VirtualService has the host', severity: 'warn', judgedBy: 'cluster' },
  BL404: { rule: 'foreign object has the name', severity: 'warn', judgedBy: 'cluster' },
  BL405: { rule: 'two services have the same public path', severity: 'warn', judgedBy: 'cluster' },
  BL406: { rule: 'domain belongs to others of ours', severity: 'warn', judgedBy: 'cluster' },
  BL407: { rule: 'route object would be too large', severity: 'deny', judgedBy: 'cluster' },
  BL408: { rule: 'http annotation cannot be merged', severity: 'warn', judgedBy: 'cluster' },
  BL409: { rule: 'branch belongs to no Service', severity: 'warn', judgedBy: 'cluster' },
  BL410: { rule: 'branch pods lack the version label', severity: 'warn', judgedBy: 'cluster' },
  BL411: { rule: 'service with branches has no HTTP port', severity: 'warn', judgedBy: 'cluster' },
  BL412: { rule: 'public host is too long', severity: 'warn', judgedBy: 'cluster' },
  BL413: { rule: 'public address is not valid', severity: 'warn', judgedBy: 'cluster' },

  BL501: { rule: 'Gateway API cannot say it, so it is left out', severity: 'warn', judgedBy: 'branchline' },

  BL901: { rule: 'review is too large', severity: 'deny', judgedBy: 'branchline' },
  BL902: { rule: 'review is nested too deeply', severity: 'deny', judgedBy: 'branchline' },
  BL903: { rule: 'review ran out of time', severity: 'warn', judgedBy: 'branchline' },
  BL904: { rule: 'branchline failed on the review', severity: 'warn', judgedBy: 'branchline' },
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
  /** What a problem of a route object is about, e.g. host and subset: without places in lists and without words, so that it stays the same when others come or go. */
  readonly subject?: string;
  readonly message: string;
  /** What to do, where it stands apart from the message. */
  readonly fix?: string;
}

/** Returns the severity in force: what the settings say, else the default. */
export function severityOf(code: ProblemCode, severities: Severities): Severity {
  return severities[code] ?? problemKinds[code].severity;
}

/** Tells whether admission says a problem; others are for commands, offline. */
export function isSaidByAdmission(code: ProblemCode): boolean {
  const { saidBy }: ProblemKind = problemKinds[code];
  return saidBy === undefined;
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
