/** Uninstalling, as `helm uninstall` does it, and installing again, with branches in the cluster: baselines are admitted throughout, and no workload is rolled out. */
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { labelsAt, textAt } from '../../src/model/json.ts';
import { waitFor } from '../e2e/steps.ts';
import { branchDeployment, startAdmissions, startBaselines } from './admissions.ts';
import { untilEarned, type Installation } from './installation.ts';
import { tenantNamespace } from './site.ts';
import { counted, expectNone, failed, type Trial } from './trial.ts';

const branches = ['OPS-91', 'OPS-92', 'OPS-93'];
const nameOf = (branch: string): string => `fact-find-ui-${branch.toLowerCase()}`;
const watched = ['fact-find-ui', ...branches.map(nameOf)];

/** Runs the hook, deletes the release, ends the replicas, installs again. */
export async function tryReinstall(installation: Installation): Promise<readonly Trial[]> {
  const { box, fleet, version } = installation;
  const manifests = branches.map((branch) =>
    stringify({
      ...branchDeployment('fact-find-ui'),
      metadata: {
        name: nameOf(branch),
        namespace: tenantNamespace,
        annotations: { 'branchline.dev/branch': branch },
      },
    }),
  );
  await box.kubectl(['apply', '-f', '-'], { stdin: manifests.join('---\n') });
  await waitFor('statuses', async () =>
    (await statuses(installation)).every((status) => status !== '') ? true : undefined,
  );
  const before = await templates(installation);
  const [baselines, declared] = [startBaselines(box), startAdmissions(box)];
  await sleep(1000);
  const problems: string[] = [];

  const hook = await installation.runUninstallHook();
  if (hook !== 0) problems.push(`the hook ended with ${hook}`);
  const left = (await statuses(installation)).filter((status) => status !== '');
  if (left.length > 0) problems.push(`statuses stay: ${left.join(', ')}`);
  await installation.remove(version);
  for (const replica of fleet.replicas()) replica.process.signal('SIGTERM');
  const old = fleet.replicas();
  await Promise.all(old.map((replica) => replica.process.ended));
  for (const replica of old) await fleet.remove(replica);
  await sleep(1000);
  const away = await declared.stop();
  if ((await templates(installation)).join() !== before.join())
    problems.push('a workload was changed by the uninstallation');

  await installation.apply(version);
  await Promise.all(old.map(() => fleet.add()));
  await untilEarned(installation);
  await waitFor(
    'statuses again',
    async () => ((await statuses(installation)).every((status) => status !== '') ? true : undefined),
    40_000,
  );
  const result = await baselines.stop();
  if ((await templates(installation)).join() !== before.join())
    problems.push('a workload was changed by the installation');
  const again = startAdmissions(box);
  await sleep(2000);
  const after = await again.stop();
  await box.kubectl(['-n', tenantNamespace, 'delete', 'deployment', ...branches.map(nameOf)]);
  return [
    expectNone(
      'uninstalled and installed again, with three branches: baselines',
      result,
      'no workload is rolled out',
      problems,
    ),
    counted(
      'until it is uninstalled: branches',
      away,
      `${away.requests - failed(away)} with our label, then refused by the policy or admitted without us`,
      unlabelled(away.failures),
    ),
    expectNone('after that: branches', after, ''),
  ];
}

/** While any of us is there, what is not labelled is refused; afterwards nobody looks. */
function unlabelled(failures: ReadonlyMap<string, number>): readonly string[] {
  return [...failures.keys()]
    .filter((reason) => !/our label|failed calling webhook|does not answer at the moment/.test(reason))
    .map((reason) => `failed for another reason: ${reason}`);
}

async function each<T>(
  { api }: Installation,
  names: readonly string[],
  read: (object: unknown) => T,
): Promise<readonly T[]> {
  return Promise.all(
    names.map(async (name) =>
      read((await api.send('GET', `/apis/apps/v1/namespaces/${tenantNamespace}/deployments/${name}`)).body),
    ),
  );
}

function statuses(installation: Installation): Promise<readonly string[]> {
  return each(
    installation,
    branches.map(nameOf),
    (object) => labelsAt(object, 'metadata', 'annotations')['branchline.dev/status'] ?? '',
  );
}

/** The revision of each is counted by the deployment controller: another one is a rollout. */
function templates(installation: Installation): Promise<readonly string[]> {
  return each(
    installation,
    watched,
    (object) =>
      `${textAt(object, 'metadata', 'name') ?? ''} ${labelsAt(object, 'metadata', 'annotations')['deployment.kubernetes.io/revision'] ?? ''}`,
  );
}
