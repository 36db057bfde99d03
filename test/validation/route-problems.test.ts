import { growthOf, linearGrowthMax } from '../growth.ts';
import fc from '../property.ts';
import { test } from 'tap';
import { unknownFields } from '../../src/validation/known-fields.ts';
import { readIgnores } from '../../src/validation/ignores.ts';
import { routeProblems } from '../../src/validation/route-problems.ts';
import { hostFault, isAddress, millisecondsOf } from '../../src/validation/istio-names.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { toLine } from '../../src/model/problem.ts';
import { emptySnapshot, snapshotOf, type Snapshot } from '../../src/model/snapshot.ts';
import { settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
const where = { namespace: 'ww-green', name: 'fact-find-ui' };

function problemsOf(
  object: JsonObject,
  snapshot: Snapshot = snapshotOf([]),
): ReturnType<typeof routeProblems> {
  return routeProblems(object, where, { settings, snapshot });
}

function virtualService(spec: unknown): JsonObject {
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: where, spec };
}

const words = [
  'hosts',
  'gateways',
  'exportTo',
  'http',
  'tls',
  'tcp',
  'match',
  'route',
  'destination',
  'host',
  'subset',
  'port',
  'number',
  'weight',
  'headers',
  'request',
  'set',
  'add',
  'remove',
  'uri',
  'prefix',
  'exact',
  'regex',
  'withoutHeaders',
  'queryParams',
  'mirror',
  'mirrors',
  'corsPolicy',
  'allowOrigins',
  'fault',
  'abort',
  'delay',
  'redirect',
  'directResponse',
  'body',
  'rewrite',
  'retries',
  'retryOn',
  'subsets',
  'labels',
  'name',
  'trafficPolicy',
  'portLevelSettings',
  'loadBalancer',
  'consistentHash',
  'localityLbSetting',
  'distribute',
  'to',
  'outlierDetection',
  'workloadSelector',
  'matchLabels',
  'rules',
  'matches',
  'servers',
  'selector',
  'timeout',
  'delegate',
  'percentage',
  '__proto__',
  'constructor',
  'x-variant-id',
];
const garbage = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 7 },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1e308,
      '',
      '*',
      '.',
      '/',
      'a',
      'a.b',
      'mesh',
      'ns/name',
      '%',
      '5s',
      '(',
      '\u0000',
      '\ud800',
    ),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(fc.constantFrom(...words), tie('value'), { maxKeys: 8, noNullPrototype: false }),
}));

test('never throws, whatever shape an object and the cluster have', (t) => {
  const kinds = ['VirtualService', 'DestinationRule', 'HTTPRoute', 'GRPCRoute', 'Gateway', 'Service'];
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      garbage.value,
      fc.array(fc.tuple(fc.constantFrom(...kinds), garbage.value), { maxLength: 4 }),
      (kind, spec, cluster) => {
        const make = (one: string, inner: unknown, name = 'fact-find-ui'): JsonObject => ({
          apiVersion: one === 'Service' ? 'v1' : 'networking.istio.io/v1',
          kind: one,
          metadata: { ...where, name },
          spec: inner,
        });
        const snapshot = snapshotOf(cluster.map(([one, inner], index) => make(one, inner, `other-${index}`)));
        const object = make(kind, spec);
        for (const problem of [
          ...routeProblems(
            object,
            { ...where, oldObject: make(kind, cluster[0]?.[1]) },
            { settings, snapshot },
          ),
          ...unknownFields(object),
          ...readIgnores(object).problems,
        ]) {
          if (/\p{Cc}/u.test(toLine(problem)))
            throw new Error(`control character in ${JSON.stringify(problem)}`);
        }
      },
    ),
    { numRuns: 5000 },
  );
  t.end();
});

const numbered = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Objects of as many parts as asked for. */
const hostile: readonly {
  readonly name: string;
  readonly size: number;
  readonly make: (size: number) => JsonObject;
}[] = [
  {
    name: 'hosts with wildcards',
    size: 8000,
    make: (size) =>
      virtualService({
        hosts: [...numbered(size, (index) => `${'a.'.repeat(40)}h${index}.example.io`), '*.b.example.io'],
        http: [],
      }),
  },
  {
    name: 'routes',
    size: 8000,
    make: (size) =>
      virtualService({
        hosts: ['a.example.io'],
        http: numbered(size, (index) => ({
          match: [{ headers: { 'x-variant-id': { exact: `OPS-${index}` } } }],
          route: [{ destination: { host: `h${index}`, subset: 'a' } }],
        })),
      }),
  },
  {
    name: 'headers of one match',
    size: 16_000,
    make: (size) =>
      virtualService({
        hosts: ['a.example.io'],
        http: [
          {
            match: [
              { headers: Object.fromEntries(numbered(size, (index) => [`x-${index}`, { exact: 'a' }])) },
            ],
          },
        ],
      }),
  },
  {
    name: 'characters of one text',
    size: 800_000,
    make: (size) =>
      virtualService({
        hosts: ['a'.repeat(size)],
        http: [
          {
            headers: { request: { set: { a: '%A'.repeat(size / 4) } } },
            timeout: '1'.repeat(size / 4),
            retries: { retryOn: ','.repeat(size / 8) },
          },
        ],
      }),
  },
  {
    name: 'subsets',
    size: 16_000,
    make: (size) => ({
      kind: 'DestinationRule',
      spec: {
        host: 'a',
        subsets: numbered(size, (index) => ({ name: `s${index}`, labels: { version: `s${index}` } })),
      },
    }),
  },
];
for (const { name, size, make } of hostile) {
  test(`the time that it takes is linear in the number of ${name}`, (t) => {
    const growth = growthOf(size, (count) => () => {
      // An object of its own each time: what is remembered of one is no work.
      const object = make(count);
      problemsOf(object);
      problemsOf(object, emptySnapshot);
    });
    t.ok(growth < linearGrowthMax, `eight times as many take ${growth.toFixed(1)} times the time`);
    t.end();
  });
}

const hosts: readonly (readonly [string, boolean])[] = [
  ['*', true],
  ['a', true],
  ['A.b', true],
  ['*.a', true],
  ['*a.b', true],
  ['*-a.b', true],
  ['a.b.', true],
  ['a-b.c', true],
  ['1.2.a', true],
  [`${'a'.repeat(63)}.b`, true],
  ['', false],
  ['.', false],
  ['a..b', false],
  ['-a', false],
  ['a-', false],
  ['*-', false],
  ['a.*', false],
  ['a*', false],
  ['a_b', false],
  ['a:80', false],
  ['http://a', false],
  ['a.1', false],
  [`${'a'.repeat(64)}.b`, false],
  ['a.'.repeat(128), false],
];
for (const [host, want] of hosts) {
  test(`takes ${JSON.stringify(host.slice(0, 20))} for ${want ? 'a' : 'no'} host`, (t) => {
    t.equal(hostFault(host) === undefined, want, hostFault(host) ?? 'a host');
    t.end();
  });
}

test('reads durations and addresses', (t) => {
  for (const [text, want] of [
    ['5s', 5000],
    ['1h30m', 5_400_000],
    ['0.5s', 500],
    ['1ms', 1],
    ['500us', 0.5],
    ['5', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['1d', undefined],
  ] as const)
    t.equal(millisecondsOf(text), want, text);
  for (const [text, want] of [
    ['10.0.0.1', true],
    ['::1', true],
    ['10.0.0.256', false],
    ['10.0.0', false],
    ['a.b.c.d', false],
  ] as const)
    t.equal(isAddress(text), want, text);
  t.end();
});
