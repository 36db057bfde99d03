/** `branchline serve`: cluster, certificates and webhook put together, until the signal to stop. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/settings.ts';
import type { Client } from '../cluster/client.ts';
import { openFolder } from '../cluster/folder.ts';
import { openFolderWrites } from '../cluster/folder-writes.ts';
import type { Cluster } from '../cluster/port.ts';
import type { Writes } from '../cluster/writes.ts';
import { agent } from '../model/keys.ts';
import { startController, type Controller } from '../controller/controller.ts';
import { bundleAgent, type AgentBundle } from '../controller/agent-config-maps.ts';
import { systemClock } from '../controller/clock.ts';
import { openLog, type Log } from '../telemetry/log.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { createEarning } from '../installation/earning.ts';
import { openOwnCertificates, type OwnCertificates } from '../installation/own-certificates.ts';
import { openCertificates, type Certificates, type CertificateReport } from '../webhook/certificates.ts';
import { startWebhook, type Webhook } from '../webhook/server.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import { showRoutes, type RouteView } from './show-routes.ts';

/** After the drain: longest wait for requests still in flight. With the longest drain of 25 s we are gone inside Kubernetes' 30 s. */
const closeMilliseconds = 3000;

/** Serves until `io.stop`. @returns 0 after a clean stop, 3 when it could not start or go on. */
export async function serve(settings: Settings, io: Io): Promise<ExitCode> {
  const opened = await openLog(settings.logLevel, io.isTerminal);
  try {
    return await run(settings, io, opened.log);
  } catch (error) {
    opened.log.fatal({ reason: describe(error) }, 'cannot serve');
    io.err(`branchline: cannot serve: ${describe(error)}\n`);
    return exitCodes.worldRefused;
  } finally {
    await opened.flush();
  }
}

async function run(settings: Settings, io: Io, log: Log): Promise<ExitCode> {
  const cluster = await openCluster(settings);
  // It may reject while the certificates are made; whoever waits for it comes later.
  cluster.synced.then(
    () => minorOf(cluster, settings),
    () => undefined,
  );
  const metrics = createMetrics(() => cluster.freshness());
  let webhook: Webhook | undefined;
  let controller: Controller | undefined;
  let installation: Installation | undefined;
  let view: RouteView | undefined;
  try {
    installation = openInstallation(settings);
    const certificates = await openServing(settings, installation, ({ outcome, message }) => {
      log[outcome === 'loaded' ? 'info' : 'error']({ outcome }, message);
    });
    measureCertificates(certificates, metrics);
    const bundle = await readAgent(settings, log);
    webhook = await startWebhook({
      settings,
      log,
      metrics,
      facts: () => ({
        settings,
        snapshot: cluster.snapshot,
        kubernetesMinor: minorOf(cluster, settings),
        agentConfigMap: bundle?.name,
      }),
      pair: certificates.current,
      clientCa: certificates.clientCa,
      unready: () => whyUnready(cluster, certificates),
    });
    if (settings.manifests.length > 0 || io.isTerminal) announce(webhook, certificates, settings, io);
    else log.info({ webhook: webhook.url, plain: webhook.plainUrl }, 'listening');
    controller = await openController({ settings, io, log, metrics, cluster }, bundle);
    view = settings.manifests.length > 0 ? showRoutes(cluster, settings, io) : undefined;
    await serveUntilStopped({
      settings,
      io,
      log,
      metrics,
      cluster,
      certificates,
      webhook,
      controller,
      installation,
    });
    return exitCodes.fine;
  } finally {
    await view?.close();
    await controller?.close();
    (await installation?.writes)?.close();
    await webhook?.close(closeMilliseconds);
    await cluster.close();
  }
}

/** What this process keeps right about its own installation, with connections of its own. */
interface Installation {
  readonly writes: Promise<Writes>;
}

/** Longest wait for one answer of the API server, in milliseconds. */
const installationTimeout = 10_000;

function openInstallation(settings: Settings): Installation | undefined {
  if (settings.webhookConfiguration === '' || settings.manifests.length > 0) return undefined;
  return {
    writes: import('../cluster/kubernetes-writes.ts').then(({ openKubernetesWrites }) =>
      openKubernetesWrites({
        kubeconfig: settings.kubeconfig,
        context: settings.kubeContext,
        timeoutMilliseconds: installationTimeout,
      }),
    ),
  };
}

