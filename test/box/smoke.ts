/**
 * Shows that a box works, and how fast: `node test/box/smoke.ts`. Deployment → ready endpoints, an API server restart, and the same again
 * after it. Prints a table; exit code 0 also when the machine cannot run a box, with the reason.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureArtifacts } from './binaries.ts';
import { runInside } from './inside.ts';
import { missingTools } from './missing-tools.ts';
import { isInside } from './network.ts';
import { clusterArtifacts } from './recipes.ts';
import { startBox } from './start.ts';
import type { Box } from './start.ts';
import { at, listAt } from '../../src/model/json.ts';

/** An ordinary Deployment, without a node name, and its Service. */
const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  replicas: 2
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec: { containers: [{ name: app, image: hello }] }
---
apiVersion: v1
kind: Service
metadata: { name: hello }
spec: { selector: { app: hello }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`;

async function story(): Promise<void> {
  const times: [step: string, milliseconds: number][] = [];
  const timed = async <Result>(step: string, act: () => Promise<Result>): Promise<Result> => {
    const started = performance.now();
    const result = await act();
    times.push([step, Math.round(performance.now() - started)]);
    return result;
  };
  const box = await timed('start', () => startBox());
  try {
    await timed('apply', () => box.kubectl(['apply', '-f', '-'], { stdin: manifest }));
    await timed('2 ready endpoints', () => readyEndpoints(box, 2));
    await timed('API server restart', () => box.restartApiServer());
    await timed('Deployment is still there', () => box.kubectl(['get', 'deployment', 'hello']));
    await timed('scale to 5', () => box.kubectl(['scale', 'deployment', 'hello', '--replicas=5']));
    await timed('5 ready endpoints', () => readyEndpoints(box, 5));
  } finally {
    await timed('stop', () => box.stop());
  }
  for (const [step, milliseconds] of times)
    console.log(`${step.padEnd(28)}${String(milliseconds).padStart(7)} ms`);
}

/** How long endpoints may take, in milliseconds: after a restart the controllers pause up to some seconds before they watch again. */
const endpointsTimeoutMs = 30_000;

async function readyEndpoints(box: Box, count: number): Promise<void> {
  const deadline = performance.now() + endpointsTimeoutMs;
  let found = -1;
  while (performance.now() < deadline) {
    found = countReady(
      JSON.parse(
        (await box.kubectl(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=hello', '-o', 'json']))
          .stdout,
      ),
    );
    if (found === count) return;
    await sleep(25);
  }
  throw new Error(
    `${found} instead of ${count} ready endpoints after ${endpointsTimeoutMs} ms\n${box.logTail('kube-controller-manager')}`,
  );
}

/** A slice is written first with `endpoints: null`, which kubectl's jsonpath filters fail on; hence not jsonpath. */
function countReady(slices: unknown): number {
  const endpoints = listAt(slices, 'items').flatMap((slice) => listAt(slice, 'endpoints'));
  return endpoints.filter((endpoint) => at(endpoint, 'conditions', 'ready') === true).length;
}

async function main(): Promise<void> {
  if (isInside()) return story();
  const missing = await missingTools(clusterArtifacts);
  if (missing.length > 0) {
    console.log(`skipped, since this machine lacks:\n${missing.join('\n')}`);
    return;
  }
  await ensureArtifacts(clusterArtifacts);
  process.exitCode = await runInside(import.meta.filename);
}

await main();
