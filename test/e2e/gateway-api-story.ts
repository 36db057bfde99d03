/**
 * `render --api gateway` through real programs, inside a box's network: what it prints is taken by a real API server with the CRDs of the Gateway API, istiod
 * accepts every route, and a sidecar sends requests where they go by Istio's own objects.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { join } from 'node:path';
import { at, listAt, textAt } from '../../src/model/json.ts';
import { ensureArtifacts } from '../box/binaries.ts';
import { startMesh, type Mesh } from '../box/mesh.ts';
import type { Proxy } from '../box/proxy.ts';
import { proxyAddress } from '../box/network.ts';
import { service, tenant, workload } from './manifests.ts';
import { createStory, expectEqual, waitFor } from './steps.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

const manifests = [
  tenant,
  service('fact-find-ui', '{ branchline.dev/context: "/fact-find-ui,/", branchline.dev/versions: v1 }'),
  service('fact-find', '{}'),
  service('advice', '{ branchline.dev/context: /fact-find-ui/advice }'),
  ...['fact-find-ui', 'fact-find', 'advice'].map((name) => workload({ name, app: name, image: name })),
  workload({ name: 'fact-find-ui-v1', labels: '{ app: fact-find-ui, version: v1 }' }),
  workload({ name: 'fact-find-ui-ops-1234', branch: 'OPS-1234' }),
  workload({ name: 'fact-find-ops-1234', app: 'fact-find', branch: 'OPS-1234' }),
  workload({ name: 'fact-find-ops-77', app: 'fact-find', branch: 'feature/OPS-77' }),
].join('\n---\n');

/** For routes to be accepted by; no Envoy is behind it. */
const gatewayAddress = proxyAddress(1); // the second proxy of the story
const gateways = `
{ apiVersion: v1, kind: Namespace, metadata: { name: callers } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: public, namespace: istio-system }
spec:
  gatewayClassName: istio
  addresses: [{ type: Hostname, value: ingress.istio-system.svc.cluster.local }]
  listeners: [{ name: http, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }]
---
apiVersion: v1
kind: Service
metadata: { name: ingress, namespace: istio-system }
spec: { ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ingress, namespace: istio-system, labels: { kubernetes.io/service-name: ingress } }
addressType: IPv4
ports: [{ name: http, port: 80 }]
endpoints: [{ addresses: ["${gatewayAddress}"] }]
`;

/** Runs the program with manifests on standard input. */
async function program(args: readonly string[], stdin: string): Promise<string> {
  const running = promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 10_000_000 });
  running.child.stdin?.end(stdin);
  return (await running).stdout;
}

interface Probe {
  readonly host: string;
  readonly path?: string;
  readonly variant?: string;
  readonly want: string;
}

const inMesh = (name: string): string => `${name}.ww-green.svc.cluster.local`;
const meshProbes: readonly Probe[] = [
  { host: inMesh('fact-find'), want: 'fact-find master' },
  { host: inMesh('fact-find'), variant: 'OPS-1234', want: 'fact-find OPS-1234' },
  { host: inMesh('fact-find'), variant: 'ops-1234', want: 'fact-find OPS-1234' },
  { host: inMesh('fact-find'), variant: 'feature-OPS-77', want: 'fact-find feature-OPS-77' },
  { host: inMesh('fact-find'), variant: 'OPS-12345', want: 'fact-find master' },
  { host: inMesh('fact-find-ui'), path: '/v1/x', want: 'fact-find-ui v1' },
  { host: inMesh('fact-find-ui'), path: '/fact-find-ui/v1', want: 'fact-find-ui v1' },
  { host: inMesh('fact-find-ui'), path: '/fact-find-ui/v1x', want: 'fact-find-ui master' },
  {
    host: inMesh('fact-find-ui'),
    path: '/fact-find-ui/v1',
    variant: 'OPS-1234',
    want: 'fact-find-ui OPS-1234',
  },
  { host: inMesh('advice'), variant: 'OPS-1234', want: 'advice master' },
];
async function expectAll(proxy: Proxy, probes: readonly Probe[]): Promise<void> {
  for (const { host, path = '/', variant, want } of probes) {
    const {
      status,
      service: by,
      version,
    } = await proxy.send({ host, path, headers: variant === undefined ? [] : [['x-variant-id', variant]] });
    expectEqual(
      by === undefined ? String(status) : `${by} ${version ?? ''}`,
      want,
      `${host}${path} ${variant ?? ''}`,
    );
  }
}

/** Every parent of every route says that it is accepted and that its backends are there. */
async function expectAccepted({ box }: Mesh): Promise<void> {
  await waitFor('every route to be accepted', async () => {
    const { stdout } = await box.kubectl(['get', 'httproutes', '--all-namespaces', '-o', 'json']);
    const conditions = listAt(JSON.parse(stdout), 'items').map((route) =>
      listAt(route, 'status', 'parents').flatMap((parent) => listAt(parent, 'conditions')),
    );
    const isGood = (found: readonly unknown[]): boolean =>
      ['Accepted', 'ResolvedRefs'].every((type) => found.some((one) => at(one, 'type') === type)) &&
      found.every((one) => textAt(one, 'status') === 'True');
    return conditions.length > 0 && conditions.every(isGood) ? true : undefined;
  });
}

async function tell(): Promise<void> {
  const story = createStory();
  const mesh = await startMesh();
  try {
    const { 'gateway-api-crds.yaml': crds } = await ensureArtifacts(['gateway-api-crds.yaml']);
    await mesh.box.kubectl(['apply', '--server-side', '-f', crds]);
    await mesh.box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    let sidecar: Proxy | undefined;
    const apply = async (manifest: string): Promise<string> =>
      (await mesh.box.kubectl(['apply', '--server-side', '-f', '-'], { stdin: manifest })).stdout;
    await story.step('the manifests, as admission leaves them', async () => {
      await apply(await program(['review', '-f', '-', '-o', 'yaml'], manifests));
      await apply(gateways);
    });
    await story.step(
      'what is rendered is taken by the API server, and the second time changes nothing',
      async () => {
        const rendered = await program(['render', '-f', '-', '--api', 'gateway'], manifests);
        await apply(rendered);
        expectEqual(await program(['check', '-f', '-'], rendered), '', 'problems that check finds');
        const { stdout } = await mesh.box.kubectl(['diff', '--server-side', '-f', '-'], { stdin: rendered });
        expectEqual(stdout, '', 'difference');
      },
    );
    await story.step('istiod accepts every route', () => expectAccepted(mesh));
    await story.step('a sidecar: by header, by path, header before path', async () => {
      sidecar = await mesh.addSidecar({ namespace: 'callers' });
      await mesh.settled([sidecar]);
      await expectAll(sidecar, meshProbes);
    });
    await story.step(
      "Istio's own objects in their place send every request to the same versions",
      async () => {
        if (sidecar === undefined) throw new Error('there is no sidecar');
        await mesh.box.kubectl(['-n', 'ww-green', 'delete', 'httproutes', '--all']);
        await apply(await program(['render', '-f', '-'], manifests));
        await mesh.settled([sidecar]);
        await expectAll(sidecar, meshProbes);
      },
    );
  } catch (error) {
    await story.step('the story could be told', () =>
      Promise.reject(error instanceof Error ? error : new Error(String(error))),
    );
  } finally {
    if (!story.finish()) {
      process.exitCode = 1;
      console.log(mesh.istiodLog(30));
    }
    await mesh.stop();
  }
}

await tell();
