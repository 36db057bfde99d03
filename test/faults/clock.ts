/** Replicas whose wall clock is wrong from the start, or is set while they run: they serve, their certificates are valid by everybody else's clock, and they end no branch. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { textAt } from '../../src/model/json.ts';
import { openConnection } from '../bench/connection.ts';
import { waitFor } from '../e2e/steps.ts';
import { branchDeployment, reviewsOf, startAdmissions } from './admissions.ts';
import { trustedBundle, type Installation } from './installation.ts';
import { replicaPort, serviceHost, type Replica } from './replica.ts';
import { tenantNamespace } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

const day = 24 * 3_600_000;
/** Further than a leaf lives, than a CA lives, and than any branch does, which is three days. */
const wrongs = [
  { what: '400 days ahead', offset: 400 * day },
  { what: '400 days behind', offset: -400 * day },
] as const;
const preload = new URL('wrong-clock.ts', import.meta.url).pathname;
const branch = 'fact-find-ui-ops-77';

/** Replaces one replica after another by wrong ones, then has the clock of the only one, which leads, set to and fro. */
export async function tryClocks(installation: Installation): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const wrong of wrongs) trials.push(await beside(installation, wrong));
  return [...trials, await jumps(installation)];
}

async function beside(installation: Installation, { what, offset }: (typeof wrongs)[number]): Promise<Trial> {
  const load = startAdmissions(installation.box);
  const { replica } = await startWrong(installation, offset);
  await installation.fleet.join(replica);
  await sleep(4000);
  const answered = await reviewsOf(replica);
  const problems = [
    ...(await problemsOf(installation, replica)),
    ...(answered === 0 ? ['it was never asked'] : []),
  ];
  await installation.fleet.remove(replica);
  await sleep(1000);
  const result = await load.stop();
  await replica.process.kill();
  return expectNone(
    `a replica whose clock is ${what} joins`,
    result,
    `it answered ${answered} reviews`,
    problems,
  );
}

/** It leads, since nobody else is there; a branch is there, a minute old. Ahead by a month, its time would be up. */
async function jumps(installation: Installation): Promise<Trial> {
  const { box, fleet } = installation;
  const others = fleet.replicas();
  const { replica, set } = await startWrong(installation, 0);
  await fleet.join(replica);
  for (const other of others) await fleet.remove(other);
  await sleep(500);
  const ended = others.map((other) => {
    other.process.signal('SIGTERM');
    return other.process.ended;
  });
  await Promise.all(ended);
  await waitFor(
    'it to lead',
    async () => (/^branchline_leader 1$/m.test((await replica.plain('/metrics')).text) ? true : undefined),
    40_000,
  );
  await box.kubectl(['apply', '-f', '-'], {
    stdin: stringify({
      ...branchDeployment('fact-find-ui'),
      metadata: {
        name: branch,
        namespace: tenantNamespace,
        annotations: { 'branchline.dev/branch': 'OPS-77' },
      },
    }),
  });
  const load = startAdmissions(box);
  const problems: string[] = [];
  for (const offset of [30 * day, 0, -30 * day, 30 * day]) {
    await set(offset);
    await sleep(7000);
    if (!(await isThere(installation)))
      problems.push(`the branch was ended with the clock ${offset / day} days ahead`);
    problems.push(...(await problemsOf(installation, replica)));
  }
  const held = (await replica.log()).split('\n').filter((line) => line.includes('held back')).length;
  if (held === 0) problems.push('no sweep was held back');
  await set(0);
  const result = await load.stop();
  await box.kubectl(['-n', tenantNamespace, 'delete', 'deployment', branch]);
  for (let index = 0; index < others.length; index += 1) await fleet.add();
  await fleet.remove(replica);
  await sleep(500);
  replica.process.signal('SIGTERM');
  await replica.process.ended;
  return expectNone(
    'the clock of the only replica is set by a month, to and fro',
    result,
    `${held} sweeps were held back, the branch is there`,
    problems,
  );
}

async function startWrong(
  installation: Installation,
  offset: number,
): Promise<{ readonly replica: Replica; readonly set: (offset: number) => Promise<void> }> {
  const file = join(installation.folder, `clock-${Math.random().toString(36).slice(2)}`);
  await writeFile(file, String(offset));
  const replica = await installation.start({ nodeFlags: ['--import', preload], env: { CLOCK_FILE: file } });
  return {
    replica,
    async set(next) {
      await writeFile(file, String(next));
      replica.process.signal('SIGUSR2');
    },
  };
}

/** What a client whose clock is right, and the kubelet, find wrong. */
async function problemsOf(installation: Installation, replica: Replica): Promise<readonly string[]> {
  const ready = await replica.plain('/readyz');
  const shown = await openConnection({
    host: replica.address,
    port: replicaPort,
    ca: await trustedBundle(installation),
    serverName: serviceHost,
  }).then(
    (connection) => {
      connection.close();
    },
    (error: unknown) => String(error),
  );
  return [
    ...(ready.status === 200 ? [] : [`it is not ready: ${ready.text}`]),
    ...(shown === undefined ? [] : [`a handshake fails: ${shown}`]),
  ];
}

async function isThere({ api }: Installation): Promise<boolean> {
  const { status, body } = await api.send(
    'GET',
    `/apis/apps/v1/namespaces/${tenantNamespace}/deployments/${branch}`,
  );
  return status === 200 && textAt(body, 'metadata', 'deletionTimestamp') === undefined;
}
