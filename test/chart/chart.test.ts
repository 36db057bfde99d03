/** The chart through the real helm: what it renders, what it refuses. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from '../property.ts';
import { test } from 'tap';
import { parse } from 'yaml';
import { chartSettings } from '../../scripts/chart-docs.ts';
import { generated } from '../../scripts/docs.ts';
import { loadSettings } from '../../src/config/load.ts';
import { branchWebhookNames } from '../../src/model/keys.ts';
import { settingKeys, settingsTable } from '../../src/config/settings.ts';
import {
  installationRights,
  ownRights,
  readRights,
  writeRights,
  type Right,
} from '../../src/cluster/rights.ts';
import { at, labelsAt, listAt, objectAt, textAt } from '../../src/model/json.ts';
import { metricsTable } from '../../src/telemetry/metrics.ts';
import { chart, helm, rendered, skip, template } from './helm.ts';

const cases = join(import.meta.dirname, 'cases');
const digest = `sha256:${'0'.repeat(64)}`;

const find = (objects: readonly unknown[], kind: string, name = 'branchline'): unknown =>
  objects.find((object) => textAt(object, 'kind') === kind && textAt(object, 'metadata', 'name') === name);
const containerOf = (objects: readonly unknown[]): unknown =>
  listAt(find(objects, 'Deployment'), 'spec', 'template', 'spec', 'containers')[0];
const argsOf = (objects: readonly unknown[]): readonly unknown[] => listAt(containerOf(objects), 'args');

test("generated parts are the code's", (t) => {
  for (const { file, text, made } of generated())
    t.equal(text, made, `${file.pathname}: run node scripts/docs.ts`);
  t.end();
});

test('every metric that alerts and dashboard name is one of ours', (t) => {
  const known = new Set(metricsTable.flatMap(({ name }) => [name, `${name}_bucket`]));
  for (const file of ['rules.yaml', 'dashboard.json']) {
    for (const [metric] of readFileSync(join(chart, 'files', file), 'utf8').matchAll(/branchline_[a-z_]+/g))
      t.ok(known.has(metric), `${file}: ${metric}`);
  }
  t.end();
});

test('values and their descriptions are the same set', (t) => {
  const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as unknown;
  const leaves = (value: unknown, path: readonly string[]): void => {
    for (const [key, property] of Object.entries(objectAt(value, 'properties'))) {
      if (key === 'global' && path.length === 0) continue;
      t.not(
        at(parse(readFileSync(join(chart, 'values.yaml'), 'utf8')), ...path, key),
        undefined,
        [...path, key].join('.'),
      );
      if (textAt(property, 'description') === undefined || textAt(property, 'description') === '')
        leaves(property, [...path, key]);
    }
  };
  leaves(schema, []);
  t.end();
});

/** `helm template` with values, as files: `<case>.values.yaml` and `<case>.out.yaml`. */
test('renders', { skip }, async (t) => {
  for (const file of readdirSync(cases).filter((name) => name.endsWith('.values.yaml'))) {
    const { code, stdout, stderr } = await template(parse(readFileSync(join(cases, file), 'utf8')) as object);
    t.equal(code, 0, `${file}: ${stderr}`);
    const golden = join(cases, file.replace('.values.yaml', '.out.yaml'));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, stdout);
    t.equal(stdout, readFileSync(golden, 'utf8'), file);
  }
});

test('two renders are the same bytes', { skip }, async (t) => {
  t.equal((await template()).stdout, (await template()).stdout);
});

test('passes helm lint', { skip }, async (t) => {
  const { code, stdout, stderr } = await helm('lint', '--strict', chart);
  t.equal(code, 0, stdout + stderr);
});

