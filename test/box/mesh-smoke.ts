/**
 * Shows that a mesh works, and how fast: `node test/box/mesh-smoke.ts`. A sidecar and a gateway, a baseline and a branch behind one Service, routes by header and by
 * host, a pod that becomes unready. Prints a table; exit code 0 also when the machine cannot run a mesh, with the reason.
 */
import { ensureArtifacts } from './binaries.ts';
import { runInside } from './inside.ts';
import { allArtifacts, startMesh } from './mesh.ts';
import { missingTools } from './missing-tools.ts';
import { isInside } from './network.ts';
import type { Proxy, ProxyRequest } from './proxy.ts';

const tenant = `
{ apiVersion: v1, kind: Namespace, metadata: { name: shop } }
---
{ apiVersion: v1, kind: Service, metadata: { name: cart, namespace: shop }, spec: { selector: { app: cart }, ports: [{ name: http, port: 80, targetPort: 8080 }] } }
---
{ apiVersion: networking.istio.io/v1, kind: Gateway, metadata: { name: public, namespace: istio-system }, spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: cart, namespace: shop }
spec: { host: cart.shop.svc.cluster.local, subsets: [{ name: master, labels: { version: master } }, { name: ops-1, labels: { version: OPS-1 } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: cart, namespace: shop }
spec:
  hosts: [cart.shop.svc.cluster.local, shop.example.io]
  gateways: [mesh, istio-system/public]
  http:
    - match: [{ headers: { x-variant-id: { exact: OPS-1 } } }]
      route: [{ destination: { host: cart.shop.svc.cluster.local, subset: ops-1 } }]
    - route: [{ destination: { host: cart.shop.svc.cluster.local, subset: master } }]
`;

async function story(): Promise<void> {
  const timed = async <Result>(step: string, act: () => Promise<Result>): Promise<Result> => {
    const started = performance.now();
    const result = await act();
    console.log(`${step.padEnd(40)}${String(Math.round(performance.now() - started)).padStart(7)} ms`);
    return result;
  };
  const mesh = await timed('start', () => startMesh());
  try {
    await timed('apply', () => mesh.box.kubectl(['apply', '-f', '-'], { stdin: tenant }));
    await timed('2 backends', () =>
      Promise.all(
        [
          ['cart', 'master'],
          ['cart-ops-1', 'OPS-1'],
        ].map(([name = '', version = '']) =>
          mesh.addBackend({ name, namespace: 'shop', labels: { app: 'cart', version } }),
        ),
      ),
    );
    const sidecar = await timed('sidecar', () =>
      mesh.addSidecar({ namespace: 'shop', labels: { app: 'client' } }),
    );
    const gateway = await timed('gateway', () =>
      mesh.addGateway({ namespace: 'istio-system', labels: { istio: 'ingressgateway' } }),
    );
    await timed('settled', () => mesh.settled());
    const branch = [['x-variant-id', 'OPS-1']] as const;
    await timed('requests', async () => {
      await expect(sidecar, { host: 'cart' }, 'master');
      await expect(sidecar, { host: 'cart', headers: branch }, 'OPS-1');
      await expect(gateway, { host: 'shop.example.io' }, 'master');
      await expect(gateway, { host: 'shop.example.io', headers: branch }, 'OPS-1');
      await expect(gateway, { host: 'other.example.io' }, 404);
    });
    await timed('branch unready', () => mesh.setReady('shop', { version: 'OPS-1' }, false));
    await timed('settled', () => mesh.settled());
    await expect(sidecar, { host: 'cart', headers: branch }, 503);
    await timed('branch ready', () => mesh.setReady('shop', { version: 'OPS-1' }, true));
    await timed('settled', () => mesh.settled());
    await expect(sidecar, { host: 'cart', headers: branch }, 'OPS-1');
    mesh.setDead('shop', { version: 'OPS-1' }, true);
    await timed('dead and retried', () => expect(sidecar, { host: 'cart', headers: branch }, 503));
  } finally {
    await timed('stop', () => mesh.stop());
  }
}

/** @throws Error when another version, or another status, answers. */
async function expect(proxy: Proxy, request: ProxyRequest, want: string | number): Promise<void> {
  const { status, version, body } = await proxy.send(request);
  const got = typeof want === 'number' ? status : version;
  if (got !== want)
    throw new Error(`${proxy.kind}, ${JSON.stringify(request)}: wanted ${want}, got ${status} ${body}`);
}

if (isInside()) {
  await story();
} else {
  const missing = await missingTools(allArtifacts);
  if (missing.length > 0) {
    console.log(`skipped, since this machine lacks:\n${missing.join('\n')}`);
  } else {
    await ensureArtifacts(allArtifacts);
    process.exitCode = await runInside(import.meta.filename);
  }
}
