/** A Service whose endpoints the test writes itself, in place of the endpoint controller: it decides when a replica gets its first and last request. */
import type { Api } from '../box/api.ts';
import { replicaPort, type Replica } from './replica.ts';
import { systemNamespace } from './site.ts';

/** A port of a Service: the API server keeps connections of its own for each. */
export interface ServicePort {
  readonly name: string;
  readonly port: number;
}

/** A Service and the replicas behind it. */
export interface ManualService {
  /** Makes these the only ready endpoints. The API server follows within some milliseconds. */
  publish(replicas: readonly Replica[]): Promise<void>;
}

/** Creates a Service without endpoints. */
export async function createService(
  api: Api,
  name: string,
  ports: readonly ServicePort[],
): Promise<ManualService> {
  await send(api, 'POST', `/api/v1/namespaces/${systemNamespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: ports.map((port) => ({ ...port, targetPort: replicaPort })) },
  });
  return takeEndpoints(api, name, ports);
}

/** Takes over the endpoints of a Service that is there, and has none. */
export async function takeEndpoints(
  api: Api,
  name: string,
  ports: readonly ServicePort[],
): Promise<ManualService> {
  const slices = `/apis/discovery.k8s.io/v1/namespaces/${systemNamespace}/endpointslices`;
  const slice = (replicas: readonly Replica[]): object => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-test`,
      namespace: systemNamespace,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'test' },
    },
    addressType: 'IPv4',
    ports: ports.map((port) => ({ name: port.name, port: replicaPort, protocol: 'TCP' })),
    endpoints: replicas.map(({ address }) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
    })),
  });
  await send(api, 'POST', slices, slice([]));
  return { publish: (replicas) => send(api, 'PUT', `${slices}/${name}-test`, slice(replicas)) };
}

/** Sends a request that must succeed. @throws Error with the answer when it does not. */
export async function send(api: Api, method: string, path: string, body: object): Promise<void> {
  const { status, body: answer } = await api.send(method, path, body);
  if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(answer)}`);
}
