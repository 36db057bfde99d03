/** Prometheus metrics. Names and labels are a contract; the README's table is equal to this one, by test. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Severity } from '../model/problem.ts';

/** How current one kind of the cache is, as the metrics show it. */
export interface CacheFreshness {
  readonly kind: string;
  readonly objects: number;
  readonly ageMilliseconds: number | undefined;
  readonly watchRestarts: number;
  readonly relistDiffs: number;
}

/** How the request for a review ended; see {@link metricsTable} for the words. */
export type ReviewOutcome =
  | 'allowed'
  | 'mutated'
  | 'denied'
  | 'bug'
  | 'deadline'
  | 'too-large'
  | 'too-deep'
  | 'shed'
  | 'unreadable'
  | 'late'
  | 'forbidden'
  | 'aborted';

/** The end of one request for a review. */
interface EndedReview {
  readonly path: string;
  /** `CREATE`, …; empty when the review was not read. */
  readonly operation: string;
  readonly outcome: ReviewOutcome;
  /** From the request's headers to its answer. */
  readonly milliseconds: number;
}

/** What the controller tells the metrics. */
interface ControllerMetrics {
  /** Whether this process is the one that writes. */
  leads(isLeader: boolean): void;
  passed(milliseconds: number): void;
  wrote(kind: string, outcome: 'written' | 'failed'): void;
  conflicted(kind: string): void;
  /** From ready to routed. */
  readonly routed: (milliseconds: number) => void;
  /** The state of every branch workload. */
  branches(states: readonly string[]): void;
}

/** What the rest of the program tells the metrics. */
export interface Metrics {
  /** A request for a review came in. Each is ended once, by {@link Metrics.ended}. */
  began(path: string): void;
  ended(review: EndedReview): void;
  found(problem: { readonly code: string; readonly severity: Severity }): void;
  certificateExpires(epochMilliseconds: number): void;
  /** Of a CA of our own making. */
  authorityExpires(epochMilliseconds: number): void;
  /** How the server's last look at itself through the API server ended. */
  probed(isRight: boolean): void;
  readonly controller: ControllerMetrics;
  /** Renders the text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Every metric of ours: name, kind, labels, help. Those of the process (`process_*`, `nodejs_*`) stand beside them. */
export const metricsTable = [
  {
    name: 'branchline_webhook_requests_total',
    kind: 'counter',
    labels: ['path', 'operation', 'outcome'],
    help: 'Requests for a review; outcome is allowed, mutated, denied; when not decided bug, deadline, too-large, too-deep; when not read shed, unreadable, late, forbidden, aborted',
  },
  {
    name: 'branchline_webhook_latency_seconds',
    kind: 'histogram',
    labels: ['path'],
    help: 'From the headers of a review to its answer',
  },
  {
    name: 'branchline_webhook_requests_in_flight',
    kind: 'gauge',
    labels: ['path'],
    help: 'Reviews being read or decided',
  },
  {
    name: 'branchline_shed_total',
    kind: 'counter',
    labels: [],
    help: 'Reviews turned away with 429 because bodyBudgetBytes was used up',
  },
  {
    name: 'branchline_problems_total',
    kind: 'counter',
    labels: ['code', 'severity'],
    help: 'Problems found in reviews',
  },
  {
    name: 'branchline_certificate_expiry_timestamp_seconds',
    kind: 'gauge',
    labels: [],
    help: 'When the serving certificate ends, in seconds since 1970',
  },
  {
    name: 'branchline_ca_expiry_timestamp_seconds',
    kind: 'gauge',
    labels: [],
    help: 'When our own CA ends, in seconds since 1970; 0 without one',
  },
  {
    name: 'branchline_probe_success',
    kind: 'gauge',
    labels: [],
    help: '1 while a probe through the API server comes back mutated and refused as it must, else 0; absent without webhookConfiguration',
  },
  { name: 'branchline_cache_objects', kind: 'gauge', labels: ['kind'], help: 'Objects known' },
  {
    name: 'branchline_cache_age_seconds',
    kind: 'gauge',
    labels: ['kind'],
    help: 'Since the cluster last said anything about a kind',
  },
  {
    name: 'branchline_watch_restarts_total',
    kind: 'counter',
    labels: ['kind'],
    help: 'Watches that ended before their time',
  },
  {
    name: 'branchline_relist_diffs_total',
    kind: 'counter',
    labels: ['kind'],
    help: 'Objects that a new list found different: events that were missed',
  },
  {
    name: 'branchline_leader',
    kind: 'gauge',
    labels: [],
    help: '1 for the replica that writes routes, 0 for the others',
  },
  {
    name: 'branchline_branches',
    kind: 'gauge',
    labels: ['state'],
    help: 'Branch workloads; state is routed, waiting (for ready pods, for the proxies) or withheld',
  },
  {
    name: 'branchline_routed_seconds',
    kind: 'histogram',
    labels: [],
    help: 'From the first ready endpoint of a branch, as the controller sees it, until its routes are written',
  },
  {
    name: 'branchline_controller_pass_seconds',
    kind: 'histogram',
    labels: [],
    help: 'Passes of the controller, writes included',
  },
  {
    name: 'branchline_controller_writes_total',
    kind: 'counter',
    labels: ['kind', 'outcome'],
    help: 'Writes into the cluster; outcome is written or failed',
  },
  {
    name: 'branchline_controller_conflicts_total',
    kind: 'counter',
    labels: ['kind'],
    help: 'Objects of ours that somebody else changed, owns or has the name of',
  },
] as const;

type MetricName = (typeof metricsTable)[number]['name'];

/** The API server's own buckets for webhooks, and finer ones below: ours are answered in well under 5 ms. @see https://github.com/kubernetes/apiserver/blob/master/pkg/admission/metrics/metrics.go */
const latencyBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2.5, 10];
/** prom-client would look at the event loop every 10 ms, which wakes an idle process a hundred times a second. */
const eventLoopPrecisionMilliseconds = 100;

