import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type Test } from 'tap';
import { parseAllDocuments } from 'yaml';
import type { Io } from '../../src/commands/io.ts';
import { runProgram } from '../../src/commands/program.ts';

const tenant = join(import.meta.dirname, '../../examples/tenant');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  args: readonly string[],
  stdin = '',
  environment: Record<string, string> = {},
): Promise<Ran> {
  const said = { out: '', err: '' };
  const io: Io = {
    environment,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    stdin: Readable.from([stdin]),
    isTerminal: false,
    stop: new AbortController().signal,
  };
  return { code: await runProgram(args, '1.2.3', io), ...said };
}

async function fileWith(t: Test, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'review-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'a.yaml'), text);
  return folder;
}

test('review prints the objects after admission as YAML and says where the branch will be', async (t) => {
  const { code, out, err } = await run(['review', '-f', tenant]);
  t.equal(code, 0);
  const objects = parseAllDocuments(out).map(
    (document) => document.toJS() as { metadata: { name: string; labels?: Record<string, string> } },
  );
  t.equal(
    objects.find(({ metadata }) => metadata.name === 'fact-find-ui-ops-1234')?.metadata.labels?.['version'],
    'OPS-1234',
  );
  t.match(
    err,
    'Warning: branchline: OPS-1234 of fact-find-ui -> https://ops-1234.ww-green.example.io/fact-find-ui once ready; expires in 3d',
  );
});

test('review of its own output changes nothing more', async (t) => {
  const first = await run(['review', '-f', tenant]);
  const second = await run(['review', '-f', '-'], first.out);
  t.equal(second.code, 0);
  t.equal(second.out, first.out);
});

test('review says of a route what istiod would refuse, and what is a matter of style, too', async (t) => {
  const route = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'shop', namespace: 'green' },
    spec: {
      hosts: ['shop.example.io'],
      gateways: ['istio-system/public'],
      http: [
        {
          match: [{ headers: { 'X-Any': { exact: 'a' } } }],
          redirect: { uri: '/' },
          directResponse: { status: 404 },
        },
      ],
    },
  };
  const { code, err } = await run(['review', '-f', '-'], JSON.stringify(route));
  t.equal(code, 1);
  t.match(err, /refused: .*\[BL218\]/);
  t.match(err, /Warning: .*\[BL250\]/);
});

test('review exits 1 when something is refused, and names file, line, object, code and field', async (t) => {
  const folder = await fileWith(
    t,
    'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: copy\n  namespace: ww-green\n  annotations: { branchline.dev/branch: OPS-1234, branchline.dev/ttl: soon }\nspec:\n  selector: { matchLabels: { app: fact-find-ui } }\n  template: { metadata: { labels: { app: fact-find-ui } } }\n',
  );
  const { code, err } = await run(['review', '-f', tenant, '-f', folder]);
  t.equal(code, 1);
  t.match(
    err,
    /a\.yaml:1: Deployment copy: refused: .*\[BL105\] \(metadata\.annotations\[branchline\.dev\/branch\]\)/,
  );
  t.match(err, '[BL117]');
});

test('review keeps going past a bad document, says where it is, and exits 1', async (t) => {
  const folder = await fileWith(t, 'a: [\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept }\n');
  const { code, out, err } = await run(['review', '-f', folder]);
  t.equal(code, 1);
  t.match(err, /a\.yaml:[12]/);
  t.match(err, '[BL010]');
  t.match(out, 'kept');
});

const namespaceAndService = `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { branchline.dev/enabled: 'true', istio-injection: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  selector: { matchLabels: { app: web } }
  template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: app, image: web }] } }
`;

/** A Deployment of the service; without a name the API server makes one. */
function deployment(name: string | undefined, branch: string, image = 'web'): string {
  const named = name === undefined ? 'generateName: web-' : `name: ${name}`;
  return `---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { ${named}, namespace: shop, annotations: { branchline.dev/branch: ${branch} } }\nspec:\n  selector: { matchLabels: { app: web } }\n  template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: app, image: ${image} }] } }\n`;
}

test('review takes the second object of a name for an update of the first, as kubectl apply would, and says so', async (t) => {
  const renamed = await run(
    ['review', '-f', '-'],
    namespaceAndService + deployment('web-b', 'OPS-1') + deployment('web-b', 'OPS-2'),
  );
  t.equal(renamed.code, 1);
  t.match(renamed.err, /:24: Deployment web-b: Warning: it stands at \S+:17 already; reviewed as an update/);
  t.match(renamed.err, /:24: Deployment web-b: refused: .*\[BL104\]/);
  const rolled = await run(
    ['review', '-f', '-'],
    namespaceAndService + deployment('web-b', 'OPS-1') + deployment('web-b', 'OPS-1', 'web:2'),
  );
  t.equal(rolled.code, 0);
  t.match(rolled.err, 'reviewed as an update');
});

test('review says nothing about a manifest that is given twice, or a name that is made later', async (t) => {
  const twice = await run(
    ['review', '-f', '-'],
    namespaceAndService + deployment('web-b', 'OPS-1') + deployment('web-b', 'OPS-1'),
  );
  t.notMatch(twice.err, /update/);
  const unnamed = await run(
    ['review', '-f', '-'],
    namespaceAndService + deployment(undefined, 'OPS-1') + deployment(undefined, 'OPS-2'),
  );
  t.equal(unnamed.code, 0);
  t.notMatch(unnamed.err, /update/);
});

