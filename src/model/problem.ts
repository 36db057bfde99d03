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
  BL110: { rule: 'Service does not select the branch', severity: 'deny' },
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

  BL301: { rule: 'header agent cannot be delivered', severity: 'warn' },
  BL302: { rule: 'NODE_OPTIONS is not ours to extend', severity: 'warn' },

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
}

/** Returns the severity in force: what the settings say, else the default. */
export function severityOf(code: ProblemCode, severities: Severities): Severity {
  return severities[code] ?? problemKinds[code].severity;
}

/** Renders a problem as the line that people read: message, then the code in brackets. Control characters become spaces. */
export function toLine(problem: Problem): string {
  return `${problem.message} [${problem.code}]`.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** Quotes a value for a message: at most 80 characters of it, without control characters. */
export function quote(value: string): string {
  const shown = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return JSON.stringify(shown).replace(/\p{Cc}/gu, ' ');
}
