import { join } from 'node:path';
import { test } from 'tap';
import { run } from './run.ts';

const tenant = join(import.meta.dirname, '../../examples/tenant');
const host = 'ww-green.example.io';

test('explain says which version takes a request from outside, by which route, and why', async (t) => {
  const { code, out, err } = await run([
    'explain',
    '-f',
    tenant,
    '--host',
    `ops-1234.${host}`,
    '--path',
    '/fact-find-ui/x',
  ]);
  t.equal(code, 0);
  t.equal(err, '');
  t.equal(
    out,
    'fact-find-ui OPS-1234\n  why: OPS-1234 is ready, and the host asks for it\n  by:  VirtualService ww-green/ops-1234.ww-green.example.io http[0]\n',
  );
});

test('explain -o json is a list of hops', async (t) => {
  const { out } = await run([
    'explain',
    '-f',
    tenant,
    '--from',
    'fact-find',
    '--host',
    'fact-find-ui',
    '--header',
    'X-Variant-Id: Ops-1234',
    '-o',
    'json',
  ]);
  t.same(JSON.parse(out), [
    {
      service: 'fact-find-ui',
      namespace: 'ww-green',
      version: 'master',
      reason: '"Ops-1234" is not spelt OPS-1234 or ops-1234: baseline',
      route: 'VirtualService ww-green/fact-find-ui-mesh http[1]',
      header: 'Ops-1234',
    },
  ]);
});

test('explain exits 1 when a proxy answers by itself', async (t) => {
  const { code, out } = await run(['explain', '-f', tenant, '--host', host, '--path', '/nothing']);
  t.equal(code, 1);
  t.match(out, /^404 from the proxy/);
});

test('explain --all is a table of every service for one branch, by header or by host', async (t) => {
  const rows =
    'NAMESPACE  SERVICE       VERSION   WHY\nww-green   fact-find     master    fact-find has no branch OPS-1234: baseline\n';
  const byHeader = await run(['explain', '-f', tenant, '--all', '--header', 'x-variant-id: OPS-1234']);
  t.equal(
    byHeader.out,
    `${rows}ww-green   fact-find-ui  OPS-1234  OPS-1234 is ready, and the header asks for it\n`,
  );
  const byHost = await run(['explain', '-f', tenant, '--all', '--host', `ops-1234.${host}`]);
  t.equal(
    byHost.out,
    `${rows}ww-green   fact-find-ui  OPS-1234  OPS-1234 is ready, and the host asks for it\n`,
  );
});

const atTwoGateways = [
  'explain',
  '-f',
  join(import.meta.dirname, 'two-gateways.yaml'),
  '--host',
  host,
  '--path',
  '/fact-find-ui',
  '--header',
  'x-variant-id: OPS-1234',
];
const isProtected = ['--public-header', 'remove', '--public-header-gateways', 'istio-system/inner'];

test('explain asks for no Gateway where all of them lead to the same', async (t) => {
  const { code, out } = await run(atTwoGateways);
  t.equal(code, 0);
  t.match(out, /^fact-find-ui OPS-1234\n/);
});

test('explain names the Gateways that differ, with what each answers, until --gateway says which', async (t) => {
  const unsaid = await run([...atTwoGateways, ...isProtected]);
  t.equal(unsaid.code, 2);
  t.equal(
    unsaid.err,
    `branchline: the Gateways of ${host} differ, say which with --gateway: istio-system/inner (fact-find-ui OPS-1234), istio-system/public (fact-find-ui master)\n`,
  );
  const inner = await run([...atTwoGateways, ...isProtected, '--gateway', 'istio-system/inner']);
  t.match(inner.out, /^fact-find-ui OPS-1234\n/);
  const outer = await run([...atTwoGateways, ...isProtected, '--gateway', 'istio-system/public']);
  t.match(
    outer.out,
    /^fact-find-ui master\n {2}why: x-variant-id is not accepted at Gateway istio-system\/public and was removed: baseline\n/,
  );
});

test('explain --all: behind a Gateway that takes the header off, no service sees it', async (t) => {
  const { out } = await run([...atTwoGateways, ...isProtected, '--all', '--gateway', 'istio-system/public']);
  t.match(out, /fact-find +master +neither the header nor the host asks for a branch: baseline\n/);
  const { out: inside } = await run([
    ...atTwoGateways,
    ...isProtected,
    '--all',
    '--gateway',
    'istio-system/inner',
  ]);
  t.match(inside, /fact-find +OPS-1234 /);
});

test('explain lists the Gateways that there are for one that is not, and the Services for a caller that is not', async (t) => {
  const gateway = await run([...atTwoGateways, '--gateway', 'public']);
  t.equal(gateway.code, 2);
  t.match(gateway.err, /Gateway public; those that routes name: istio-system\/inner, istio-system\/public/);
  const caller = await run(['explain', '-f', tenant, '--from', 'fact-fnd', '--host', 'fact-find']);
  t.match(
    caller.err,
    /no Service fact-fnd is in these manifests; there are: ww-green\/fact-find, ww-green\/fact-find-ui/,
  );
});

test('explain says which hosts and branches there are where one is asked for that is not, and nothing where all are', async (t) => {
  const hint = async (...args: readonly string[]): Promise<string> =>
    (await run(['explain', '-f', tenant, ...args])).err;
  t.equal(
    await hint('--host', 'nope.example.io'),
    `branchline: public hosts here: *.${host}, ops-1234.${host}, ${host}\n`,
  );
  t.equal(
    await hint('--host', 'fact-find-ui'),
    'branchline: fact-find-ui is the Service ww-green/fact-find-ui: to ask as another service does, name that one with --from\n',
  );
  t.match(
    await hint('--from', 'fact-find', '--host', 'fact-find-uo'),
    /there is no Service fact-find-uo here; there are: ww-green\/fact-find, ww-green\/fact-find-ui\n/,
  );
  for (const header of ['x-variant-id: OPS-9999', 'X-Variant-Id: OPS-9999'])
    t.equal(
      await hint('--all', '--header', header),
      'branchline: no service here has a branch that x-variant-id: OPS-9999 asks for; branches here: OPS-1234\n',
    );
  t.equal(await hint('--all', '--header', 'x-variant-id: ops-1234'), '');
  for (const known of [host, `ops-9.${host}`]) t.equal(await hint('--host', known, '--path', '/nothing'), '');
  t.equal(await hint('--from', 'fact-find', '--host', 'fact-find-ui'), '');
});

test("explain says that a host below the domain is no branch's", async (t) => {
  const { out } = await run(['explain', '-f', tenant, '--host', `ops-9.${host}`, '--path', '/fact-find-ui']);
  t.match(out, /why: no branch has the host ops-9\.ww-green\.example\.io: baseline/);
});

test('explain exits 2 when it is not clear what is asked', async (t) => {
  for (const args of [
    [],
    ['--gateway', 'istio-system/public'],
    ['--from', 'fact-find', '--gateway', 'istio-system/public', '--host', 'fact-find-ui'],
    ['--from', 'fact-find'],
    ['--from', 'nobody', '--host', 'fact-find'],
    ['--host', host, '--header', 'no colon'],
  ]) {
    const { code, err } = await run(['explain', '-f', tenant, ...args]);
    t.equal(code, 2);
    t.match(err, /^branchline: /);
  }
});
