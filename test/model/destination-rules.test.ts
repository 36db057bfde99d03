import { test } from 'tap';
import { resolveRules } from '../../src/model/destination-rules.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';

const mesh = { clusterDomain: 'cluster.local', istioRootNamespace: 'istio-system' };
const host = 'ui.green.svc.cluster.local';

interface Given {
  readonly in: string;
  readonly host: string;
  readonly exportTo?: readonly string[];
  readonly partial?: boolean;
}

const rows: readonly {
  readonly name: string;
  readonly client: string;
  readonly rules: readonly Given[];
  readonly want: readonly number[];
}[] = [
  { name: 'none', client: 'blue', rules: [], want: [] },
  {
    name: "the Service's namespace for a client elsewhere",
    client: 'blue',
    rules: [{ in: 'green', host }],
    want: [0],
  },
  {
    name: "the client's own namespace before the Service's",
    client: 'blue',
    rules: [
      { in: 'green', host },
      { in: 'blue', host },
    ],
    want: [1],
  },
  {
    name: "the client's wildcard before the Service's exact host",
    client: 'blue',
    rules: [
      { in: 'green', host },
      { in: 'blue', host: '*.local' },
    ],
    want: [1],
  },
  {
    name: 'the exact host before a wildcard of the same namespace',
    client: 'green',
    rules: [
      { in: 'green', host: '*.green.svc.cluster.local' },
      { in: 'green', host: 'ui' },
    ],
    want: [1],
  },
  {
    name: 'the longest wildcard',
    client: 'green',
    rules: [
      { in: 'green', host: '*.cluster.local' },
      { in: 'green', host: '*.green.svc.cluster.local' },
    ],
    want: [1],
  },
  {
    name: 'all rules of one host',
    client: 'green',
    rules: [
      { in: 'green', host },
      { in: 'green', host: 'ui' },
    ],
    want: [0, 1],
  },
  {
    name: 'the root namespace last',
    client: 'blue',
    rules: [{ in: 'istio-system', host: '*.local' }],
    want: [0],
  },
  {
    name: 'nothing that is not exported to the client',
    client: 'blue',
    rules: [{ in: 'green', host, exportTo: ['.'] }],
    want: [],
  },
  {
    name: 'what is exported to the client by name',
    client: 'blue',
    rules: [{ in: 'green', host, exportTo: ['blue'] }],
    want: [0],
  },
  {
    name: "what is private to the client's namespace",
    client: 'green',
    rules: [{ in: 'green', host, exportTo: ['.'] }],
    want: [0],
  },
  {
    name: 'nothing of other hosts, half a name included',
    client: 'green',
    rules: [
      { in: 'green', host: 'api' },
      { in: 'green', host: 'ui.green' },
    ],
    want: [],
  },
  {
    name: 'nothing that is for some workloads only',
    client: 'green',
    rules: [{ in: 'green', host, partial: true }],
    want: [],
  },
];

for (const { name, client, rules, want } of rows) {
  test(`a client's proxies use ${name}`, (t) => {
    const snapshot = snapshotOf(
      rules.map((rule, index) => ({
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name: `rule-${index}`, namespace: rule.in },
        spec: {
          host: rule.host,
          ...(rule.exportTo === undefined ? {} : { exportTo: rule.exportTo }),
          ...(rule.partial === true ? { workloadSelector: { matchLabels: { app: 'a' } } } : {}),
        },
      })),
    );
    t.same(
      resolveRules(snapshot.destinationRules, { host, client }, mesh).map((rule) => rule.name),
      want.map((index) => `rule-${index}`),
    );
    t.end();
  });
}