/** Makes a registry of its own; what `freshness` says is read at each scrape. */
export function createMetrics(freshness: () => readonly CacheFreshness[]): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopPrecisionMilliseconds });
  const problems = new Counter(optionsOf('branchline_problems_total', registry));
  const expiry = new Gauge(optionsOf('branchline_certificate_expiry_timestamp_seconds', registry));
  const authority = new Gauge(optionsOf('branchline_ca_expiry_timestamp_seconds', registry));
  const probe = new Gauge(optionsOf('branchline_probe_success', registry));
  // No value before the first probe: an alert on 0 must not fire where nobody probes.
  probe.remove();
  const fillCache = createCacheMetrics(registry);
  return {
    ...createReviewMetrics(registry),
    found: ({ code, severity }) => {
      problems.inc({ code, severity });
    },
    controller: createControllerMetrics(registry),
    certificateExpires: (epochMilliseconds) => {
      expiry.set(epochMilliseconds / 1000);
    },
    authorityExpires: (epochMilliseconds) => {
      authority.set(epochMilliseconds / 1000);
    },
    probed: (isRight) => {
      probe.set(isRight ? 1 : 0);
    },
    async render() {
      fillCache(freshness());
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** What every review passes is counted in plain numbers and given to prom-client at the scrape: hashing labels took 5 % of a small review's time. */
function createReviewMetrics(registry: Registry): Pick<Metrics, 'began' | 'ended'> {
  const inFlight = new Map<string, number>();
  const tallies = new Map<
    string,
    { readonly labels: { path: string; operation: string; outcome: string }; count: number }
  >();
  const latency = new Histogram({
    ...optionsOf('branchline_webhook_latency_seconds', registry),
    buckets: latencyBucketsSeconds,
  });
  new Gauge({
    ...optionsOf('branchline_webhook_requests_in_flight', registry),
    collect() {
      inFlight.forEach((count, path) => {
        this.set({ path }, count);
      });
    },
  });
  new Counter({
    ...optionsOf('branchline_webhook_requests_total', registry),
    collect() {
      this.reset();
      tallies.forEach(({ labels, count }) => {
        this.inc(labels, count);
      });
    },
  });
  const shed = new Counter(optionsOf('branchline_shed_total', registry));
  return {
    began(path) {
      inFlight.set(path, (inFlight.get(path) ?? 0) + 1);
    },
    ended({ path, operation, outcome, milliseconds }) {
      inFlight.set(path, (inFlight.get(path) ?? 1) - 1);
      const key = path + operation + outcome;
      const tally = tallies.get(key);
      if (tally === undefined) tallies.set(key, { labels: { path, operation, outcome }, count: 1 });
      else tally.count += 1;
      latency.observe({ path }, milliseconds / 1000);
      if (outcome === 'shed') shed.inc();
    },
  };
}

/** From 50 ms, a write of a settled branch, to minutes of a mesh that is slow to settle. */
const routedBucketsSeconds = [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

function createControllerMetrics(registry: Registry): ControllerMetrics {
  const leader = new Gauge(optionsOf('branchline_leader', registry));
  const branches = new Gauge(optionsOf('branchline_branches', registry));
  const routed = new Histogram({
    ...optionsOf('branchline_routed_seconds', registry),
    buckets: routedBucketsSeconds,
  });
  const passes = new Histogram({
    ...optionsOf('branchline_controller_pass_seconds', registry),
    buckets: latencyBucketsSeconds,
  });
  const writes = new Counter(optionsOf('branchline_controller_writes_total', registry));
  const conflicts = new Counter(optionsOf('branchline_controller_conflicts_total', registry));
  return {
    leads: (isLeader) => {
      leader.set(isLeader ? 1 : 0);
    },
    passed: (milliseconds) => {
      passes.observe(milliseconds / 1000);
    },
    wrote: (kind, outcome) => {
      writes.inc({ kind, outcome });
    },
    conflicted: (kind) => {
      conflicts.inc({ kind });
    },
    routed: (milliseconds) => {
      routed.observe(milliseconds / 1000);
    },
    branches(states) {
      for (const state of ['routed', 'waiting', 'withheld'])
        branches.set({ state }, states.filter((one) => one === state).length);
    },
  };
}

function createCacheMetrics(registry: Registry): (kinds: readonly CacheFreshness[]) => void {
  const objects = new Gauge(optionsOf('branchline_cache_objects', registry));
  const age = new Gauge(optionsOf('branchline_cache_age_seconds', registry));
  const restarts = new Counter(optionsOf('branchline_watch_restarts_total', registry));
  const diffs = new Counter(optionsOf('branchline_relist_diffs_total', registry));
  return (kinds) => {
    restarts.reset();
    diffs.reset();
    for (const kind of kinds) {
      objects.set({ kind: kind.kind }, kind.objects);
      if (kind.ageMilliseconds !== undefined) age.set({ kind: kind.kind }, kind.ageMilliseconds / 1000);
      restarts.inc({ kind: kind.kind }, kind.watchRestarts);
      diffs.inc({ kind: kind.kind }, kind.relistDiffs);
    }
  };
}

function optionsOf(
  name: MetricName,
  registry: Registry,
): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
  const row = metricsTable.find((one) => one.name === name);
  return { name, help: row?.help ?? name, labelNames: [...(row?.labels ?? [])], registers: [registry] };
}