const refusals: readonly {
  readonly name: string;
  readonly values: object;
  readonly want: RegExp;
  readonly flags?: readonly string[];
}[] = [
  { name: 'a value that is not known', values: { replica: 3 }, want: /replica/ },
  {
    name: 'a setting that is not known',
    values: { settings: { routingHeaders: 'x' } },
    want: /routingHeaders/,
  },
  { name: "a setting that is the chart's", values: { settings: { listenPort: 1 } }, want: /listenPort/ },
  { name: 'a setting out of range', values: { settings: { drainSeconds: 26 } }, want: /drainSeconds/ },
  { name: 'a value of another kind', values: { replicas: '2' }, want: /replicas/ },
  {
    name: 'a failure policy that is none',
    values: { webhooks: { branchFailurePolicy: 'ignore' } },
    want: /branchFailurePolicy/,
  },
  {
    name: 'no kube-system among the excluded namespaces',
    values: { webhooks: { excludedNamespaces: ['other'] } },
    want: /excludedNamespaces/,
  },
  { name: 'a digest that is none', values: { image: { digest: 'latest' } }, want: /digest/ },
  {
    name: 'given certificates without a Secret',
    values: { certificates: { mode: 'given' } },
    want: /secretName is empty; name a Secret/,
  },
  {
    name: 'given certificates without a CA',
    values: { certificates: { mode: 'given', given: { secretName: 'x' } } },
    want: /caBundle is empty; give the PEM/,
  },
  {
    name: 'given certificates in another mode',
    values: { certificates: { given: { secretName: 'x' } } },
    want: /mode is self; set certificates.mode to given/,
  },
  {
    name: 'an issuer in another mode',
    values: { certificates: { certManager: { issuerRef: { name: 'x' } } } },
    want: /set certificates.mode to cert-manager/,
  },
  {
    name: 'names of callers without a CA',
    values: { certificates: { clientCa: { names: ['kube-apiserver'] } } },
    want: /would check nobody/,
  },
  {
    name: 'two monitors',
    values: { monitoring: { serviceMonitor: true, podMonitor: true } },
    want: /twice; choose one/,
  },
  { name: 'one port for two servers', values: { webhookPort: 8080 }, want: /both 8080/ },
  {
    name: "a network policy on the host's network",
    values: { hostNetwork: true },
    want: /networkPolicy.enabled to false/,
  },
  {
    name: 'a decision that takes longer than the API server waits',
    values: { webhooks: { timeoutSeconds: 3 } },
    want: /more than webhooks.timeoutSeconds/,
  },
  {
    name: 'an image of the agent that nothing uses',
    values: { settings: { agentImage: 'agent:1' } },
    want: /set settings.agentDelivery to image or initContainer/,
  },
  {
    name: 'delivery by image without an image',
    values: { settings: { agentDelivery: 'image' } },
    want: /settings.agentImage is empty/,
  },
  {
    name: 'a name that would be cut',
    values: { fullnameOverride: 'a'.repeat(41) },
    want: /fullnameOverride/,
  },
  { name: 'kube-system', values: {}, flags: ['--namespace', 'kube-system'], want: /one of its own/ },
  { name: 'an old cluster', values: {}, flags: ['--kube-version', '1.29.9'], want: /1\.30/ },
];

for (const { name, values, want, flags = [] } of refusals) {
  test(`refuses ${name}`, { skip }, async (t) => {
    const { code, stderr } = await template(values, ...flags);
    t.not(code, 0);
    t.match(stderr, want);
  });
}

test('the schema takes no settings that the program would refuse, and the other way round', (t) => {
  const accepted = Object.keys(
    objectAt(
      JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')),
      'properties',
      'settings',
      'properties',
    ),
  );
  t.same([...accepted, ...chartSettings].sort(), [...settingKeys].sort());
  const defaults = Object.fromEntries(
    accepted.map((key) => [key, settingsTable[key as keyof typeof settingsTable].default]),
  );
  t.ok(
    'settings' in
      loadSettings({ flags: {}, environment: {}, file: { name: 'x', text: JSON.stringify(defaults) } }),
  );
  t.end();
});

test(
  'fuzz: whatever the values, helm renders YAML or refuses with words; it never panics',
  { skip },
  async (t) => {
    const known = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Record<string, unknown>;
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(null, '{{ fail "x" }}', '*anchor', 'a: b', '"', true, 0),
    );
    const one = fc.record({ key: fc.oneof(fc.constantFrom(...Object.keys(known)), fc.string()), value });
    await fc.assert(
      fc.asyncProperty(one, async ({ key, value: given }) => {
        const { code, stdout, stderr } = await template({ [key]: given });
        t.notMatch(stderr, /panic|nil pointer|executing .* at </);
        if (code === 0) t.ok(stdout.includes('kind: Deployment'));
        else t.match(stderr, /Error/);
      }),
      { numRuns: 25, seed: 1 },
    );
  },
);

