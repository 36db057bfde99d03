import { test } from 'tap';
import { earliest } from '../../src/model/collections.ts';
import { isSame } from '../../src/routing/changes.ts';
import { keyOf } from '../../src/routing/desired.ts';
import { createLedger } from '../../src/routing/ledger.ts';
import { nextWrite } from '../../src/routing/next-write.ts';
import { routeObject, type RouteObject } from '../../src/routing/istio.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
const rule = (...subsets: readonly string[]): RouteObject =>
  routeObject('DestinationRule', 'green', 'one', { host: 'one', subsets: subsets.map((name) => ({ name })) });
const routes = (...subsets: readonly string[]): RouteObject =>
  routeObject('VirtualService', 'green', 'one-mesh', {
    hosts: ['one'],
    http: subsets.map((subset) => ({ route: [{ destination: { host: 'one', subset } }] })),
  });
const host = (name: string): RouteObject =>
  routeObject('VirtualService', 'green', 'd', { hosts: ['d'], http: [{ delegate: { name } }] });

/** What is written until nothing is left to do, and when. */
function plan(
  before: readonly RouteObject[],
  after: readonly RouteObject[],
  withheld: readonly RouteObject[] = [],
): readonly string[] {
  const byKey = (objects: readonly RouteObject[]): Map<string, RouteObject> =>
    new Map(objects.map((object) => [keyOf(object), object]));
  const wanted = { namespaces: new Map(), objects: byKey(after), withheld: new Set(withheld.map(keyOf)) };
  const ledger = createLedger(byKey(before), 7, 0);
  const lines: string[] = [];
  for (let now: number | undefined = 0; now !== undefined;) {
    const times: (number | undefined)[] = [];
    for (const key of new Set([...ledger.objects.keys(), ...wanted.objects.keys()])) {
      const write = nextWrite(key, wanted, { ledger, now, settings });
      if (write === undefined) continue;
      if ('change' in write) {
        const { change, phase } = write;
        lines.push(`${now} ${phase}: ${change.action} ${change.name}`);
        ledger.observe(key, change.after, now);
        times.push(now);
      } else times.push(write.waitUntil);
    }
    now = earliest(times);
  }
  return lines;
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
    after: [host('x'), routes('a'), rule('a')],
    want: ['0 hosts written: create d', '0 subsets added: create one', '7 routes written: create one-mesh'],
  },
  {
    name: 'hosts go before what they delegate to, that before its subsets',
    before: [host('one-mesh'), routes('a'), rule('a')],
    after: [],
    want: ['0 hosts written: delete d', '0 routes removed: delete one-mesh', '7 subsets removed: delete one'],
  },
  {
    name: 'a rule that gains and loses subsets is written twice',
    before: [rule('a', 'b'), routes('b')],
    after: [rule('a', 'c'), routes('c')],
    want: [
      '0 subsets added: configure one',
      '7 routes written: configure one-mesh',
      '14 subsets removed: configure one',
    ],
  },
  {
    name: 'a rule that only loses one is written once, last',
    before: [rule('a', 'b'), routes('a', 'b')],
    after: [rule('a'), routes('a')],
    want: ['0 routes written: configure one-mesh', '7 subsets removed: configure one'],
  },
  {
    name: 'the order of routes is a change',
    before: [rule('a', 'b'), routes('a', 'b')],
    after: [rule('a', 'b'), routes('b', 'a')],
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
