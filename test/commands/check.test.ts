import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { Ajv } from 'ajv';
import { test, type Test } from 'tap';
import type { Io } from '../../src/commands/io.ts';
import { runProgram } from '../../src/commands/program.ts';
import { problemKinds } from '../../src/model/problem.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Found {
  readonly problems: readonly {
    readonly code: string;
    readonly severity: string;
    readonly path: string;
    readonly line: number;
    readonly column: number;
    readonly message: string;
    readonly fix: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace: string;
    readonly file: string;
  }[];
}

async function run(
  args: readonly string[],
  stdin: string | readonly Uint8Array[] = '',
  {
    isTerminal = false,
    environment = {},
  }: { readonly isTerminal?: boolean; readonly environment?: Readonly<Record<string, string>> } = {},
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
    stdin: Readable.from(typeof stdin === 'string' ? [stdin] : stdin),
    isTerminal,
    stop: new AbortController().signal,
  };
  return { code: await runProgram(['check', ...args], '1.2.3', io), ...said };
}

async function problemsIn(text: string, ...args: readonly string[]): Promise<Found['problems']> {
  const { out } = await run(['-f', '-', '-o', 'json', ...args], text);
  return (JSON.parse(out) as Found).problems;
}

async function fileWith(t: Test, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'check-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'a.yaml'), text);
  return folder;
}

const everything = 'test/cases/check/everything.yaml';
const host = 'fact-find-ui.ww-green.svc.cluster.local';

