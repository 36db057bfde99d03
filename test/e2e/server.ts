/** The chart's installation with one replica: a process that the API server reaches through the chart's Service, started with the rendered arguments and the rendered rights and no more. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Settings } from '../../src/config/settings.ts';
import type { Box } from '../box/start.ts';
import { markerNamespace } from '../box/marker.ts';
import { boxAddress } from '../box/network.ts';
import { documents, renderRelease, systemNamespace } from '../chart/release.ts';
import { readStart } from '../image.ts';
import { withNumbers } from '../quick.ts';
import { waitFor } from './steps.ts';

const root = join(import.meta.dirname, '../..');
const plainPort = 9080;
const securePort = 9443;
/** Quick looks, so that stories are short. */
const quickNumbers = { probeSeconds: 1, certReloadSeconds: 1 } as const;

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

/** Installs the chart, starts the replica, and resolves when it has earned `failurePolicy: Fail`. */
export async function installServer(
  box: Box,
  settings: Partial<Settings> = {},
  numbers: Parameters<typeof withNumbers>[0] = quickNumbers,
): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'server-'));
  const logFile = join(folder, 'log');
  const plainUrl = `http://127.0.0.1:${plainPort}`;
  const release = await renderRelease({
    webhookPort: securePort,
    plainPort,
    settings: { drainSeconds: 0, ...settings },
    // A mesh's marker breaks every rule about the order of writes, and is asked for until it is right: it is none of ours.
    webhooks: { excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', markerNamespace] },
  });
  await box.kubectl(['apply', '-f', '-'], {
    stdin: documents([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } }]),
  });
  await box.kubectl(['apply', '-f', '-'], { stdin: release.manifest });
  await box.kubectl(['apply', '-f', '-'], { stdin: endpoints });
  const kubeconfig = await accountKubeconfig(box, folder);
  const args = await release.argumentsOf('Deployment', 'branchline', folder);
  const { flags, env } = readStart();
  let child: ChildProcess | undefined;
  const server: Server = {
    plainUrl,
    kubeconfig,
    async start(...more) {
      const log = openSync(logFile, 'a');
      child = spawn(
        process.execPath,
        [...flags, join(root, 'dist/branchline.js'), ...args, '--kubeconfig', kubeconfig, ...more],
        { stdio: ['ignore', log, log], env: { ...env, ...withNumbers(numbers), HOME: folder } },
      );
      closeSync(log);
      const ended = once(child, 'exit').then(() => {
        throw new Error(`the server ended:\n${server.log()}`);
      });
      ended.catch(() => undefined);
      await Promise.race([
        ended,
        waitFor('the server to be ready', async () => ((await isReady(plainUrl)) ? true : undefined)),
      ]);
    },
    async earned() {
      await waitFor('failurePolicy Fail', async () =>
        (await branchPolicies(box)) === 'FailFail' ? true : undefined,
      );
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

/** Returns the failure policies of the two webhooks for branches, one after the other. */
export async function branchPolicies(box: Box): Promise<string> {
  return (
    await box.kubectl([
      'get',
      'mutatingwebhookconfiguration,validatingwebhookconfiguration',
      'branchline',
      '-o',
      'jsonpath={range .items[*]}{.webhooks[0].failurePolicy}{end}',
    ])
  ).stdout;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}

async function accountKubeconfig(box: Box, folder: string): Promise<string> {
  const { stdout } = await box.kubectl([
    '-n',
    systemNamespace,
    'create',
    'token',
    'branchline',
    '--duration=2h',
  ]);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'box',
    clusters: [{ name: 'box', cluster: { server: box.apiUrl, 'certificate-authority': box.caFile } }],
    contexts: [{ name: 'box', context: { cluster: 'box', user: 'branchline' } }],
    users: [{ name: 'branchline', user: { token: stdout.trim() } }],
  };
  const file = join(folder, 'kubeconfig');
  await writeFile(file, stringify(config));
  return file;
}

/** The one address where our process listens. */
const endpoints = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: branchline-1, namespace: ${systemNamespace}, labels: { kubernetes.io/service-name: branchline } }
addressType: IPv4
ports: [{ name: https, port: ${securePort}, protocol: TCP }]
endpoints: [{ addresses: ["${boxAddress}"], conditions: { ready: true } }]
`;
