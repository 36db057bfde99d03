/** The command lines of a box's programs, and the addresses that follow from them. One box to a network, so every port is fixed. Pure. */
import { join } from 'node:path';
import type { ArtifactPaths } from './binaries.ts';
import { boxAddress, podCidr, serviceCidr } from './network.ts';

/** The API server's port. */
export const apiPort = 6443;

/** The API server's URL: by the box's address, which its self-signed certificate names. */
export const apiUrl = `https://${boxAddress}:${apiPort}`;

/** The etcd URL, for its clients. */
export const etcdUrl = 'http://127.0.0.1:2379';

/** The administrator's bearer token (group `system:masters`). A constant: nothing outside the box's network reaches the API server. */
export const adminToken = 'admin-token';

/** The name of the one node. */
export const nodeName = 'n1';

/** The files that programs share, in the box's folder. */
export interface StateFiles {
  readonly kubeconfig: string;
  readonly tokens: string;
  readonly serviceAccountKey: string;
  readonly stages: string;
  /** Written by the API server at its first start, together with its key; also what its clients trust. */
  readonly certificate: string;
}

/** Returns where the shared files of a box in `folder` are. */
export function stateFiles(folder: string): StateFiles {
  return {
    kubeconfig: join(folder, 'kubeconfig'),
    tokens: join(folder, 'tokens.csv'),
    serviceAccountKey: join(folder, 'service-account.key'),
    stages: join(folder, 'stages.yaml'),
    certificate: join(folder, 'certs', 'apiserver.crt'),
  };
}

/** Returns etcd's command line. It does not sync to disk: the state is thrown away with the box. */
export function etcdCommand(paths: ArtifactPaths<'etcd'>, folder: string): readonly string[] {
  return [
    paths.etcd,
    '--unsafe-no-fsync',
    '--data-dir',
    join(folder, 'etcd'),
    '--log-level=warn',
    '--listen-client-urls',
    etcdUrl,
    '--advertise-client-urls',
    etcdUrl,
    '--listen-peer-urls=http://127.0.0.1:2380',
  ];
}

/**
 * Returns kube-apiserver's command line. Aggregator routing makes it call a webhook's Service straight at its endpoints, so that
 * no kube-proxy is needed; nothing keeps the endpoints of its own Service, which no one here uses.
 */
export function apiServerCommand(
  paths: ArtifactPaths<'kube-apiserver'>,
  folder: string,
  flags: readonly string[],
): readonly string[] {
  const files = stateFiles(folder);
  return [
    paths['kube-apiserver'],
    `--etcd-servers=${etcdUrl}`,
    `--cert-dir=${join(folder, 'certs')}`,
    '--bind-address=0.0.0.0',
    `--secure-port=${apiPort}`,
    `--advertise-address=${boxAddress}`,
    '--endpoint-reconciler-type=none',
    `--service-account-key-file=${files.serviceAccountKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${files.tokens}`,
    '--authorization-mode=RBAC',
    `--service-cluster-ip-range=${serviceCidr}`,
    '--enable-aggregator-routing=true',
    ...flags,
  ];
}

const controllers = [
  'deployment-controller',
  'replicaset-controller',
  'statefulset-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
];

/** Returns kube-controller-manager's command line: only the controllers that tests need, and no client-side rate limit to wait for. */
export function controllerManagerCommand(
  paths: ArtifactPaths<'kube-controller-manager'>,
  folder: string,
): readonly string[] {
  const files = stateFiles(folder);
  return [
    paths['kube-controller-manager'],
    `--kubeconfig=${files.kubeconfig}`,
    `--controllers=${controllers.join(',')}`,
    '--leader-elect=false',
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    '--kube-api-qps=1000',
    '--kube-api-burst=2000',
  ];
}

/** Returns kwok's command line: the kubelet of every node, which does what the stages say. */
export function kwokCommand(paths: ArtifactPaths<'kwok'>, folder: string): readonly string[] {
  const files = stateFiles(folder);
  return [
    paths.kwok,
    '--kubeconfig',
    files.kubeconfig,
    '--config',
    files.stages,
    '--manage-all-nodes=true',
    `--cidr=${podCidr}`,
    `--node-ip=${boxAddress}`,
  ];
}