function virtualService(http: string, meta = ''): string {
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: fact-find-ui, namespace: ww-green${meta} }\nspec:\n  hosts: [${host}]\n  http:\n    - ${http}\n    - route: [{ destination: { host: ${host}, subset: master } }]\n`;
}

const warned = virtualService(
  `{ match: [{ headers: { x-variant-id: { regex: OPS-1 } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }`,
);
const refused = virtualService(
  `{ match: [{ headers: { x-variant-id: { prefix: '' } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }`,
);

for (const output of ['text', 'json', 'sarif']) {
  test(`prints as ${output} what is in the golden file, with lines, columns and carets`, async (t) => {
    const golden = join(
      import.meta.dirname,
      `../cases/check/everything.${output === 'text' ? 'txt' : output}`,
    );
    const { code, out } = await run(['-f', everything, '-o', output]);
    t.equal(code, 1);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, out);
    t.equal(out, readFileSync(golden, 'utf8'));
  });
}

test('sees fields that an API server would have dropped, and says which was meant', async (t) => {
  const found = (
    await problemsIn(
      virtualService(
        `{ match: [{ header: { x-variant-id: { exact: OPS-1 } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }`,
      ),
    )
  ).filter(({ code }) => code === 'BL240');
  t.same(
    found.map(({ path, line }) => [path, line]),
    [['spec.http[0].match[0].header', 7]],
  );
  t.match(found[0]?.fix, 'did you mean headers?');
  t.same(
    (
      await problemsIn(
        virtualService(
          `{ match: [{ headers: { x-variant-id: { exact: OPS-1 } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }`,
        ),
      )
    ).filter(({ code }) => code === 'BL240'),
    [],
  );
});

test('sees kinds and API versions that no API server knows, and takes those of other meshes for what they are', async (t) => {
  const seen = async (apiVersion: string, kind: string): Promise<unknown> =>
    (
      await problemsIn(
        `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a, namespace: b }\nspec: {}\n`,
      )
    )
      .filter(({ code }) => code === 'BL291')
      .map(({ path, fix }) => [path, fix]);
  t.same(await seen('network.istio.io/v1', 'VirtualService'), [
    ['apiVersion', 'write apiVersion: networking.istio.io/v1'],
  ]);
  t.same(await seen('networking.istio.io/v1alpha1', 'DestinationRule'), [
    ['apiVersion', 'write apiVersion: networking.istio.io/v1'],
  ]);
  t.same(await seen('networking.k8s.io/v1', 'HTTPRoute'), [
    ['apiVersion', 'write apiVersion: gateway.networking.k8s.io/v1'],
  ]);
  t.same(await seen('networking.istio.io/v1', 'Virtualservice'), [['kind', 'write kind: VirtualService']]);
  t.same(await seen('networking.istio.io/v1', 'VirtualServices'), [['kind', 'write kind: VirtualService']]);
  for (const right of [
    'networking.istio.io/v1',
    'networking.istio.io/v1beta1',
    'networking.istio.io/v1alpha3',
    'appmesh.k8s.aws/v1beta2',
  ])
    t.same(await seen(right, 'VirtualService'), [], right);
  for (const right of ['v1', 'v1beta1'])
    t.same(await seen(`gateway.networking.k8s.io/${right}`, 'HTTPRoute'), [], right);
  t.same(await seen('networking.k8s.io/v1', 'Ingress'), []);
});

test('sees an object that stands twice, in one file or in two, and says where the other is', async (t) => {
  const folder = await fileWith(
    t,
    `${warned}---\n${warned.replace('fact-find-ui, namespace', 'other, namespace')}---\n${warned}`,
  );
  await writeFile(join(folder, 'b.yaml'), warned);
  const { out } = await run(['-f', folder, '-o', 'json']);
  const twice = (JSON.parse(out) as Found).problems.filter((one) => one.code === 'BL292');
  t.same(
    twice.map(({ file, line, path }) => [basename(file), line, path]),
    [
      ['a.yaml', 21, 'metadata.name'],
      ['b.yaml', 3, 'metadata.name'],
    ],
  );
  for (const { message } of twice) t.match(message, /the same VirtualService stands at \S+a\.yaml:1, too/);
});

test('finds the place of a field through keys with dots and brackets, aliases, merges, lists and JSON', async (t) => {
  const http = `{ match: [{ headers: { 'a[0].b c': { exact: x } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }`;
  const [odd] = await problemsIn(virtualService(http));
  t.same([odd?.code, odd?.line, odd?.column], ['BL211', 7, 30]);
  const merged =
    'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: a, namespace: b }\nspec:\n  <<: { host: "a:1" }\n  subsets: []\n';
  t.same(
    (await problemsIn(merged)).map(({ code, line, column }) => [code, line, column]),
    [['BL211', 5, 15]],
  );
  const json = `\n${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name: 'a', namespace: 'b' }, spec: { host: 'a:1' } }] }, null, 1)}`;
  t.same(
    (await problemsIn(json)).map(({ code, line }) => [code, line]),
    [['BL211', 14]],
  );
});

test('ignores what an annotation names with a reason, and only that', async (t) => {
  const ignoring = (text: string): string =>
    virtualService(
      `{ match: [{ headers: { X-Variant-Id: { regex: OPS-1 } } }], route: [{ destination: { host: ${host}, subset: ops-1 } }] }`,
      `, annotations: { branchline.dev/ignore: "${text}" }`,
    );
  const codes = async (text: string): Promise<readonly string[]> =>
    (await problemsIn(ignoring(text))).map(({ code }) => code).sort();
  t.same(await codes('BL250: the old client; BL252: until May'), []);
  t.same(await codes('BL250, BL252: the old client'), []);
  t.same(await codes('BL250: the old client'), ['BL252']);
  for (const bad of ['BL250', 'BL250:', 'everything: I know', '', 'BL999: no such'])
    t.match(await codes(bad), ['BL250', 'BL252', 'BL290'], bad);
  const sarif = JSON.parse(
    (await run(['-f', '-', '-o', 'sarif'], ignoring('BL250: the old client'))).out,
  ) as { runs: { results: { ruleId: string; suppressions?: { justification: string }[] }[] }[] };
  t.same(sarif.runs[0]?.results.find(({ ruleId }) => ruleId === 'BL250')?.suppressions, [
    { kind: 'inSource', justification: 'the old client' },
  ]);
});

const exits: readonly (readonly [string, readonly string[], string, number])[] = [
  ['0 when nothing is wrong', [], 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n', 0],
  ['0 on warnings', [], warned, 0],
  ['1 on warnings that are to fail', ['--fail-on', 'warning'], warned, 1],
  ['1 on errors', [], refused, 1],
  ['0 on errors that settings make warnings', ['--severities', 'BL211=warn'], refused, 0],
  ['1 on warnings that settings make errors', ['--severities', 'BL252=deny'], warned, 1],
  ['1 on YAML that cannot be read', [], 'a: [', 1],
  ['2 on a severity that is none', ['--fail-on', 'never'], '', 2],
  ['2 on a file that is not there', ['-f', '/nowhere/at/all'], '', 2],
];
for (const [name, args, stdin, want] of exits) {
  test(`exits ${name}`, async (t) => {
    t.equal((await run(['-f', '-', ...args], stdin)).code, want);
  });
}

test('bad YAML takes nothing else with it', async (t) => {
  const found = await problemsIn(`a: [\n---\n${refused}`);
  t.same(found.map(({ code }) => code).sort(), ['BL010', 'BL211']);
  t.ok(found.find(({ code }) => code === 'BL211')?.line === 9, 'the place is counted in the whole text');
});

test('refuses alias bombs and deep nesting as problems', async (t) => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
    .split('')
    .map((name, index) => `${name}: &${name} [${`*${'abcdefghi'[index] ?? ''},`.repeat(9)}]`)
    .join('\n')}\n`;
  t.same(
    (await problemsIn(bomb)).map(({ code }) => code),
    ['BL010'],
  );
  t.same(
    (
      await problemsIn(
        `apiVersion: networking.istio.io/v1\nkind: VirtualService\nspec: ${'{a: '.repeat(2000)}1${'}'.repeat(2000)}\n`,
      )
    ).map(({ code }) => code),
    ['BL010'],
  );
  t.same(
    (await problemsIn(`${'['.repeat(20_000)}`)).map(({ code }) => code),
    ['BL010'],
  );
  for (const deep of [
    `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    Array.from({ length: 5000 }, (_, level) => `${' '.repeat(level)}a:\n`).join(''),
  ])
    t.match((await problemsIn(deep))[0]?.message, 'nested too deeply');
});

test('input of 100 MB is refused with words', async (t) => {
  const { code, err } = await run(
    ['-f', '-'],
    Array.from({ length: 100 }, () => new Uint8Array(1024 * 1024).fill(97)),
  );
  t.equal(code, 2);
  t.match(err, /larger than 64 MiB: split it/);
});

test('says what could not be compared, so that silence is not taken for praise', async (t) => {
  const { err } = await run(['-f', '-'], warned);
  t.match(err, 'no DestinationRule: subsets were not compared with one');
  t.match(err, '0 errors, 1 warning in 1 route object');
});

test('colours on a terminal only, and not with NO_COLOR', async (t) => {
  t.match((await run(['-f', '-'], refused, { isTerminal: true })).out, '\u001b[31merror');
  t.notMatch((await run(['-f', '-'], refused)).out, '\u001b');
  t.notMatch(
    (await run(['-f', '-'], refused, { isTerminal: true, environment: { NO_COLOR: '1' } })).out,
    '\u001b',
  );
});

test('never shows control characters of a manifest', async (t) => {
  const { out } = await run(['-f', '-'], virtualService('{ timeout: "\\e[31m5" , route: [] }'));
  t.notMatch(out.replaceAll('\n', ''), /\p{Cc}/u);
});

test('reads folders, and an object without a namespace stands in default', async (t) => {
  const folder = await fileWith(t, refused.replace(', namespace: ww-green', ''));
  const { out } = await run(['-f', folder]);
  t.match(out, /a\.yaml\n {2}7:\d+ error BL211 VirtualService default\/fact-find-ui: /);
});

test('its SARIF is valid against the schema of 2.1.0', async (t) => {
  const schema = JSON.parse(
    readFileSync(join(import.meta.dirname, '../cases/check/sarif-schema-2.1.0.json'), 'utf8'),
  ) as Record<string, unknown>;
  // ajv knows the drafts after the schema's own; it uses nothing that they changed.
  delete schema['$schema'];
  delete schema['id'];
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  t.notOk(validate({ version: '2.1.0', runs: [{ results: [] }] }), 'the schema refuses what is none');
  const ignoring = virtualService(
    '{ timeout: 0s, route: [] }',
    ', annotations: { branchline.dev/ignore: "BL211: it is a test" }',
  );
  for (const stdin of ['', 'a: [', refused, ignoring, readFileSync(everything, 'utf8')]) {
    t.ok(
      validate(JSON.parse((await run(['-f', '-', '-o', 'sarif'], stdin)).out)),
      JSON.stringify(validate.errors),
    );
  }
});

test('every code that stands in the table is printed with its rule in SARIF', async (t) => {
  const { out } = await run(['-f', everything, '-o', 'sarif']);
  const sarif = JSON.parse(out) as {
    version: string;
    runs: {
      tool: { driver: { rules: { id: keyof typeof problemKinds; shortDescription: { text: string } }[] } };
      results: { ruleId: string; ruleIndex: number }[];
    }[];
  };
  t.equal(sarif.version, '2.1.0');
  const [first] = sarif.runs;
  for (const { ruleId, ruleIndex } of first?.results ?? [])
    t.equal(first?.tool.driver.rules[ruleIndex]?.id, ruleId);
  for (const { id, shortDescription } of first?.tool.driver.rules ?? [])
    t.equal(shortDescription.text, problemKinds[id].rule);
});
