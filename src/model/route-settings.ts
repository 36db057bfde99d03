/** What the `http` annotation of a Service may say: fields of an HTTP route that say how, not where. */

/** Names of the fields. @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute */
export const routeSettings: readonly string[] = [
  'timeout',
  'retries',
  'fault',
  'mirror',
  'mirrors',
  'mirrorPercentage',
  'corsPolicy',
  'headers',
  'rewrite',
];
