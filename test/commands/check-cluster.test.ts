import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Ajv } from 'ajv';
import { test, type Test } from 'tap';
import { parse } from 'yaml';
import { runProgram } from '../../src/commands/program.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { sendStatus, startFakeApiServer, type FakeApiServer } from '../cluster/fake-apiserver.ts';

const host = 'fact-find-ui.ww-green.svc.cluster.local';

function object(text: string): JsonObject {
  return parse(text) as JsonObject;
}

const rule = object(
  `{ apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: { name: fact-find-ui, namespace: ww-green, managedFields: [{ manager: x }] }, spec: { host: ${host}, subsets: [{ name: master, labels: { version: master } }, { name: ops-1, labels: { version: OPS-1 } }] } }`,
);
const route = object(
  `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: fact-find-ui, namespace: ww-green }, spec: { hosts: [${host}], http: [{ match: [{ headers: { x-variant-id: { exact: OPS-1 } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }, { route: [{ destination: { host: ${host}, subset: master } }] }] } }`,
);
const lost = object(
  `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: shop, namespace: ww-green }, spec: { hosts: [shop.ww-green.svc.cluster.local], http: [{ route: [{ destination: { host: ${host}, subset: gone } }] }] } }`,
);

async function clusterWith(
  t: Test,
  ...objects: readonly JsonObject[]
): Promise<{
  readonly server: FakeApiServer;
  readonly run: (
    args: readonly string[],
    stdin?: string,
  ) => Promise<{ code: number; out: string; err: string }>;
}> {
  const server = await startFakeApiServer();
  t.teardown(() => server.stop());
  for (const one of objects) server.put(one);
  const folder = await mkdtemp(join(tmpdir(), 'check-cluster-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      clusters: [{ name: 'a', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'a', user: {} }],
    }),
  );
  return {
    server,
    async run(args, stdin = '') {
      const said = { out: '', err: '' };
      const io = {
        environment: {},
        out: (text: string) => {
          said.out += text;
        },
        err: (text: string) => {
          said.err += text;
        },
        stdin: Readable.from([stdin]),
        isTerminal: false,
        stop: new AbortController().signal,
      };
      return {
        code: await runProgram(['check', '--cluster', '--kubeconfig', kubeconfig, ...args], '1.2.3', io),
        ...said,
      };
    },
  };
}

test('names objects of a cluster in place of files, and exits with 1 for what the webhook would refuse', async (t) => {
  const { run } = await clusterWith(t, rule, route, lost);
  const { code, out, err } = await run([]);
  t.equal(code, 1);
  t.match(
    out,
    /^VirtualService ww-green\/shop\n {2}error BL261 spec\.http\[0\]\.route\[0\]\.destination\.subset is "gone"[^\n]*\n {6}fix: /,
  );
  t.match(err, '1 error, 0 warnings in 3 route objects');
});

test('prints JSON without places, and SARIF that is valid without them', async (t) => {
  const { run } = await clusterWith(t, rule, lost);
  const { problems } = JSON.parse((await run(['-o', 'json'])).out) as { problems: readonly JsonObject[] };
  t.same(
    problems.map(({ code, kind, namespace, name, file, line, column }) => [
      code,
      kind,
      namespace,
      name,
      file,
      line,
      column,
    ]),
    [['BL261', 'VirtualService', 'ww-green', 'shop', null, null, null]],
  );
  const sarif: unknown = JSON.parse((await run(['-o', 'sarif'])).out);
  const { $schema, id, ...schema } = JSON.parse(
    await readFile(join(import.meta.dirname, '../cases/check/sarif-schema-2.1.0.json'), 'utf8'),
  ) as JsonObject;
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  t.ok($schema !== undefined && id !== undefined, 'names of drafts that ajv does not know');
  t.ok(validate(sarif), JSON.stringify(validate.errors));
});

test('only reads, once each kind', async (t) => {
  const { server, run } = await clusterWith(t, rule, route);
  const methods = new Set<string | undefined>();
  server.fault = (request) => {
    methods.add(request.method);
    return false;
  };
  t.equal((await run([])).code, 0);
  t.same([...methods], ['GET']);
  t.same(
    [
      server.requests('VirtualService', 'list'),
      server.requests('Pod', 'list'),
      server.requests('VirtualService', 'watch'),
    ],
    [1, 1, 0],
  );
});

