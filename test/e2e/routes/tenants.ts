/** Generated tenants: a namespace each, with services that overlap, branches in every state, long-lived versions, others' routes; and requests to them. */
import fc from '../../property.ts';
import { readyAnnotation } from '../../box/kubelet.ts';
import type { JsonObject } from '../../../src/model/json.ts';

/** Label on the pods of a branch with a Service of its own: the branch. Other pods are what their version label says. */
export const truthLabel = 'truth';

/** Label on workloads that were there before their namespace was enabled, so that admission never saw them. */
export const earlierLabel = 'earlier';

/** Gateways of the mesh, as `namespace/name`; the first is the setting's default. */
export const gatewayNames = ['istio-system/public', 'istio-system/inner'] as const;

/** One request of a tenant's users. */
export interface Asked {
  /** A gateway, the sidecar of a pod of the tenant, or of a pod outside of every tenant. */
  readonly from: (typeof gatewayNames)[number] | 'inside' | 'outside';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A tenant and what is asked of it. */
export interface Tenant {
  readonly namespace: string;
  readonly objects: readonly JsonObject[];
  readonly requests: readonly Asked[];
}

const serviceNames = ['cart', 'shop', 'user', 'mail'] as const;
const branchNames = ['OPS-1', 'ops-1', 'OPS-12', 'feature/TS-4122_cms', 'a.b', 'Next'] as const;

/** One in `weight` + 1 is left out. */
const optional = <T>(arbitrary: fc.Arbitrary<T>, weight = 2): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight, arbitrary }, { weight: 1, arbitrary: fc.constant(undefined) });
const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 1, arbitrary }, { weight: 3, arbitrary: fc.constant(undefined) });
const mostly = (freq: number): fc.Arbitrary<boolean> =>
  fc.integer({ min: 0, max: freq }).map((drawn) => drawn > 0);

const branch = fc.record({
  name: fc.constantFrom(...branchNames),
  own: fc.integer({ min: 0, max: 2 }).map((drawn) => drawn === 0),
  ready: mostly(3),
  replicas: fc.constantFrom(1, 1, 1, 0),
  declared: mostly(4),
});

const service = fc.record({
  context: optional(fc.constantFrom('/', '/a', '/a/b', '/a/v1', '/ab', '/c,/a/b/c'), 3),
  versions: optional(fc.constantFrom('v1', 'v1,v2')),
  hostname: rarely(fc.constantFrom('own', 'nested')),
  ingress: rarely(fc.constant('false')),
  gateways: rarely(fc.constantFrom(gatewayNames[1], gatewayNames.join())),
  http: rarely(
    fc.constantFrom(
      'timeout: 5s',
      'headers: { response: { set: { x-from: http } }, request: { set: { x-also: yes } } }',
      'retries: { attempts: 1 }',
    ),
  ),
  grpc: fc.boolean(),
  baseline: fc.oneof(
    { weight: 9, arbitrary: fc.constant('labelled' as const) },
    { weight: 5, arbitrary: fc.constantFrom('unlabelled', 'unready', 'mixed', 'none', 'none') },
  ),
  longLived: fc.subarray(['v1', 'v2']),
  branches: fc.uniqueArray(branch, { minLength: 1, maxLength: 3, selector: ({ name }) => name }),
});

