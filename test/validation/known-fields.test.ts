import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import type { JsonObject } from '../../src/model/json.ts';
import { unknownFields } from '../../src/validation/known-fields.ts';
import { findArtifact } from '../box/binaries.ts';
import { fieldData } from './field-table.ts';

const crds = [findArtifact('istio-crds.yaml'), findArtifact('gateway-api-crds.yaml')].filter(
  (path) => path !== undefined,
);

test(
  'knows the fields that the CRDs have',
  { skip: crds.length < 2 ? 'the CRDs are not on this machine: npm run box brings them' : false },
  (t) => {
    t.equal(
      fieldData(crds.map((path) => readFileSync(path, 'utf8'))),
      readFileSync(join(import.meta.dirname, '../../src/validation/field-data.ts'), 'utf8'),
      'write src/validation/field-data.ts anew with test/validation/field-table.ts',
    );
    t.end();
  },
);

const istio = 'networking.istio.io/v1';
const gateway = 'gateway.networking.k8s.io/v1';
const rows: readonly {
  readonly name: string;
  readonly object: JsonObject;
  readonly want: readonly (readonly [string, string])[];
}[] = [
  {
    name: 'a header match under another name',
    object: { apiVersion: istio, kind: 'VirtualService', spec: { http: [{ match: [{ header: {} }] }] } },
    want: [['spec.http[0].match[0].header', 'did you mean headers?']],
  },
  {
    name: 'any name of a header, and none of a match inside',
    object: {
      apiVersion: istio,
      kind: 'VirtualService',
      spec: { http: [{ match: [{ headers: { anything: { exact: 'a', excat: 'a' } } }] }] },
    },
    want: [['spec.http[0].match[0].headers[anything].excat', 'did you mean exact?']],
  },
  {
    name: 'a field of today beside the spec',
    object: { apiVersion: istio, kind: 'DestinationRule', specs: {}, spec: { host: 'a', subset: [] } },
    want: [
      ['specs', 'did you mean spec?'],
      ['spec.subset', 'did you mean subsets?'],
    ],
  },
  {
    name: 'any keys of labels',
    object: {
      apiVersion: istio,
      kind: 'DestinationRule',
      spec: { host: 'a', subsets: [{ name: 'a', labels: { 'x/y': 'z' } }] },
    },
    want: [],
  },
  {
    name: 'old names of an HTTP route, which have a rule of their own',
    object: { apiVersion: istio, kind: 'VirtualService', spec: { http: [{ appendHeaders: {} }] } },
    want: [],
  },
  {
    name: 'a filter of an HTTPRoute',
    object: {
      apiVersion: gateway,
      kind: 'HTTPRoute',
      spec: {
        rules: [{ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { sets: [] } }] }],
      },
    },
    want: [['spec.rules[0].filters[0].requestHeaderModifier.sets', 'did you mean set?']],
  },
  {
    name: 'a match of a GRPCRoute',
    object: {
      apiVersion: gateway,
      kind: 'GRPCRoute',
      spec: { rules: [{ matches: [{ method: { services: 'a' } }] }] },
    },
    want: [['spec.rules[0].matches[0].method.services', 'did you mean service?']],
  },
  {
    name: 'a whole HTTPRoute',
    object: {
      apiVersion: gateway,
      kind: 'HTTPRoute',
      spec: {
        parentRefs: [{ name: 'a', sectionName: 'b' }],
        hostnames: ['a'],
        rules: [
          {
            matches: [
              {
                path: { type: 'PathPrefix', value: '/' },
                headers: [{ type: 'Exact', name: 'a', value: 'b' }],
              },
            ],
            backendRefs: [{ name: 'a', port: 80, weight: 1 }],
            timeouts: { request: '5s' },
          },
        ],
      },
    },
    want: [],
  },
  { name: 'kinds that are no routes', object: { apiVersion: 'v1', kind: 'Service', spc: {} }, want: [] },
];
for (const { name, object, want } of rows) {
  test(`looks at ${name}`, (t) => {
    t.same(
      unknownFields(object).map(({ path, fix }) => [path, fix]),
      want,
    );
    t.end();
  });
}

test('names the API that a field is not of', (t) => {
  t.match(
    unknownFields({ apiVersion: gateway, kind: 'HTTPRoute', spec: { rule: [] } })[0]?.message,
    'no field of the Gateway API',
  );
  t.match(
    unknownFields({ apiVersion: istio, kind: 'VirtualService', spec: { https: [] } })[0]?.message,
    'no field of the Istio API',
  );
  t.end();
});
