/**
 * A real mesh on top of a box: istiod against the box's API server, one real Envoy per client sidecar or gateway, and an app in every pod that kwok
 * says is running. Runs inside a box's network, like the box; reaches nothing outside it.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Api } from './api.ts';
import { ensureArtifacts, type ArtifactPaths } from './binaries.ts';
import { startApps, type Apps } from './echo.ts';
import { runningOnly, startKubelet, type Kubelet, type RunningPod } from './kubelet.ts';
import { placeMarker } from './marker.ts';
import {
  istiodCommand,
  istiodEnvironment,
  istiodHttpPort,
  meshConfig,
  type ProxyIdentity,
} from './mesh-programs.ts';
import { proxyAddress } from './network.ts';
import { addBackend, setReady, podsSettled, type NewBackend } from './pods.ts';
import { startDaemon, waitUntilReady, type Daemon } from './process.ts';
import { startProxy, type Proxy } from './proxy.ts';
import { clusterArtifacts, meshArtifacts } from './recipes.ts';
import { startBox, type Box, type BoxOptions } from './start.ts';
import { covers } from '../../src/model/json.ts';

/** Everything that a mesh is made of. */
export const allArtifacts = [...clusterArtifacts, ...meshArtifacts] as const;

/** What a mesh may do differently. */
export interface MeshOptions extends Pick<BoxOptions, 'apiServerFlags'> {
  /** The ports on which the apps of all pods listen; 8080 by default. */
  readonly appPorts?: readonly number[];
  /** istiod's mesh configuration as YAML, in place of {@link meshConfig}. */
  readonly meshConfig?: string;
  /** Further environment of istiod, e.g. `PILOT_DEBOUNCE_AFTER`. */
  readonly istiodEnvironment?: Readonly<Record<string, string>>;
}

/** A client sidecar or gateway to add; without a name it gets one. */
export type NewProxy = Partial<Pick<ProxyIdentity, 'name' | 'serviceAccount' | 'labels' | 'ports'>> &
  Pick<ProxyIdentity, 'namespace'>;

/** A running mesh. */
export interface Mesh {
  readonly box: Box;
  /** Adds an Envoy as the sidecar of a client pod. It listens on the ports of the Services that it calls (80 by default) and has no inbound side. */
  addSidecar(proxy: NewProxy): Promise<Proxy>;
  /** Adds an Envoy as an ingress gateway: Gateways whose selector its `labels` meet configure it. `ports` are the Gateway servers' (80 by default). */
  addGateway(proxy: NewProxy & { readonly labels: Readonly<Record<string, string>> }): Promise<Proxy>;
  /** Applies a Deployment and resolves when its pods run (and, unless told otherwise, are ready). Any other workload does as well: every pod runs the app. */
  addBackend(backend: NewBackend): Promise<void>;
  /** Makes the containers of the pods with these labels ready or unready, and resolves when their Ready condition and the EndpointSlices say so. */
  setReady(namespace: string, labels: Readonly<Record<string, string>>, ready: boolean): Promise<void>;
  /** Makes the apps of the pods with these labels reset every connection, while the pods stay ready, or serve again. */
  setDead(namespace: string, labels: Readonly<Record<string, string>>, dead: boolean): void;
  /** From now on pods that are deleted go on answering for so long, as with a preStop sleep; at first they end at once. */
  linger(milliseconds: number): void;
  /** Resolves when everything written before has reached these proxies: by default all. */
  settled(proxies?: readonly Proxy[]): Promise<void>;
  /** Returns the last lines of istiod's log. */
  istiodLog(lines?: number): string;
  /** Ends istiod with SIGKILL and starts another, which is ready when this resolves. */
  restartIstiod(): Promise<void>;
  /** Ends every program and removes all state. Safe to call twice. */
  stop(): Promise<void>;
}

/** What the parts of a mesh have in common. */
interface Site {
  readonly box: Box;
  readonly api: Api;
  readonly folder: string;
  readonly paths: ArtifactPaths<(typeof allArtifacts)[number]>;
  readonly options: MeshOptions;
  /** Those that start count too: they have an address, and are ended with the rest. */
  readonly proxies: Promise<Proxy>[];
  readonly dead: Map<
    string,
    { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }
  >;
  readonly started: { istiod?: Daemon; kubelet?: Kubelet; apps?: Apps };
  markers: number;
}

/**
 * Starts a box with a mesh. Namespaces `istio-system` and `box-marker` (see {@link Mesh.settled}) are there; nothing else is.
 * @throws Error with the log's last lines when a program does not start; everything that was started is ended first.
 */
