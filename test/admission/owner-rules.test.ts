import type { JsonObject } from '../../src/model/json.ts';
import { annotated, namespace, service } from '../builders.ts';
import { cluster, testRules, type Row } from './rules.ts';

const pathOf = (key: string): string => `metadata.annotations[branchline.dev/${key}]`;

interface Values {
  readonly key: string;
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

const ofServices: readonly Values[] = [
  { key: 'baseline', good: ['main', 'v1.2_3'], bad: ['', 'a b', '-a', 'a'.repeat(64)] },
  { key: 'gateways', good: ['gw', 'istio-system/gw, gw2'], bad: ['', 'a/b/c', 'GW'] },
  { key: 'context', good: ['/', '/shop', '/shop/v1,/other'], bad: ['shop', '/shop/', '', '/a b'] },
  { key: 'versions', good: ['v1', 'v1, v2'], bad: ['', 'v 1'] },
  {
    key: 'hostname',
    good: ['shop.example.io'],
    bad: ['https://shop.io', 'shop', 'Shop.io', 'shop.io/x', ''],
  },
  { key: 'ingress', good: ['true', 'false'], bad: ['all', ''] },
];
const ofNamespaces: readonly Values[] = [
  { key: 'baseline', good: ['main'], bad: ['', 'a b'] },
  { key: 'gateways', good: ['gw'], bad: ['a/b/c'] },
  { key: 'domain', good: ['green.example.io'], bad: ['Green.io', 'a.io,b.io', 'green', ''] },
  { key: 'secondary-domains', good: ['a.io', 'a.io, b.io'], bad: ['A.io', ''] },
  { key: 'branches', good: ['by-label'], bad: ['all', ''] },
  { key: 'ingress', good: ['all'], bad: ['true', ''] },
  { key: 'ttl', good: ['7d', '12h'], bad: ['0d', '7', 'week'] },
  { key: 'max-ttl', good: ['2w'], bad: ['for ever'] },
];

function shapes(values: readonly Values[], code: string, make: (more: JsonObject) => JsonObject) {
  return values.flatMap(({ key, good, bad }): readonly Row[] => [
    ...good.map((value) => ({
      name: `${code}: ${key} ${JSON.stringify(value)} is right`,
      object: make(annotated({ [key]: value })),
      want: [],
    })),
    ...bad.map((value): Row => ({
      name: `${code}: ${key} ${JSON.stringify(value)} is refused`,
      object: make(annotated({ [key]: value })),
      want: [[code, 'deny', pathOf(key)]],
    })),
  ]);
}

const withDomain = annotated({ domain: 'green.io' });
const publicPlace = [namespace(withDomain), service('two', annotated({ context: '/shop' }))];
const enabled = (value: string): JsonObject =>
  namespace({ metadata: { labels: { 'branchline.dev/enabled': value } } });

const services: readonly Row[] = [
  ...shapes(ofServices, 'BL131', (more) => service('one', more)),
  {
    name: 'versions name the baseline of the setting',
    object: service('one', annotated({ versions: 'v1,master' })),
    want: [['BL131', 'deny', pathOf('versions')]],
  },
  {
    name: "versions name the Service's own baseline",
    object: service('one', annotated({ versions: 'v1,main', baseline: 'main' })),
    want: [['BL131', 'deny', pathOf('versions')]],
  },
  {
    name: 'versions name what is the baseline elsewhere',
    object: service('one', annotated({ versions: 'v1,master', baseline: 'main' })),
    want: [],
  },
  {
    name: 'the public address of another Service',
    object: service('one', annotated({ context: '/other,/shop' })),
    cluster: publicPlace,
    want: [['BL131', 'deny', pathOf('context')]],
  },
  {
    name: "the other Service's path on a host of its own",
    object: service('one', annotated({ context: '/shop', hostname: 'one.io' })),
    cluster: publicPlace,
    want: [],
  },
  {
    name: 'the same path where the other Service is not public',
    object: service('one', annotated({ context: '/shop' })),
    cluster: [namespace(withDomain), service('two', annotated({ context: '/shop', ingress: 'false' }))],
    want: [],
  },
  {
    name: 'its own address again',
    object: service('two', annotated({ context: '/shop' })),
    cluster: publicPlace,
    want: [],
  },
  {
    name: 'http with fields that say how',
    object: service('one', annotated({ http: 'timeout: 5s\nretries: {attempts: 2}' })),
    want: [],
  },
  {
    name: 'http with each field that says where',
    object: service('one', annotated({ http: 'timeout: 5s\nroute: []\nmatch: []' })),
    want: [
      ['BL132', 'deny', pathOf('http')],
      ['BL132', 'deny', pathOf('http')],
    ],
  },
  {
    name: 'http that is no mapping',
    object: service('one', annotated({ http: '5s' })),
    want: [['BL132', 'deny', pathOf('http')]],
  },
  {
    name: 'http that is no YAML',
    object: service('one', annotated({ http: '{' })),
    want: [['BL132', 'deny', pathOf('http')]],
  },
  {
    name: 'a key of a Namespace on a Service',
    object: service('one', annotated({ domain: 'green.io' })),
    want: [['BL123', 'warn', pathOf('domain')]],
  },
  {
    name: 'a Service that was so before is only warned about',
    object: service('one', annotated({ ingress: 'all' })),
    old: service('one', annotated({ ingress: 'all' })),
    want: [['BL131', 'warn', pathOf('ingress')]],
  },
  {
    name: 'a Service that an update makes so is refused',
    object: service('one', annotated({ ingress: 'all' })),
    old: service(),
    want: [['BL131', 'deny', pathOf('ingress')]],
  },
  {
    name: 'a Service out of scope is not looked at',
    object: service('one', annotated({ ingress: 'all' })),
    cluster: [enabled('false')],
    want: [],
  },
];

const namespaces: readonly Row[] = [
  ...shapes(ofNamespaces, 'BL141', namespace),
  { name: 'enabled may be false', object: enabled('false'), want: [] },
  ...['yes', ''].map((value): Row => ({
    name: `enabled ${JSON.stringify(value)} is refused`,
    object: enabled(value),
    want: [['BL141', 'deny', 'metadata.labels[branchline.dev/enabled]']],
  })),
  {
    name: 'enabled that was so before is only warned about',
    object: enabled('yes'),
    old: enabled('yes'),
    want: [['BL141', 'warn', 'metadata.labels[branchline.dev/enabled]']],
  },
  {
    name: 'a key of a Service on a Namespace',
    object: namespace(annotated({ hostname: 'shop.io' })),
    want: [['BL123', 'warn', pathOf('hostname')]],
  },
  { name: 'a Namespace beside others', object: namespace(withDomain), cluster, want: [] },
];

testRules([...services, ...namespaces]);
