import { test } from 'tap';
import { snapshotOf } from '../../../src/model/snapshot.ts';
import { listAt, textAt, type JsonObject } from '../../../src/model/json.ts';
import { settle, type Condition, type HeaderCondition } from '../../../src/routing/gateway-api/precedence.ts';
import { routeProblems } from '../../../src/validation/route-problems.ts';
import { settingsWith } from '../../admission/golden.ts';
import fc from '../../property.ts';
import { branchNames, clusters, serviceNames } from '../generated.ts';
import { differenceOn, makeBoth } from './made.ts';
import type { Asked } from './request.ts';

const exact = (value: string): HeaderCondition => ({ type: 'Exact', name: 'x-variant-id', value });
const inBaggage = (value: string): HeaderCondition => ({ type: 'RegularExpression', name: 'baggage', value });
const paths = ['/', '/a', '/a/b', '/a/b/c', '/ab', '/c'];

/** Conditions in groups of a path, each by header, then by baggage, then everybody; at most one on baggage in all, as two of them may overlap. */
const orders = fc
  .array(
    fc.record({ path: fc.constantFrom(...paths), values: fc.subarray(['A', 'B']), rest: fc.boolean() }),
    { maxLength: 6 },
  )
  .map((groups) => {
    const ordered: Condition<number>[] = [];
    for (const { path, values, rest } of groups) {
      for (const value of values) ordered.push({ path, headers: [exact(value)], action: ordered.length });
      if (values.length > 1) ordered.push({ path, headers: [inBaggage('C')], action: ordered.length });
      if (rest) ordered.push({ path, headers: [], action: ordered.length });
    }
    return ordered;
  });

function takes(
  { path, headers }: Condition<number>,
  asked: { readonly path: string; readonly variant: string; readonly baggage: string },
): boolean {
  const isUnder = path === '/' || asked.path === path || asked.path.startsWith(`${path}/`);
  return (
    isUnder &&
    headers.every(({ name, value }) =>
      name === 'baggage'
        ? asked.baggage !== '' && (value === '.*' || asked.baggage === value)
        : asked.variant === value,
    )
  );
}

/** A list in which a header comes after the baggage of its own path is none that routes make. */
function isAsked(ordered: readonly Condition<number>[]): boolean {
  return ordered.every(
    ({ headers }, index) =>
      headers[0]?.name !== 'baggage' ||
      !ordered.slice(index + 1).some((later) => later.headers[0]?.name === 'x-variant-id'),
  );
}

test('of settled conditions the most specific is the one that came first in the order, and no two are equal', (t) => {
  const requests = fc.record({
    path: fc.constantFrom(...paths, '/a/b/c/d', '/ax'),
    variant: fc.constantFrom('A', 'B', 'none'),
    baggage: fc.constantFrom('', 'C', 'other'),
  });
  fc.assert(
    fc.property(orders.filter(isAsked), requests, (ordered, asked) => {
      const wanted = ordered.find((one) => takes(one, asked))?.action;
      const ranked = settle(ordered)
        .filter((one) => takes(one, asked))
        .sort((a, b) => b.path.length - a.path.length || b.headers.length - a.headers.length);
      const [first] = ranked;
      const equals = ranked.filter(
        (one) => one.path === first?.path && one.headers.length === first.headers.length,
      );
      return first?.action === wanted && equals.every(({ action }) => action === wanted);
    }),
    { numRuns: 5000 },
  );
  t.end();
});

const variants = ['OPS-1', 'ops-1', 'OPS-12', 'a-b', 'a.b', 'a_b', 'feature-x', 'v1', 'nobody'];
const sidecar = fc
  .record({
    service: fc.constantFrom(...serviceNames),
    namespace: fc.constantFrom('green', 'red'),
    port: fc.constantFrom(80, 90),
  })
  .map(({ service, namespace, port }) => ({
    parent: { kind: 'Service' as const, name: `${namespace}/${service}`, port },
    host: `${service}.${namespace}.svc.cluster.local`,
  }));
const domains = ['green.example.io', 'red.example.io', 'shared.example.io', 'shop.example.org'];
const gateway = fc
  .record({
    name: fc.constantFrom('istio-system/public', 'x/y', 'green/inner'),
    host: fc.constantFrom(
      ...domains,
      ...domains.flatMap((domain) =>
        branchNames.map((name) => `${name.toLowerCase().replace(/[^a-z0-9-]/g, '-')}.${domain}`),
      ),
      'gone.green.example.io',
    ),
  })
  .map(({ name, host }) => ({ parent: { kind: 'Gateway' as const, name, port: 80 }, host }));
