/** Prometheus metrics. Names and labels are a contract; the README's table is equal to this one, by test. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** How current one kind of the cache is, as the metrics show it. */
export interface CacheFreshness {
  readonly kind: string;
  readonly objects: number;
  readonly ageMilliseconds: number | undefined;
  readonly watchRestarts: number;
  readonly relistDiffs: number;
}

/** One answered review. */
export interface AnsweredReview {
  readonly path: string;
  readonly operation: string;
  /** `allowed`, `mutated`, `denied` or `failed`. */
  readonly outcome: string;
  readonly seconds: number;
  readonly problems: readonly { readonly code: string; readonly severity: string }[];
}

/** What the rest of the program tells the metrics. */
export interface Metrics {
  began(path: string): void;
  answered(review: AnsweredReview): void;
  /** A request ended without a decision: `shed`, `unreadable`. */
  refused(path: string, outcome: 'shed' | 'unreadable'): void;
  certificateExpires(milliseconds: number): void;
  /** Renders the text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Every metric of ours: name, kind, labels, help. */
export const metricsTable = [
  { name: 'branchline_webhook_requests_total', kind: 'counter', labels: ['path', 'operation', 'outcome'], help: 'Reviews answered; outcome is allowed, mutated, denied, failed (not decided), shed or unreadable' },
  { name: 'branchline_webhook_latency_seconds', kind: 'histogram', labels: ['path'], help: 'From the last byte of a review to its answer' },
  { name: 'branchline_webhook_requests_in_flight', kind: 'gauge', labels: ['path'], help: 'Reviews being read or decided' },
  { name: 'branchline_problems_total', kind: 'counter', labels: ['code', 'severity'], help: 'Problems found in reviews' },
  { name: 'branchline_certificate_expiry_timestamp_seconds', kind: 'gauge', labels: [], help: 'When the serving certificate ends, in seconds since 1970' },
  { name: 'branchline_cache_objects', kind: 'gauge', labels: ['kind'], help: 'Objects known' },
  { name: 'branchline_cache_age_seconds', kind: 'gauge', labels: ['kind'], help: 'Since the cluster last said anything about a kind' },
  { name: 'branchline_watch_restarts_total', kind: 'counter', labels: ['kind'], help: 'Watches that ended before their time' },
  { name: 'branchline_relist_diffs_total', kind: 'counter', labels: ['kind'], help: 'Objects that a new list found different: events that were missed' },
] as const;

type MetricName = (typeof metricsTable)[number]['name'];

/** The API server's own buckets for webhooks, and finer ones below: ours are answered in well under 5 ms. @see https://github.com/kubernetes/apiserver/blob/master/pkg/admission/metrics/metrics.go */
const latencyBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 2.5, 10];

/** Makes a registry of its own, filled at scrape time with what `freshness` says. */
export function createMetrics(freshness: () => readonly CacheFreshness[]): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const options = (name: MetricName) => {
    const row = metricsTable.find((one) => one.name === name);
    return { name, help: row?.help ?? name, labelNames: [...(row?.labels ?? [])] as string[], registers: [registry] };
  };
  const requests = new Counter(options('branchline_webhook_requests_total'));
  const latency = new Histogram({ ...options('branchline_webhook_latency_seconds'), buckets: latencyBucketsSeconds });
  const inFlight = new Gauge(options('branchline_webhook_requests_in_flight'));
  const problems = new Counter(options('branchline_problems_total'));
  const expiry = new Gauge(options('branchline_certificate_expiry_timestamp_seconds'));
  const objects = new Gauge(options('branchline_cache_objects'));
  const age = new Gauge(options('branchline_cache_age_seconds'));
  const restarts = new Counter(options('branchline_watch_restarts_total'));
  const diffs = new Counter(options('branchline_relist_diffs_total'));

  function fillCache(): void {
    restarts.reset();
    diffs.reset();
    for (const kind of freshness()) {
      objects.set({ kind: kind.kind }, kind.objects);
      if (kind.ageMilliseconds !== undefined) age.set({ kind: kind.kind }, kind.ageMilliseconds / 1000);
      restarts.inc({ kind: kind.kind }, kind.watchRestarts);
      diffs.inc({ kind: kind.kind }, kind.relistDiffs);
    }
  }

  return {
    began: (path) => { inFlight.inc({ path }); },
    answered({ path, operation, outcome, seconds, problems: found }) {
      inFlight.dec({ path });
      requests.inc({ path, operation, outcome });
      latency.observe({ path }, seconds);
      for (const { code, severity } of found) problems.inc({ code, severity });
    },
    refused(path, outcome) {
      inFlight.dec({ path });
      requests.inc({ path, operation: '', outcome });
    },
    certificateExpires: (milliseconds) => { expiry.set(milliseconds / 1000); },
    async render() {
      fillCache();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
