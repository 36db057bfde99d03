/** The command lines and files of a mesh's programs: istiod, and one Envoy per sidecar or gateway. Pure. */
import { join } from 'node:path';
import type { ArtifactPaths } from './binaries.ts';

/** istiod's own port for health; its other ports are Istio's usual ones. Not 8080, which is the apps'. */
export const istiodHttpPort = 15_080;

/** Where Envoys get their configuration, without TLS. */
export const discoveryPort = 15_010;

/** The port of an Envoy's admin interface, on its own address. */
export const adminPort = 15_000;

/** Mesh-wide settings: no mutual TLS, since these Envoys have no certificates; hosts that nobody knows are refused, not passed on to nowhere. */
export const meshConfig = `
enableAutoMtls: false
enablePrometheusMerge: false
outboundTrafficPolicy: { mode: REGISTRY_ONLY }
`;

/**
 * istiod's environment. The last two, with auto mTLS off, are what lets a stock Envoy take Istio's clusters: it lacks Istio's own filters.
 * The API server does not ask istiod's validating webhook; without an HTTPS port it is at `/validate` of the HTTP port, for who wants its verdict.
 */
export const istiodEnvironment: Readonly<Record<string, string>> = {
  POD_NAMESPACE: 'istio-system',
  POD_NAME: 'istiod-1',
  REVISION: 'default',
  CLUSTER_ID: 'Kubernetes',
  ENABLE_CA_SERVER: 'false',
  PILOT_CERT_PROVIDER: 'none',
  JWT_POLICY: 'none',
  VALIDATION_WEBHOOK_CONFIG_NAME: '',
  INJECTION_WEBHOOK_CONFIG_NAME: '',
  PILOT_ENABLE_XDS_IDENTITY_CHECK: 'false',
  PILOT_ENABLE_METADATA_EXCHANGE: 'false',
  PILOT_DISABLE_MX_ALPN: 'true',
};

/** Returns istiod's command line. `folder` holds `mesh.yaml`. */
export function istiodCommand(
  paths: ArtifactPaths<'pilot-discovery'>,
  folder: string,
  kubeconfig: string,
): readonly string[] {
  return [
    paths['pilot-discovery'],
    'discovery',
    '--kubeconfig',
    kubeconfig,
    '--meshConfig',
    join(folder, 'mesh.yaml'),
    '--domain',
    'cluster.local',
    `--httpAddr=127.0.0.1:${istiodHttpPort}`,
    '--httpsAddr=',
    `--grpcAddr=127.0.0.1:${discoveryPort}`,
    '--secureGRPCAddr=',
    '--monitoringAddr=127.0.0.1:15014',
  ];
}

/** Returns an Envoy's command line. One worker, so that configuration that one request has seen all see. */
export function envoyCommand(paths: ArtifactPaths<'envoy'>, bootstrapFile: string): readonly string[] {
  return [
    paths.envoy,
    '-c',
    bootstrapFile,
    '--concurrency',
    '1',
    '--disable-hot-restart',
    '--log-level',
    'warn',
  ];
}

/** An Envoy as istiod knows it. */
export interface ProxyIdentity {
  readonly kind: 'sidecar' | 'gateway';
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly serviceAccount: string;
  /** Labels of its pod: `sourceLabels` and Gateway selectors look at them. */
  readonly labels: Readonly<Record<string, string>>;
  /** Ports of Services (sidecar) or of Gateway servers (gateway); it listens on each, at its own address. */
  readonly ports: readonly number[];
}

/**
 * Returns Envoy's bootstrap. Clusters, endpoints and routes come from istiod; listeners are written here, with the router as the only filter, since
 * istiod's own need filters that a stock Envoy lacks. Header names, path normalisation and the regex limit are as Istio sets them.
 * @see https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/listener_builder.go
 */
export function bootstrapOf(proxy: ProxyIdentity): object {
  const { kind, name, namespace, address, labels, serviceAccount } = proxy;
  const role = kind === 'sidecar' ? 'sidecar' : 'router';
  return {
    node: {
      id: `${role}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
      cluster: `${name}.${namespace}`,
      metadata: {
        NAMESPACE: namespace,
        CLUSTER_ID: 'Kubernetes',
        ISTIO_VERSION: '1.32.0',
        MESH_ID: 'cluster.local',
        SERVICE_ACCOUNT: serviceAccount,
        LABELS: labels,
        NAME: name,
        INSTANCE_IPS: address,
      },
    },
    admin: { address: socketAddress(address, adminPort) },
    layered_runtime: {
      layers: [{ name: 'static', static_layer: { 're2.max_program_size.error_level': 32_768 } }],
    },
    dynamic_resources: { ads_config: adsConfig, cds_config: { ads: {}, resource_api_version: 'V3' } },
    static_resources: {
      clusters: [discoveryCluster],
      listeners: proxy.ports.map((port) => listener(proxy, port)),
    },
  };
}

const adsConfig = {
  api_type: 'DELTA_GRPC',
  transport_api_version: 'V3',
  set_node_on_first_message_only: true,
  grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
};

const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

const discoveryCluster = {
  name: 'xds-grpc',
  type: 'STATIC',
  connect_timeout: '1s',
  typed_extension_protocol_options: http2,
  load_assignment: {
    cluster_name: 'xds-grpc',
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress('127.0.0.1', discoveryPort) } }] }],
  },
};

function listener({ kind, address }: ProxyIdentity, port: number): object {
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: String(port),
    codec_type: 'AUTO',
    normalize_path: true,
    path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
    merge_slashes: false,
    rds: {
      route_config_name: kind === 'sidecar' ? String(port) : `http.${port}`,
      config_source: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return {
    name: `in-${port}`,
    address: socketAddress(address, port),
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
    ],
  };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