/** Conditions of others' routes; `T` stands for the tenant's namespace. */
const conditions: readonly JsonObject[] = [
  { uri: { prefix: '/a' } },
  { uri: { exact: '/a' } },
  { uri: { regex: '/a/.*' } },
  { uri: { prefix: '/A' }, ignoreUriCase: true },
  { uri: { prefix: '/' } },
  { uri: { regex: '.*' } },
  { headers: { 'x-variant-id': { exact: 'OPS-1' } } },
  { headers: { 'x-variant-id': { regex: '(?i)ops-[0-9]+' } } },
  { headers: { 'x-variant-id': { prefix: 'OPS' } } },
  { headers: { 'x-variant-id': {} } },
  { withoutHeaders: { 'x-variant-id': {} } },
  { withoutHeaders: { 'x-variant-id': { exact: 'OPS-1' } } },
  { withoutHeaders: { 'x-variant-id': { regex: '\\pL+.*' } } },
  { queryParams: { q: { exact: '1' } } },
  { queryParams: { q: { regex: '[[:digit:]]+' } } },
  { queryParams: { q: {} } },
  { method: { exact: 'POST' } },
  { method: { regex: 'P.*' } },
  { authority: { exact: 'T.example.io' } },
  { authority: { regex: '(?i)(.*\\.)?t[0-9]+\\.example\\.io' } },
  { authority: { prefix: 'cart' } },
  { scheme: { exact: 'http' } },
  { port: 80 },
  { port: 9090 },
  { gateways: ['mesh'] },
  { gateways: [gatewayNames[1]] },
  { gateways: [gatewayNames[1], 'mesh'], sourceLabels: { app: 'nobody' } },
  { sourceLabels: { app: 'client' } },
  { sourceNamespace: 'T' },
  { uri: { prefix: '/a/' }, headers: { 'x-variant-id': { exact: 'ops-1' } } },
  { uri: { prefix: '/c' }, method: { exact: 'GET' }, port: 80 },
  {},
];

const foreignRoute = fc.record({
  match: optional(fc.uniqueArray(fc.constantFrom(...conditions), { minLength: 1, maxLength: 2 }), 5),
  to: fc.constantFrom(...serviceNames),
  delegate: fc.integer({ min: 0, max: 3 }).map((drawn) => drawn === 0),
  header: rarely(fc.constantFrom('foreign', 'OPS-1')),
  answer: rarely(fc.constantFrom('direct', 'redirect')),
});

const foreign = fc.record({
  hosts: fc.constantFrom(
    ['cart'],
    ['shop.T.svc.cluster.local'],
    ['T.example.io'],
    ['*.T.example.io'],
    ['ops-1.T.example.io'],
    ['T.example.org'],
    ['user', 'T.example.io'],
    ['*.example.io'],
    ['away.example.io'],
  ),
  gateways: fc.constantFrom<readonly string[]>(
    [],
    [gatewayNames[0]],
    [gatewayNames[1]],
    ['mesh', ...gatewayNames],
  ),
  routes: fc.array(foreignRoute, { minLength: 1, maxLength: 3 }),
  leaf: fc.array(foreignRoute, { minLength: 1, maxLength: 2 }),
});

const oddPaths = [
  '/',
  '/a',
  '/a/',
  '/ab',
  '/a/b',
  '/a/bc',
  '/a/b/c',
  '/a/v1',
  '/v1',
  '/v2/x',
  '/c',
  '/A',
  '/a//b',
  '/a/../c',
  '/a/./b',
  '/a%2Fb',
  '/%61',
  '/a/%2e%2E/c',
  '/a/b/..',
  '/..',
  '/x\\..\\a',
];
const tails = [
  '',
  '',
  '/',
  '/x',
  'x',
  '/v1',
  '/v1/',
  '/v1/x',
  '/v2/x',
  '/b',
  '?q=1',
  '/x?q=12',
  '?q=%31',
  '?q=x&q=1',
  '?q',
];
const oddHeaders: readonly Asked['headers'][] = [
  ...['OPS-1', 'ops-1', 'Ops-1', 'OPS-12', 'a.b', 'A.B', 'next', 'nobody', 'master', 'v1', ''].map(
    (value): Asked['headers'] => [['x-variant-id', value]],
  ),
  [
    ['x-variant-id', 'OPS-1'],
    ['x-variant-id', 'OPS-1'],
  ],
  [
    ['x-variant-id', 'OPS-1'],
    ['X-VARIANT-ID', 'OPS-12'],
  ],
  [
    ['x-variant-id', 'nobody'],
    ['x-variant-id', 'a.b'],
  ],
  [['baggage', 'y-x-variant-id=OPS-1']],
  [
    ['baggage', 'x-variant-id=ops-1'],
    ['baggage', 'a=b'],
  ],
];
const oddLabels = ['ops-1', 'OPS-1', 'ops-12', 'gone', 'x.ops-1'];

