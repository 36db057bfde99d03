/** Each value of the chart does something: another one is another rendering, and what it becomes is named here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { isObject, objectAt, textAt } from '../../src/model/json.ts';
import { chart, skip, template } from './helm.ts';

interface Row {
  /** The path of the value in values.yaml. */
  readonly value: string;
  readonly to: unknown;
  /** Is in what is rendered with it, and not in what is rendered without. */
  readonly shows: RegExp;
  /** Values that this one needs; they are in both renderings. */
  readonly beside?: object;
}

const certManager = { certificates: { mode: 'cert-manager' } };
const given = { certificates: { mode: 'given', given: { secretName: 'serving', caBundle: 'QUJD' } } };
const clientCa = { certificates: { clientCa: { secretName: 'callers' } } };
const monitor = { monitoring: { serviceMonitor: true } };

const rows: readonly Row[] = [
  { value: 'nameOverride', to: 'routes', shows: /app\.kubernetes\.io\/name: routes/ },
  { value: 'fullnameOverride', to: 'routes', shows: /--webhook-configuration=routes$/m },
  { value: 'image.repository', to: 'registry.example/b', shows: /image: registry\.example\/b:/ },
  { value: 'image.tag', to: 'v9', shows: /image: \S+:v9$/m },
  { value: 'image.digest', to: `sha256:${'1'.repeat(64)}`, shows: /image: \S+@sha256:1{64}$/m },
  { value: 'image.pullPolicy', to: 'Always', shows: /imagePullPolicy: Always/ },
  { value: 'image.pullSecrets', to: [{ name: 'registry' }], shows: /imagePullSecrets:\s+- name: registry/ },
  { value: 'replicas', to: 5, shows: /replicas: 5/ },
  { value: 'resources', to: { requests: { cpu: '77m' } }, shows: /cpu: 77m/ },
  { value: 'priorityClassName', to: 'mine', shows: /priorityClassName: mine/ },
  { value: 'nodeSelector', to: { pool: 'infra' }, shows: /nodeSelector:\s+pool: infra/ },
  { value: 'tolerations', to: [{ key: 'infra', operator: 'Exists' }], shows: /tolerations:\s+- key: infra/ },
  { value: 'affinity', to: { nodeAffinity: {} }, shows: /affinity:\s+nodeAffinity/ },
  { value: 'podLabels', to: { team: 'platform' }, shows: /team: platform/ },
  { value: 'podAnnotations', to: { note: 'seen' }, shows: /note: seen/ },
  { value: 'commonLabels', to: { cost: 'platform' }, shows: /cost: platform/ },
  { value: 'preStopSeconds', to: 21, shows: /sleep: \{ seconds: 21 \}/ },
  {
    value: 'hostNetwork',
    to: true,
    shows: /hostNetwork: true/,
    beside: { networkPolicy: { enabled: false } },
  },
  { value: 'podDisruptionBudget', to: true, shows: /kind: PodDisruptionBudget/ },
  { value: 'listenHost', to: '::', shows: /--listen-host=::$/m },
  { value: 'webhookPort', to: 10250, shows: /--listen-port=10250$/m },
  { value: 'plainPort', to: 9090, shows: /--plain-port=9090$/m },
  { value: 'serviceAccount.name', to: 'other', shows: /serviceAccountName: other/ },
  { value: 'serviceAccount.annotations', to: { role: 'x' }, shows: /role: x/ },
  { value: 'settings', to: { routingHeader: 'x-route' }, shows: /routingHeader: x-route/ },
  { value: 'certificates.mode', to: 'cert-manager', shows: /kind: Certificate/ },
  {
    value: 'certificates.certManager.issuerRef',
    to: { name: 'corp', kind: 'ClusterIssuer' },
    shows: /issuerRef:\s+kind: ClusterIssuer\s+name: corp/,
    beside: certManager,
  },
  { value: 'certificates.certManager.duration', to: '999h', shows: /duration: 999h/, beside: certManager },
  {
    value: 'certificates.certManager.renewBefore',
    to: '99h',
    shows: /renewBefore: 99h/,
    beside: certManager,
  },
  { value: 'certificates.given.secretName', to: 'other', shows: /secretName: other/, beside: given },
  { value: 'certificates.given.caBundle', to: 'REVG', shows: /caBundle: REVG/, beside: given },
  { value: 'certificates.clientCa.secretName', to: 'callers', shows: /--client-ca-file=/ },
  {
    value: 'certificates.clientCa.names',
    to: ['kube-apiserver'],
    shows: /--client-names=kube-apiserver/,
    beside: clientCa,
  },
  { value: 'webhooks.branchFailurePolicy', to: 'Fail', shows: /^ {4}failurePolicy: Fail$/m },
  { value: 'webhooks.timeoutSeconds', to: 9, shows: /timeoutSeconds: 9/ },
  {
    value: 'webhooks.excludedNamespaces',
    to: ['kube-system', 'legacy'],
    shows: /values: \["kube-system","legacy",/,
  },
  {
    value: 'webhooks.namespaceSelector',
    to: [{ key: 'istio.io/rev', operator: 'In', values: ['canary'] }],
    shows: /key: istio\.io\/rev/,
  },
  { value: 'webhooks.validateRoutes', to: true, shows: /name: routes\.validate\.branchline\.dev/ },
  { value: 'webhooks.mutatePods', to: true, shows: /name: pods\.mutate\.branchline\.dev/ },
  {
    value: 'webhooks.annotations',
    to: { 'admissions.enforcer/disabled': 'true' },
    shows: /admissions\.enforcer\/disabled/,
  },
  { value: 'admissionPolicy.enabled', to: true, shows: /kind: ValidatingAdmissionPolicyBinding/ },
  { value: 'networkPolicy.enabled', to: true, shows: /kind: NetworkPolicy/ },
  { value: 'networkPolicy.apiServerCidrs', to: ['10.9.0.0/28'], shows: /cidr: "10\.9\.0\.0\/28"/ },
  { value: 'networkPolicy.apiServerPorts', to: [16443], shows: /port: 16443/ },
  {
    value: 'networkPolicy.metricsFrom',
    to: [{ podSelector: { matchLabels: { app: 'prometheus' } } }],
    shows: /app: prometheus/,
  },
  { value: 'monitoring.serviceMonitor', to: true, shows: /kind: ServiceMonitor/ },
  { value: 'monitoring.podMonitor', to: true, shows: /kind: PodMonitor/ },
  { value: 'monitoring.interval', to: '17s', shows: /interval: 17s/, beside: monitor },
  { value: 'monitoring.labels', to: { release: 'prom' }, shows: /release: prom/, beside: monitor },
  { value: 'monitoring.rules', to: true, shows: /kind: PrometheusRule/ },
  { value: 'monitoring.dashboard', to: true, shows: /branchline\.json: \|/ },
  {
    value: 'monitoring.dashboardLabels',
    to: { folder: 'mesh' },
    shows: /folder: mesh/,
    beside: { monitoring: { dashboard: true } },
  },
  { value: 'uninstall.enabled', to: true, shows: /helm\.sh\/hook: pre-delete/ },
  { value: 'uninstall.timeoutSeconds', to: 77, shows: /activeDeadlineSeconds: 77/ },
];

/** What the default says already is switched off for the rendering without. */
const off: Readonly<Record<string, unknown>> = Object.fromEntries(
  [
    'podDisruptionBudget',
    'webhooks.validateRoutes',
    'webhooks.mutatePods',
    'admissionPolicy.enabled',
    'networkPolicy.enabled',
    'uninstall.enabled',
  ].map((value) => [value, false]),
);

function withValue(values: object, path: readonly string[], to: unknown): object {
  const [key = '', ...rest] = path;
  return { ...values, [key]: rest.length === 0 ? to : withValue(objectAt(values, key), rest, to) };
}

test('each value is in this table', (t) => {
  const leaves = (schema: unknown, path: readonly string[]): readonly string[] =>
    Object.entries(objectAt(schema, 'properties')).flatMap(([key, property]) => {
      if (path.length === 0 && key === 'global') return [];
      return (textAt(property, 'description') ?? '') === '' && isObject(objectAt(property, 'properties'))
        ? leaves(property, [...path, key])
        : [[...path, key].join('.')];
    });
  t.same(
    rows.map(({ value }) => value).sort(),
    [...leaves(JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')), [])].sort(),
  );
  t.end();
});

for (const { value, to, shows, beside = {} } of rows) {
  test(`${value} shows in the rendering`, { skip }, async (t) => {
    const path = value.split('.');
    const without = await template(value in off ? withValue(beside, path, off[value]) : beside);
    const changed = await template(withValue(beside, path, to));
    t.same([without.code, changed.code], [0, 0], without.stderr + changed.stderr);
    t.notMatch(without.stdout, shows);
    t.match(changed.stdout, shows);
  });
}
