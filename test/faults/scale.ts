/** What a replica that writes routes needs in a large cluster: 500 services and 2 000 branches in a real API server. Started by `main.ts`, in a network of its own. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureArtifacts } from '../box/binaries.ts';
import { connect, type Api } from '../box/api.ts';
import { startBox } from '../box/start.ts';
import { installServer, type Server } from '../e2e/server.ts';
import { waitFor } from '../e2e/steps.ts';
import { report } from './report.ts';
import type { Trial } from './trial.ts';

const namespaces = 10;
const services = 500;
const branchesPerService = 4;
const residentGoalMb = 250;
const idleGoalPercent = 1;
const idleSeconds = 60;

/** Twice the goal is a fault; in between a busy machine may be to blame, and the numbers say so. */
const faultFactor = 2;

async function run(): Promise<readonly Trial[]> {
  const { 'istio-crds.yaml': crds } = await ensureArtifacts(['istio-crds.yaml']);
  const box = await startBox();
  const api = connect({ url: box.apiUrl, certificate: await readFile(box.caFile, 'utf8'), token: box.token });
  let server: Server | undefined;
  try {
    await box.kubectl(['apply', '--server-side', '-f', crds]);
    await box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    await fill(api);
    const started = performance.now();
    server = await installServer(box, { maxBranchesPerService: 0, logLevel: 'warn' }, { probeSeconds: 5 });
    const { plainUrl } = server;
    await waitFor(
      'every branch to be routed',
      async () => ((await numbers(plainUrl)).routed === services * branchesPerService ? true : undefined),
      300_000,
    );
    const routedSeconds = Math.round((performance.now() - started) / 1000);
    await waitFor(
      'the last writes',
      async () => {
        const before = (await numbers(plainUrl)).writes;
        await sleep(5000);
        return (await numbers(plainUrl)).writes === before ? true : undefined;
      },
      120_000,
    );
    const before = await numbers(plainUrl);
    await sleep(idleSeconds * 1000);
    const after = await numbers(plainUrl);
    const percent = ((after.cpuSeconds - before.cpuSeconds) / idleSeconds) * 100;
    return [
      row(
        `${services} services, ${services * branchesPerService} branches: memory`,
        `${Math.round(after.residentMb)} MB resident, ${Math.round(after.heapMb)} MB of heap in use (goal ${residentGoalMb}); all routed ${routedSeconds} s after the start of an empty installation, ${before.writes} writes`,
        after.residentMb <= residentGoalMb * faultFactor,
      ),
      row(
        'an idle minute there',
        `${percent.toFixed(2)} % of a core (goal ${idleGoalPercent}), ${after.writes - before.writes} writes`,
        percent <= idleGoalPercent * faultFactor && after.writes === before.writes,
      ),
    ];
  } finally {
    await server?.stop();
    api.close();
    await box.stop();
  }
}

function row(what: string, notes: string, isFine: boolean): Trial {
  return { what, requests: 0, failures: new Map(), expected: 'none', notes, problems: isFine ? [] : [notes] };
}

/** What a replica says of itself. */
async function numbers(plainUrl: string): Promise<{
  readonly residentMb: number;
  readonly heapMb: number;
  readonly cpuSeconds: number;
  readonly routed: number;
  readonly writes: number;
}> {
  const text = await (await fetch(`${plainUrl}/metrics`)).text();
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  return {
    residentMb: sum(/^process_resident_memory_bytes (\S+)$/gm) / 2 ** 20,
    cpuSeconds: sum(/^process_cpu_seconds_total (\S+)$/gm),
    heapMb: sum(/^nodejs_heap_size_used_bytes (\S+)$/gm) / 2 ** 20,
    routed: sum(/^branchline_branches\{state="routed"\} (\S+)$/gm),
    writes: sum(/^branchline_controller_writes_total\{[^}]*\} (\S+)$/gm),
  };
}

/** Written before branchline is there, as if by it: what is measured is the controller, not admission. The Deployments are paused, so that their controller makes no pods; ours get ready, gates and all, by kwok. */
async function fill(api: Api): Promise<void> {
  for (let index = 0; index < namespaces; index += 1) {
    await create(api, '/api/v1/namespaces', {
      metadata: {
        name: `tenant-${index}`,
        labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
        annotations: { 'branchline.dev/domain': `tenant-${index}.example.io` },
      },
    });
  }
  const work = Array.from({ length: services }, (_, index) => index);
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let index = work.pop(); index !== undefined; index = work.pop()) await fillService(api, index);
    }),
  );
}

async function fillService(api: Api, index: number): Promise<void> {
  const namespace = `tenant-${index % namespaces}`;
  const app = `service-${index}`;
  await create(api, `/api/v1/namespaces/${namespace}/services`, {
    metadata: { name: app, annotations: { 'branchline.dev/context': `/${app}` } },
    spec: { selector: { app }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  for (const version of [
    'master',
    ...Array.from({ length: branchesPerService }, (_, branch) => `OPS-${branch}`),
  ])
    await fillVersion(api, { namespace, app, version });
}

async function fillVersion(
  api: Api,
  { namespace, app, version }: { readonly namespace: string; readonly app: string; readonly version: string },
): Promise<void> {
  const isBranch = version !== 'master';
  const name = isBranch ? `${app}-${version.toLowerCase()}` : app;
  const labels = { app, version };
  const env = Array.from({ length: 20 }, (_, variable) => ({
    name: `SETTING_${variable}`,
    value: `value ${variable} of ${name}`.repeat(4),
  }));
  const container = { name: 'app', image: `registry.example.io/${app}:${version}`, env };
  await create(api, `/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name, labels, annotations: isBranch ? { 'branchline.dev/branch': version } : {} },
    spec: {
      paused: true,
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  });
  const gate = isBranch ? { readinessGates: [{ conditionType: 'branchline.dev/routed' }] } : {};
  await create(api, `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name: `${name}-0`, labels },
    spec: { ...gate, containers: [container] },
  });
}

async function create(api: Api, path: string, object: object): Promise<void> {
  const { status, body } = await api.send('POST', path, object);
  if (status !== 201)
    throw new Error(`${path} was answered with ${status}: ${JSON.stringify(body).slice(0, 300)}`);
}

await report('A large cluster', [{ name: 'scale', run }]);