async function openServing(
  settings: Settings,
  installation: Installation | undefined,
  report: CertificateReport,
): Promise<Certificates | OwnCertificates> {
  if (settings.tlsCertFile !== '' || installation === undefined)
    return openCertificates(settings, Date.now(), report);
  const own = await openOwnCertificates({ settings, writes: await installation.writes, report }, Date.now());
  await own.refresh(Date.now());
  return own;
}

function measureCertificates(certificates: Certificates | OwnCertificates, metrics: Metrics): void {
  metrics.certificateExpires(certificates.current.expires);
  if ('authorityExpires' in certificates) metrics.authorityExpires(certificates.authorityExpires);
}

async function openCluster(settings: Settings): Promise<Cluster> {
  if (settings.manifests.length > 0) return openFolder(await withOutput(settings));
  const { openKubernetes } = await import('../cluster/kubernetes.ts');
  return openKubernetes({
    kubeconfig: settings.kubeconfig,
    context: settings.kubeContext,
    silenceMilliseconds: settings.watchSilenceSeconds * 1000,
  });
}

/** Only image volumes need to know it, so nobody else asks. */
function minorOf(cluster: Cluster, { agentDelivery }: Settings): number | undefined {
  return agentDelivery === 'image' ? cluster.kubernetesMinor?.() : undefined;
}

/** What was written is read again, so that it counts as there. */
async function withOutput({ manifests, outputDirectory }: Settings): Promise<readonly string[]> {
  if (outputDirectory === '') return manifests;
  await mkdir(outputDirectory, { recursive: true });
  return [...manifests, outputDirectory];
}

/** Who writes routes: into the cluster, into a folder, or nobody. */
async function openController(
  { settings, io, log, metrics, cluster }: Pick<Running, 'settings' | 'io' | 'log' | 'metrics' | 'cluster'>,
  bundle: AgentBundle | undefined,
): Promise<Controller | undefined> {
  const isFolder = settings.manifests.length > 0;
  if (!settings.controller || (isFolder && settings.outputDirectory === '')) return undefined;
  const identity = `${hostname()}_${randomUUID()}`;
  const sweeping = settings.expiry && !isFolder ? await openSweeping(settings, io.stop) : undefined;
  const site = {
    cluster,
    settings,
    log,
    metrics,
    identity,
    sweeping,
    clock: systemClock,
    random: Math.random,
    agent: bundle,
  };
  const controller = startController({ ...site, writes: await openWrites(settings), isAlone: isFolder });
  return { close: () => controller.close().finally(() => sweeping?.close()) };
}

/** Opens the way to end branches. Sweeps stop at the signal, before the rest of the controller does. */
async function openSweeping({ kubeconfig, kubeContext }: Settings, signal: AbortSignal): Promise<Client> {
  const { openClient } = await import('../cluster/client.ts');
  return openClient({ kubeconfig, context: kubeContext }, signal);
}

/** Opens the way to write to what the settings name. */
async function openWrites(settings: Settings): Promise<Writes> {
  if (settings.manifests.length > 0) return openFolderWrites(settings.outputDirectory);
  const { openKubernetesWrites } = await import('../cluster/kubernetes-writes.ts');
  // In flight when the Lease is lost, it is over before another replica can take that.
  return openKubernetesWrites({
    kubeconfig: settings.kubeconfig,
    context: settings.kubeContext,
    timeoutMilliseconds: (settings.leaseSeconds * 1000) / 4,
  });
}

/** The agent that was named must be there; the one beside the program may be. */
async function readAgent(
  { agentFile, agentDelivery, manifests }: Settings,
  log: Log,
): Promise<AgentBundle | undefined> {
  const file = agentFile === '' ? join(dirname(fileURLToPath(import.meta.url)), agent.file) : agentFile;
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    if (agentFile !== '')
      throw new Error(`the header agent cannot be read: ${describe(error)}; correct --agent-file`);
    return undefined;
  });
  if (content === undefined && agentDelivery === 'configMap' && manifests.length === 0)
    log.warn({ file }, 'no header agent is beside the program: pods get settings only');
  return content === undefined ? undefined : bundleAgent(content);
}

interface Running {
  readonly settings: Settings;
  readonly io: Io;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly cluster: Cluster;
  readonly certificates: Certificates | OwnCertificates;
  readonly webhook: Webhook;
  readonly controller: Controller | undefined;
  readonly installation: Installation | undefined;
}

