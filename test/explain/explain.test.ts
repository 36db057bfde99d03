import { test } from 'tap';
import { toLabels, type JsonObject } from '../../src/model/json.ts';
import { explain, type Hop } from '../../src/explain/explain.ts';
import type { Request } from '../../src/explain/match.ts';
import { settingsWith } from '../admission/golden.ts';
import { make } from '../routing/golden.ts';

interface Rule {
  readonly name?: string;
  readonly namespace?: string;
  readonly created?: string;
  readonly spec: JsonObject;
}

function rule(
  { name = 'theirs', namespace = 'green', created = '2026-01-01T00:00:00Z', spec }: Rule,
  kind = 'VirtualService',
): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace, creationTimestamp: created },
    spec,
  };
}

function to(host: string, subset?: string): JsonObject {
  return { route: [{ destination: { host, ...(subset === undefined ? {} : { subset }) } }] };
}

const service = (name: string, namespace = 'green'): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
});
const services = ['one', 'two', 'three'].map((name) => service(name));

function hop(objects: readonly JsonObject[], request: Partial<Request>): string {
  const { world } = make([...services, ...objects], settingsWith());
  const answer = explain(world, {
    through: 'gateway',
    namespace: 'green',
    labels: toLabels([]),
    host: 'shop.io',
    path: '/',
    method: 'GET',
    port: 80,
    headers: [],
    ...request,
  });
  return answer.status === undefined ? `${answer.service} ${answer.version}` : String(answer.status);
}

const gateways = ['x/y'];

/** One VirtualService on a gateway with one matched route to `one` and a last route to `two`. */
function matched(match: JsonObject): readonly JsonObject[] {
  return [
    rule({ spec: { hosts: ['shop.io'], gateways, http: [{ match: [match], ...to('one') }, to('two')] } }),
  ];
}

