import { test } from 'tap';
import { invalidate, memoize } from '../../src/model/memoize.ts';

interface Counted {
  readonly names: string[];
}

let runs = 0;
const size = ({ names }: Counted): number => {
  runs += 1;
  return names.length;
};
const joined = ({ names }: Counted, between: string, end: string): string => {
  runs += 1;
  return `${names.join(between)}${end}`;
};
const none = ({ names }: Counted): string | undefined => {
  runs += 1;
  return names[7];
};
const runsOf = (act: () => void): number => {
  runs = 0;
  act();
  return runs;
};

test('what was worked out for an object is worked out once', (t) => {
  const object: Counted = { names: ['a', 'b'] };
  const times = runsOf(() => {
    t.equal(memoize(object, size), 2);
    t.equal(memoize(object, size), 2);
  });
  t.equal(times, 1);
  t.end();
});

test('an answer of undefined is an answer', (t) => {
  const object: Counted = { names: [] };
  const times = runsOf(() => {
    t.equal(memoize(object, none), undefined);
    t.equal(memoize(object, none), undefined);
  });
  t.equal(times, 1);
  t.end();
});

test('every argument counts, and the place that it has', (t) => {
  const object: Counted = { names: ['a', 'b'] };
  const times = runsOf(() => {
    for (const turn of [0, 1]) {
      t.equal(memoize(object, joined, '-', '+'), 'a-b+', `turn ${turn}`);
      t.equal(memoize(object, joined, '+', '-'), 'a+b-', `turn ${turn}`);
      t.equal(memoize({ names: ['c', 'd'] }, joined, '+', '-'), 'c+d-', `turn ${turn}, another object`);
    }
  });
  t.equal(times, 4, 'once for each of two arguments, and for two other objects');
  t.end();
});

test('functions are told apart', (t) => {
  const object: Counted = { names: ['a'] };
  t.same(
    [memoize(object, size), memoize(object, none), memoize(object, joined, '', '')],
    [1, undefined, 'a'],
  );
  t.end();
});

test('an object that changed is looked at again', (t) => {
  const object: Counted = { names: ['a'] };
  memoize(object, size);
  object.names.push('b');
  invalidate(object);
  t.equal(memoize(object, size), 2);
  t.end();
});
