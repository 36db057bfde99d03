import { test } from 'tap';
import { parseAllDocuments } from 'yaml';
import type { Finding } from '../../src/doctor/check.ts';
import { checks } from '../../src/doctor/checks.ts';
import { nodeVersionOf } from '../../src/doctor/node.ts';
import { worldOf } from '../../src/doctor/world.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { settingsWith } from '../admission/golden.ts';

const tenant = `
apiVersion: v1
kind: Namespace
metadata: { name: ww-green, labels: { branchline.dev/enabled: 'true' } }
---
apiVersion: v1
kind: Service
metadata: { name: shop, namespace: ww-green }
spec: { selector: { app: shop }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop-ops-1, namespace: ww-green, annotations: { branchline.dev/branch: OPS-1 } }
spec: { selector: { matchLabels: { app: shop } }, template: { metadata: { labels: { app: shop, version: OPS-1 } }, spec: { containers: [] } } }
---
`;
const agents = `
apiVersion: v1
kind: ConfigMap
metadata: { name: branchline-agent-1, namespace: ww-green, labels: { app.kubernetes.io/managed-by: branchline }, creationTimestamp: '2026-01-01T00:00:00Z' }
immutable: true
data: { agent.cjs: '' }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: branchline-node-options, namespace: ww-green, labels: { app.kubernetes.io/managed-by: branchline } }
immutable: true
data: { NODE_OPTIONS: '' }
---
`;
const newer =
  agents.split('---')[0]?.replace('branchline-agent-1', 'branchline-agent-2').replace('2026-01', '2026-02') ??
  '';

interface PodOptions {
  readonly name?: string;
  readonly told?: object;
  readonly container?: object;
  readonly proxy?: boolean;
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
}

const carrying = { env: [{ name: 'NODE_OPTIONS', value: '--require /branchline/agent.cjs' }] };
const toldOf = (source: string): object => ({ source, by: 'configMap', containers: ['app'] });

function pod({
  name = 'shop-5d7f9c-a',
  told,
  container = {},
  proxy = true,
  metadata = {},
  spec = {},
  status = { phase: 'Running' },
}: PodOptions = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'ww-green',
      labels: { app: 'shop', version: 'master', 'pod-template-hash': '5d7f9c' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'shop-5d7f9c', controller: true }],
      annotations: told === undefined ? {} : { 'branchline.dev/agent': JSON.stringify(told) },
      ...metadata,
    },
    spec: {
      containers: [
        { name: 'app', image: 'node:24.13.0', ...container },
        ...(proxy ? [{ name: 'istio-proxy', image: 'proxyv2' }] : []),
      ],
      ...spec,
    },
    status,
  };
}

async function examine(
  text: string,
  pods: readonly JsonObject[],
  flags: JsonObject = {},
): Promise<readonly Finding[]> {
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .filter((object): object is JsonObject => object !== null);
  const world = worldOf([...objects, ...pods], settingsWith(flags), {
    namespace: undefined,
    branch: undefined,
  });
  return (await Promise.all(checks.map(async (check) => check.run(world)))).flat();
}

