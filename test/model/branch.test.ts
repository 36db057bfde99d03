import fc from '../property.ts';
import { test } from 'tap';
import { isSameId, isSameRef, parseBranch } from '../../src/model/branch.ts';

const rows = [
  { name: 'keeps a ticket number as it is', in: 'OPS-1234', id: 'OPS-1234', host: 'ops-1234' },
  {
    name: 'makes other characters hyphens, and dots and underscores too in a host',
    in: 'feature/TS-4122_cms.live',
    id: 'feature-TS-4122_cms.live',
    host: 'feature-ts-4122-cms-live',
  },
  {
    name: 'drops what git puts before a branch',
    in: 'refs/heads/OPS-1234',
    id: 'OPS-1234',
    host: 'ops-1234',
  },
  { name: 'drops what git puts before a tag', in: 'refs/tags/v1.2', id: 'v1.2', host: 'v1-2' },
  { name: 'trims what a label may not start or end with', in: '--/_x_/--', id: 'x', host: 'x' },
  { name: 'ignores white space around a name', in: ' OPS-1 ', id: 'OPS-1', host: 'ops-1' },
  {
    name: 'replaces each character beyond ASCII by one hyphen',
    in: 'caf\u00e9-\u{1f600}-x',
    id: 'caf----x',
    host: 'caf----x',
  },
  { name: 'keeps 63 characters', in: 'a'.repeat(63), id: 'a'.repeat(63), host: 'a'.repeat(63) },
] as const;

for (const row of rows) {
  test(row.name, (t) => {
    t.same(parseBranch(row.in), { name: row.in, id: row.id, host: row.host });
    t.end();
  });
}

for (const name of ['', '///', '...', '\u65e5\u672c', 'refs/heads/']) {
  test(`makes no branch of ${JSON.stringify(name)}`, (t) => {
    t.equal(parseBranch(name), undefined);
    t.end();
  });
}

test('tells long names apart that start alike', (t) => {
  const a = parseBranch(`${'feature-'.repeat(10)}a`);
  const b = parseBranch(`${'feature-'.repeat(10)}b`);
  t.equal(a?.id.length, 63);
  t.not(a?.id, b?.id);
  t.end();
});

test('takes a ref for the same, however it is written', (t) => {
  t.ok(isSameRef(' refs/heads/OPS-1', 'OPS-1'));
  t.notOk(isSameRef('OPS/1', 'OPS-1'), 'two refs may make one id');
  t.notOk(isSameRef('ops-1', 'OPS-1'));
  t.end();
});

test('tells ids apart as a proxy does that also takes the lower-case form', (t) => {
  t.ok(isSameId('OPS-1', 'ops-1'));
  t.notOk(isSameId('OPS-1', 'OPS-12'));
  t.end();
});

test('every id is a label value and every host a DNS label, whatever the name', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.stringMatching(/^[A-Za-z0-9._/-]{1,120}$/)),
      (name) => {
        const branch = parseBranch(name);
        if (branch === undefined) return true;
        const again = parseBranch(branch.id);
        return (
          /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(branch.id) &&
          /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(branch.host) &&
          again?.id === branch.id
        );
      },
    ),
  );
  t.end();
});
