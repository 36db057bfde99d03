/** Certificates of our own making, under load: leaves that are signed anew all the time, a CA that is replaced, and a Secret that somebody deletes or changes. */
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { toSecret } from '../../src/installation/authority.ts';
import { textAt } from '../../src/model/json.ts';
import { rotateAnnotation } from '../../src/model/keys.ts';
import { makeAuthority } from '../../src/webhook/issue.ts';
import { openConnection } from '../bench/connection.ts';
import { count, describe, type LoadResult } from '../bench/load.ts';
import { waitFor } from '../e2e/steps.ts';
import { startAdmissions } from './admissions.ts';
import { trustedBundle, untilEarned, type Installation } from './installation.ts';
import { replicaPort, serviceHost, type Replica } from './replica.ts';
import { systemNamespace } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

const secretName = 'branchline-ca';
const secretPath = `/api/v1/namespaces/${systemNamespace}/secrets/${secretName}`;
const minute = 60_000;
/** Leaves live as long as their CA at most, from an hour ago on; of one that ends in ten minutes less than a third is left from the start, so each look signs another. */
const shortLife = 10 * minute;
const leafSeconds = 10;
const deletions = 3;
/** With a look each second and an overlap of 2 s, the four steps take some ten. */
const rotationMs = 60_000;

/** Tries all of it in turn; each is asked through the API server and by a handshake with each replica in turn. */
export async function tryRotation(installation: Installation): Promise<readonly Trial[]> {
  await startOver(installation);
  return [
    ...(await rotateLeaves(installation)),
    ...(await rotateAuthority(installation)),
    ...(await deleteSecret(installation)),
    ...(await replaceSecret(installation)),
  ];
}

/** Other replicas find a CA in the Secret that ends soon, as somebody may have put one there. */
async function startOver({ box, api, fleet, ...installation }: Installation): Promise<void> {
  const count = fleet.replicas().length;
  for (const replica of fleet.replicas()) {
    await replica.process.kill();
    await fleet.remove(replica);
  }
  const now = Date.now();
  const active = await makeAuthority({ from: now - minute, to: now + shortLife });
  const before = (await api.send('GET', secretPath)).body;
  await api.send(
    'PUT',
    secretPath,
    toSecret(
      { active, next: undefined, trusted: [], since: now, asked: '' },
      { namespace: systemNamespace, name: secretName },
      before,
    ),
  );
  for (let index = 0; index < count; index += 1) await fleet.add();
  await untilEarned({ box, ...installation });
}

async function rotateLeaves(installation: Installation): Promise<readonly Trial[]> {
  const [load, shakes] = [startAdmissions(installation.box, 100), startHandshakes(installation)];
  await sleep(leafSeconds * 1000);
  const [admissions, handshakes] = [await load.stop(), await shakes.stop()];
  const least = (installation.fleet.replicas().length * leafSeconds) / 3;
  const problems = handshakes.leaves < least ? [`only ${handshakes.leaves} leaves were seen`] : [];
  return rows(
    `leaf certificates renewed each second, ${installation.fleet.replicas().length} replicas`,
    admissions,
    handshakes,
    `${handshakes.leaves} leaves seen`,
    problems,
  );
}

async function rotateAuthority(installation: Installation): Promise<readonly Trial[]> {
  const [load, shakes] = [startAdmissions(installation.box, 100), startHandshakes(installation)];
  const before = await authorityOf(installation);
  await sleep(1000);
  const started = performance.now();
  await installation.box.kubectl([
    '-n',
    systemNamespace,
    'annotate',
    'secret',
    secretName,
    `${rotateAnnotation}=again`,
  ]);
  await waitFor(
    'another CA alone',
    async () =>
      !(await trustedBundle(installation)).includes(before) && (await authorityOf(installation)) !== before
        ? true
        : undefined,
    rotationMs,
  );
  const took = performance.now() - started;
  await sleep(2000);
  return rows(
    'the CA is replaced: announced, switched, the old one dropped',
    await load.stop(),
    await shakes.stop(),
    `${Math.round(took / 1000)} s with caOverlapSeconds 2`,
  );
}