const matches: readonly {
  readonly name: string;
  readonly match: JsonObject;
  readonly request: Partial<Request>;
  readonly want: string;
}[] = [
  {
    name: 'an exact path is without its query',
    match: { uri: { exact: '/a' } },
    request: { path: '/a?b' },
    want: 'one',
  },
  {
    name: 'an exact path is the whole path',
    match: { uri: { exact: '/a' } },
    request: { path: '/a/' },
    want: 'two',
  },
  {
    name: 'a prefix does not know segments',
    match: { uri: { prefix: '/a' } },
    request: { path: '/ab' },
    want: 'one',
  },
  {
    name: 'the case of a path counts',
    match: { uri: { prefix: '/a' } },
    request: { path: '/A' },
    want: 'two',
  },
  {
    name: 'the case of a path does not count when told so',
    match: { uri: { prefix: '/a' }, ignoreUriCase: true },
    request: { path: '/A' },
    want: 'one',
  },
  {
    name: 'a regex matches the whole',
    match: { uri: { regex: '/a|/b' } },
    request: { path: '/bc' },
    want: 'two',
  },
  {
    name: 'a regex may ignore case',
    match: { headers: { h: { regex: '(?i)ops-1' } } },
    request: { headers: [['h', 'OPS-1']] },
    want: 'one',
  },
  {
    name: 'a regex is read as RE2 reads it',
    match: { headers: { h: { regex: '\\pL+[[:digit:]]\\z' } } },
    request: { headers: [['h', 'v1']] },
    want: 'one',
  },
  {
    name: 'a regex that RE2 refuses takes nothing',
    match: { headers: { h: { regex: '(?=v)v' } } },
    request: { headers: [['h', 'v']] },
    want: 'two',
  },
  {
    name: 'a header name has no case',
    match: { headers: { h: { exact: 'v' } } },
    request: { headers: [['H', 'v']] },
    want: 'one',
  },
  {
    name: 'a header value has case',
    match: { headers: { h: { exact: 'v' } } },
    request: { headers: [['h', 'V']] },
    want: 'two',
  },
  {
    name: 'one of repeated headers is enough',
    match: { headers: { h: { exact: 'w' } } },
    request: {
      headers: [
        ['h', 'v'],
        ['h', 'w'],
      ],
    },
    want: 'one',
  },
  {
    name: 'repeated headers are not compared joined',
    match: { headers: { h: { exact: 'v,w' } } },
    request: {
      headers: [
        ['h', 'v'],
        ['h', 'w'],
      ],
    },
    want: 'two',
  },
  {
    name: 'older proxies compare repeated headers joined',
    match: { headers: { h: { exact: 'v,w' } } },
    request: {
      headers: [
        ['h', 'v'],
        ['h', 'w'],
      ],
      repeated: 'joined',
    },
    want: 'one',
  },
  {
    name: 'withoutHeaders excludes every one of repeated headers',
    match: { withoutHeaders: { h: { exact: 'w' } } },
    request: {
      headers: [
        ['h', 'v'],
        ['h', 'w'],
      ],
    },
    want: 'two',
  },
  {
    name: 'an empty condition asks for presence',
    match: { headers: { h: {} } },
    request: { headers: [['h', '']] },
    want: 'one',
  },
  { name: 'presence fails without the header', match: { headers: { h: {} } }, request: {}, want: 'two' },
  {
    name: 'a missing header is empty for withoutHeaders',
    match: { withoutHeaders: { h: { exact: 'v' } } },
    request: {},
    want: 'one',
  },
  {
    name: 'withoutHeaders excludes',
    match: { withoutHeaders: { h: { exact: 'v' } } },
    request: { headers: [['h', 'v']] },
    want: 'two',
  },
  {
    name: 'withoutHeaders may ask for absence',
    match: { withoutHeaders: { h: {} } },
    request: { headers: [['h', '']] },
    want: 'two',
  },
  {
    name: 'all conditions of a match must hold',
    match: { uri: { prefix: '/' }, method: { exact: 'POST' } },
    request: {},
    want: 'two',
  },
  {
    name: 'the authority is as sent, with its port',
    match: { authority: { exact: 'shop.io' } },
    request: { host: 'shop.io:443' },
    want: 'two',
  },
  {
    name: 'a query parameter',
    match: { queryParams: { q: { exact: '1' } } },
    request: { path: '/?a=b&q=1' },
    want: 'one',
  },
  {
    name: 'a query parameter is compared as it was sent',
    match: { queryParams: { q: { exact: '1' } } },
    request: { path: '/?q=%31' },
    want: 'two',
  },
  {
    name: 'the first of repeated query parameters counts',
    match: { queryParams: { q: { exact: '2' } } },
    request: { path: '/?q=1&q=2' },
    want: 'two',
  },
  {
    name: 'dots in a path are resolved',
    match: { uri: { exact: '/c' } },
    request: { path: '/a/../b/./../c' },
    want: 'one',
  },
  {
    name: 'dots may be escaped and slashes lean back',
    match: { uri: { exact: '/c/' } },
    request: { path: '/%2e%2E\\c/.' },
    want: 'one',
  },
  {
    name: 'needless escapes in a path are undone, others stay',
    match: { uri: { exact: '/a%2Fb' } },
    request: { path: '/%61%2Fb' },
    want: 'one',
  },
  {
    name: 'empty segments of a path stay',
    match: { uri: { exact: '/a/b' } },
    request: { path: '/a//b' },
    want: 'two',
  },
  {
    name: 'a Gateway that is not the one',
    match: { gateways: ['x/z'] },
    request: { gateway: 'x/y' },
    want: 'two',
  },
  {
    name: 'a Gateway by its name in the namespace of the rule',
    match: { gateways: ['z'] },
    request: { gateway: 'green/z' },
    want: '404',
  },
  { name: 'any Gateway, when none is said', match: { gateways: ['x/z'] }, request: {}, want: 'one' },
  {
    name: 'labels of the caller are not asked where Gateways are named',
    match: { gateways: ['x/y'], sourceLabels: { app: 'nobody' } },
    request: { gateway: 'x/y' },
    want: 'one',
  },
  {
    name: 'labels of a gateway are asked like those of a caller',
    match: { sourceLabels: { app: 'nobody' } },
    request: { gateway: 'x/y' },
    want: 'two',
  },
  { name: 'another port', match: { port: 90 }, request: {}, want: 'two' },
  { name: 'a match for the mesh only', match: { gateways: ['mesh'] }, request: {}, want: 'two' },
  {
    name: ':path as a header has the query',
    match: { headers: { ':path': { exact: '/?q' } } },
    request: { path: '/?q' },
    want: 'one',
  },
];

