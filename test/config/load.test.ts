import { test } from 'tap';
import { loadSettings, type SettingsSources } from '../../src/config/load.ts';
import { fixedNumbers } from '../../src/config/fixed.ts';
import { environmentOf, flagOf, settingKeys, settingsTable, showDefault } from '../../src/config/settings.ts';

const load = (sources: Partial<SettingsSources>) => loadSettings({ flags: {}, environment: {}, ...sources });
function settings(sources: Partial<SettingsSources>) {
  const loaded = load(sources);
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.settings;
}
function problems(sources: Partial<SettingsSources>) {
  const loaded = load(sources);
  return 'problems' in loaded ? loaded.problems : [];
}

test('nothing given is the defaults, frozen', (t) => {
  const loaded = settings({});
  for (const key of settingKeys) t.same(loaded[key], settingsTable[key].default, key);
  t.ok(Object.isFrozen(loaded));
  t.ok(Object.isFrozen(loaded.agentHeaders));
  t.end();
});

test('flags win over the environment, the environment over the file, the file over defaults', (t) => {
  const file = { name: 's.yaml', text: 'baseline: file\nversionLabel: file\nlogLevel: warn\n' };
  const loaded = settings({
    file,
    environment: { BRANCHLINE_BASELINE: 'env', BRANCHLINE_VERSION_LABEL: 'env' },
    flags: { baseline: 'flag' },
  });
  t.equal(loaded.baseline, 'flag');
  t.equal(loaded.versionLabel, 'env');
  t.equal(loaded.logLevel, 'warn');
  t.end();
});

const texts = [
  { name: 'numbers', given: { BRANCHLINE_LISTEN_PORT: '0' }, key: 'listenPort', want: 0 },
  { name: 'booleans', given: { BRANCHLINE_AGENT_RESPONSE: 'true' }, key: 'agentResponse', want: true },
  { name: 'lists', given: { BRANCHLINE_TLS_NAMES: 'a, b' }, key: 'tlsNames', want: ['a', 'b'] },
  {
    name: 'maps',
    given: { BRANCHLINE_SEVERITIES: 'BL116=warn,BL112=off' },
    key: 'severities',
    want: { BL116: 'warn', BL112: 'off' },
  },
] as const;
for (const row of texts) {
  test(`reads ${row.name} from the environment`, (t) => {
    t.same(settings({ environment: row.given })[row.key], row.want);
    t.end();
  });
}

test('joins repeated and comma-separated flags', (t) => {
  t.same(settings({ flags: { manifests: ['a,b', 'c'] } }).manifests, ['a', 'b', 'c']);
  t.end();
});

const wrong: readonly { name: string; sources: Partial<SettingsSources>; path: string; message: RegExp }[] = [
  {
    name: 'a number out of range',
    sources: { flags: { listenPort: '70000' } },
    path: '--listen-port',
    message: /70000.*<= 65535/,
  },
  {
    name: 'a number that is none',
    sources: { environment: { BRANCHLINE_LISTEN_PORT: 'tcp://10.0.0.1:80' } },
    path: 'BRANCHLINE_LISTEN_PORT',
    message: /must be integer/,
  },
  {
    name: 'a choice that is not offered',
    sources: { flags: { logLevel: 'loud' } },
    path: '--log-level',
    message: /trace, debug/,
  },
  {
    name: 'a severity of an unknown code',
    sources: { flags: { severities: 'BL999=warn' } },
    path: '--severities',
    message: /BL999/,
  },
  {
    name: 'a severity that is none',
    sources: { flags: { severities: 'BL101=maybe' } },
    path: '--severities (BL101)',
    message: /"maybe" must be one of deny, warn, off/,
  },
  {
    name: 'an unknown key of the file, with the one that was meant',
    sources: { file: { name: 's.yaml', text: 'Baseline: x' } },
    path: 's.yaml: Baseline',
    message: /did you mean baseline/,
  },
  {
    name: 'a key of a newer version, with what to do',
    sources: { file: { name: 's.yaml', text: 'zoneAwareness: true' } },
    path: 's.yaml: zoneAwareness',
    message: /"zoneAwareness" in s.yaml is not a setting; remove it, or run the version that knows it/,
  },
  {
    name: 'an unknown variable, with the one that was meant',
    sources: { environment: { BRANCHLINE_LISTEN_PROT: '1' } },
    path: 'BRANCHLINE_LISTEN_PROT',
    message: /did you mean BRANCHLINE_LISTEN_PORT/,
  },
  {
    name: 'a file that is no YAML',
    sources: { file: { name: 's.yaml', text: 'a: [' } },
    path: 's.yaml',
    message: /not YAML/,
  },
  {
    name: 'a file that is no mapping',
    sources: { file: { name: 's.yaml', text: '- a' } },
    path: 's.yaml',
    message: /mapping/,
  },
  {
    name: 'a certificate without its key',
    sources: { flags: { tlsCertFile: 'a' } },
    path: 'tlsKeyFile',
    message: /go together/,
  },
  {
    name: 'names of callers without a CA',
    sources: { flags: { clientNames: ['x'] } },
    path: '--client-names',
    message: /check nobody/,
  },
  {
    name: 'a limit of removals that is neither a number nor a share',
    sources: { flags: { maxRemovalsPerSweep: '150%' } },
    path: '--max-removals-per-sweep',
    message: /150%.*must match pattern/,
  },
  {
    name: 'a fixed number that a test gives as something else',
    sources: { environment: { BRANCHLINE_TEST_PROBE_SECONDS: '1s' } },
    path: 'BRANCHLINE_TEST_PROBE_SECONDS',
    message: /"1s" must be a whole number/,
  },
  {
    name: 'a delivery by an image that is not named',
    sources: { flags: { agentDelivery: 'initContainer' } },
    path: 'agentImage',
    message: /holds \/agent.cjs/,
  },
  {
    name: 'an image name with a blank',
    sources: { flags: { agentImage: 'a b' } },
    path: '--agent-image',
    message: /pattern/,
  },
  {
    name: 'Gateways that accept the header while all do',
    sources: { flags: { publicHeaderGateways: ['vpn/inner'] } },
    path: '--public-header-gateways',
    message: /set publicHeader to remove/,
  },
  {
    name: 'a Gateway that accepts the header, without its namespace',
    sources: { flags: { publicHeader: 'remove', publicHeaderGateways: ['inner'] } },
    path: '--public-header-gateways',
    message: /"inner" must match pattern/,
  },
  {
    name: 'a budget below the limit',
    sources: { flags: { bodyBudgetBytes: '65536' } },
    path: '--body-budget-bytes',
    message: /never be read/,
  },
];
for (const row of wrong) {
  test(`reports ${row.name}`, (t) => {
    const found = problems(row.sources);
    const problem = found.find((one) => one.path === row.path);
    t.ok(problem, JSON.stringify(found));
    t.match(problem?.message ?? '', row.message);
    t.end();
  });
}