async function deleteSecret(installation: Installation): Promise<readonly Trial[]> {
  const [load, shakes] = [startAdmissions(installation.box, 100), startHandshakes(installation)];
  const before = await authorityOf(installation);
  const problems: string[] = [];
  for (let time = 0; time < deletions; time += 1) {
    await installation.box.kubectl(['-n', systemNamespace, 'delete', 'secret', secretName]);
    const now = await waitFor('the Secret', async () => {
      const found = await authorityOf(installation);
      return found === '' ? undefined : found;
    });
    if (now !== before) problems.push(`deletion ${time + 1} brought another CA`);
    await sleep(1500);
  }
  return rows(
    `the CA's Secret is deleted, ${deletions} times`,
    await load.stop(),
    await shakes.stop(),
    'put back from memory',
    problems,
  );
}

/** Somebody restores a backup of the Secret that holds another CA. */
async function replaceSecret(installation: Installation): Promise<readonly Trial[]> {
  const [load, shakes] = [startAdmissions(installation.box, 100), startHandshakes(installation)];
  const now = Date.now();
  const active = await makeAuthority({ from: now - minute, to: now + 365 * 24 * 60 * minute });
  const before = (await installation.api.send('GET', secretPath)).body;
  await installation.api.send(
    'PUT',
    secretPath,
    toSecret(
      { active, next: undefined, trusted: [], since: now, asked: '' },
      { namespace: systemNamespace, name: secretName },
      before,
    ),
  );
  await waitFor(
    'the other CA alone',
    async () =>
      (await trustedBundle(installation)).trim() === normalized(active.cert) &&
      (await authorityOf(installation)) === normalized(active.cert)
        ? true
        : undefined,
    rotationMs,
  );
  await sleep(2000);
  return rows(
    'another CA is put into the Secret',
    await load.stop(),
    await shakes.stop(),
    'it signs when it is trusted',
  );
}

function normalized(pem: string): string {
  return pem.replaceAll('\r\n', '\n').trim();
}

async function authorityOf({ api }: Installation): Promise<string> {
  const { body } = await api.send('GET', secretPath);
  return normalized(Buffer.from(textAt(body, 'data', 'ca.crt') ?? '', 'base64').toString());
}

function rows(
  what: string,
  admissions: LoadResult,
  handshakes: HandshakeResult,
  notes: string,
  problems: readonly string[] = [],
): readonly Trial[] {
  return [
    expectNone(`${what}: admissions`, admissions, notes, problems),
    expectNone(
      `${what}: handshakes`,
      handshakes,
      'trusting what the webhook configuration said up to 0.5 s before',
    ),
  ];
}

interface HandshakeResult extends Pick<LoadResult, 'requests' | 'failures'> {
  /** Number of different certificates that were shown. */
  readonly leaves: number;
}

const handshakesPerSecond = 20;
/** The API server learns of a caBundle by a watch; this is much later than that. */
const bundleLagMs = 500;

/** The API server keeps its connections, so handshakes of ours check what it would check if it did not. */
function startHandshakes(installation: Installation): { stop(): Promise<HandshakeResult> } {
  const failures = new Map<string, number>();
  const serials = new Set<string>();
  let requests = 0;
  let stopping = false;
  const shake = async (replica: Replica, ca: string): Promise<void> => {
    try {
      const connection = await openConnection({
        host: replica.address,
        port: replicaPort,
        ca,
        serverName: serviceHost,
      });
      serials.add(connection.certificateSerial);
      connection.close();
    } catch (error) {
      count(
        failures,
        `${describe(error)}, trusting ${(ca.match(/BEGIN/g) ?? []).length} CA(s) until ${endOf(ca)}`,
      );
    }
  };
  const running = (async () => {
    let bundle = await trustedBundle(installation);
    let read = performance.now();
    while (!stopping) {
      const replicas = installation.fleet.replicas();
      const replica = replicas[requests % replicas.length];
      requests += 1;
      if (replica !== undefined) await shake(replica, bundle);
      if (performance.now() - read > bundleLagMs)
        [bundle, read] = [await trustedBundle(installation), performance.now()];
      await sleep(1000 / handshakesPerSecond);
    }
  })();
  return {
    async stop() {
      stopping = true;
      await running;
      return { requests, failures, leaves: serials.size };
    },
  };
}

function endOf(ca: string): string {
  return new X509Certificate(ca).validTo;
}
