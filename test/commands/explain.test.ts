import { join } from 'node:path';
import { test } from 'tap';
import { run } from './run.ts';

const tenant = join(import.meta.dirname, '../../examples/tenant');
const host = 'ww-green.example.io';

test('explain says which version takes a request from outside, by which route, and why', async (t) => {
  const { code, out, err } = await run(['explain', '-f', tenant, '--host', `ops-1234.${host}`, '--path', '/fact-find-ui/x']);
  t.equal(code, 0);
  t.equal(err, '');
  t.equal(out, 'fact-find-ui OPS-1234\n  why: OPS-1234 is ready, and the host asks for it\n  by:  VirtualService ww-green/ops-1234.ww-green.example.io http[0]\n');
});

test('explain -o json is a list of hops', async (t) => {
  const { out } = await run(['explain', '-f', tenant, '--from', 'fact-find', '--host', 'fact-find-ui', '--header', 'X-Variant-Id: Ops-1234', '-o', 'json']);
  t.same(JSON.parse(out), [{
    service: 'fact-find-ui', namespace: 'ww-green', version: 'master', reason: '"Ops-1234" is not spelt OPS-1234 or ops-1234: baseline',
    route: 'VirtualService ww-green/fact-find-ui-mesh http[1]', header: 'Ops-1234',
  }]);
});

test('explain exits 1 when a proxy answers by itself', async (t) => {
  const { code, out } = await run(['explain', '-f', tenant, '--host', host, '--path', '/nothing']);
  t.equal(code, 1);
  t.match(out, /^404 from the proxy/);
});

test('explain --all is a table of every service for one branch, by header or by host', async (t) => {
  const rows = 'NAMESPACE  SERVICE       VERSION   WHY\nww-green   fact-find     master    fact-find has no branch OPS-1234: baseline\n';
  const byHeader = await run(['explain', '-f', tenant, '--all', '--header', 'x-variant-id: OPS-1234']);
  t.equal(byHeader.out, `${rows}ww-green   fact-find-ui  OPS-1234  OPS-1234 is ready, and the header asks for it\n`);
  const byHost = await run(['explain', '-f', tenant, '--all', '--host', `ops-1234.${host}`]);
  t.equal(byHost.out, `${rows}ww-green   fact-find-ui  OPS-1234  OPS-1234 is ready, and the host asks for it\n`);
});

test('explain exits 2 when it is not clear what is asked', async (t) => {
  for (const args of [[], ['--from', 'fact-find'], ['--from', 'nobody', '--host', 'fact-find'], ['--host', host, '--header', 'no colon']]) {
    const { code, err } = await run(['explain', '-f', tenant, ...args]);
    t.equal(code, 2);
    t.match(err, /^branchline: /);
  }
});
