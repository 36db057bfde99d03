/** Resident memory with nothing to do: on an empty cluster, and with a large one in the cache, read from an API server over its list and watch. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../src/model/json.ts';
import { startFakeApiServer, type FakeApiServer } from '../cluster/fake-apiserver.ts';
import { post } from './connection.ts';
import { loadFully } from './load.ts';
import { deployment, pod, service } from './objects.ts';
import { reviewOf } from './reviews.ts';
import { startOurs, type Server, type Site } from './site.ts';
import { round, toTable, verdict, type Row } from './table.ts';

const goalMb = 90;
const namespaces = 20;
const workloads = 2000;
const podsPerWorkload = 2;
/** Some 8 KB a Deployment, 3 KB a pod, as the API server sends them. */
const variables = 16;

/** Garbage is given back within seconds of quiet; a resident size that has not shrunk for so long is what stays. */
const quietSeconds = 10;
const settleSecondsMax = 45;
const readyMs = 20_000;
const loadMs = 8000;

/** Returns the table. */
export async function memory(site: Site): Promise<string> {
  const empty = await measure(site, 'an empty cluster', []);
  const large = await measure(
    site,
    `${workloads} workloads, as many Services, ${workloads * podsPerWorkload} pods, ${namespaces} namespaces`,
    largeCluster(),
  );
  return toTable('Resident memory in MB, from an API server', [...empty, ...large]);
}

function largeCluster(): readonly object[] {
  const objects: object[] = [];
  for (let index = 0; index < namespaces; index += 1) {
    objects.push({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: `tenant-${index}`,
        labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
        annotations: { 'branchline.dev/domain': `tenant-${index}.example.io` },
      },
    });
  }
  for (let index = 0; index < workloads; index += 1) {
    const namespace = `tenant-${index % namespaces}`;
    const app = `backend-${Math.floor(index / namespaces)}`;
    objects.push(
      service(namespace, app),
      deployment({ namespace, name: app, app, version: 'master', variables }),
    );
    for (let copy = 0; copy < podsPerWorkload; copy += 1)
      objects.push(pod(namespace, `${app}-5d4f8c7b9-${copy}`, { app, version: 'master', variables }));
  }
  return objects;
}

async function measure(site: Site, what: string, objects: readonly object[]): Promise<readonly Row[]> {
  const api = await startFakeApiServer();
  for (const object of objects) api.put(object as JsonObject);
  const server = await startOurs(site, { cluster: ['--kubeconfig', await kubeconfigOf(site, api)] });
  try {
    const synced = await untilReady(server);
    const atOnce = await server.process.residentMb();
    const settled = await settle(server);
    const { peak } = await server.process.residentMb();
    const { requests } = await loadFully(
      {
        endpoint: server.endpoint,
        request: post('/mutate/workloads?timeout=5s', reviewOf('branch', 81_920)),
        connections: 10,
      },
      loadMs,
    );
    const { now: loaded } = await server.process.residentMb();
    return [
      {
        what,
        'ready after ms': round(synced),
        'when ready': round(atOnce.now),
        'peak until here': round(peak),
        settled: round(settled),
        goal: `<= ${goalMb}`,
        '': verdict(settled <= goalMb),
        'under load': round(loaded),
        'settled again': round(await settle(server)),
        'load: reviews of 80 KB': requests,
      },
    ];
  } finally {
    await server.process.kill();
    await api.stop();
  }
}

async function kubeconfigOf(site: Site, { url }: FakeApiServer): Promise<string> {
  const path = join(site.folder, 'kubeconfig');
  const named = (key: string, value: object): object => [{ name: 'fake', [key]: value }];
  await writeFile(
    path,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      clusters: named('cluster', { server: url, 'insecure-skip-tls-verify': true }),
      users: named('user', { token: 'any' }),
      contexts: named('context', { cluster: 'fake', user: 'fake' }),
    }),
  );
  return path;
}

/** @returns milliseconds from the start of the process. */
async function untilReady({ process, plainUrl }: Server): Promise<number> {
  for (;;) {
    const response = await fetch(new URL('/readyz', plainUrl));
    const text = await response.text();
    const milliseconds = performance.now() - process.startedAt;
    if (response.status === 200) return milliseconds;
    if (milliseconds > readyMs) throw new Error(`not ready after ${readyMs} ms: ${text}`);
    await sleep(20);
  }
}

/** @returns the smallest resident size, once it shrinks no more. */
async function settle({ process }: Server): Promise<number> {
  let smallest = Number.POSITIVE_INFINITY;
  let quiet = 0;
  for (let second = 0; second < settleSecondsMax && quiet < quietSeconds; second += 1) {
    const { now } = await process.residentMb();
    quiet = now < smallest ? 0 : quiet + 1;
    smallest = Math.min(smallest, now);
    await sleep(1000);
  }
  return smallest;
}
