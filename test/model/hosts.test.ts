import { test } from 'tap';
import { decide } from '../../src/admission/decide.ts';
import { explain, worldOf } from '../../src/explain/explain.ts';
import {
  bareHost,
  hostOfDestinationRule,
  hostRank,
  resolveConfigHost,
  resolveRequestHost,
  resolveVirtualServiceHost,
  wildcardMatches,
} from '../../src/model/hosts.ts';
import { toLabels } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { desiredOf } from '../../src/routing/desired.ts';
import { settingsWith } from '../admission/golden.ts';

const mesh = { clusterDomain: 'cluster.local' };
const settings = settingsWith();
const full = 'one.green.svc.cluster.local';

const deployment = (name: string, version: string, annotations: Record<string, string> = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'green', annotations },
  spec: {
    selector: { matchLabels: { app: 'one' } },
    template: {
      metadata: { labels: { app: 'one', version } },
      spec: { containers: [{ name: 'a', image: 'a' }] },
    },
  },
});
const branch = deployment('one-x', 'X', { 'branchline.dev/branch': 'X' });
const tenant = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'green', labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' } },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'one', namespace: 'green' },
    spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
  },
  deployment('one', 'master'),
];
const foreign = (host: string, namespace: string): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'theirs', namespace },
  spec: { hosts: [host], http: [{ route: [{ destination: { host } }] }] },
});

interface Row {
  readonly name: string;
  readonly written: string;
  readonly from: string;
  /** Of whose Service `one` of `green` it is the host, as a destination and as one of `hosts`. */
  readonly want: { readonly destination: boolean; readonly hosts: boolean };
}

const both = { destination: true, hosts: true };
const neither = { destination: false, hosts: false };
/** As istiod reads them. @see https://github.com/istio/istio/blob/86c9f01/pilot/pkg/model/config.go#L209 ResolveShortnameToFQDN */
const rows: readonly Row[] = [
  { name: 'a name in its own namespace', written: 'one', from: 'green', want: both },
  { name: 'a name in another namespace', written: 'one', from: 'red', want: neither },
  { name: 'a name and a namespace', written: 'one.green', from: 'green', want: neither },
  { name: 'a name up to svc', written: 'one.green.svc', from: 'green', want: neither },
  { name: 'a full name', written: full, from: 'red', want: both },
  { name: 'a full name with a dot behind it', written: `${full}.`, from: 'green', want: neither },
  { name: 'a name with a dot behind it', written: 'one.', from: 'green', want: neither },
  {
    name: 'a name in upper case',
    written: 'ONE',
    from: 'green',
    want: { destination: false, hosts: true },
  },
  {
    name: 'a full name in upper case',
    written: 'One.green.svc.cluster.local',
    from: 'red',
    want: { destination: false, hosts: true },
  },
  { name: 'a name in another mesh', written: 'one.green.svc.other.local', from: 'green', want: neither },
  { name: 'a pod of the Service', written: `a.${full}`, from: 'green', want: neither },
];

for (const { name, written, from, want } of rows) {
  test(`${name} (${written} in ${from}): all parts give the same answer to "is this host that Service?"`, (t) => {
    const theirs = foreign(written, from);
    const isOne = (ref: ReturnType<typeof resolveConfigHost>): boolean =>
      ref.kind === 'service' && ref.name === 'one' && ref.namespace === 'green';
    t.equal(isOne(resolveConfigHost(written, from, mesh)), want.destination, 'model, destination');
    t.equal(isOne(resolveVirtualServiceHost(written, from, mesh)), want.hosts, 'model, hosts');

    const snapshot = snapshotOf([...tenant, branch, theirs]);
    const desired = desiredOf(snapshot, settings);
    t.equal(desired.objects.has('green/VirtualService/one-mesh'), !want.hosts, 'routing');

    const codes = codesFor(theirs);
    t.equal(codes.includes('BL119'), want.destination, 'admission, destination');
    t.equal(codes.includes('BL120'), want.hosts, 'admission, hosts');

    const other = {
      ...theirs,
      spec: { hosts: ['shop.example.io'], http: [{ route: [{ destination: { host: written } }] }] },
    };
    const changed = snapshotOf([...tenant, branch, other]);
    const hop = explain(worldOf(changed, desiredOf(changed, settings), settings), {
      through: 'sidecar',
      namespace: from,
      labels: toLabels([]),
      host: 'shop.example.io',
      path: '/',
      method: 'GET',
      port: undefined,
      headers: [],
    });
    t.equal(hop.service === 'one', want.destination, 'explain, destination');
    t.end();
  });
}