async function serveUntilStopped(running: Running): Promise<void> {
  const { settings, io, log, metrics, cluster, certificates, webhook, controller } = running;
  const reported = new Set<string>();
  const tick = async (): Promise<void> => {
    if (await certificates.refresh(Date.now())) webhook.renew(certificates.current, certificates.clientCa);
    measureCertificates(certificates, metrics);
    reportProblems(cluster, reported, log);
  };
  const failed = new Promise<never>((_resolve, reject) => {
    cluster.synced.catch(reject);
  });
  void cluster.synced.then(
    () => {
      reportProblems(cluster, reported, log);
    },
    () => undefined,
  );
  const stopTicking = repeat(settings.certReloadSeconds * 1000, () =>
    tick().catch((error: unknown) => {
      log.error({ reason: describe(error) }, 'certificates could not be looked at');
    }),
  );
  const stopProbing = await startProbing(running);
  try {
    await Promise.race([aborted(io.stop), failed]);
    log.info({ drainSeconds: settings.drainSeconds }, 'draining: unready, still serving');
    webhook.drain();
    // The Lease goes back first, so that another replica writes while we drain.
    await controller?.close();
    await new Promise((resolve) => {
      setTimeout(resolve, settings.drainSeconds * 1000);
    });
  } finally {
    stopTicking();
    stopProbing();
  }
}

/** Works again and again, so long after the last time has ended. Returns the way to stop. `work` must not reject. */
function repeat(milliseconds: number, work: () => Promise<void>): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const next = (): void => {
    if (!stopped)
      timer = setTimeout(() => {
        void work().then(next);
      }, milliseconds);
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** Looks at itself through the API server; a replica that drains does not. */
async function startProbing({ settings, log, metrics, installation, io }: Running): Promise<() => void> {
  if (installation === undefined) return () => undefined;
  const earning = createEarning({
    writes: await installation.writes,
    namespace: settings.systemNamespace,
    name: settings.webhookConfiguration,
    earns: settings.earnFailurePolicy,
    log,
    metrics,
  });
  const stop = repeat(settings.probeSeconds * 1000, () => earning.turn());
  io.stop.addEventListener('abort', stop, { once: true });
  return stop;
}

/** Each problem of the cluster's objects is said once, and again when it comes back. */
function reportProblems(cluster: Cluster, reported: Set<string>, log: Log): void {
  const current = cluster.problems();
  for (const { source, code, message } of current)
    if (!reported.has(message)) log.warn({ source, code }, message);
  reported.clear();
  for (const { message } of current) reported.add(message);
}

function whyUnready(cluster: Cluster, certificates: Certificates | OwnCertificates): readonly string[] {
  const reasons = cluster.snapshot.synced
    ? []
    : [
        `the cluster is not read yet: ${cluster
          .freshness()
          .filter((kind) => !kind.synced)
          .map((kind) => kind.kind)
          .join(', ')}`,
      ];
  if ('unready' in certificates) return [...reasons, ...certificates.unready()];
  const { expires } = certificates.current;
  return Date.now() < expires
    ? reasons
    : [...reasons, `the serving certificate expired at ${new Date(expires).toISOString()}`];
}

/** Says where we listen; with a folder of manifests, somebody is trying us out, and is told what to try. */
function announce(webhook: Webhook, certificates: Certificates, settings: Settings, io: Io): void {
  io.err(`branchline: webhook ${webhook.url}, health and metrics ${webhook.plainUrl}\n`);
  if (settings.manifests.length === 0 || certificates.caFile === undefined) return;
  const post = (path: string, review: string): string =>
    `  curl -sS --cacert ${certificates.caFile ?? ''} -H 'content-type: application/json' --data @examples/reviews/${review} ${webhook.url}${path}\n`;
  io.err(
    [
      `branchline: the cluster is ${settings.manifests.join(', ')}; change a file there and ask again. Try:\n`,
      '# a branch of fact-find-ui: labelled and announced\n',
      post('/mutate/workloads', 'fact-find-ui-ops-1234.json'),
      '# a regex that no proxy can compile: refused\n',
      post('/validate/routes', 'bad-regex.json'),
      '# a second workload for the same branch: refused\n',
      post('/validate/declarations', 'bad-branch.json'),
    ].join(''),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

function describe(error: unknown): string {
  const { code } = error as { code?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'EADDRINUSE')
    return `${message}; another process listens there: stop it, or choose another --listen-port or --plain-port`;
  if (code === 'EACCES')
    return `${message}; this user may not listen there: choose a port above 1023 by --listen-port and --plain-port`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${message}; this machine has no such address: change --listen-host or --plain-host`;
  return message;
}