for (const { name, match, request, want } of matches) {
  test(name, (t) => {
    t.equal(hop(matched(match), request), want === '404' ? want : `${want} any`);
    t.end();
  });
}

test('matches of one route are alternatives', (t) => {
  const objects = [
    rule({
      spec: {
        hosts: ['shop.io'],
        gateways,
        http: [{ match: [{ uri: { exact: '/a' } }, { uri: { exact: '/b' } }], ...to('one') }, to('two')],
      },
    }),
  ];
  t.equal(hop(objects, { path: '/b' }), 'one any');
  t.end();
});

test('an exact host comes before wildcards, a longer wildcard before a shorter one, and there is no second try', (t) => {
  const hosts = [
    ['*.io', 'one'],
    ['*.shop.io', 'two'],
    ['a.shop.io', 'three'],
  ] as const;
  const objects = hosts.map(([host, target]) =>
    rule({
      name: target,
      spec: { hosts: [host], gateways, http: [{ match: [{ uri: { prefix: '/x' } }], ...to(target) }] },
    }),
  );
  t.equal(hop(objects, { host: 'A.shop.io:443', path: '/x' }), 'three any');
  t.equal(hop(objects, { host: 'b.shop.io', path: '/x' }), 'two any');
  t.equal(hop(objects, { host: 'b.io', path: '/x' }), 'one any');
  t.equal(hop(objects, { host: 'a.shop.io', path: '/y' }), '404');
  t.end();
});

test('on a gateway rules of one host are asked by age, catch-alls last', (t) => {
  const old = rule({
    name: 'old',
    created: '2025-01-01T00:00:00Z',
    spec: { hosts: ['shop.io'], gateways, http: [to('one')] },
  });
  const young = rule({
    name: 'young',
    spec: { hosts: ['shop.io'], gateways, http: [{ match: [{ uri: { prefix: '/a' } }], ...to('two') }] },
  });
  t.equal(hop([young, old], { path: '/a' }), 'two any');
  const older = rule({
    name: 'zz',
    created: '2024-01-01T00:00:00Z',
    spec: {
      hosts: ['shop.io'],
      gateways,
      http: [{ match: [{ uri: { prefix: '/' }, headers: { h: {} } }], ...to('three') }],
    },
  });
  t.equal(hop([young, old, older], { path: '/a', headers: [['h', '']] }), 'three any');
  t.end();
});

test('in the mesh the oldest rule of a host is the only one', (t) => {
  const old = rule({
    name: 'old',
    created: '2025-01-01T00:00:00Z',
    spec: {
      hosts: ['one.green.svc.cluster.local'],
      http: [{ match: [{ uri: { prefix: '/a' } }], ...to('two') }],
    },
  });
  const young = rule({ name: 'young', spec: { hosts: ['one'], http: [to('three')] } });
  t.equal(hop([young, old], { through: 'sidecar', host: 'one', path: '/a' }), 'two any');
  t.equal(hop([young, old], { through: 'sidecar', host: 'one', path: '/b' }), '404');
  t.end();
});

test('a rule that excludes the caller does not hide another', (t) => {
  const only = rule({
    name: 'a',
    created: '2025-01-01T00:00:00Z',
    spec: { hosts: ['one'], http: [{ match: [{ sourceLabels: { app: 'two' } }], ...to('two') }] },
  });
  const all = rule({ name: 'b', spec: { hosts: ['one'], http: [to('three')] } });
  t.equal(
    hop([only, all], { through: 'sidecar', host: 'one', labels: toLabels([['app', 'two']]) }),
    'two any',
  );
  t.equal(hop([only, all], { through: 'sidecar', host: 'one' }), 'three any');
  t.end();
});