/** Codes of what is said to somebody who applies a branch beside such a VirtualService. */
function codesFor(theirs: object): readonly string[] {
  const decision = decide(
    '/validate/declarations',
    {
      apiVersion: 'admission.k8s.io/v1',
      uid: 'u',
      operation: 'CREATE',
      group: 'apps',
      kind: 'Deployment',
      namespace: 'green',
      name: 'one-x',
      subResource: '',
      dryRun: false,
      object: structuredClone(branch) as never,
      oldObject: undefined,
    },
    { settings, snapshot: snapshotOf([...tenant, theirs]) },
  );
  return JSON.stringify(decision).match(/BL\d{3}/g) ?? [];
}

test('a host that is no Service is taken as it is', (t) => {
  for (const host of ['', '10.0.0.1', '::1', 'shop.example.io', 'shop.example.io.'])
    t.same(resolveConfigHost(host, 'green', mesh), { kind: 'external', host });
  t.same(resolveConfigHost('*', 'green', mesh), { kind: 'wildcard', host: '*', suffix: '' });
  t.same(resolveConfigHost('*.example.io', 'green', mesh), {
    kind: 'wildcard',
    host: '*.example.io',
    suffix: '.example.io',
  });
  t.end();
});

test('the host of one DestinationRule is asked for two meshes', (t) => {
  const rule = { host: 'one', namespace: 'green' };
  t.equal(hostOfDestinationRule(rule, { clusterDomain: 'a.local' }), 'one.green.svc.a.local');
  t.equal(hostOfDestinationRule(rule, { clusterDomain: 'b.local' }), 'one.green.svc.b.local');
  t.end();
});

const known = snapshotOf([
  ...tenant,
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'one', namespace: 'red' }, spec: {} },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'two', namespace: 'green' }, spec: {} },
]).services;
const requests: readonly {
  readonly name: string;
  readonly sent: string;
  readonly from: string;
  readonly want: string;
}[] = [
  { name: 'a name in its own namespace', sent: 'two', from: 'green', want: 'two.green.svc.cluster.local' },
  { name: 'the own one of two of a name', sent: 'one', from: 'red', want: 'one.red.svc.cluster.local' },
  { name: 'no name of another namespace', sent: 'two', from: 'red', want: 'two' },
  { name: 'a name and a namespace', sent: 'two.green', from: 'red', want: 'two.green.svc.cluster.local' },
  { name: 'a name up to svc', sent: 'two.green.svc', from: 'red', want: 'two.green.svc.cluster.local' },
  { name: 'a full name', sent: full, from: 'red', want: full },
  { name: 'a full name with a dot behind it', sent: `${full}.`, from: 'red', want: full },
  { name: 'no short name with a dot behind it', sent: 'two.', from: 'green', want: 'two' },
  { name: 'a name with a port', sent: 'two:8080', from: 'green', want: 'two.green.svc.cluster.local' },
  { name: 'a name in upper case', sent: 'Two.Green', from: 'red', want: 'two.green.svc.cluster.local' },
  { name: 'no Service that is not there', sent: 'three.green', from: 'green', want: 'three.green' },
  { name: 'a host of the outside', sent: 'Shop.Example.io:443', from: 'green', want: 'shop.example.io' },
];
for (const { name, sent, from, want } of requests) {
  test(`a client may call by ${name} (${sent} in ${from})`, (t) => {
    t.equal(resolveRequestHost(sent, from, known, mesh).host, want);
    t.end();
  });
}

test('a host is compared without port, case and last dot', (t) => {
  t.equal(bareHost('Shop.Example.io.:8080'), 'shop.example.io');
  t.end();
});

const wildcards: readonly {
  readonly pattern: string;
  readonly host: string;
  readonly want: boolean;
}[] = [
  { pattern: '*', host: 'a.io', want: true },
  { pattern: '*', host: '*.io', want: true },
  { pattern: '*.a.io', host: 'b.a.io', want: true },
  { pattern: '*.a.io', host: '*.b.a.io', want: true },
  { pattern: '*.a.io', host: '*.a.io', want: true },
  { pattern: '*.a.io', host: 'a.io', want: false },
  { pattern: '*.b.a.io', host: '*.a.io', want: false },
  { pattern: 'a.io', host: 'a.io', want: true },
  { pattern: 'b.a.io', host: '*.a.io', want: false },
];
for (const { pattern, host, want } of wildcards) {
  test(`${pattern} ${want ? 'covers' : 'does not cover'} ${host}`, (t) => {
    t.equal(wildcardMatches(pattern, host), want);
    t.equal(hostRank(pattern, host) > 0, want);
    t.end();
  });
}

test('a host itself ranks above any wildcard, a longer wildcard above a shorter one', (t) => {
  const ranks = ['a.io', '*.b.a.io', 'b.a.io', '*', '*.a.io'].map((pattern) => hostRank(pattern, 'b.a.io'));
  t.same(ranks, [0, 0, Infinity, 1, 6]);
  t.end();
});