const rows: readonly {
  readonly name: string;
  readonly with?: string;
  readonly pods: readonly JsonObject[];
  readonly flags?: JsonObject;
  readonly want: readonly (readonly [check: string, severity: string, message: RegExp, fix: RegExp])[];
}[] = [
  {
    name: 'says nothing of a pod that carries the agent',
    pods: [pod({ told: toldOf('branchline-agent-1'), container: carrying })],
    want: [],
  },
  {
    name: 'tells of pods that started before the agent, once for their workload',
    pods: [pod(), pod({ name: 'shop-5d7f9c-b' })],
    want: [
      [
        'agent',
        'problem',
        /^container app was started before/,
        /^kubectl -n ww-green rollout restart deployment shop$/,
      ],
    ],
  },
  {
    name: 'repeats why admission gave a pod no agent',
    pods: [pod({ told: { without: { app: 'its NODE_OPTIONS is a valueFrom [BL302]' } } })],
    want: [
      ['agent', 'problem', /its NODE_OPTIONS is a valueFrom \[BL302\]$/, /^put that right, then kubectl/],
    ],
  },
  {
    name: 'notes an older agent',
    with: `${newer}---`,
    pods: [pod({ told: toldOf('branchline-agent-1'), container: carrying })],
    want: [['agent', 'note', /older agent branchline-agent-1; new pods get branchline-agent-2$/, /restart/]],
  },
  {
    name: 'asks nothing of a pod that wants none',
    pods: [pod({ metadata: { annotations: { 'branchline.dev/inject': 'otel' } } })],
    want: [],
  },
  {
    name: 'asks nothing of pods that end or take no requests',
    pods: [
      pod({ status: { phase: 'Succeeded' } }),
      pod({ metadata: { labels: { app: 'job' } } }),
      pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    ],
    want: [],
  },
  {
    name: 'asks nothing where others bring the agent',
    pods: [pod()],
    flags: { agentDelivery: 'none' },
    want: [],
  },
  {
    name: 'tells of a pod without a proxy',
    pods: [pod({ told: toldOf('branchline-agent-1'), container: carrying, proxy: false })],
    want: [['sidecar', 'problem', /^has no istio-proxy/, /sidecar injection/]],
  },
  {
    name: "tells of a pod on its host's network",
    pods: [
      pod({
        told: toldOf('branchline-agent-1'),
        container: carrying,
        proxy: false,
        spec: { hostNetwork: true, containers: [{ name: 'app', image: 'node:24', ...carrying }] },
      }),
    ],
    want: [['sidecar', 'problem', /host's network/, /hostNetwork/]],
  },
  {
    name: 'tells of a command that hides NODE_OPTIONS',
    pods: [
      pod({
        told: toldOf('branchline-agent-1'),
        container: {
          ...carrying,
          command: ['sh', '-c', 'NODE_OPTIONS=--max-old-space-size=512 exec node server.js'],
        },
      }),
    ],
    want: [['node-options', 'problem', /its command sets NODE_OPTIONS itself/, /in env/]],
  },
  {
    name: 'does not mind a command that adds to NODE_OPTIONS',
    pods: [
      pod({
        told: toldOf('branchline-agent-1'),
        container: { ...carrying, args: ['-c', 'export NODE_OPTIONS="--x $NODE_OPTIONS"; node .'] },
      }),
    ],
    want: [],
  },
  {
    name: 'tells of a Node that the agent leaves alone',
    pods: [pod({ told: toldOf('branchline-agent-1'), container: { ...carrying, image: 'node:14-alpine' } })],
    want: [['node-version', 'problem', /Node 14 is older than 16\.17/, /maintained/]],
  },
  {
    name: 'notes a Node with a known fault',
    pods: [
      pod({
        told: toldOf('branchline-agent-1'),
        container: { ...carrying, image: 'docker.io/library/node:22.21.1' },
      }),
    ],
    want: [['node-version', 'note', /CVE-2025-59466/, /22\.22\.0 or newer/]],
  },
  {
    name: 'says how to ask what it cannot see',
    pods: [
      pod({
        told: toldOf('branchline-agent-1'),
        container: { ...carrying, image: 'registry.example.io/shop' },
      }),
    ],
    want: [
      [
        'unseen',
        'note',
        /do not tell their Node version/,
        /^ask one: kubectl -n ww-green exec shop-5d7f9c-a -c app -- node -p process\.version$/,
      ],
    ],
  },
];

for (const row of rows) {
  test(row.name, async (t) => {
    const found = await examine(tenant + agents + (row.with ?? ''), row.pods, row.flags);
    t.equal(found.length, row.want.length, JSON.stringify(found));
    row.want.forEach(([check, severity, message, fix], index) => {
      t.match(found[index], { check, severity });
      t.match(found[index]?.message, message);
      t.match(found[index]?.fix, fix);
    });
  });
}

test('tells where nothing delivers the agent, and nothing of it where nobody wants one', async (t) => {
  const found = await examine(tenant, [pod()]);
  t.match(found, [
    { check: 'delivery', severity: 'problem', subject: 'Namespace ww-green' },
    { check: 'agent' },
  ]);
  t.same(
    await examine(tenant, [pod({ metadata: { annotations: { 'branchline.dev/inject': 'none' } } })]),
    [],
  );
  const noStandIn = await examine(tenant + (agents.split('---')[0] ?? ''), [
    pod({ told: toldOf('branchline-agent-1'), container: carrying }),
  ]);
  t.match(noStandIn, [{ check: 'delivery', severity: 'note', message: /containers with an envFrom/ }]);
});

test('looks at workloads without pods as admission would', async (t) => {
  const workload = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'cart', namespace: 'ww-green' },
    spec: {
      template: {
        metadata: { labels: { app: 'shop' } },
        spec: {
          containers: [
            {
              name: 'app',
              image: 'cart',
              env: [{ name: 'NODE_OPTIONS', valueFrom: { secretKeyRef: { name: 'x', key: 'y' } } }],
            },
          ],
        },
      },
    },
  };
  const found = await examine(tenant, [workload]);
  t.match(found, [
    {
      check: 'agent',
      severity: 'problem',
      subject: 'StatefulSet ww-green/cart',
      message:
        /^container "app" would run without the header agent: its NODE_OPTIONS is a valueFrom.* \[BL302\]$/,
    },
  ]);
  t.equal(found.length, 1);
});

test('looks only where the branch is, by name or id, in any case', (t) => {
  const objects = parseAllDocuments(tenant)
    .map((document) => document.toJS() as JsonObject)
    .filter((object) => (object as unknown) !== null);
  for (const [branch, count] of [
    ['OPS-1', 1],
    ['ops-1', 1],
    ['OPS-2', 0],
    ['///', 0],
  ] as const)
    t.equal(
      worldOf(objects, settingsWith(), { namespace: undefined, branch }).namespaces.length,
      count,
      branch,
    );
  t.equal(
    worldOf(objects, settingsWith(), { namespace: 'elsewhere', branch: undefined }).namespaces.length,
    0,
  );
  t.end();
});

const images: readonly (readonly [image: string, version: ReturnType<typeof nodeVersionOf>])[] = [
  ['node:20', [20, undefined, undefined]],
  ['node:20.11-alpine', [20, 11, undefined]],
  ['registry.example.io/library/node:v22.11.0@sha256:abc', [22, 11, 0]],
  ['gcr.io/distroless/nodejs24-debian12', [24, undefined, undefined]],
  ['registry.example.io/node-shop:20.1', undefined],
  ['registry.example.io/node:latest', undefined],
  ['shop', undefined],
];
for (const [image, version] of images) {
  test(`reads the version of Node from ${image}`, (t) => {
    t.same(nodeVersionOf(image), version);
    t.end();
  });
}