test('what stands behind a catch-all in one rule is not there', (t) => {
  const objects = [
    rule({
      spec: {
        hosts: ['shop.io'],
        gateways,
        http: [
          { match: [{ uri: { prefix: '/' } }], ...to('one') },
          { match: [{ uri: { prefix: '/a' } }], ...to('two') },
        ],
      },
    }),
  ];
  t.equal(hop(objects, { path: '/a' }), 'one any');
  t.end();
});

test('a delegate is narrowed by its root; what its root excludes, or cannot be told, is left out', (t) => {
  const root = (match: JsonObject): JsonObject =>
    rule({
      spec: {
        hosts: ['shop.io'],
        gateways,
        http: [{ match: [match], delegate: { name: 'leaf', namespace: 'green' } }, to('three')],
      },
    });
  const leaf = rule({
    name: 'leaf',
    spec: { http: [{ match: [{ uri: { prefix: '/a/b' } }], ...to('one') }, to('two')] },
  });
  t.equal(hop([root({ uri: { prefix: '/a' } }), leaf], { path: '/a/b' }), 'one any');
  t.equal(hop([root({ uri: { prefix: '/a' } }), leaf], { path: '/a/c' }), 'two any');
  t.equal(
    hop([root({ uri: { prefix: '/a/b/c' } }), leaf], { path: '/a/b' }),
    'three any',
    'the delegate asks for more than its root gives',
  );
  t.equal(
    hop([root({ uri: { regex: '/a.*' } }), leaf], { path: '/a/b' }),
    'two any',
    'a regex on the root drops the route that has a path of its own',
  );
  t.equal(hop([root({ uri: { prefix: '/a' } })], { path: '/a' }), 'three any', 'a delegate that is missing');
  t.end();
});

test('an object of others decides also where it only delegates to routes that branchline manages', (t) => {
  const label = { 'app.kubernetes.io/managed-by': 'branchline' };
  const root = (labels: JsonObject): JsonObject => {
    const object = rule({
      name: 'root',
      spec: { hosts: ['shop.io'], gateways, http: [{ delegate: { name: 'one-ingress' } }] },
    });
    return { ...object, metadata: { ...(object['metadata'] as JsonObject), labels } };
  };
  const namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'green', labels: { 'branchline.dev/enabled': 'true' } },
  };
  const workload = (name: string, version: string, annotations: JsonObject): JsonObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'green', annotations },
    spec: { template: { metadata: { labels: { app: 'one', version } } } },
  });
  const publicOne = {
    ...service('one'),
    metadata: { name: 'one', namespace: 'green', annotations: { 'branchline.dev/context': '/one' } },
  };
  const objects = [
    {
      ...namespace,
      metadata: { ...namespace.metadata, annotations: { 'branchline.dev/domain': 'green.io' } },
    },
    publicOne,
    workload('one', 'master', {}),
    workload('one-x', 'X', { 'branchline.dev/branch': 'X' }),
  ];
  const answerWith = (labels: JsonObject): Hop =>
    explain(make([...objects, root(labels)], settingsWith()).world, {
      through: 'gateway',
      namespace: '',
      labels: toLabels([]),
      host: 'shop.io',
      path: '/one',
      method: 'GET',
      port: undefined,
      headers: [['x-variant-id', 'nope']],
    });
  const theirs = answerWith({});
  t.match(theirs.route, {
    leaf: { name: 'one-ingress', managed: true },
    root: { name: 'root', managed: false },
  });
  t.equal(theirs.version, 'master');
  t.equal(theirs.reason, 'VirtualService green/root is not ours and decides');
  t.equal(answerWith(label).route, undefined, 'a root of ours that should not be there counts as gone');
  t.end();
});

test("a subset without a DestinationRule, and one hidden by the caller's namespace, is a 503", (t) => {
  const routes = rule({ spec: { hosts: ['one'], http: [to('one', 'v1')] } });
  const subsets = rule(
    { spec: { host: 'one', subsets: [{ name: 'v1', labels: { version: 'v1' } }] } },
    'DestinationRule',
  );
  const hiding = rule(
    { namespace: 'red', spec: { host: 'one.green.svc.cluster.local', trafficPolicy: {} } },
    'DestinationRule',
  );
  const request = { through: 'sidecar', host: 'one.green' } as const;
  t.equal(hop([routes], request), '503');
  t.equal(hop([routes, subsets], request), 'one v1');
  t.equal(hop([routes, subsets, hiding], { ...request, namespace: 'red' }), '503');
  t.end();
});