/** What there is to ask for: most requests ask for that, some for what comes near it. */
interface Offer {
  readonly namespace: string;
  readonly domains: readonly string[];
  readonly contexts: readonly string[];
  /** Branch ids. */
  readonly branches: readonly string[];
  readonly services: readonly { readonly name: string; readonly grpc: boolean }[];
}

const often = <T>(there: readonly T[], odd: readonly T[]): fc.Arbitrary<T> =>
  there.length === 0
    ? fc.constantFrom(...odd)
    : fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...there) },
        { weight: 1, arbitrary: fc.constantFrom(...odd) },
      );

function headersOf({ branches }: Offer): fc.Arbitrary<Asked['headers']> {
  const mine = branches.flatMap((id): readonly Asked['headers'][] => [
    [['x-variant-id', id]],
    [['x-variant-id', id]],
    [['X-Variant-Id', id.toLowerCase()]],
    [['baggage', `a=b,x-variant-id=${id};p=1`]],
    [['baggage', `x-variant-id=${id.toLowerCase()} , a=b`]],
  ]);
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: often(mine, oddHeaders) },
  );
}

const pathOf = ({ contexts }: Offer): fc.Arbitrary<string> =>
  often(
    contexts.flatMap((context) =>
      tails.map((tail) => (context === '/' && tail.startsWith('/') ? tail : context + tail)),
    ),
    oddPaths,
  );
const methods = fc.constantFrom('GET', 'GET', 'POST');

function publicAsk(offer: Offer): fc.Arbitrary<Asked> {
  const { namespace, domains, branches } = offer;
  const labels = branches.map((id) => id.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-'));
  const there = [...domains, ...domains.flatMap((domain) => labels.map((label) => `${label}.${domain}`))];
  const odd = [
    ...domains.flatMap((domain) => oddLabels.map((label) => `${label}.${domain}`)),
    'away.example.io',
    'nowhere.example.com',
    `${namespace.toUpperCase()}.Example.IO`,
    `${namespace}.example.org`,
  ];
  const host = fc
    .tuple(often(there, odd), fc.constantFrom('', '', '', ':80', ':8443'))
    .map((parts) => parts.join(''));
  return fc.record({
    from: fc.constantFrom(gatewayNames[0], gatewayNames[0], gatewayNames[0], gatewayNames[1]),
    host,
    port: fc.constant(80),
    path: pathOf(offer),
    method: methods,
    headers: headersOf(offer),
  });
}

function meshAsk(offer: Offer): fc.Arbitrary<Asked> {
  const { namespace, services } = offer;
  const full = `.${namespace}.svc.cluster.local`;
  const forms = fc.constantFrom(
    '',
    '',
    `.${namespace}`,
    `.${namespace}`,
    `.${namespace}.svc`,
    full,
    full,
    full,
    full,
    'public',
    'nowhere',
  );
  return fc
    .record({
      from: fc.constantFrom('inside', 'outside'),
      service: fc.constantFrom(...services),
      second: fc.integer({ min: 0, max: 11 }),
      form: forms,
      upper: fc.integer({ min: 0, max: 5 }),
      path: pathOf(offer),
      method: methods,
      headers: headersOf(offer),
    })
    .map(({ from, service: { name, grpc }, second, form, upper, ...rest }): Asked => {
      const port = second === 0 || (grpc && second < 5) ? 9090 : 80;
      const host =
        form === 'public'
          ? `${namespace}.example.io`
          : form === 'nowhere'
            ? `${name}.nowhere`
            : `${name}${from === 'outside' ? full : form}`;
      return {
        from: from === 'inside' ? 'inside' : 'outside',
        host: `${upper === 0 ? host.toUpperCase() : host}${port === 80 ? '' : `:${port}`}`,
        port,
        ...rest,
      };
    });
}

/** A tenant of this namespace, with so many requests. */
export function tenants(namespace: string, requests: number): fc.Arbitrary<Tenant> {
  return fc
    .record({
      secondary: fc.boolean(),
      all: mostly(3),
      byLabel: mostly(2),
      gateways: rarely(fc.constant(gatewayNames.join())),
      services: fc.tuple(service, service, service, service),
      foreign: fc.uniqueArray(foreign, { maxLength: 2, selector: ({ hosts }) => hosts.join() }),
    })
    .chain((given) => {
      const offer = offerOf(namespace, given);
      return fc
        .array(fc.oneof(publicAsk(offer), meshAsk(offer)), { minLength: requests, maxLength: requests })
        .map((asked): Tenant => ({ namespace, requests: asked, objects: objectsOf(namespace, given) }));
    });
}

interface GivenTenant {
  readonly secondary: boolean;
  readonly all: boolean;
  readonly byLabel: boolean;
  readonly gateways: string | undefined;
  readonly services: readonly Given[];
  readonly foreign: readonly Foreign[];
}

function objectsOf(
  namespace: string,
  { services, foreign: others, ...declared }: GivenTenant,
): readonly JsonObject[] {
  return [
    namespaceObject(namespace, declared),
    ...services.flatMap((one, index) => serviceObjects(namespace, serviceNames[index] ?? '', one)),
    ...others.flatMap((one, index) => foreignObjects(namespace, `theirs-${index}`, one)),
  ];
}

function offerOf(namespace: string, { secondary, services }: GivenTenant): Offer {
  const hostnames = services.flatMap(({ hostname }) => hostnameOf(namespace, hostname) ?? []);
  return {
    namespace,
    domains: [
      ...new Set([
        `${namespace}.example.io`,
        ...(secondary ? [`${namespace}.example.org`] : []),
        ...hostnames,
      ]),
    ],
    contexts: services.flatMap(({ context, ingress }, index) =>
      ingress === 'false' ? [] : (context?.split(',') ?? [`/${serviceNames[index] ?? ''}`]),
    ),
    branches: services.flatMap(({ branches }) => branches.map(({ name }) => name.replace('/', '-'))),
    services: services.map(({ grpc }, index) => ({ name: serviceNames[index] ?? '', grpc })),
  };
}

function hostnameOf(namespace: string, hostname: Given['hostname']): string | undefined {
  if (hostname === undefined) return undefined;
  return hostname === 'own' ? `own-${namespace}.example.net` : `nested.${namespace}.example.io`;
}

type Declared = Readonly<Record<string, string | undefined>>;

function annotations(declared: Declared): JsonObject {
  return Object.fromEntries(
    Object.entries(declared)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [`branchline.dev/${name}`, value]),
  );
}

