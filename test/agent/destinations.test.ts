import net from 'node:net';
import { test } from 'tap';
import { createDestinations } from '../../src/agent/destinations.ts';
import { isValid } from '../../src/agent/config.ts';
import { namesIn, withCarried } from '../../src/agent/headers.ts';

const isInside = createDestinations(
  ['orders', '.internal.example', '10.0.0.0/8', 'fd00::/8', 'nonsense/99'],
  'cluster.local',
  net,
);
const hosts: readonly (readonly [host: string, want: boolean])[] = [
  ['api', true],
  ['api:8080', true],
  ['API', true],
  ['localhost', true],
  ['127.0.0.1:80', true],
  ['::1', true],
  ['[::1]:80', true],
  ['api.shop.svc', true],
  ['api.shop.svc.cluster.local', true],
  ['api.shop.svc.cluster.local.', true],
  ['api.shop.svc.other.local', false],
  ['api.orders', true],
  ['api.shop', false],
  ['a.internal.example', true],
  ['internal.example', true],
  ['evilinternal.example', false],
  ['10.1.2.3', true],
  ['11.1.2.3', false],
  ['fd00::1', true],
  ['[fe80::1]', false],
  ['8.8.8.8', false],
  ['134744072', false],
  ['0x08080808', false],
  ['s3.amazonaws.com', false],
  ['api.svc.example.com', false],
  ['', false],
];
for (const [host, want] of hosts)
  test(`${host === '' ? 'no host' : host} is ${want ? 'inside' : 'outside'}`, (t) => {
    t.equal(isInside(host), want);
    t.equal(isInside(host), want, 'again');
    t.end();
  });

test('headers of every form get what they lack, and stay as they are', (t) => {
  const carried = [
    ['x-a', '1'],
    ['x-b', '2'],
  ] as const;
  const forms: readonly (readonly [given: unknown, want: unknown])[] = [
    [undefined, { 'x-a': '1', 'x-b': '2' }],
    [{ 'X-A': 'own' }, { 'X-A': 'own', 'x-b': '2' }],
    [
      ['X-A', 'own'],
      ['X-A', 'own', 'x-b', '2'],
    ],
    [
      [['X-A', 'own']],
      [
        ['X-A', 'own'],
        ['x-b', '2'],
      ],
    ],
    [new Map([['X-A', 'own']]), ['x-a', 'own', 'x-b', '2']],
    [[], ['x-a', '1', 'x-b', '2']],
  ];
  for (const [given, want] of forms) {
    const before = structuredClone(given);
    t.same(withCarried(given, carried), want);
    t.same(given, before);
  }
  t.same(namesIn(['A', '1', 'B', '2']), ['a', 'b']);
  t.end();
});

test('lists may hold commas and blanks, ids may not', (t) => {
  t.equal(isValid('baggage', 'a=1, b=2'), true);
  t.equal(isValid('x-variant-id', 'a, b'), false);
  t.equal(isValid('x-variant-id', 'OPS-1234'), true);
  t.equal(isValid('baggage', 'a=1\r\nx: y'), false);
  t.equal(isValid('baggage', 'x'.repeat(8193)), false);
  t.equal(isValid('x-variant-id', ['a']), false);
  t.end();
});
