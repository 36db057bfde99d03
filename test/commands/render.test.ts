import { join } from 'node:path';
import { test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { run } from './run.ts';

const tenant = join(import.meta.dirname, '../../examples/tenant');

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

test('render prints the objects of manifests as their author wrote them, sorted, and nothing else', async (t) => {
  const { code, out, err } = await run(['render', '-f', tenant]);
  t.equal(code, 0);
  t.equal(err, '');
  const names = parseAllDocuments(out)
    .map((document) => document.toJS() as Named)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  t.same(names, [
    'DestinationRule fact-find-ui',
    'VirtualService fact-find-ui-ingress',
    'VirtualService fact-find-ui-mesh',
    'VirtualService ops-1234.ww-green.example.io',
    'VirtualService ww-green.example.io',
    'VirtualService ww-green.example.io-baseline',
  ]);
  t.notMatch(out, /[&*]a\d/, 'no YAML anchors: kubectl and people read it');
});

test('render -o json prints one List', async (t) => {
  const { code, out } = await run(['render', '-f', tenant, '-o', 'json']);
  t.equal(code, 0);
  const list = JSON.parse(out) as { kind: string; items: readonly Named[] };
  t.equal(list.kind, 'List');
  t.equal(list.items.length, 6);
});

test('render --diff prints phases, and nothing once the objects are there', async (t) => {
  const first = await run(['render', '-f', tenant, '--diff', '-o', 'json']);
  const phases = JSON.parse(first.out) as readonly { phase: string; after: string }[];
  t.same(
    phases.map(({ phase, after }) => [phase, after]),
    [
      ['subsets added', '0 s'],
      ['routes written', '0 s'],
      ['hosts written', '0 s'],
      ['routes written', '5 s'],
      ['hosts written', '5 s'],
    ],
  );
  const objects = await run(['render', '-f', tenant]);
  const second = await run(['render', '-f', tenant, '-f', '-', '--diff'], objects.out);
  t.equal(second.code, 0);
  t.equal(second.out, '');
});

test('render says problems on stderr and exits by the worst', async (t) => {
  const stray =
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: stray, namespace: ww-green, annotations: { branchline.dev/branch: OPS-1 } }\nspec: { template: { metadata: { labels: { app: nobody } } } }\n';
  const warned = await run(['render', '-f', tenant, '-f', '-'], stray);
  t.equal(warned.code, 0);
  t.match(warned.err, /^Deployment ww-green\/stray: Warning: .* \[BL409\]\n$/);
  t.equal((await run(['render', '-f', tenant, '-f', '-', '--severities', 'BL409=deny'], stray)).code, 1);
  t.equal((await run(['render', '-f', tenant, '-f', '-', '--severities', 'BL409=off'], stray)).err, '');
  t.equal((await run(['render', '-f', '-'], 'kind: [')).code, 1);
});

test('render exits 2 on wrong use', async (t) => {
  t.equal((await run(['render'])).code, 2);
  t.equal((await run(['render', '-f', '/no/such/file'])).code, 2);
  t.equal((await run(['render', '-f', tenant, '--retry-on', 'Never!'])).code, 2);
});

test('render leaves what comes from a cluster as admission left it', async (t) => {
  const live = (await run(['review', '-f', tenant, '-o', 'json'])).out;
  const items = (
    parse(live) as {
      items: readonly (Named & { spec: { template?: { metadata: { labels: Record<string, string> } } } })[];
    }
  ).items.map((item) => ({ ...item, metadata: { ...item.metadata, uid: 'x' } }));
  for (const item of items)
    if (item.metadata.name === 'fact-find-ui') delete item.spec.template?.metadata.labels['version'];
  const { err } = await run(['render', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  t.match(err, '[BL401]', 'a baseline that was never labelled is not taken for one');
});

test('render --api gateway prints objects of the Gateway API, the same with its own output among the manifests, and check finds nothing in them', async (t) => {
  const { code, out, err } = await run(['render', '-f', tenant, '--api', 'gateway']);
  t.equal(code, 0);
  t.match(
    err,
    /^Setting retryAttempts: Warning: .* \[BL501\]\n$/,
    'what is left out of every route is said once',
  );
  const names = parseAllDocuments(out)
    .map((document) => document.toJS() as Named)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  t.same(names, [
    'Service fact-find-ui-master',
    'Service fact-find-ui-ops-1234',
    'HTTPRoute host.ops-1234.ww-green.example.io',
    'HTTPRoute ingress.fact-find-ui',
    'HTTPRoute ingress.fact-find-ui.ops-1234',
    'HTTPRoute mesh.fact-find-ui',
    'HTTPRoute mesh.fact-find-ui.ops-1234',
  ]);
  t.equal((await run(['render', '-f', tenant, '-f', '-', '--api', 'gateway'], out)).out, out);
  t.equal(
    (await run(['render', '-f', tenant, '-f', '-'], out)).out,
    (await run(['render', '-f', tenant])).out,
    'Services of versions change nothing for Istio',
  );
  const checked = await run(['check', '-f', '-'], out);
  t.same([checked.code, checked.out], [0, '']);
  t.match(checked.err, '0 errors, 0 warnings in 5 route objects');
  t.equal((await run(['render', '-f', tenant, '--api', 'gateway', '--retry-attempts', '0'])).err, '');
  t.equal((await run(['render', '-f', tenant, '--api', 'gateway', '--severities', 'BL501=deny'])).code, 1);
});

test('render --api gateway has no --diff', async (t) => {
  const { code, out, err } = await run(['render', '-f', tenant, '--api', 'gateway', '--diff']);
  t.equal(code, 2);
  t.equal(out, '');
  t.match(err, 'kubectl diff');
  t.equal((await run(['render', '-f', tenant, '--api', 'nginx'])).code, 2);
});
