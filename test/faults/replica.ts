/** One replica of our server, with a pod's address, as a Deployment would run it. */
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint } from '../bench/connection.ts';
import { startProcess, type ServerProcess } from '../bench/server-process.ts';

/** What to run. */
export interface ReplicaOptions {
  /** For its log. */
  readonly folder: string;
  /** Arguments of node: flags of its own, the path of `branchline.js`, `serve` and its flags, but for the addresses. */
  readonly args: readonly string[];
  /** Added to a clean environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** PEM of the CA that its certificate is of; empty where nobody calls it past the API server. */
  readonly ca: string;
}

/** A ready replica. */
export interface Replica {
  readonly address: string;
  readonly process: ServerProcess;
  /** How to call it past the API server. */
  readonly endpoint: Endpoint;
  /** Returns what it has logged so far. */
  log(): Promise<string>;
  /** Asks a path of its plain port. */
  plain(path: string): Promise<{ readonly status: number; readonly text: string }>;
}

/** The TLS port of every replica. */
export const replicaPort = 8443;
const plainPort = 8080;
/** The Service name that the certificate carries and that calls past the API server ask for. */
export const serviceHost = 'branchline.branchline-system.svc';
const readyMs = 30_000;

/** Starts a replica and resolves when it is ready. @throws Error with its log when it does not become so. */
export async function startReplica(
  { folder, args, env = {}, ca }: ReplicaOptions,
  address: string,
): Promise<Replica> {
  const logFile = join(folder, `replica-${address}.log`);
  const log = openSync(logFile, 'a');
  const server = startProcess({
    stdout: log,
    env,
    args: [
      ...args,
      '--listen-host',
      address,
      '--listen-port',
      String(replicaPort),
      '--plain-host',
      address,
      '--plain-port',
      String(plainPort),
    ],
  });
  closeSync(log);
  const replica: Replica = {
    address,
    process: server,
    endpoint: { host: address, port: replicaPort, ca, serverName: serviceHost },
    log: () => readFile(logFile, 'utf8'),
    async plain(path) {
      const response = await fetch(`http://${address}:${plainPort}${path}`);
      return { status: response.status, text: await response.text() };
    },
  };
  await untilReady(replica);
  return replica;
}

async function untilReady(replica: Replica): Promise<void> {
  const deadline = performance.now() + readyMs;
  let said = 'nothing yet';
  let end: number | string | undefined;
  void replica.process.ended.then((how) => {
    end = how;
  });
  while (end === undefined && performance.now() < deadline) {
    const answer = await replica.plain('/readyz').catch(() => undefined);
    if (answer?.status === 200) return;
    said = answer?.text ?? said;
    await sleep(25);
  }
  throw new Error(
    `replica ${replica.address} is not ready (${end === undefined ? said : `it ended with ${end}`})\n${await replica.log()}`,
  );
}
