import { test } from 'tap';
import { forEachConcurrently } from '../../src/model/collections.ts';

const rows = [
  { name: 'as many at a time as the limit says', members: [1, 2, 3, 4, 5], limit: 2, want: 2 },
  { name: 'all at a time when there are fewer than the limit', members: [1, 2], limit: 8, want: 2 },
  { name: 'nothing for no members', members: [], limit: 8, want: 0 },
];

for (const { name, members, limit, want } of rows)
  test(`forEachConcurrently takes ${name}`, async (t) => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    await forEachConcurrently(members, limit, async (member) => {
      begun.push(member);
      most = Math.max(most, (running += 1));
      await Promise.resolve();
      running -= 1;
    });
    t.same(begun, members);
    t.equal(most, want);
  });

test('forEachConcurrently fails with what one member failed with', async (t) => {
  const failure = new Error('one');
  await t.rejects(
    forEachConcurrently([1, 2], 1, () => Promise.reject(failure)),
    failure,
  );
});
