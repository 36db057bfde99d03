import { test } from 'tap';
import { decide } from '../../src/admission/decide.ts';
import { decodeReview } from '../../src/admission/review.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { desiredOf, problemsOf } from '../../src/routing/desired.ts';
import { reviewOf, settingsWith } from '../admission/golden.ts';

const settings = settingsWith();
const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: 'green',
    labels: { 'branchline.dev/enabled': 'true' },
    annotations: { 'branchline.dev/domain': 'green.example.io' },
  },
};

function admissionCodes(service: JsonObject): readonly string[] {
  const review = decodeReview(reviewOf(service));
  if (typeof review === 'string') throw new Error(review);
  const facts = { settings, snapshot: snapshotOf([namespace]), kubernetesMinor: undefined };
  return decide('/validate/declarations', review, facts).problems.map(({ code }) => code);
}

function routing(service: JsonObject): { readonly codes: readonly string[]; readonly written: string } {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'green', name: 'one' },
    spec: { replicas: 1, template: { metadata: { labels: { app: 'one', version: 'master' } } } },
  };
  const desired = desiredOf(snapshotOf([namespace, service, deployment]), settings);
  return {
    codes: problemsOf(desired).map(({ code }) => code),
    written: JSON.stringify([...desired.objects.values()]),
  };
}

const rows = [
  { key: 'context', value: '/shop', written: '/shop' },
  { key: 'context', value: '/', written: '"prefix":"/"' },
  { key: 'context', value: '/a/b.c_d~e-f', written: '/a/b.c_d~e-f' },
  { key: 'context', value: 'shop', denied: 'BL131', reported: 'BL413', written: '/shop' },
  { key: 'context', value: '/shop/', denied: 'BL131', reported: 'BL413', written: '/shop' },
  { key: 'context', value: '/a%20b', denied: 'BL131', reported: 'BL413', written: '/a%20b' },
  { key: 'http', value: 'timeout: 5s', written: '"timeout":"5s"' },
  { key: 'http', value: 'foo: 1', denied: 'BL132', reported: 'BL408', written: '"foo":1' },
  { key: 'http', value: 'route: []', denied: 'BL132', reported: 'BL408', written: '"route":[]' },
];

for (const { key, value, denied, reported, written } of rows)
  test(`${key}: ${value} is ${denied === undefined ? 'admitted and routed' : 'denied, and where it is there, reported and not routed'}`, (t) => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        namespace: 'green',
        name: 'one',
        annotations: { 'branchline.dev/context': '/one', [`branchline.dev/${key}`]: value },
      },
      spec: { selector: { app: 'one' }, ports: [{ name: 'http', port: 80 }] },
    };
    t.same(admissionCodes(service), denied === undefined ? [] : [denied]);
    const found = routing(service);
    t.same(found.codes, reported === undefined ? [] : [reported]);
    t.equal(found.written.includes(written), denied === undefined);
    t.end();
  });