const headers = fc.oneof(
  fc.constant([]),
  fc.constantFrom(...variants).map((value) => [['x-variant-id', value] as const]),
  fc.constantFrom(...variants).map((value) => [['baggage', `k=v, x-variant-id=${value}`] as const]),
  fc
    .tuple(fc.constantFrom(...variants), fc.constantFrom(...variants))
    .map(([value, member]) => [
      ['x-variant-id', value] as const,
      ['baggage', `x-variant-id=${member};p=1`] as const,
    ]),
);
const requests: fc.Arbitrary<readonly Asked[]> = fc
  .array(
    fc.record({
      place: fc.oneof(sidecar, gateway),
      headers,
      path: fc.constantFrom(
        '/',
        '/a',
        '/a/b',
        '/a/bc',
        '/a/b/x',
        '/a/v1',
        '/a/v1/x',
        '/c/v2',
        '/three',
        '/one/x',
        '/two/v1',
        '/v1',
        '/a/b/c/v2',
      ),
    }),
    { minLength: 20, maxLength: 20 },
  )
  .map((each) => each.map(({ place, headers: sent, path }) => ({ ...place, headers: sent, path })));

for (const [words, given] of [
  ['by default', {}],
  ['with baggage', { baggageMatches: true }],
  ['with the header removed at the edge', { publicHeader: 'remove' }],
] as const) {
  test(`a request goes where Istio's objects send it, whatever the age of objects: ${words}`, (t) => {
    const settings = settingsWith(given);
    fc.assert(
      fc.property(clusters, requests, (objects, asked) => {
        const both = makeBoth(objects, settings);
        for (const one of asked) {
          const difference = differenceOn(both, one);
          if (difference !== undefined) throw new Error(`${JSON.stringify(one)}: ${difference}`);
        }
      }),
      { numRuns: 1000 },
    );
    t.end();
  });
}

const settings = settingsWith();

test('shuffled input makes the same bytes, and so does input that holds the output already', (t) => {
  const pairs = clusters.chain((objects) =>
    fc.tuple(fc.constant(objects), fc.shuffledSubarray([...objects], { minLength: objects.length })),
  );
  fc.assert(
    fc.property(pairs, ([objects, shuffled]) => {
      const text = JSON.stringify(makeBoth(objects, settings).objects);
      return (
        JSON.stringify(makeBoth(shuffled, settings).objects) === text &&
        JSON.stringify(makeBoth([...objects, ...makeBoth(objects, settings).objects], settings).objects) ===
          text
      );
    }),
    { numRuns: 300 },
  );
  t.end();
});

test('check finds nothing in what is made, names are unique, and every backend is there', (t) => {
  fc.assert(
    fc.property(clusters, (objects) => {
      const made = makeBoth(objects, settings).objects;
      const services = new Set(
        [...objects, ...made].filter((object) => textAt(object, 'kind') === 'Service').map(nameOf),
      );
      const routes = made.filter((object) => textAt(object, 'kind') !== 'Service');
      const backends = routes.flatMap((object) =>
        listAt(object, 'spec', 'rules')
          .flatMap((rule) => listAt(rule, 'backendRefs'))
          .map(
            (backend) =>
              `Service ${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(backend, 'name') ?? ''}`,
          ),
      );
      const problems = routes.flatMap((object) =>
        routeProblems(
          object,
          {
            namespace: textAt(object, 'metadata', 'namespace') ?? '',
            name: textAt(object, 'metadata', 'name') ?? '',
          },
          { settings, snapshot: snapshotOf(objects) },
          'offline',
        ),
      );
      const isNamed = made.every(
        (object) =>
          (textAt(object, 'metadata', 'name') ?? '').length <=
          (textAt(object, 'kind') === 'Service' ? 63 : 253),
      );
      return (
        problems.length === 0 &&
        isNamed &&
        backends.every((backend) => services.has(backend)) &&
        new Set(made.map(nameOf)).size === made.length
      );
    }),
    { numRuns: 300 },
  );
  t.end();
});

function nameOf(object: JsonObject): string {
  return `${textAt(object, 'kind') ?? ''} ${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
}
