/** Our server as the chart installs it: what helm renders is applied, and its pod runs as a process, with the rights of its ServiceAccount and no more. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ensureArtifacts } from '../box/binaries.ts';
import type { Box } from '../box/start.ts';
import { markerNamespace } from '../box/marker.ts';
import { boxAddress } from '../box/network.ts';
import { rendered } from '../chart/helm.ts';
import { at, listAt, objectAt, textAt } from '../../src/model/json.ts';
import { readStart } from '../image.ts';
import { waitFor } from './steps.ts';

const root = join(import.meta.dirname, '../..');
/** Not the chart's own ports: containers of the stories listen on 8080. */
const ports = { https: 9443, http: 9080 } as const;
/** Where the release is, as the chart's README has it. */
export const systemNamespace = 'branchline-system';

export interface Server {
  readonly plainUrl: string;
  /** Of its ServiceAccount. */
  readonly kubeconfig: string;
  /** Further flags count for this start only. */
  start(...flags: readonly string[]): Promise<void>;
  /** Resolves when it has earned that the API server asks about branches with `failurePolicy: Fail`. */
  earned(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
  log(): string;
}

/** Applies the chart's rendering with these settings besides the defaults, starts its pod, and resolves when the failure policy is earned. */
export async function installServer(box: Box, settings: object = {}): Promise<Server> {
  await ensureArtifacts(['helm']);
  const folder = await mkdtemp(join(tmpdir(), 'server-'));
  const logFile = join(folder, 'log');
  const plainUrl = `http://127.0.0.1:${ports.http}`;
  const objects = await rendered(valuesWith(settings));
  await applyInstallation(box, objects);
  const kubeconfig = await accountKubeconfig(box, folder);
  let child: ChildProcess | undefined;
  const server: Server = {
    plainUrl,
    kubeconfig,
    async start(...more) {
      child = await startPod(objects, { folder, kubeconfig, logFile, flags: more });
      const ended = once(child, 'exit').then(() => { throw new Error(`the server ended:\n${server.log()}`); });
      ended.catch(() => undefined);
      await Promise.race([ended, waitFor('the server to be ready', async () => ((await isReady(plainUrl)) ? true : undefined))]);
    },
    async earned() {
      await waitFor('failurePolicy Fail', async () => ((await branchPolicies(box)) === 'FailFail' ? true : undefined));
    },
    async kill() {
      if (child === undefined || child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    async stop() {
      if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
      child.kill('SIGTERM');
      await once(child, 'exit');
      return child.exitCode;
    },
    log: () => readFileSync(logFile, 'utf8').split('\n').slice(-20).join('\n'),
  };
  await server.start();
  await server.earned();
  return server;
}

/** The defaults, but for addresses of this machine and looks that come so often that no story waits for them. */
function valuesWith(settings: object): object {
  return {
    webhookPort: ports.https, plainPort: ports.http,
    settings: { drainSeconds: 0, probeSeconds: 1, certReloadSeconds: 1, ...settings },
    // A mesh's marker breaks every rule about the order of writes, and is asked for until it is right: it is none of ours.
    webhooks: { excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', markerNamespace] },
  };
}

/** All that is no hook, but the Deployment: its pod is a process, whose address is written by hand. */
async function applyInstallation(box: Box, objects: readonly unknown[]): Promise<void> {
  const installed = objects.filter((object) => textAt(object, 'kind') !== 'Deployment' && textAt(object, 'metadata', 'annotations', 'helm.sh/hook') === undefined);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } };
  await box.kubectl(['apply', '--server-side', '-f', '-'], { stdin: manifest([namespace, ...installed, endpoint({ name: 'branchline-1', port: ports.https })]) });
}

/** Returns objects as one YAML text. */
export function manifest(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}

/** Returns what the endpoints controller would write for a ready pod of the Service, or for none. */
export function endpoint({ name, port, ready = true }: { readonly name: string; readonly port: number; readonly ready?: boolean }): object {
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4',
    metadata: { name, namespace: systemNamespace, labels: { 'kubernetes.io/service-name': 'branchline' } },
    ports: [{ name: 'https', port, protocol: 'TCP' }],
    endpoints: ready ? [{ addresses: [boxAddress], conditions: { ready: true } }] : [],
  };
}

/** Returns the failure policies of the two webhooks for branches, one after the other. */
export async function branchPolicies(box: Box): Promise<string> {
  const { stdout } = await box.kubectl(['get', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', 'branchline', '-o', 'jsonpath={range .items[*]}{.webhooks[0].failurePolicy}{end}']);
  return stdout.trim();
}

/** What of a pod is this machine's. */
export interface PodSite {
  readonly folder: string;
  readonly kubeconfig: string;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
  /** After the pod's own arguments. */
  readonly flags?: readonly string[];
}

/** Starts the rendered pod as the kubelet would: the image's ENTRYPOINT, the pod's arguments and environment, its ConfigMaps and Secrets (those that are rendered, or lie there already) as files. */
export async function startPod(objects: readonly unknown[], { folder, kubeconfig, logFile, flags: more = [] }: PodSite): Promise<ChildProcess> {
  const pod = at(objects.find((object) => textAt(object, 'kind') === 'Deployment'), 'spec', 'template', 'spec');
  const container = at(pod, 'containers', 0);
  const mounted = join(folder, 'mounted');
  for (const volume of listAt(pod, 'volumes')) {
    const config = objects.find((object) => textAt(object, 'kind') === 'ConfigMap' && textAt(object, 'metadata', 'name') === textAt(volume, 'configMap', 'name'));
    const place = textAt(listAt(container, 'volumeMounts').find((mount) => textAt(mount, 'name') === textAt(volume, 'name')), 'mountPath') ?? '';
    for (const text of Object.values(objectAt(config, 'data'))) {
      await mkdir(dirname(join(mounted, place)), { recursive: true });
      await writeFile(join(mounted, place), String(text));
    }
  }
  const args = listAt(container, 'args').map((arg) => String(arg).replace('=/etc/', `=${mounted}/etc/`));
  const given = Object.fromEntries(listAt(container, 'env').map((variable) => [textAt(variable, 'name') ?? '', textAt(variable, 'value') ?? '']));
  const { flags, env } = readStart();
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [...flags, join(root, 'dist/branchline.js'), ...args, '--kubeconfig', kubeconfig, ...more], { stdio: ['ignore', log, log], env: { ...env, ...given, HOME: folder } });
  closeSync(log);
  return child;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** Writes a kubeconfig with a token of the release's ServiceAccount, and returns its path. */
export async function accountKubeconfig(box: Box, folder: string, name = 'kubeconfig'): Promise<string> {
  const { stdout } = await box.kubectl(['-n', systemNamespace, 'create', 'token', 'branchline', '--duration=2h']);
  const config = parse(readFileSync(box.kubeconfig, 'utf8')) as { users: { user: object }[] };
  const file = join(folder, name);
  await writeFile(file, stringify({ ...config, users: config.users.map((user) => ({ ...user, user: { token: stdout.trim() } })) }), { mode: 0o600 });
  return file;
}
