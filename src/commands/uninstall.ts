/** `branchline uninstall`: takes everything of ours out of a cluster, in the order that keeps the baselines' traffic whole. Idempotent. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { openKubernetes } from '../cluster/kubernetes.ts';
import { openKubernetesWrites } from '../cluster/kubernetes-writes.ts';
import { ClusterError, type Cluster } from '../cluster/port.ts';
import type { Writes } from '../cluster/writes.ts';
import { installationName, type Settings } from '../config/settings.ts';
import { systemClock } from '../controller/clock.ts';
import { startController } from '../controller/controller.ts';
import { leftovers, leftToPods, markRetired, outOfScope } from '../controller/retire.ts';
import { openLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What to do and for how long. */
export interface UninstallRequest {
  readonly settings: Settings;
  /** Given up after so long with something left. */
  readonly timeoutSeconds: number;
}

/** How often is looked whether anything is left, in milliseconds. */
const lookMilliseconds = 100;

/** Removes routes, closes gates, takes off finalizers, status annotations and ConfigMaps, last the Lease. @returns 1 when something is left, which is named on standard error. */
export async function uninstall(request: UninstallRequest, io: Io): Promise<ExitCode> {
  const { settings } = request;
  const server = { kubeconfig: settings.kubeconfig, context: settings.kubeContext };
  const cluster = openKubernetes({ ...server, silenceMilliseconds: settings.watchSilenceSeconds * 1000 });
  const writes = openKubernetesWrites(server);
  try {
    await cluster.synced;
    return await retire(request, { cluster, writes, io });
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    io.err(`branchline: cannot uninstall: ${error.message}\n`);
    return exitCodes.worldRefused;
  } finally {
    await cluster.close();
    writes.close();
  }
}

interface Parts {
  readonly cluster: Cluster;
  readonly writes: Writes;
  readonly io: Io;
}

async function retire(
  { settings, timeoutSeconds }: UninstallRequest,
  { cluster, writes, io }: Parts,
): Promise<ExitCode> {
  const lease = { namespace: settings.systemNamespace, name: installationName(settings) };
  await markRetired(writes, lease, Date.now());
  const opened = await openLog('warn', io.isTerminal);
  const controllerWrites = openKubernetesWrites({
    kubeconfig: settings.kubeconfig,
    context: settings.kubeContext,
  });
  const controller = startController({
    cluster: outOfScope(cluster),
    writes: controllerWrites,
    clock: systemClock,
    random: Math.random,
    log: opened.log,
    metrics: createMetrics(() => cluster.freshness()),
    settings: { ...settings, gracefulEnd: false },
    identity: `uninstall_${randomUUID()}`,
    agent: undefined,
    takesRetired: true,
  });
  const deadline = performance.now() + timeoutSeconds * 1000;
  const isEnded = (): boolean => performance.now() >= deadline || io.stop.aborted;
  const untilGone = async (): Promise<void> => {
    while (leftovers(cluster.snapshot).length > 0 && !isEnded()) await wait(lookMilliseconds);
  };
  await untilGone();
  // Replicas that still run look at the Lease this often; each that has seen the mark stays away for good. Pods that they admitted just before are seen by then, too.
  if (!isEnded())
    await wait((settings.leaseSeconds * 1000) / 3, undefined, { signal: io.stop }).catch(() => undefined);
  await untilGone();
  const left = leftovers(cluster.snapshot);
  await controller.close();
  await opened.flush();
  if (left.length > 0) {
    io.err(
      `branchline: still there after ${timeoutSeconds} s:\n${left.map((one) => `  ${one}\n`).join('')}${advice}`,
    );
    return exitCodes.problemsFound;
  }
  await writes.remove({ kind: 'Lease', ...lease });
  io.err(farewell(leftToPods(cluster.snapshot)));
  return exitCodes.fine;
}

function farewell(staying: readonly string[]): string {
  const next = 'delete the webhook configurations and the Deployment next\n';
  if (staying.length === 0) return `branchline: nothing is left; ${next}`;
  return `branchline: nothing is left but what running pods read; each of these goes by itself when the last of its pods is replaced:\n${staying.map((one) => `  ${one}\n`).join('')}${next}`;
}

const advice = [
  "The default route of a service stays while pods of its branches could take the baseline's traffic: delete those branch workloads.",
  'A ConfigMap that pods use is made theirs, by `patch` on configmaps: it is named here only where that was refused.',
  'A workload that cannot be changed needs a webhook that answers: run this while replicas serve, or delete the webhook configurations first.',
]
  .map((line) => `${line}\n`)
  .join('');
