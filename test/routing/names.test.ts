import fc from '../property.ts';
import { test } from 'tap';
import { parseBranch, type Branch } from '../../src/model/branch.ts';
import { labelsFor, subsetNames, withHash } from '../../src/routing/names.ts';

const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function branches(...names: readonly string[]): readonly Branch[] {
  return names.map((name) => parseBranch(name)).filter((branch) => branch !== undefined);
}

test('of ids that make one label the one that is spelt like it keeps it', (t) => {
  const { labels, shared } = labelsFor(branches('OPS-1', 'ops-1'));
  t.equal(labels.get('ops-1'), 'ops-1');
  t.match(labels.get('OPS-1'), /^ops-1-[0-9a-z]{7}$/);
  t.same(shared, [['OPS-1', 'ops-1']]);
  t.end();
});

test('labels are DNS labels, no two the same, whatever the names and their order', (t) => {
  const name = fc.oneof(
    fc.string({ minLength: 1, maxLength: 80 }),
    fc.constantFrom('a.b', 'a_b', 'a-b', 'A-B', 'a._b', `${'x'.repeat(62)}.y`, 'x'.repeat(63)),
  );
  const failed = fc.check(
    fc.property(fc.uniqueArray(name, { maxLength: 8 }), (names) => {
      const { labels } = labelsFor(branches(...names));
      const reversed = labelsFor(branches(...[...names].reverse())).labels;
      const values = [...labels.values()];
      return (
        values.every((label) => dnsLabel.test(label)) &&
        new Set(values).size === values.length &&
        [...labels].every(([id, label]) => reversed.get(id) === label)
      );
    }),
    { numRuns: 2000 },
  );
  t.notOk(failed.failed, fc.defaultReportMessage(failed) ?? '2000 runs');
  t.end();
});

test('a branch never takes the subset of the baseline or of a long-lived version', (t) => {
  const names = subsetNames(
    ['master', '1.0'],
    [
      ['Master', 'master'],
      ['1-0', '1-0'],
      ['ops-1', 'ops-1'],
    ],
  );
  t.equal(names.get('master'), 'master');
  t.equal(names.get('1.0'), '1-0');
  t.equal(names.get('ops-1'), 'ops-1');
  t.match(names.get('Master'), /^master-/);
  t.equal(new Set(names.values()).size, 5);
  t.end();
});

test('a hash behind a long name keeps it at 63 characters', (t) => {
  t.equal(withHash('x'.repeat(63), 'a').length, 63);
  t.not(withHash('x'.repeat(63), 'a'), withHash('x'.repeat(63), 'b'));
  t.end();
});
