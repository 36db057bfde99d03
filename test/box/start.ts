/**
 * A real cluster on one machine without containers: etcd, kube-apiserver, kube-controller-manager, one node whose pods kwok makes ready,
 * and a binder in place of a scheduler. Runs inside a box's network (`inside.ts`), one box to a network; reaches nothing outside it.
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect as openSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from './api.ts';
import type { Api } from './api.ts';
import { ensureArtifacts } from './binaries.ts';
import type { ArtifactPaths } from './binaries.ts';
import { startBinder } from './binder.ts';
import { kubectlFor } from './kubectl.ts';
import type { Kubectl } from './kubectl.ts';
import { boxAddress, isInside, podCidr } from './network.ts';
import { startDaemon, waitUntilReady } from './process.ts';
import type { Daemon } from './process.ts';
import {
  adminToken,
  apiPort,
  apiServerCommand,
  apiUrl,
  controllerManagerCommand,
  etcdCommand,
  etcdUrl,
  kwokCommand,
  nodeName,
  stateFiles,
} from './programs.ts';
import { clusterArtifacts } from './recipes.ts';
import { writeKubeconfig, writeState } from './state.ts';
import { listAt, textAt } from '../../src/model/json.ts';

/** What a box may do differently. */
export interface BoxOptions {
  /** YAML documents of kwok's `Stage` kind instead of kwok's own, which make nodes and pods ready at once. */
  readonly stages?: string;
  /** Further flags of kube-apiserver, for example `--v=4`. */
  readonly apiServerFlags?: readonly string[];
}

/** The programs of a box; each has a log. */
export type ProgramName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kwok';

/** A running cluster. */
export interface Box {
  /** Path of a kubeconfig with an administrator's rights. */
  readonly kubeconfig: string;
  readonly apiUrl: string;
  /** The administrator's bearer token. */
  readonly token: string;
  /** Path of the PEM that clients of the API server trust. */
  readonly caFile: string;
  readonly kubectl: Kubectl;
  /** Kills the API server and starts it again, same port, same certificate; resolves when it is ready. Every watch breaks. */
  restartApiServer(): Promise<void>;
  /** Returns the last lines of a program's log. */
  logTail(program: ProgramName, lines?: number): string;
  /** Ends every program and removes all state. Safe to call twice. */
  stop(): Promise<void>;
}

/** What the steps of a start have in common. */
interface Site {
  readonly paths: ArtifactPaths<(typeof clusterArtifacts)[number]>;
  readonly folder: string;
  readonly options: BoxOptions;
  readonly daemons: Map<ProgramName, Daemon>;
}

/**
 * Starts a cluster and resolves when each part of it has been seen to work: the API server is ready, the controller manager has made the
 * default ServiceAccount, kwok has made the node ready.
 * @throws Error with the log's last lines when a program does not start; everything that was started is ended first.
 */
export async function startBox(options: BoxOptions = {}): Promise<Box> {
  if (!isInside())
    throw new Error(
      'a box starts inside a network of its own: run the script with runInside or test/box/inside.ts',
    );
  if (await isListening(apiPort).catch(() => false))
    throw new Error('another box runs in this network already: one box to a network');
  const site: Site = {
    paths: await ensureArtifacts(clusterArtifacts),
    folder: await mkdtemp(join(tmpdir(), 'box-')),
    options,
    daemons: new Map(),
  };
  try {
    await writeState(
      site.folder,
      options.stages ?? (await readFile(site.paths['kwok-stages.yaml'], 'utf8')),
      adminToken,
    );
    await startEtcd(site);
    const api = await startApiServer(site);
    await Promise.all([startControllerManager(site, api), startNode(site, api)]);
    return assemble(site, api);
  } catch (error) {
    await endAll(site);
    throw error;
  }
}

function assemble(site: Site, api: Api): Box {
  const files = stateFiles(site.folder);
  const binder = startBinder(api, nodeName);
  return {
    kubeconfig: files.kubeconfig,
    apiUrl,
    token: adminToken,
    caFile: files.certificate,
    kubectl: kubectlFor(site.paths.kubectl, files.kubeconfig, site.folder),
    async restartApiServer() {
      await site.daemons.get('kube-apiserver')?.kill();
      (await startApiServer(site)).close(); // the first connection serves on: address, certificate and token are the same
    },
    logTail: (program, lines) => site.daemons.get(program)?.logTail(lines) ?? '',
    async stop() {
      await binder.close();
      api.close();
      await endAll(site);
    },
  };
}

/** At once and all together: the state is thrown away, and kube-apiserver would take its time over a polite signal. */
async function endAll(site: Site): Promise<void> {
  await Promise.all([...site.daemons.values()].map((daemon) => daemon.kill()));
  await rm(site.folder, { recursive: true, force: true });
}

function launch(site: Site, name: ProgramName, command: readonly string[]): Daemon {
  const daemon = startDaemon({ name, command, folder: site.folder });
  site.daemons.set(name, daemon);
  return daemon;
}

async function startEtcd(site: Site): Promise<void> {
  const etcd = launch(site, 'etcd', etcdCommand(site.paths, site.folder));
  await waitUntilReady(
    etcd,
    async () => (await fetch(`${etcdUrl}/readyz`, { signal: AbortSignal.timeout(1000) })).ok,
  );
}

/** Starts the API server for the first time or again: its certificate stays. The kubeconfig carries that, so it can be written only now. */
async function startApiServer(site: Site): Promise<Api> {
  const apiServer = launch(
    site,
    'kube-apiserver',
    apiServerCommand(site.paths, site.folder, site.options.apiServerFlags ?? []),
  );
  await waitUntilReady(apiServer, () => isListening(apiPort)); // by then its certificate is written whole
  const access = {
    url: apiUrl,
    certificate: await readFile(stateFiles(site.folder).certificate, 'utf8'),
    token: adminToken,
  };
  const api = connect(access);
  await waitUntilReady(apiServer, async () => (await api.send('GET', '/readyz')).status === 200);
  await writeKubeconfig(site.folder, access);
  return api;
}

async function startControllerManager(site: Site, api: Api): Promise<void> {
  const manager = launch(site, 'kube-controller-manager', controllerManagerCommand(site.paths, site.folder));
  await waitUntilReady(
    manager,
    async () => (await api.send('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
  );
}

async function startNode(site: Site, api: Api): Promise<void> {
  const kwok = launch(site, 'kwok', kwokCommand(site.paths, site.folder));
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
  };
  const created = await api.send('POST', '/api/v1/nodes', node);
  if (created.status !== 201) throw new Error(`creating node ${nodeName} answered ${created.status}`);
  await waitUntilReady(kwok, async () =>
    isNodeReady((await api.send('GET', `/api/v1/nodes/${nodeName}`)).body),
  );
}

function isNodeReady(node: unknown): boolean {
  return listAt(node, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}

async function isListening(port: number): Promise<boolean> {
  const socket = openSocket(port, boxAddress);
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}
