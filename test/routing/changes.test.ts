import { test } from 'tap';
import type { JsonObject } from '../../src/model/json.ts';
import { isSame, planChanges } from '../../src/routing/changes.ts';
import { keyOf, type Desired } from '../../src/routing/desired.ts';
import { routeObject, type RouteObject } from '../../src/routing/istio.ts';

const rule = (...subsets: readonly string[]): RouteObject =>
  routeObject('DestinationRule', 'green', 'one', { host: 'one', subsets: subsets.map((name) => ({ name })) });
const routes = (...http: readonly JsonObject[]): RouteObject =>
  routeObject('VirtualService', 'green', 'one-mesh', { hosts: ['one'], http });
const host = (name: string): RouteObject =>
  routeObject('VirtualService', 'green', 'd', { hosts: ['d'], http: [{ delegate: { name } }] });

function plan(
  before: readonly RouteObject[],
  after: readonly RouteObject[],
  withheld: readonly RouteObject[] = [],
): readonly string[] {
  const byKey = (objects: readonly RouteObject[]): Map<string, RouteObject> =>
    new Map(objects.map((object) => [keyOf(object), object]));
  const desired: Desired = {
    namespaces: new Map(),
    objects: byKey(after),
    withheld: new Set(withheld.map(keyOf)),
    claims: { mesh: new Map(), gateway: new Map() },
    problems: [],
  };
  return planChanges(desired, byKey(before), { settleMilliseconds: 7 }).phases.map(
    ({ name, settleMilliseconds, changes }) =>
      `${settleMilliseconds} ${name}: ${changes.map(({ action, name: object }) => `${action} ${object}`).join(', ')}`,
  );
}

const rows: readonly {
  readonly name: string;
  readonly before: readonly RouteObject[];
  readonly after: readonly RouteObject[];
  readonly want: readonly string[];
}[] = [
  { name: 'nothing changes', before: [rule('a'), routes()], after: [rule('a'), routes()], want: [] },
  {
    name: 'what names subsets comes after them and the settle time',
    before: [],
    after: [host('x'), routes(), rule('a')],
    want: ['0 subsets added: create one', '7 routes written: create one-mesh', '0 hosts written: create d'],
  },
  {
    name: 'hosts go before what they delegate to, that before its subsets',
    before: [host('x'), routes(), rule('a')],
    after: [],
    want: ['0 hosts written: delete d', '0 routes removed: delete one-mesh', '7 subsets removed: delete one'],
  },
  {
    name: 'a rule that gains and loses subsets is written twice',
    before: [rule('a', 'b'), routes()],
    after: [rule('a', 'c'), routes({ name: 'c' })],
    want: [
      '0 subsets added: configure one',
      '7 routes written: configure one-mesh',
      '7 subsets removed: configure one',
    ],
  },
  {
    name: 'a rule that only loses one is written once, last',
    before: [rule('a', 'b'), routes({ name: 'b' })],
    after: [rule('a'), routes()],
    want: ['0 routes written: configure one-mesh', '7 subsets removed: configure one'],
  },
  {
    name: 'the order of routes is a change',
    before: [routes({ name: 'a' }, { name: 'b' })],
    after: [routes({ name: 'b' }, { name: 'a' })],
    want: ['0 routes written: configure one-mesh'],
  },
];

for (const { name, before, after, want } of rows) {
  test(name, (t) => {
    t.same(plan(before, after), want);
    t.end();
  });
}

test('what is withheld is neither written nor taken away', (t) => {
  t.same(plan([routes()], [], [routes()]), []);
  t.end();
});

test('the order of keys is no difference, that of lists is', (t) => {
  t.ok(isSame({ a: 1, b: [{ c: 1, d: 2 }] }, { b: [{ d: 2, c: 1 }], a: 1 }));
  t.notOk(isSame([1, 2], [2, 1]));
  t.notOk(isSame({ a: 1 }, { a: 1, b: 2 }));
  t.end();
});
