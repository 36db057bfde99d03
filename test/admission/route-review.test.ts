import { test } from 'tap';
import { decide } from '../../src/admission/decide.ts';
import type { Decision } from '../../src/admission/decision.ts';
import { decodeReview } from '../../src/admission/review.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { reviewOf, settingsWith } from './golden.ts';

const full = 'one.green.svc.cluster.local';
const base: readonly JsonObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: 'green',
      labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'green', name: 'one' },
    spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
  },
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { namespace: 'green', name: 'one' },
    spec: { host: full, subsets: [{ name: 'master', labels: { version: 'master' } }] },
  },
];

function virtualService(spec: JsonObject): JsonObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { namespace: 'green', name: 'one' },
    spec,
  };
}

function updated(before: JsonObject, after: JsonObject): Decision {
  const review = decodeReview(reviewOf(after, { operation: 'UPDATE', oldObject: before }));
  if (typeof review === 'string') throw new Error(review);
  return decide('/validate/routes', review, {
    settings: settingsWith(),
    snapshot: snapshotOf([...base, before]),
  });
}

/** Codes of the refusals, and of the warnings, once each. */
function codesOf({ problems }: Decision): Readonly<Record<'deny' | 'warn', readonly string[]>> {
  const those = (which: string): readonly string[] => [
    ...new Set(problems.filter(({ severity }) => severity === which).map(({ code }) => code)),
  ];
  return { deny: those('deny'), warn: those('warn') };
}

const port = { number: 80 };
const to = (subset: string): JsonObject => ({ route: [{ destination: { host: full, subset, port } }] });
const sound = { match: [{ uri: { prefix: '/health' } }], ...to('master') };
const inMesh = (http: readonly JsonObject[]): JsonObject => virtualService({ hosts: [full], http });

/** More regexes than are judged, each another one. */
function costly(extra: JsonObject = {}): JsonObject {
  const http = Array.from({ length: 110 }, (_, index) => ({
    match: [{ headers: { a: { regex: `x${index}${'\\pL'.repeat(20)}` } } }],
    route: [{ destination: { host: full, port } }],
    ...extra,
  }));
  return virtualService({ hosts: ['many.example.io'], gateways: ['istio-system/public'], http });
}

const rows: readonly {
  readonly name: string;
  readonly in: readonly [before: JsonObject, after: JsonObject];
  readonly want: { readonly outcome: Decision['outcome']; readonly deny: readonly string[] };
}[] = [
  {
    name: 'an old missing subset is only told where the route changes otherwise',
    in: [inMesh([to('old')]), inMesh([{ ...to('old'), timeout: '5s' }])],
    want: { outcome: 'allowed', deny: [] },
  },
  {
    name: 'an old missing subset is only told where its route has another place',
    in: [inMesh([to('old')]), inMesh([sound, to('old')])],
    want: { outcome: 'allowed', deny: [] },
  },
  {
    name: 'another missing subset is refused beside an old one',
    in: [
      inMesh([{ ...sound, ...to('old') }, to('master')]),
      inMesh([{ ...sound, ...to('old') }, to('other')]),
    ],
    want: { outcome: 'denied', deny: ['BL261'] },
  },
  {
    name: 'an object that had too many regexes can be changed',
    in: [costly(), costly({ timeout: '5s' })],
    want: { outcome: 'allowed', deny: [] },
  },
  {
    name: 'a regex that Istio refuses, too, is refused though it was there',
    in: [
      inMesh([{ ...sound, match: [{ uri: { regex: '(' } }] }, to('master')]),
      inMesh([{ ...sound, match: [{ uri: { regex: '(' } }], timeout: '5s' }, to('master')]),
    ],
    want: { outcome: 'denied', deny: ['BL201'] },
  },
];
for (const row of rows) {
  test(row.name, (t) => {
    const decision = updated(...row.in);
    t.same({ outcome: decision.outcome, deny: codesOf(decision).deny }, row.want);
    t.end();
  });
}