function namespaceObject(
  name: string,
  {
    secondary,
    all,
    byLabel,
    gateways,
  }: {
    readonly secondary: boolean;
    readonly all: boolean;
    readonly byLabel: boolean;
    readonly gateways: string | undefined;
  },
): JsonObject {
  const declared = {
    domain: `${name}.example.io`,
    'secondary-domains': secondary ? `${name}.example.org` : undefined,
    ingress: all ? 'all' : undefined,
    branches: byLabel ? 'by-label' : undefined,
    gateways,
  };
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
      annotations: annotations(declared),
    },
  };
}

type Given = typeof service extends fc.Arbitrary<infer T> ? T : never;

function serviceObjects(namespace: string, name: string, given: Given): readonly JsonObject[] {
  const { context, versions, ingress, gateways, http } = given;
  const hostname = hostnameOf(namespace, given.hostname);
  const ports = [
    { name: 'http', port: 80, targetPort: 8080 },
    ...(given.grpc ? [{ name: 'grpc', port: 9090, targetPort: 8080 }] : []),
  ];
  const made = (metadata: JsonObject, app: string): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, ...metadata },
    spec: { selector: { app }, ports },
  });
  const workloads = [
    ...baselines(given.baseline).map(({ suffix, version, ready }) =>
      workload({
        namespace,
        name: `${name}${suffix}`,
        app: name,
        version,
        ready,
        labels: version === undefined ? { [earlierLabel]: 'true' } : {},
      }),
    ),
    ...given.longLived.map((version) =>
      workload({ namespace, name: `${name}-${version}`, app: name, version }),
    ),
    ...given.branches.map((one, index) => branchWorkload(namespace, name, { ...one, index })),
  ];
  const own = given.branches.flatMap((one, index) =>
    one.own ? [made({ name: `${name}-own${index}` }, `${name}-own${index}`)] : [],
  );
  return [
    made({ name, annotations: annotations({ context, versions, hostname, ingress, gateways, http }) }, name),
    ...own,
    ...workloads,
  ];
}