test('reads long lists page by page', async (t) => {
  const { run } = await clusterWith(
    t,
    rule,
    ...Array.from({ length: 1100 }, (_, at) => ({
      ...lost,
      metadata: { name: `shop-${at}`, namespace: `ns-${at}` },
    })),
  );
  const { code, err } = await run([]);
  t.equal(code, 1);
  t.match(err, 'in 1101 route objects');
});

test('checks routes of the named namespaces, among everything', async (t) => {
  const { run } = await clusterWith(t, rule, route, lost, {
    ...lost,
    metadata: { name: 'shop', namespace: 'elsewhere' },
  });
  t.match((await run(['-n', 'ww-green'])).err, 'in 3 route objects');
  t.match((await run(['-n', 'elsewhere', '--namespace', 'nowhere'])).err, 'in 1 route object\n');
});

test('checks manifests among what the cluster has, and knows what they change there', async (t) => {
  const { run } = await clusterWith(t, rule, route);
  const { out, err, code } = await run(['-f', '-'], JSON.stringify(lost));
  t.equal(code, 1);
  t.match(out, /^stdin\n {2}\d+:\d+ error BL261 VirtualService ww-green\/shop/);
  t.match(err, 'in 1 route object\n');
  const narrower = await run(
    ['-f', '-'],
    JSON.stringify({
      ...rule,
      spec: { host: host, subsets: [{ name: 'master', labels: { version: 'master' } }] },
    }),
  );
  t.match(narrower.out, 'error BL262', 'a subset that a route of the cluster needs');
  t.equal((await run(['-f', '-'], JSON.stringify(rule))).code, 0);
});

test('finds routes of the Gateway API, and does without kinds that are not served', async (t) => {
  const { server, run } = await clusterWith(t);
  server.absent.add('VirtualService').add('DestinationRule').add('Gateway');
  t.match((await run([])).err, '0 errors, 0 warnings in 0 route objects');
  server.fault = (request, response) => {
    if (!(request.url ?? '').includes('/httproutes')) return false;
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        kind: 'HTTPRouteList',
        apiVersion: 'gateway.networking.k8s.io/v1',
        metadata: {},
        items: [
          {
            metadata: { name: 'a', namespace: 'b' },
            spec: {
              rules: [
                {
                  matches: [
                    { headers: [{ type: 'RegularExpression', name: 'x-variant-id', value: '(?=a)' }] },
                  ],
                },
              ],
            },
          },
        ],
      }),
    );
    return true;
  };
  t.match((await run([])).out, /^HTTPRoute b\/a\n {2}error BL201/);
});

test('says which kinds it may not read, and does without them; without routes there is nothing to do', async (t) => {
  const { server, run } = await clusterWith(t, rule, route);
  const forbid = (plural: string): void => {
    server.fault = (request, response) => {
      if (!(request.url ?? '').includes(`/${plural}`)) return false;
      sendStatus(response, 403, `${plural} is forbidden`);
      return true;
    };
  };
  forbid('pods');
  const partly = await run([]);
  t.equal(partly.code, 0);
  t.match(partly.err, /pods cannot be read: 403 .*: rules about them are not asked/);
  forbid('virtualservices');
  const nothing = await run([]);
  t.equal(nothing.code, 3);
  t.match(nothing.err, 'virtualservices is forbidden');
});

test('exits with 3 when there is no cluster, and with 2 when a file is not there', async (t) => {
  const { server, run } = await clusterWith(t);
  t.equal((await run(['-f', '/nowhere/at/all'])).code, 2);
  await server.stop();
  const { code, err } = await run([]);
  t.equal(code, 3);
  t.match(err, 'ECONNREFUSED');
  t.equal((await run(['--kube-context', 'b'])).code, 3);
  await server.start();
});

test('a list that grows too old while it is read is read again, and not for ever', async (t) => {
  const { server, run } = await clusterWith(t, rule, route);
  let left = 2;
  server.fault = (request, response) => {
    if (!(request.url ?? '').includes('/virtualservices') || left-- <= 0) return false;
    sendStatus(response, 410, 'too old');
    return true;
  };
  t.equal((await run([])).code, 0);
  left = 100;
  t.equal((await run([])).code, 3);
});
