/** Our server as a process, reached by the API server through a Service, with the rights of its ServiceAccount and no more. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { Box } from '../box/start.ts';
import { markerNamespace } from '../box/marker.ts';
import { boxAddress } from '../box/network.ts';
import { waitFor } from './steps.ts';

const root = join(import.meta.dirname, '../..');
const plainPort = 9080;
const securePort = 9443;

export interface Server {
  readonly plainUrl: string;
  /** Further flags count for this start only. */
  start(...flags: readonly string[]): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
  log(): string;
}

/** Gives the server its account, its Service and the webhook configurations of `examples/kubernetes`, and returns the way to start it. */
export async function installServer(box: Box, flags: readonly string[] = []): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'server-'));
  const certs = join(folder, 'certs');
  const logFile = join(folder, 'log');
  const plainUrl = `http://127.0.0.1:${plainPort}`;
  await box.kubectl(['apply', '-f', join(root, 'examples/kubernetes/rbac.yaml')]);
  const kubeconfig = await accountKubeconfig(box, folder);
  let child: ChildProcess | undefined;
  const server: Server = {
    plainUrl,
    async start(...more) {
      const log = openSync(logFile, 'a');
      child = spawn(process.execPath, [join(root, 'dist/branchline.js'), 'serve', '--kubeconfig', kubeconfig, '--listen-host', '0.0.0.0', '--listen-port', String(securePort), '--plain-port', String(plainPort), '--cert-directory', certs, '--drain-seconds', '0', ...flags, ...more], { stdio: ['ignore', log, log] });
      closeSync(log);
      const ended = once(child, 'exit').then(() => { throw new Error(`the server ended:\n${server.log()}`); });
      ended.catch(() => undefined);
      await Promise.race([ended, waitFor('the server to be ready', async () => ((await isReady(plainUrl)) ? true : undefined))]);
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
  await box.kubectl(['apply', '-f', '-'], { stdin: serviceManifest });
  await box.kubectl(['apply', '-f', '-'], { stdin: await webhookManifest(join(certs, 'ca.crt')) });
  return server;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}

async function accountKubeconfig(box: Box, folder: string): Promise<string> {
  const { stdout } = await box.kubectl(['-n', 'branchline-system', 'create', 'token', 'branchline', '--duration=2h']);
  const config = {
    apiVersion: 'v1', kind: 'Config', 'current-context': 'box',
    clusters: [{ name: 'box', cluster: { server: box.apiUrl, 'certificate-authority': box.caFile } }],
    contexts: [{ name: 'box', context: { cluster: 'box', user: 'branchline' } }],
    users: [{ name: 'branchline', user: { token: stdout.trim() } }],
  };
  const file = join(folder, 'kubeconfig');
  await writeFile(file, stringify(config));
  return file;
}

/** A Service without selector: its EndpointSlice names the one address where our process listens. */
const serviceManifest = `
apiVersion: v1
kind: Service
metadata: { name: branchline, namespace: branchline-system }
spec: { ports: [{ name: https, port: 443, targetPort: ${securePort} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: branchline-1, namespace: branchline-system, labels: { kubernetes.io/service-name: branchline } }
addressType: IPv4
ports: [{ name: https, port: ${securePort}, protocol: TCP }]
endpoints: [{ addresses: ["${boxAddress}"], conditions: { ready: true } }]
`;

async function webhookManifest(caFile: string): Promise<string> {
  const caBundle = (await readFile(caFile)).toString('base64');
  // A mesh's marker breaks every rule about the order of writes, and is asked for until it is right: it is none of ours.
  const text = (await readFile(join(root, 'examples/kubernetes/webhooks.yaml'), 'utf8')).replaceAll('[kube-system, branchline-system]', `[kube-system, branchline-system, ${markerNamespace}]`);
  return parseAllDocuments(text).map((document) => {
    const configuration = document.toJS() as { webhooks: { clientConfig: object }[] };
    return stringify({ ...configuration, webhooks: configuration.webhooks.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } })) }, { aliasDuplicateObjects: false });
  }).join('---\n');
}
