import { test } from 'tap';
import fc from '../property.ts';
import { createBodyBudget, isDeeperThan } from '../../src/webhook/body.ts';
import { createTurns } from '../../src/webhook/turns.ts';

test('counts nesting outside strings only', (t) => {
  const rows: readonly { json: string; levels: number }[] = [
    { json: '1', levels: 0 },
    { json: '"[[[["', levels: 0 },
    { json: '[]', levels: 1 },
    { json: '[[],[]]', levels: 2 },
    { json: '{"a":{"[":[1]}}', levels: 3 },
    { json: '["\\"[[[",[]]', levels: 2 },
    { json: '["\\\\",[[]]]', levels: 3 },
    { json: '["\\\\\\"[",1]', levels: 1 },
    { json: '[[[', levels: 3 },
    { json: '["unfinished [[[', levels: 1 },
    { json: '["ends in \\', levels: 1 },
    { json: ']]][', levels: 0 },
  ];
  for (const { json, levels } of rows) {
    t.equal(isDeeperThan(levels, Buffer.from(json)), false, `${json} is at most ${levels}`);
    if (levels > 0)
      t.equal(isDeeperThan(levels - 1, Buffer.from(json)), true, `${json} is deeper than ${levels - 1}`);
  }
  t.end();
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('counts what the parser sees, for any JSON', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const depth = depthOf(value);
      return !isDeeperThan(depth, bytes) && (depth === 0 || isDeeperThan(depth - 1, bytes));
    }),
  );
  t.end();
});

test('a budget gives what is left and takes back what was given', (t) => {
  const budget = createBodyBudget(100);
  t.same(
    [budget.take(60, false), budget.take(50, false), budget.take(40, false), budget.take(1, false)],
    [true, false, true, false],
  );
  budget.give(60);
  t.same([budget.take(61, false), budget.take(60, false)], [false, true]);
  t.end();
});

test('large bodies leave a quarter of a budget to others, unless the largest would not fit', (t) => {
  const roomy = createBodyBudget(100, 10);
  t.same(
    [
      roomy.take(76, true),
      roomy.take(75, true),
      roomy.take(1, true),
      roomy.take(25, false),
      roomy.take(1, false),
    ],
    [false, true, false, true, false],
  );
  const tight = createBodyBudget(100, 95);
  t.same([tight.take(96, true), tight.take(95, true), tight.take(5, false)], [false, true, true]);
  t.end();
});

test("turns are taken in order, with the event loop's other work between two of them", async (t) => {
  const turns = createTurns();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    for (const name of ['a', 'b', 'c']) {
      turns.take(() => {
        order.push(name);
        setImmediate(() => {
          order.push(`after ${name}`);
        });
        if (name === 'c') setImmediate(resolve);
      });
    }
    order.push('taken');
  });
  t.same(order, ['taken', 'a', 'after a', 'b', 'after b', 'c', 'after c']);
});