const names = (rules: readonly unknown[]): readonly string[] =>
  rules
    .flatMap((rule) =>
      listAt(rule, 'apiGroups').flatMap((group) =>
        listAt(rule, 'resources').flatMap((resource) =>
          listAt(rule, 'verbs').map((verb) => `${String(verb)} ${String(group)}/${String(resource)}`),
        ),
      ),
    )
    .sort();
const rights = (list: readonly Right[]): readonly string[] => names(list);

test(
  'grants exactly the rights of the list, by name where that is possible, and nothing by wildcard',
  { skip },
  async (t) => {
    const objects = await rendered();
    const installation = installationRights;
    t.same(
      names(listAt(find(objects, 'ClusterRole'), 'rules')),
      rights([...readRights, ...writeRights, ...installation.cluster]),
    );
    t.same(
      names(listAt(find(objects, 'Role'), 'rules')),
      [...new Set(rights([...ownRights, ...installation.own]))].sort(),
    );
    for (const object of objects)
      t.notOk(
        ['Role', 'ClusterRole'].includes(textAt(object, 'kind') ?? '') &&
          JSON.stringify(object).includes('"*"'),
      );
    for (const rule of [
      ...listAt(find(objects, 'ClusterRole'), 'rules'),
      ...listAt(find(objects, 'Role'), 'rules'),
    ]) {
      const scoped =
        listAt(rule, 'resources').some((resource) =>
          ['secrets', 'leases', 'mutatingwebhookconfigurations'].includes(String(resource)),
        ) && !listAt(rule, 'verbs').includes('create');
      if (scoped) t.equal(listAt(rule, 'resourceNames').length, 1, JSON.stringify(rule));
    }
    const only = await rendered({ settings: { controller: false } });
    t.same(
      names(listAt(find(only, 'ClusterRole'), 'rules')),
      rights([...readRights, ...installation.cluster]),
    );
  },
);