export async function startMesh(options: MeshOptions = {}): Promise<Mesh> {
  const paths = await ensureArtifacts(allArtifacts);
  const stages = runningOnly(await readFile(paths['kwok-stages.yaml'], 'utf8'));
  const box = await startBox({
    stages,
    ...(options.apiServerFlags === undefined ? {} : { apiServerFlags: options.apiServerFlags }),
  });
  const api = connect({ url: box.apiUrl, certificate: await readFile(box.caFile, 'utf8'), token: box.token });
  const site: Site = {
    box,
    api,
    paths,
    options,
    folder: await mkdtemp(join(tmpdir(), 'mesh-')),
    proxies: [],
    dead: new Map(),
    started: {},
    markers: 0,
  };
  try {
    const kubelet = startKubelet(api);
    site.started.kubelet = kubelet;
    site.started.apps = await startApps(
      options.appPorts ?? [8080],
      (address) => kubelet.podAt(address),
      (pod) => isDead(site, pod),
    );
    await box.kubectl(['apply', '--server-side', '-f', paths['istio-crds.yaml']]);
    await box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    await box.kubectl(['apply', '-f', '-'], { stdin: foundations });
    await startIstiod(site, options);
    return assemble(site);
  } catch (error) {
    await endAll(site);
    throw error;
  }
}

const foundations = `
{ apiVersion: v1, kind: Namespace, metadata: { name: istio-system } }
---
{ apiVersion: v1, kind: Namespace, metadata: { name: box-marker } }
`;

function isDead({ dead }: Site, pod: RunningPod): boolean {
  return [...dead.values()].some(
    ({ namespace, labels }) => namespace === pod.namespace && covers(pod.labels, labels),
  );
}

async function startIstiod({ paths, folder, box, started }: Site, options: MeshOptions): Promise<void> {
  await writeFile(join(folder, 'mesh.yaml'), options.meshConfig ?? meshConfig);
  const environment = { ...istiodEnvironment, ...options.istiodEnvironment };
  const istiod = startDaemon({
    name: 'istiod',
    command: istiodCommand(paths, folder, box.kubeconfig),
    folder,
    environment,
  });
  started.istiod = istiod;
  await waitUntilReady(
    istiod,
    async () =>
      (await fetch(`http://127.0.0.1:${istiodHttpPort}/ready`, { signal: AbortSignal.timeout(1000) })).ok,
  );
}

function assemble(site: Site): Mesh {
  const add = (
    kind: ProxyIdentity['kind'],
    { name, namespace, serviceAccount = 'default', labels = {}, ports = [80] }: NewProxy,
  ): Promise<Proxy> => {
    const index = site.proxies.length;
    const proxy = startProxy(
      {
        kind,
        name: name ?? `${kind}-${index}`,
        namespace,
        serviceAccount,
        labels,
        ports,
        address: proxyAddress(index),
      },
      site.paths,
      site.folder,
    );
    site.proxies.push(proxy);
    return proxy;
  };
  const key = (namespace: string, labels: Readonly<Record<string, string>>): string =>
    JSON.stringify([namespace, Object.entries(labels).sort()]);
  return {
    box: site.box,
    addSidecar: (proxy) => add('sidecar', proxy),
    addGateway: (proxy) => add('gateway', proxy),
    addBackend: (backend) => addBackend(site.api, backend),
    setReady: (namespace, labels, ready) => setReady(site.api, namespace, { labels, ready }),
    setDead: (namespace, labels, dead) =>
      void (dead
        ? site.dead.set(key(namespace, labels), { namespace, labels })
        : site.dead.delete(key(namespace, labels))),
    linger: (milliseconds) => site.started.kubelet?.linger(milliseconds),
    async settled(some) {
      const proxies = some ?? (await Promise.all(site.proxies));
      await podsSettled(site.api);
      site.markers += 1;
      await placeMarker(site, { number: site.markers, proxies });
    },
    istiodLog: (lines) => site.started.istiod?.logTail(lines) ?? '',
    async restartIstiod() {
      await site.started.istiod?.kill();
      await startIstiod(site, site.options);
    },
    stop: () => endAll(site),
  };
}

async function endAll({ started, proxies, api, box, folder }: Site): Promise<void> {
  for (const proxy of await Promise.allSettled(proxies))
    if (proxy.status === 'fulfilled') await proxy.value.stop();
  await started.istiod?.kill();
  await Promise.all([started.apps?.close(), started.kubelet?.close()]);
  delete started.apps;
  api.close();
  await box.stop();
  await rm(folder, { recursive: true, force: true });
}
