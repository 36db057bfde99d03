/**
 * Numbers that have one right value, which another program dictates or which nobody has a reason to change. They are no
 * settings. A story that cannot wait for them sets `BRANCHLINE_TEST_<NAME>` (CONTRIBUTING.md lists which do).
 */
export const fixedNumbers = {
  /** Idle connections are kept this long. The API server drops them after 90 s (http.Transport's IdleConnTimeout in client-go) and must be first. */
  keepAliveSeconds: 300,
  /** Time for the headers of a request; for the first one of a connection it counts from its opening, and the API server may keep one unused for 90 s. */
  headersTimeoutSeconds: 120,
  /** Time for a request to arrive whole; counts like headersTimeoutSeconds and may not be less. */
  requestTimeoutSeconds: 120,
  /** A watch without an event for this long is opened anew; the API server sends a bookmark every 60 s. */
  watchSilenceSeconds: 90,
  /** How often the serving pair is looked at for a change. A kubelet renews a mounted Secret within about a minute. */
  certReloadSeconds: 10,
  /** How often the webhook is probed through the API server. */
  probeSeconds: 30,
  /** How long an old and a new CA are trusted side by side, before and after the new one signs. */
  caOverlapSeconds: 3600,
  /** Nothing is ended while our clock and the API server's, or our clock and the time that passed, differ by more. */
  clockToleranceSeconds: 300,
  /** A branch deployed within this time is not ended because its git branch is merged or gone. */
  gitGraceSeconds: 3600,
  /** Largest route object that is written; etcd takes 1.5 MiB (`--max-request-bytes`) with what the API server adds. */
  objectSizeLimitBytes: 1_000_000,
} as const;

/** Name of a fixed number. */
export type FixedNumber = keyof typeof fixedNumbers;

/** Names of all fixed numbers. */
export const fixedKeys = Object.keys(fixedNumbers) as readonly FixedNumber[];