test('pods fit Pod Security "restricted"', { skip }, async (t) => {
  for (const object of await rendered({ uninstall: { enabled: true } })) {
    const pod =
      textAt(object, 'kind') === 'Pod' ? at(object, 'spec') : at(object, 'spec', 'template', 'spec');
    if (pod === undefined) continue;
    t.equal(at(pod, 'securityContext', 'runAsNonRoot'), true);
    t.equal(at(pod, 'securityContext', 'seccompProfile', 'type'), 'RuntimeDefault');
    for (const container of listAt(pod, 'containers')) {
      t.same(at(container, 'securityContext'), {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  }
});

test(
  'no webhook sees kube-system or our own namespace, save the probe; only branches may wait for us',
  { skip },
  async (t) => {
    for (const policy of ['Earned', 'Fail', 'Ignore']) {
      const objects = await rendered({ webhooks: { branchFailurePolicy: policy } });
      for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
        for (const webhook of listAt(find(objects, kind), 'webhooks')) {
          const name = textAt(webhook, 'name') ?? '';
          t.equal(
            at(webhook, 'clientConfig', 'caBundle'),
            undefined,
            'nobody renders what the server writes',
          );
          t.equal(
            at(webhook, 'failurePolicy'),
            branchWebhookNames.includes(name) && policy === 'Fail' ? 'Fail' : 'Ignore',
            name,
          );
          if (name.startsWith('probe.')) continue;
          const outside = listAt(webhook, 'namespaceSelector', 'matchExpressions').find(
            (one) => textAt(one, 'key') === 'kubernetes.io/metadata.name',
          );
          t.same(
            listAt(outside, 'values'),
            ['kube-system', 'kube-public', 'kube-node-lease', 'branchline-system'],
            name,
          );
        }
      }
    }
  },
);

test(
  'network policies hold each of our pods; what comes in meets a port of the server, what goes out the API server',
  { skip },
  async (t) => {
    const objects = await rendered();
    const selects = (policy: unknown, labels: Readonly<Record<string, string>>): boolean =>
      Object.entries(labelsAt(policy, 'spec', 'podSelector', 'matchLabels')).every(
        ([key, value]) => labels[key] === value,
      );
    const pods = objects
      .filter((object) => ['Deployment', 'Job', 'Pod'].includes(textAt(object, 'kind') ?? ''))
      .map((object) => ({
        kind: textAt(object, 'kind'),
        labels:
          textAt(object, 'kind') === 'Pod'
            ? labelsAt(object, 'metadata', 'labels')
            : labelsAt(object, 'spec', 'template', 'metadata', 'labels'),
      }));
    t.same(pods.map(({ kind }) => kind).sort(), ['Deployment', 'Job', 'Pod']);
    const [inward, outward] = [
      find(objects, 'NetworkPolicy', 'branchline-server'),
      find(objects, 'NetworkPolicy', 'branchline-all'),
    ];
    for (const { kind, labels } of pods) {
      t.ok(selects(outward, labels), `${kind ?? ''}: egress`);
      t.equal(selects(inward, labels), kind === 'Deployment', `${kind ?? ''}: ingress`);
    }
    const open = listAt(inward, 'spec', 'ingress')
      .flatMap((rule) => listAt(rule, 'ports').map((port) => textAt(port, 'port')))
      .sort();
    t.same(
      open,
      listAt(containerOf(objects), 'ports')
        .map((port) => textAt(port, 'name'))
        .sort(),
    );
    t.same(
      listAt(outward, 'spec', 'egress').flatMap((rule) =>
        listAt(rule, 'ports').map((port) => at(port, 'port')),
      ),
      [443, 6443],
    );
  },
);

test('an upgrade leaves an earned failure policy as it is', { skip }, async (t) => {
  const objects = await rendered({}, '--is-upgrade');
  const policies = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map((kind) =>
    at(listAt(find(objects, kind), 'webhooks')[0], 'failurePolicy'),
  );
  t.same(policies, [undefined, undefined]);
});

test('EarnedFromFail is earned, and rendered neither at an installation nor later', { skip }, async (t) => {
  for (const flags of [[], ['--is-upgrade']]) {
    const objects = await rendered({ webhooks: { branchFailurePolicy: 'EarnedFromFail' } }, ...flags);
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'])
      t.equal(at(listAt(find(objects, kind), 'webhooks')[0], 'failurePolicy'), undefined);
    t.ok(argsOf(objects).includes('--earn-failure-policy=true'));
  }
});

test('the grace period holds preStop, drain and what is in flight', { skip }, async (t) => {
  const objects = await rendered({ preStopSeconds: 20, settings: { drainSeconds: 25 } });
  t.equal(at(find(objects, 'Deployment'), 'spec', 'template', 'spec', 'terminationGracePeriodSeconds'), 60);
});

test('a digest comes before a tag', { skip }, async (t) => {
  t.equal(
    textAt(containerOf(await rendered({ image: { tag: 'x', digest } })), 'image'),
    `ghcr.io/branchline/branchline@${digest}`,
  );
});

test(
  'settings reach the program as they were given, and another setting is another pod',
  { skip },
  async (t) => {
    const [one, two] = [
      await rendered({ settings: { severities: { BL116: 'warn' }, gateways: ['a/b'] } }),
      await rendered(),
    ];
    const file = textAt(find(one, 'ConfigMap', 'branchline-settings'), 'data', 'settings.yaml') ?? '';
    const loaded = loadSettings({ flags: {}, environment: {}, file: { name: 'settings.yaml', text: file } });
    t.match(loaded, { settings: { severities: { BL116: 'warn' }, gateways: ['a/b'] } });
    const sums = [one, two].map(
      (objects) =>
        labelsAt(find(objects, 'Deployment'), 'spec', 'template', 'metadata', 'annotations')[
          'checksum/settings'
        ],
    );
    t.not(sums[0], sums[1]);
  },
);

test('each way to a certificate gives the server what it needs, and only one', { skip }, async (t) => {
  t.ok(argsOf(await rendered()).includes('--webhook-configuration=branchline'));
  for (const certificates of [
    { mode: 'cert-manager' },
    { mode: 'given', given: { secretName: 'x', caBundle: 'QUJD' } },
  ]) {
    const args = argsOf(await rendered({ certificates })).map(String);
    t.ok(args.includes('--tls-cert-file=/etc/branchline/tls/tls.crt'));
    t.notOk(args.some((arg) => arg.startsWith('--tls-names')));
  }
});
