import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { openFolder } from '../../src/cluster/folder.ts';
import { showRoutes } from '../../src/commands/show-routes.ts';
import { settingsWith } from '../admission/golden.ts';
import { temporaryFolder } from '../webhook/harness.ts';

const tenant = join(import.meta.dirname, '../../examples/tenant');

interface Terminal {
  readonly folder: string;
  /** Resolves with everything that was said when a line matches. */
  readonly seen: (line: RegExp) => Promise<string>;
}

/** The example tenant in a folder of its own, and what is said about it. */
function open(t: Test): Terminal {
  const folder = join(temporaryFolder(t), 'tenant');
  cpSync(tenant, folder, { recursive: true });
  let said = '';
  let heard = (): void => undefined;
  const cluster = openFolder([folder]);
  const io = {
    environment: {},
    out: () => undefined,
    stdin: (async function* () {
      /* nothing */
    })(),
    isTerminal: false,
    stop: new AbortController().signal,
    err: (text: string) => {
      said += text;
      heard();
    },
  };
  const view = showRoutes(cluster, settingsWith({ manifests: folder }), io);
  t.teardown(async () => {
    await view.close();
    await cluster.close();
  });
  return {
    folder,
    seen: (line) =>
      new Promise((resolve) => {
        heard = () => {
          if (line.test(said)) resolve(said);
        };
        heard();
      }),
  };
}

function edit(folder: string, file: string, from: string | RegExp, to: string): void {
  writeFileSync(join(folder, file), readFileSync(join(folder, file), 'utf8').replace(from, to));
}

test('says which routes a folder makes, then what each change of a manifest changes, and why', async (t) => {
  const { folder, seen } = open(t);
  const first = await seen(/^routes: .*created/m);
  t.match(
    first,
    '+ ww-green/fact-find-ui OPS-1234: x-variant-id: OPS-1234 or ops-1234; OPS-1234 is ready; https://ops-1234.ww-green.example.io/fact-find-ui\n',
  );
  t.match(
    first,
    /^routes: 5 created \(DestinationRule fact-find-ui, .*; after 5 s 1 created \(VirtualService fact-find-ui-mesh\), /m,
  );
  t.notMatch(first, /^[~-] /m);

  edit(folder, 'fact-find-ui-ops-1234.yaml', 'replicas: 1', 'replicas: 0');
  t.match(
    await seen(/^~ .*\nroutes: /m),
    /^~ ww-green\/fact-find-ui OPS-1234: no route; no ready pod of OPS-1234: baseline\nroutes: 3 configured \(/m,
    'not ready: the baseline, and the subset stays',
  );

  rmSync(join(folder, 'fact-find-ui-ops-1234.yaml'));
  t.match(
    await seen(/^- .*\nroutes: /m),
    /^- ww-green\/fact-find-ui OPS-1234: not declared any more; was no route.*\nroutes: .*deleted \(.*; after 5 s 1 deleted \(DestinationRule fact-find-ui\)/m,
  );
});

test('a change that no route depends on says nothing', async (t) => {
  const { folder, seen } = open(t);
  const first = await seen(/^routes: .*created/m);
  edit(folder, 'fact-find-ui.yaml', 'replicas: 2', 'replicas: 3');
  edit(folder, 'fact-find-ui-ops-1234.yaml', /^(\s*)image: .*/m, '$1image: fact-find-ui:OPS-1235');
  writeFileSync(
    join(folder, 'more.yaml'),
    readFileSync(join(folder, 'fact-find-ui-ops-1234.yaml'), 'utf8')
      .replaceAll(/OPS-1234/g, 'OPS-9')
      .replaceAll('ops-1234', 'ops-9'),
  );
  const then = await seen(/^\+ ww-green\/fact-find-ui OPS-9: .*\nroutes: /m);
  t.notMatch(then.slice(first.length), /^[~-] /m);
});

test('says once what cannot be routed', async (t) => {
  const { folder, seen } = open(t);
  await seen(/^routes: .*created/m);
  edit(folder, 'fact-find-ui.yaml', /name: http\n/, 'name: tcp\n');
  await seen(/BL411/);
  writeFileSync(
    join(folder, 'more.yaml'),
    readFileSync(join(folder, 'fact-find-ui-ops-1234.yaml'), 'utf8')
      .replaceAll(/OPS-1234/g, 'OPS-9')
      .replaceAll('ops-1234', 'ops-9'),
  );
  t.equal(
    (await seen(/OPS-9: no route/)).split('BL411').length,
    2,
    'the port is told once, though the folder was planned twice',
  );
});
