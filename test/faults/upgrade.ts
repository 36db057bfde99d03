/** From the version before this one to this one and back, replica by replica, while admissions go on. Which one is before is the parent commit, or what FAULTS_FROM names. */
import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { at } from '../../src/model/json.ts';
import { openConnection, post } from '../bench/connection.ts';
import { reviewOf } from '../bench/reviews.ts';
import { branchDeployment, reviewsOf, startAdmissions } from './admissions.ts';
import { trustedBundle, untilEarned, type Installation, type Version } from './installation.ts';
import { replicaPort, serviceHost, type Replica } from './replica.ts';
import { tenantNamespace } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '../..');
/** How long the API server may use a replica that was told to stop. */
const endpointLagMs = 1000;
/** How long both versions serve side by side, at least. */
const sideBySideMs = 3000;
const branch = 'fact-find-ui-ops-88';

/** Downgrades what is installed, upgrades again; what was admitted by one version is touched under the other. */
export async function tryUpgrade(installation: Installation): Promise<readonly Trial[]> {
  const before = await buildBefore(installation);
  await installation.box.kubectl(['apply', '-f', '-'], {
    stdin: stringify({
      ...branchDeployment('fact-find-ui'),
      metadata: {
        name: branch,
        namespace: tenantNamespace,
        annotations: { 'branchline.dev/branch': 'OPS-88' },
      },
    }),
  });
  const trials = [
    await change(installation, 'downgrade', installation.version, before),
    await change(installation, 'upgrade', before, installation.version),
  ];
  await installation.box.kubectl(['-n', tenantNamespace, 'delete', 'deployment', branch]);
  return trials;
}

/** Builds the commit before this one, with the dependencies that are installed here. @throws Error when they are others, or there is no history. */
async function buildBefore({ folder }: Installation): Promise<Version> {
  const { stdout } = await execute('git', ['rev-parse', '--short', process.env['FAULTS_FROM'] ?? 'HEAD^'], {
    cwd: root,
  });
  const commit = stdout.trim();
  const place = join(folder, 'before');
  await mkdir(place);
  await execute('sh', ['-c', 'git archive --format=tar "$1" | tar -x -C "$2"', 'sh', commit, place], {
    cwd: root,
  });
  await symlink(join(root, 'node_modules'), join(place, 'node_modules'));
  await execute(process.execPath, ['scripts/build.ts'], { cwd: place });

  return {
    name: commit,
    bundle: join(place, 'dist', 'branchline.js'),
    chart: join(place, 'charts', 'branchline'),
  };
}

async function change(installation: Installation, word: string, from: Version, to: Version): Promise<Trial> {
  const { box, fleet } = installation;
  const old = fleet.replicas();
  const specs = await specsOf(installation);
  const load = startAdmissions(box, 100);
  await sleep(500);
  await installation.apply(to, '--is-upgrade');
  const problems: string[] = [];
  for (const [index, leaving] of old.entries()) {
    const coming = await installation.start({ version: to });
    await fleet.join(coming);
    if (index === 0)
      problems.push(
        ...(await differences(installation, leaving, coming)),
        ...(await touched(installation, specs)),
      );
    if (index === 0) problems.push(...(await idleOf([leaving, coming])));
    await sleep(500);
    leaving.process.signal('SIGTERM');
    await sleep(endpointLagMs);
    await fleet.remove(leaving);
    const how = await leaving.process.ended;
    if (how !== 0) problems.push(`a replica of ${from.name} ended with ${how}`);
  }
  problems.push(...(await touched(installation, specs)));
  await untilEarned(installation);
  return expectNone(
    `${word}: ${from.name} to ${to.name}, replica by replica`,
    await load.stop(),
    'same answers side by side; nothing that was admitted changes when it is touched',
    problems,
  );
}

/** Which of these were not asked for a while although others were. */
async function idleOf(replicas: readonly Replica[]): Promise<readonly string[]> {
  const before = await Promise.all(replicas.map(reviewsOf));
  await sleep(sideBySideMs);
  const after = await Promise.all(replicas.map(reviewsOf));
  return replicas
    .filter((_replica, index) => after[index] === before[index])
    .map(({ address }) => `replica ${address} was not asked while both versions served`);
}

/** What the two versions answer to the same reviews, one beside the other. */
async function differences(
  installation: Installation,
  one: Replica,
  other: Replica,
): Promise<readonly string[]> {
  const ca = await trustedBundle(installation);
  const found: string[] = [];
  for (const [path, subject] of [
    ['/mutate/workloads', 'branch'],
    ['/mutate/workloads', 'baseline'],
    ['/validate/declarations', 'branch'],
    ['/validate/declarations', 'baseline'],
  ] as const) {
    const request = post(`${path}?timeout=5s`, reviewOf(subject, 8192));
    const [first, second] = await Promise.all([one, other].map((replica) => ask(replica, ca, request)));
    if (first !== second) found.push(`${path} of a ${subject}: ${String(first)} and ${String(second)}`);
  }
  return found;
}

async function ask({ address }: Replica, ca: string, request: Buffer): Promise<string> {
  const connection = await openConnection({ host: address, port: replicaPort, ca, serverName: serviceHost });
  const { body } = await connection.send(request);
  connection.close();
  return JSON.stringify(at(JSON.parse(body.toString()), 'response'));
}

const names = ['fact-find-ui', branch] as const;

async function specsOf({ api }: Installation): Promise<readonly string[]> {
  return Promise.all(
    names.map(async (name) =>
      JSON.stringify(
        at(
          (await api.send('GET', `/apis/apps/v1/namespaces/${tenantNamespace}/deployments/${name}`)).body,
          'spec',
          'template',
        ),
      ),
    ),
  );
}

/** An update by somebody else must not roll a workload out. Each is asked often enough to meet every replica. */
async function touched(installation: Installation, before: readonly string[]): Promise<readonly string[]> {
  const { box } = installation;
  for (let time = 0; time < 4; time += 1)
    await box.kubectl([
      '-n',
      tenantNamespace,
      'annotate',
      '--overwrite',
      'deployment',
      ...names,
      `example.io/touched=${performance.now()}`,
    ]);
  const now = await specsOf(installation);
  return names
    .filter((_name, index) => now[index] !== before[index])
    .map((name) => `${name} would be rolled out: its pod template changed`);
}
