/**
 * Tells when everything written so far has reached Envoys, without a pause that could be too short: a marker is written last, one object of each kind
 * that decides about traffic (pod, EndpointSlice, Service, Gateway, DestinationRule, VirtualService), and it is asked for until it answers. istiod sees
 * each kind in the order of its writes and sends one state of all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import type { Proxy } from './proxy.ts';
import type { Box } from './start.ts';

/** Namespace of the marker; made by the mesh. */
export const markerNamespace = 'box-marker';

/** How long a configuration may take to arrive, in milliseconds. */
const arrivalTimeoutMs = 60_000;
const pollMs = 10;

/** Writes the marker of this number, and resolves when each of the proxies' ports routes to it. @throws Error with Envoy's and the last answer's words when it does not arrive. */
export async function placeMarker(
  { box, api }: { readonly box: Box; readonly api: Api },
  { number, proxies }: { readonly number: number; readonly proxies: readonly Proxy[] },
): Promise<void> {
  await box.kubectl(['apply', '-f', '-'], {
    stdin: objects(number, proxies)
      .map((object) => JSON.stringify(object))
      .join('\n---\n'),
  });
  await Promise.all(
    proxies.flatMap((proxy) => proxy.ports.map((port) => arrival(proxy, port, `v${number}`))),
  );
  await api.send(
    'DELETE',
    `/api/v1/namespaces/${markerNamespace}/pods/marker-${number}?gracePeriodSeconds=0`,
  );
}

async function arrival(proxy: Proxy, port: number, version: string): Promise<void> {
  const deadline = performance.now() + arrivalTimeoutMs;
  const host = proxy.kind === 'sidecar' ? `marker.${markerNamespace}.svc.cluster.local` : 'marker.box';
  let last = 'nothing';
  while (performance.now() < deadline) {
    try {
      const reply = await proxy.send({ host, port });
      if (reply.version === version) return;
      last = `${reply.status} ${reply.body.slice(0, 200)}`;
    } catch (error) {
      last = String(error);
    }
    await sleep(pollMs);
  }
  throw new Error(
    `${proxy.name} does not know ${version} on port ${port} after ${arrivalTimeoutMs} ms; it answers ${last}\n${proxy.logTail()}`,
  );
}

function objects(number: number, proxies: readonly Proxy[]): readonly object[] {
  const namespace = markerNamespace;
  const version = `v${number}`;
  const ports = (kind: Proxy['kind']): readonly number[] => [
    ...new Set(proxies.filter((proxy) => proxy.kind === kind).flatMap((proxy) => proxy.ports)),
  ];
  const own = `marker.${namespace}.svc.cluster.local`;
  const outside = ports('gateway');
  const inside = [...new Set([80, ...ports('sidecar')])];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'marker', namespace },
      spec: {
        selector: { app: 'marker' },
        ports: inside.map((port) => ({ name: `http-${port}`, port, targetPort: 8080 })),
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `marker-${number}`, namespace, labels: { app: 'marker', version } },
      spec: { containers: [{ name: 'app', image: 'marker' }] },
    },
    ...(outside.length === 0
      ? []
      : [
          {
            apiVersion: 'networking.istio.io/v1',
            kind: 'Gateway',
            metadata: { name: 'marker', namespace },
            spec: {
              servers: outside.map((port) => ({
                port: { number: port, name: `http-${port}`, protocol: 'HTTP' },
                hosts: ['marker.box'],
              })),
            },
          },
        ]),
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'marker', namespace },
      spec: { host: own, subsets: [{ name: version, labels: { version } }] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'marker', namespace },
      spec: {
        hosts: [own, 'marker.box'],
        gateways: ['mesh', 'marker'],
        http: [{ route: [{ destination: { host: own, subset: version, port: { number: inside[0] } } }] }],
      },
    },
  ];
}
