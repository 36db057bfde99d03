/**
 * Connections that have been idle for a while, when both ends may be about to close them. Go's transport, which the API server calls webhooks with, gives an
 * idle connection up after 90 s, and fails a POST that meets a connection which the other end has just closed. So the server must never be the first.
 *
 * @see https://github.com/golang/go/blob/master/src/net/http/transport.go (IdleConnTimeout, shouldRetryRequest)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnection, post, type Connection } from '../bench/connection.ts';
import { count, describe } from '../bench/load.ts';
import { reviewOf } from '../bench/reviews.ts';
import type { Box } from '../box/start.ts';
import { apiEndpoint, branchDeployment, creation, judgeCreated, reviewsOf } from './admissions.ts';
import type { Replica } from './replica.ts';
import { createService, send } from './service.ts';
import { idleService, systemNamespace, type Site } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

/** Trials that go on in the background. */
export interface Idling {
  /** Resolves when the longest gap is over. */
  finish(): Promise<readonly Trial[]>;
}

/** Idle times, in seconds; the API server keeps connections of its own for each, because each has a Service port of its own. */
const gapsSeconds = [70, 75, 85, 89, 89.9, 90, 90.1, 91, 95, 100];
const firstPort = 4000;
/** Creations at once before and after each gap. Go keeps 25 idle connections to a host. */
const burst = 40;
const namespace = 'idle';

/** Direct connections, spread over idle times from and to, in seconds: around what Go, proxies and Node's own defaults take for an end. */
const directSpreads = [
  { fromSeconds: 4.5, toSeconds: 6.5, connections: 200, used: true },
  { fromSeconds: 71.5, toSeconds: 73.5, connections: 200, used: true },
  { fromSeconds: 89.5, toSeconds: 91.5, connections: 400, used: true },
  { fromSeconds: 94, toSeconds: 100, connections: 200, used: true },
  { fromSeconds: 89.5, toSeconds: 91.5, connections: 400, used: false },
] as const;

/** Starts everything; a replica of its own answers. */
export async function startIdling(site: Site): Promise<Idling> {
  const ports = gapsSeconds.map((_gap, index) => ({ name: `gap-${index}`, port: firstPort + index }));
  const service = await createService(site.api, idleService, ports);
  const replica = await site.startReplica();
  await service.publish([replica]);
  await send(site.api, 'POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  await send(
    site.api,
    'POST',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    configuration(site.pair.ca),
  );
  await untilAsked(site.box, replica);
  const gaps = Promise.all(gapsSeconds.map((gap, index) => idleApiServer(site.box, gap, index)));
  const direct = Promise.all(directSpreads.map((spread) => idleDirectly(replica, spread)));
  return { finish: async () => [...(await gaps), ...(await direct)] };
}

function configuration(ca: string): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'idle' },
    webhooks: gapsSeconds.map((_gap, index) => ({
      name: `gap-${index}.branchline.dev`,
      clientConfig: {
        service: {
          namespace: systemNamespace,
          name: idleService,
          port: firstPort + index,
          path: '/mutate/workloads',
        },
        caBundle: Buffer.from(ca).toString('base64'),
      },
      rules: [
        {
          apiGroups: ['apps'],
          apiVersions: ['v1'],
          resources: ['deployments'],
          operations: ['CREATE'],
          scope: 'Namespaced',
        },
      ],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      objectSelector: { matchLabels: { gap: String(index) } },
      failurePolicy: 'Fail',
      sideEffects: 'None',
      timeoutSeconds: 5,
      admissionReviewVersions: ['v1'],
    })),
  };
}

const configuredMs = 15_000;

/** The API server follows its configurations with a delay; until then it asks nobody. */
async function untilAsked(box: Box, replica: Replica): Promise<void> {
  const deadline = performance.now() + configuredMs;
  while ((await reviewsOf(replica)) === 0) {
    if (performance.now() > deadline) throw new Error('the API server does not ask');
    await burstOf(box, 0, 1);
    await sleep(100);
  }
}

async function idleApiServer(box: Box, gapSeconds: number, index: number): Promise<Trial> {
  await burstOf(box, index, burst);
  await sleep(gapSeconds * 1000);
  const failures = await burstOf(box, index, burst);
  return expectNone(
    `webhook connections idle for ${gapSeconds} s`,
    { requests: burst, failures },
    `${burst} admissions at once before and after`,
  );
}

/** Creates at once, on new connections to the API server: only its own connections to the webhook are of interest. */
async function burstOf(box: Box, index: number, creations: number): Promise<ReadonlyMap<string, number>> {
  const object = branchDeployment('any') as { metadata: object };
  const request = creation(box, namespace, {
    ...object,
    metadata: { ...object.metadata, labels: { gap: String(index) } },
  });
  const connections = await Promise.all(
    Array.from({ length: creations }, () => openConnection(apiEndpoint(box))),
  );
  const failures = new Map<string, number>();
  await Promise.all(
    connections.map(async (connection) => {
      const reason = await connection.send(request).then(judgeCreated, describe);
      if (reason !== undefined) count(failures, reason);
      connection.close();
    }),
  );
  return failures;
}

type Spread = (typeof directSpreads)[number];

async function idleDirectly(
  replica: Replica,
  { fromSeconds, toSeconds, connections, used }: Spread,
): Promise<Trial> {
  const request = post('/mutate/workloads?timeout=5s', reviewOf('branch', 8192));
  const failures = new Map<string, number>();
  let [requests, closed] = [0, 0];
  const idle = async (connection: Connection, seconds: number): Promise<void> => {
    if (used) await connection.send(request);
    await sleep(seconds * 1000);
    // A client that knows that a connection is gone takes another; what it does not know yet is what fails.
    if (!connection.isOpen()) {
      closed += 1;
      return;
    }
    requests += 1;
    const reason = await connection
      .send(request)
      .then(({ status }) => (status === 200 ? undefined : `status ${status}`), describe);
    if (reason !== undefined) count(failures, reason);
    connection.close();
  };
  const step = (toSeconds - fromSeconds) / connections;
  await Promise.all(
    Array.from({ length: connections }, async (_unused, index) =>
      idle(await openConnection(replica.endpoint), fromSeconds + index * step),
    ),
  );
  const what = `a client's connections, ${used ? 'idle' : 'never used'} for ${fromSeconds} to ${toSeconds} s`;
  const notes =
    closed === 0
      ? `${connections} connections`
      : `${connections} connections; ${closed} were seen to be closed before they were used`;
  return expectNone(
    what,
    { requests: requests + closed, failures },
    notes,
    used && closed > 0 ? ['the server closed an idle connection first'] : [],
  );
}