function baselines(
  kind: Given['baseline'],
): readonly { readonly suffix: string; readonly version: string | undefined; readonly ready: boolean }[] {
  const master = { suffix: '', version: 'master', ready: true };
  switch (kind) {
    case 'labelled':
      return [master];
    case 'unlabelled':
      return [{ ...master, version: undefined }];
    case 'unready':
      return [{ ...master, ready: false }];
    case 'mixed':
      return [master, { suffix: '-canary', version: 'canary', ready: true }];
    case 'none':
      return [];
  }
}

/** An own Service's pods are another Helm release: labels of their own, the name of the Service by annotation. */
function branchWorkload(
  namespace: string,
  service: string,
  {
    name: branchName,
    own,
    ready,
    replicas,
    declared,
    index,
  }: Given['branches'][number] & { readonly index: number },
): JsonObject {
  const id = branchName.replace('/', '-');
  const app = own ? `${service}-own${index}` : service;
  const annotated =
    declared || own ? annotations({ branch: branchName, service: own ? service : undefined }) : {};
  return workload({
    namespace,
    name: `${service}-branch${index}`,
    app,
    version: own ? undefined : id,
    ready,
    replicas,
    annotated,
    ...(own ? { truth: id } : {}),
  });
}

interface Work {
  readonly namespace: string;
  readonly name: string;
  readonly app: string;
  readonly version: string | undefined;
  readonly truth?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ready?: boolean;
  readonly replicas?: number;
  readonly annotated?: JsonObject;
}

function workload({
  namespace,
  name,
  app,
  version,
  truth,
  labels: own = {},
  ready = true,
  replicas = 1,
  annotated = {},
}: Work): JsonObject {
  const labels = {
    app,
    part: name,
    ...(truth === undefined ? {} : { [truthLabel]: truth }),
    ...(version === undefined ? {} : { version }),
  };
  const template = {
    metadata: { labels, annotations: ready ? {} : { [readyAnnotation]: 'false' } },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name, labels: own, annotations: annotated },
    spec: { replicas, selector: { matchLabels: { part: name } }, template },
  };
}

type Foreign = typeof foreign extends fc.Arbitrary<infer T> ? T : never;

function foreignObjects(
  namespace: string,
  name: string,
  { hosts, gateways, routes, leaf }: Foreign,
): readonly JsonObject[] {
  const fill = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value).replaceAll(/\bT(?=["./])/g, namespace)) as T;
  const write = (given: Foreign['routes'][number], mayDelegate: boolean): JsonObject => {
    const match = given.match === undefined ? {} : { match: given.match };
    if (mayDelegate && given.delegate) return { ...match, delegate: { name: `${name}-leaf`, namespace } };
    const set =
      given.header === undefined ? {} : { headers: { request: { set: { 'x-variant-id': given.header } } } };
    if (given.answer === 'direct') return { ...match, directResponse: { status: 418 } };
    if (given.answer === 'redirect') return { ...match, redirect: { uri: '/elsewhere' } };
    return { ...match, route: [{ destination: { host: given.to, port: { number: 80 } } }], ...set };
  };
  const made = (called: string, spec: JsonObject): JsonObject =>
    fill({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { namespace, name: called },
      spec,
    });
  const isDelegating = routes.some(({ delegate }) => delegate);
  return [
    made(name, {
      hosts,
      ...(gateways.length === 0 ? {} : { gateways }),
      http: routes.map((route) => write(route, true)),
    }),
    ...(isDelegating ? [made(`${name}-leaf`, { http: leaf.map((route) => write(route, false)) })] : []),
  ];
}
