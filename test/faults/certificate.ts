/** Certificates that change under load: good ones are taken without dropping a connection, bad ones are refused and the old one stays. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PemPair } from '../../src/webhook/self-made.ts';
import { openConnection, post, type Connection } from '../bench/connection.ts';
import { count, describe, startSteadyLoad } from '../bench/load.ts';
import { reviewOf } from '../bench/reviews.ts';
import { startAdmissions } from './admissions.ts';
import type { Fleet } from './fleet.ts';
import type { Replica } from './replica.ts';
import type { Site } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

/** Replicas look every second; a look takes some milliseconds. */
const noticeMs = 1600;
const goodSwaps = 4;
const handshakesPerSecond = 20;
const keptConnections = 20;

/** Swaps pairs under load: through the API server, on connections that are kept, and with a handshake for each request. */
export async function tryCertificates(site: Site, fleet: Fleet): Promise<readonly Trial[]> {
  const [replica] = fleet.replicas();
  if (replica === undefined) throw new Error('no replica');
  const request = post('/mutate/workloads?timeout=5s', reviewOf('branch', 8192));
  const admissions = startAdmissions(site.box);
  const handshakes = startHandshakes(replica, request);
  const kept = await Promise.all(
    Array.from({ length: keptConnections }, () => openConnection(replica.endpoint)),
  );
  const keptLoad = startSteadyLoad(
    { endpoint: replica.endpoint, request, connections: keptConnections },
    100,
  );
  await Promise.all(kept.map((connection) => connection.send(request)));

  const swapped = await swapGood(site, replica);
  const refused = await swapBad(site, replica);
  const first = await keptAnswers(kept, request);

  return [
    expectNone(
      'certificate changes: admissions',
      await admissions.stop(),
      `${goodSwaps} new pairs of the same CA, 3 bad ones`,
      [...swapped, ...refused],
    ),
    expectNone(
      'certificate changes: a handshake for each review',
      await handshakes.stop(),
      `${handshakesPerSecond}/s, each checks the chain and the name`,
    ),
    expectNone('certificate changes: reviews on kept connections', await keptLoad.stop(), 'steady, 100/s'),
    expectNone(
      'certificate changes: connections from before all of them',
      first,
      'used again after the last change',
    ),
  ];
}

async function swapGood({ pair }: Site, replica: Replica): Promise<readonly string[]> {
  const problems: string[] = [];
  for (let swap = 1; swap <= goodSwaps; swap += 1) {
    const before = await servedSerial(replica);
    await pair.swap(await pair.makePair());
    await sleep(noticeMs);
    if ((await servedSerial(replica)) === before) problems.push(`new pair ${swap} is not served`);
  }
  return problems;
}

async function swapBad({ pair }: Site, replica: Replica): Promise<readonly string[]> {
  const problems: string[] = [];
  const [one, other] = [await pair.makePair(), await pair.makePair()];
  const bad: readonly (readonly [string, PemPair])[] = [
    ['a key of another certificate', { cert: one.cert, key: other.key }],
    ['half a certificate', { cert: one.cert.slice(0, one.cert.length / 2), key: one.key }],
    ['an empty key', { cert: one.cert, key: '' }],
  ];
  for (const [what, pairOf] of bad) {
    const before = await servedSerial(replica);
    await pair.swap(pairOf);
    await sleep(noticeMs);
    if ((await servedSerial(replica)) !== before) problems.push(`${what}: the old certificate did not stay`);
    const refusals = (await replica.log())
      .split('\n')
      .filter((line) => line.includes('"refused"') && line.includes('the old certificate stays')).length;
    if (refusals < bad.findIndex(([name]) => name === what) + 1)
      problems.push(`${what}: was not logged as refused`);
  }
  await pair.swap(one);
  await sleep(noticeMs);
  return problems;
}

async function servedSerial({ endpoint }: Replica): Promise<string> {
  const connection = await openConnection(endpoint);
  connection.close();
  return connection.certificateSerial;
}

async function keptAnswers(
  kept: readonly Connection[],
  request: Buffer,
): Promise<{ requests: number; failures: Map<string, number> }> {
  const failures = new Map<string, number>();
  await Promise.all(
    kept.map(async (connection) => {
      try {
        const { status } = await connection.send(request);
        if (status !== 200) count(failures, `status ${status}`);
      } catch (error) {
        count(failures, describe(error));
      }
      connection.close();
    }),
  );
  return { requests: kept.length, failures };
}

interface Handshakes {
  stop(): Promise<{ readonly requests: number; readonly failures: ReadonlyMap<string, number> }>;
}

function startHandshakes({ endpoint }: Replica, request: Buffer): Handshakes {
  const failures = new Map<string, number>();
  let requests = 0;
  let stopping = false;
  const running = (async () => {
    while (!stopping) {
      requests += 1;
      await handshake();
      await sleep(1000 / handshakesPerSecond);
    }
  })();
  async function handshake(): Promise<void> {
    try {
      const connection = await openConnection(endpoint);
      const { status } = await connection.send(request);
      if (status !== 200) count(failures, `status ${status}`);
      connection.close();
    } catch (error) {
      count(failures, describe(error));
    }
  }
  return {
    async stop() {
      stopping = true;
      await running;
      return { requests, failures };
    },
  };
}