test('redirects and direct responses are answered by the proxy', (t) => {
  t.equal(
    hop([rule({ spec: { hosts: ['shop.io'], gateways, http: [{ redirect: { uri: '/x' } }] } })], {}),
    '301',
  );
  t.equal(
    hop([rule({ spec: { hosts: ['shop.io'], gateways, http: [{ directResponse: { status: 418 } }] } })], {}),
    '418',
  );
  t.end();
});

test('of weighted destinations the heaviest is named', (t) => {
  const http = [
    {
      route: [
        { destination: { host: 'one' }, weight: 10 },
        { destination: { host: 'two' }, weight: 90 },
      ],
    },
  ];
  t.equal(hop([rule({ spec: { hosts: ['shop.io'], gateways, http } })], {}), 'two any');
  t.end();
});

test("short names are those of the caller's namespace", (t) => {
  const objects = [service('one', 'red'), rule({ spec: { hosts: ['one'], http: [to('two')] } })];
  t.equal(hop(objects, { through: 'sidecar', host: 'one', namespace: 'red' }), 'one any');
  t.equal(hop(objects, { through: 'sidecar', host: 'one.green.svc', namespace: 'red' }), 'two any');
  t.equal(hop(objects, { through: 'sidecar', host: 'nobody' }), '502', 'no host of the mesh');
  t.end();
});

test('on other ports than 80 a sidecar knows only the Services that have them', (t) => {
  const objects = [rule({ spec: { hosts: ['one', 'outside.io'], http: [to('two')] } })];
  t.equal(hop(objects, { through: 'sidecar', host: 'one', port: 9090 }), '502');
  t.equal(hop(objects, { through: 'sidecar', host: 'outside.io', port: 9090 }), '502');
  t.equal(hop(objects, { through: 'sidecar', host: 'outside.io' }), 'two any');
  t.end();
});

test('a rule without a route for a gateway does not hide a wider host', (t) => {
  const narrow = rule({
    name: 'narrow',
    spec: {
      hosts: ['shop.io'],
      gateways: ['x/y', 'x/z'],
      http: [{ match: [{ gateways: ['x/z'] }], ...to('one') }],
    },
  });
  const wide = rule({ name: 'wide', spec: { hosts: ['*'], gateways, http: [to('two')] } });
  t.equal(hop([narrow, wide], { gateway: 'x/y' }), 'two any');
  t.end();
});

test('a Service without a ready pod is a 503, of whatever version', (t) => {
  const workload = (ready: number): JsonObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'one', namespace: 'green' },
    spec: { replicas: 1, template: { metadata: { labels: { app: 'one' } } } },
    status: { replicas: 1, readyReplicas: ready },
  });
  t.equal(hop([workload(0)], { through: 'sidecar', host: 'one' }), '503');
  t.equal(hop([workload(1)], { through: 'sidecar', host: 'one' }), 'one any');
  t.end();
});

test('a header that was sent twice is told, where proxies differ', (t) => {
  const objects = matched({ headers: { h: { exact: 'v' } } });
  const { world } = make([...services, ...objects], settingsWith());
  const request: Request = {
    through: 'gateway',
    namespace: '',
    labels: toLabels([]),
    host: 'shop.io',
    path: '/',
    method: 'GET',
    port: 80,
    headers: [
      ['h', 'v'],
      ['H', 'w'],
    ],
  };
  t.match(explain(world, request), {
    service: 'one',
    reason: /older proxies, which join its values by a comma, lead to two/,
  });
  t.notMatch(
    explain(world, {
      ...request,
      headers: [
        ['h', 'v'],
        ['h2', 'w'],
      ],
    }).reason,
    /older proxies/,
  );
  t.end();
});