test('reports every problem, not the first', (t) => {
  t.equal(
    problems({ flags: { listenPort: 'x', logLevel: 'y' }, environment: { BRANCHLINE_NOPE: '1' } }).length,
    3,
  );
  t.end();
});

test("what Kubernetes sets for a Service named branchline, and the agent's own environment, are no settings", (t) => {
  const environment = {
    BRANCHLINE_PORT: 'tcp://10.0.0.1:443',
    BRANCHLINE_PORT_443_TCP: 'x',
    BRANCHLINE_SERVICE_HOST: '10.0.0.1',
    BRANCHLINE_CONFIG: 'x',
    BRANCHLINE_AGENT_DEBUG: 'true',
  };
  t.same(problems({ environment }), []);
  t.end();
});

test('a connection that the API server opened and kept unused is not timed out before the API server drops it', (t) => {
  const { headersTimeoutSeconds, requestTimeoutSeconds, keepAliveSeconds } = settings({});
  for (const seconds of [headersTimeoutSeconds, requestTimeoutSeconds, keepAliveSeconds]) t.ok(seconds > 90);
  t.ok(requestTimeoutSeconds >= headersTimeoutSeconds, 'a request cannot be there before its headers');
  t.end();
});

test('numbers that are no settings are given by tests alone, and by the environment alone', (t) => {
  t.equal(settings({}).probeSeconds, fixedNumbers.probeSeconds);
  t.equal(settings({ environment: { BRANCHLINE_TEST_PROBE_SECONDS: '1' } }).probeSeconds, 1);
  t.match(problems({ environment: { BRANCHLINE_PROBE_SECONDS: '1' } }), [
    { path: 'BRANCHLINE_PROBE_SECONDS' },
  ]);
  t.match(problems({ file: { name: 's.yaml', text: 'probeSeconds: 1' } }), [
    { path: 's.yaml: probeSeconds' },
  ]);
  t.end();
});

test('no setting has a name that Kubernetes or the agent uses', (t) => {
  const taken = /^BRANCHLINE_(?:PORT|SERVICE)(?:_|$)|^BRANCHLINE_CONFIG$/;
  for (const key of settingKeys) t.notMatch(environmentOf(key), taken);
  t.end();
});

test('flags and variables are spelt alike', (t) => {
  t.equal(flagOf('decisionTimeoutMilliseconds'), '--decision-timeout-milliseconds');
  t.equal(environmentOf('decisionTimeoutMilliseconds'), 'BRANCHLINE_DECISION_TIMEOUT_MILLISECONDS');
  t.equal(showDefault('agentHeaders'), 'x-variant-id,baggage,traceparent,... (14)');
  t.end();
});