test('review tells an address that depends on what admission gives another object', async (t) => {
  const { err } = await run(['review', '-f', '-'], namespaceAndService + deployment('web-b', 'OPS-1'));
  t.match(err, 'OPS-1 of web -> header x-variant-id: OPS-1 once ready');
  const byLabel = namespaceAndService
    .replace('enabled }', 'enabled }, annotations: { branchline.dev/branches: by-label }')
    .concat(
      deployment('web-b', 'x')
        .replace(/, annotations: .*? } }/, ' }')
        .replaceAll('app: web }', 'app: web, version: OPS-1 }'),
    );
  const first = await run(['review', '-f', '-'], byLabel);
  t.match(first.err, 'OPS-1 of web -> header');
  const second = await run(['review', '-f', '-'], first.out);
  t.equal(second.out, first.out);
});

test('review says that a branch annotation does nothing on other kinds', async (t) => {
  const cronJob =
    '---\napiVersion: batch/v1\nkind: CronJob\nmetadata: { name: nightly, namespace: shop, annotations: { branchline.dev/branch: OPS-1 } }\n';
  const owned =
    '---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: { name: web-1, namespace: shop, annotations: { branchline.dev/branch: OPS-1 }, ownerReferences: [{ kind: Deployment, name: web }] }\n';
  const { code, err } = await run(['review', '-f', '-'], namespaceAndService + cronJob + owned);
  t.equal(code, 0);
  t.match(err, /CronJob nightly: Warning: branchline\.dev\/branch does nothing on a CronJob.*\[BL123\]/);
  t.notMatch(err, /ReplicaSet/);
});

test('review says each problem and each address on one line, however long', async (t) => {
  const long = 'feature/a-rather-long-name-of-a-branch-that-somebody-thought-of-on-a-friday-afternoon';
  const pod =
    '---\napiVersion: v1\nkind: Pod\nmetadata: { name: one, namespace: shop }\nspec: { containers: [{ name: a-container-with-a-long-name-that-fills-the-line-by-itself, image: web, envFrom: [] }] }\n';
  const { err } = await run(['review', '-f', '-'], namespaceAndService + deployment('web-b', long) + pod);
  const lines = err.trimEnd().split('\n');
  t.ok(
    lines.every((line) => /^\S+:\d+: (?:Deployment|Pod) \S+: (?:Warning|refused): /.test(line)),
    err,
  );
  t.ok(
    lines.some((line) => line.includes('once ready') && line.includes('expires in 3d') && line.length > 150),
    err,
  );
  t.equal(lines.filter((line) => line.includes('[BL301] (spec.containers[0])')).length, 1, err);
});

test('review prints JSON and patches when asked', async (t) => {
  const json = JSON.parse((await run(['review', '-f', tenant, '-o', 'json'])).out) as {
    kind: string;
    items: unknown[];
  };
  t.equal(json.kind, 'List');
  t.ok(json.items.length >= 6);
  const patches = JSON.parse((await run(['review', '-f', tenant, '-o', 'patch'])).out) as {
    name: string;
    patch: { path: string }[];
  }[];
  t.same(
    patches.map(({ name }) => name),
    ['fact-find-ui-ops-1234'],
  );
  t.ok(patches[0]?.patch.some(({ path }) => path === '/metadata/labels'));
});

const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no file', ['review'], /required option.*--file/],
  ['a file that is not there', ['review', '-f', '/nowhere/at/all'], /\/nowhere\/at\/all/],
  ['an output that is none', ['review', '-f', tenant, '-o', 'xml'], /xml.*yaml, json, patch/],
  ['an unknown flag', ['review', '-f', tenant, '--bse', 'x'], /unknown option/],
  ['an unknown verb', ['reveiw'], /unknown command.*review/s],
  ['a setting that is not valid', ['review', '-f', tenant, '--branch-ttl', 'soon'], /--branch-ttl.*BL001/],
  [
    'a settings file that is not there',
    ['review', '-f', tenant, '--config', '/nowhere.yaml'],
    /settings file.*nowhere/,
  ],
];
for (const [name, args, message] of wrong) {
  test(`exits 2 on ${name}, with words`, async (t) => {
    const { code, out, err } = await run(args);
    t.equal(code, 2);
    t.equal(out, '');
    t.match(err, message);
  });
}

test('help comes from the settings table', async (t) => {
  const top = await run(['--help']);
  t.equal(top.code, 0);
  t.match(top.out, /serve.*review/s);
  const serve = await run(['serve', '--help']);
  t.match(serve.out, /--listen-port <value>.*8443.*BRANCHLINE_LISTEN_PORT/s);
  t.match(serve.out, /certificates:/);
  t.equal((await run(['--version'])).out, '1.2.3\n');
});

test('settings reach the decision from the environment', async (t) => {
  const { out } = await run(['review', '-f', tenant], '', { BRANCHLINE_ROUTING_HEADER: 'x-branch' });
  t.match(out, 'x-branch: OPS-1234');
});
