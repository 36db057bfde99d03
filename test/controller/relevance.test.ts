import { test } from 'tap';
import type { Change } from '../../src/cluster/port.ts';
import { createRelevance } from '../../src/controller/relevance.ts';
import type { JsonObject } from '../../src/model/json.ts';
import {
  annotated,
  deployment,
  destinationRule,
  endpointSlice,
  mergePatch,
  namespace,
  pod,
  service,
  virtualService,
} from '../builders.ts';
import { fakeCluster } from '../cluster/fake.ts';

const workload = deployment('one-x', { version: 'X', branch: 'X', more: { status: { readyReplicas: 1 } } });
const slice = endpointSlice({ 'one-1': true });
const one = [{ namespace: 'green', service: 'one' }];
const withStatus = (object: JsonObject): JsonObject =>
  mergePatch(object, annotated({ status: 'routed' })) as JsonObject;
const changed = (object: JsonObject, more: JsonObject): JsonObject => mergePatch(object, more) as JsonObject;
const disabled = namespace({ metadata: { labels: { 'branchline.dev/enabled': 'false' } } });
const gateway = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { namespace: 'green', name: 'gw' },
  spec: { servers: [] },
};

const world = [namespace(), service(), workload, pod(), slice];

/** What one change means to somebody who has seen everything before it. */
const rows: readonly {
  readonly name: string;
  readonly before?: readonly JsonObject[];
  readonly put?: JsonObject;
  readonly remove?: JsonObject;
  readonly want: 'everything' | readonly object[];
}[] = [
  { name: 'a Namespace that is new', put: namespace({ metadata: { name: 'blue' } }), want: 'everything' },
  { name: 'a Namespace that is disabled', put: disabled, want: 'everything' },
  { name: 'a Namespace that goes', remove: namespace(), want: 'everything' },
  { name: 'a Namespace whose status annotation changes', put: withStatus(namespace()), want: [] },
  { name: 'a Service that is new', put: service('two'), want: 'everything' },
  { name: 'a Service that goes', remove: service(), want: 'everything' },
  { name: 'a Service whose ports change', put: service('one', { spec: { ports: [] } }), want: 'everything' },
  { name: 'a Service that was told its status', put: withStatus(service()), want: [] },
  { name: 'a workload that is new', put: deployment('one-y'), want: 'everything' },
  { name: 'a workload that goes', remove: workload, want: 'everything' },
  { name: 'a workload as it was', put: changed(workload, { status: { other: 1 } }), want: [] },
  {
    name: 'a workload with another number of ready pods',
    put: changed(workload, { status: { readyReplicas: 0 } }),
    want: one,
  },
  { name: 'a workload that is scaled', put: changed(workload, { spec: { replicas: 3 } }), want: one },
  { name: 'a workload that was told its status', put: withStatus(workload), want: one },
  {
    name: 'a workload that got the finalizer',
    put: changed(workload, { metadata: { finalizers: ['branchline.dev/routes'] } }),
    want: one,
  },
  {
    name: 'a workload that declares another branch',
    put: changed(workload, annotated({ branch: 'Y' })),
    want: 'everything',
  },
  {
    name: 'a workload whose pods get another version',
    put: changed(workload, { spec: { template: { metadata: { labels: { version: 'Y' } } } } }),
    want: 'everything',
  },
  { name: 'a pod that is new', put: pod('one-2', 'X'), want: one },
  { name: 'a pod that goes', remove: pod(), want: one },
  {
    name: 'a pod that moves from one Service to another',
    before: [...world, service('two')],
    put: changed(pod(), { metadata: { labels: { app: 'two' } } }),
    want: [...one, { namespace: 'green', service: 'two' }],
  },
  {
    name: 'a pod that no Service selects',
    put: pod('p', undefined, { metadata: { labels: { app: 'x' } } }),
    want: [],
  },
  {
    name: 'a pod of a namespace out of scope',
    before: [disabled, service(), pod()],
    remove: pod(),
    want: 'everything',
  },
  { name: 'endpoints that change', put: endpointSlice({ 'one-1': false }), want: one },
  { name: 'endpoints that go', remove: slice, want: one },
  {
    name: 'endpoints that move from one Service to another',
    put: endpointSlice({}, { metadata: { labels: { 'kubernetes.io/service-name': 'two' } } }),
    want: [...one, { namespace: 'green', service: 'two' }],
  },
  {
    name: "somebody else's VirtualService",
    put: virtualService('theirs', { hosts: ['x'] }),
    want: 'everything',
  },
  {
    name: "somebody else's DestinationRule",
    put: destinationRule('theirs', { host: 'x' }),
    want: 'everything',
  },
  { name: 'a Gateway', put: gateway, want: [] },
];

for (const { name, before = world, put, remove, want } of rows) {
  test(`${name}: ${want === 'everything' ? want : `${want.length} services`}`, (t) => {
    const cluster = fakeCluster(before);
    const relevance = createRelevance(cluster.snapshot);
    const meanings: unknown[] = [];
    cluster.onChange((change: Change) => {
      meanings.push(relevance.of(change));
    });
    if (put !== undefined) cluster.put(put);
    if (remove !== undefined) cluster.remove(remove);
    t.same(meanings.flat(), want === 'everything' ? [want] : want);
    t.end();
  });
}

test('what it has shown once it compares with the next time', (t) => {
  const cluster = fakeCluster(world);
  const relevance = createRelevance(cluster.snapshot);
  const meanings: unknown[] = [];
  cluster.onChange((change: Change) => {
    meanings.push(relevance.of(change));
  });
  cluster.put(service('one', { spec: { ports: [] } }));
  cluster.put(withStatus(service('one', { spec: { ports: [] } })));
  cluster.remove(service());
  t.same(meanings, ['everything', [], 'everything']);
  t.end();
});
