/** A cluster in which the chart is installed, with certificates of its own making; the pods of its Deployment are processes of the run, under addresses of their own. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { listAt, textAt } from '../../src/model/json.ts';
import { copyBundle, startProcess } from '../bench/server-process.ts';
import { connect, type Api } from '../box/api.ts';
import { ensureArtifacts } from '../box/binaries.ts';
import { startBox, type Box } from '../box/start.ts';
import { chart, renderedOf } from '../chart/helm.ts';
import { waitFor } from '../e2e/steps.ts';
import { readStart } from '../image.ts';
import { untilAdmitted } from './admissions.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { startReplica, type Replica } from './replica.ts';
import { takeEndpoints } from './service.ts';
import { withNumbers } from '../quick.ts';
import { ownKubeconfig, systemNamespace } from './site.ts';

/** A build of branchline and the chart that goes with it. */
export interface Version {
  readonly name: string;
  /** Path of its `branchline.js`. */
  readonly bundle: string;
  /** Folder of its chart. */
  readonly chart: string;
}

/** How a replica differs from what the chart says. */
export interface StartOptions {
  readonly version?: Version;
  /** Flags of the server after the chart's. */
  readonly flags?: readonly string[];
  /** Flags of node before the program. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The cluster, and what is needed to change what runs in it. */
export interface Installation {
  readonly box: Box;
  readonly api: Api;
  readonly folder: string;
  /** This checkout. */
  readonly version: Version;
  readonly fleet: Fleet;
  /** Applies a version's chart, as `helm upgrade` does before the Deployment's pods change: all but the Deployment. */
  apply(version: Version, ...flags: readonly string[]): Promise<void>;
  /** Deletes what {@link apply} made, but for the Service, whose endpoints are the run's. */
  remove(version: Version): Promise<void>;
  /** Starts one as the rendered Deployment says; nobody sends it anything yet. */
  start(options?: StartOptions): Promise<Replica>;
  /** Runs what `helm uninstall` runs before it deletes anything. @returns its exit code. */
  runUninstallHook(): Promise<number | string>;
  close(): Promise<void>;
}

/** Quick looks, so that little time passes; the drain is longer than endpoints take to be forgotten. */
const values = { settings: { drainSeconds: 2, sweepSeconds: 5 } };
const quickNumbers = { probeSeconds: 1, certReloadSeconds: 1, caOverlapSeconds: 2 } as const;
const addressFlag = /^--(?:listen|plain)-(?:host|port)=/;
const root = new URL('../../', import.meta.url);

/** Installs the chart and the example tenant and starts so many replicas; resolves when they have earned `failurePolicy: Fail`. */
export async function install(replicas: number): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  const box = await startBox();
  const api = connect({ url: box.apiUrl, certificate: await readFile(box.caFile, 'utf8'), token: box.token });
  const version: Version = { name: 'this version', bundle: await copyBundle(folder), chart };
  const { 'istio-crds.yaml': crds } = await ensureArtifacts(['istio-crds.yaml']);
  await box.kubectl(['apply', '--server-side', '-f', crds]);
  await box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
  await box.kubectl(['create', 'namespace', systemNamespace]);
  for (const file of ['namespace.yaml', 'fact-find.yaml', 'fact-find-ui.yaml'])
    await box.kubectl(['apply', '-f', new URL(`examples/tenant/${file}`, root).pathname]);
  const processes = createProcesses(box, folder, version);
  const apply = createApply(box);
  await apply(version);
  const fleet = createFleet(
    { startReplica: (...flags) => processes.start({ flags }) },
    await takeEndpoints(api, 'branchline', [{ name: 'https', port: 443 }]),
  );
  const installation: Installation = {
    box,
    api,
    folder,
    version,
    fleet,
    apply,
    ...processes,
    async remove({ chart: ofChart }) {
      const objects = (await objectsOf(ofChart)).filter((object) => textAt(object, 'kind') !== 'Service');
      await box.kubectl(['delete', '--ignore-not-found', '-f', '-'], { stdin: documents(objects) });
    },
    async close() {
      await processes.killAll();
      api.close();
      await box.stop();
    },
  };
  try {
    for (let index = 0; index < replicas; index += 1) await fleet.add();
    await untilEarned(installation);
  } catch (error) {
    await installation.close();
    throw error;
  }
  return installation;
}

/** What a Helm release consists of; its hooks are run by hand, its pods are processes of this run. */
async function objectsOf(ofChart: string, ...flags: readonly string[]): Promise<readonly unknown[]> {
  const objects = await renderedOf(ofChart, values, ...flags);
  return objects.filter(
    (object) =>
      textAt(object, 'metadata', 'annotations', 'helm.sh/hook') === undefined &&
      textAt(object, 'kind') !== 'Deployment',
  );
}

function documents(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}

/** No kubelet and no endpoint controller know of our pods: the Service selects nobody, so that nobody empties its endpoints. */
function createApply(box: Box): Installation['apply'] {
  return async ({ chart: ofChart }, ...flags) => {
    const objects = (await objectsOf(ofChart, ...flags)).map((object) =>
      textAt(object, 'kind') === 'Service'
        ? { ...(object as object), spec: { ports: [{ name: 'https', port: 443, targetPort: 8443 }] } }
        : object,
    );
    await box.kubectl(['apply', '--server-side', '--force-conflicts', '--field-manager=helm', '-f', '-'], {
      stdin: documents(objects),
    });
  };
}

interface Processes extends Pick<Installation, 'start' | 'runUninstallHook'> {
  killAll(): Promise<void>;
}

function createProcesses(box: Box, folder: string, current: Version): Processes {
  const { flags: imageFlags, env: imageEnv } = readStart();
  const replicas: Replica[] = [];
  let started = 0;
  /** The arguments of a rendered container, with files of this machine in place of the pod's. */
  const argumentsOf = async (version: Version, kind: string, name: string): Promise<readonly string[]> => {
    const objects = await renderedOf(version.chart, values);
    const find = (ofKind: string, named: string): unknown =>
      objects.find(
        (object) => textAt(object, 'kind') === ofKind && textAt(object, 'metadata', 'name') === named,
      );
    const settings = join(await mkdtemp(join(folder, 'settings-')), 'settings.yaml');
    await writeFile(
      settings,
      textAt(find('ConfigMap', 'branchline-settings'), 'data', 'settings.yaml') ?? '',
    );
    const args = listAt(find(kind, name), 'spec', 'template', 'spec', 'containers', 0, 'args').map(String);
    return [
      ...args
        .filter((arg) => !addressFlag.test(arg))
        .map((arg) => arg.replace('/etc/branchline/settings.yaml', settings)),
      '--kubeconfig',
      await ownKubeconfig(box, dirname(settings)),
    ];
  };
  return {
    async start({ version = current, flags = [], nodeFlags = [], env = {} } = {}) {
      const args = [
        ...imageFlags,
        ...nodeFlags,
        version.bundle,
        ...(await argumentsOf(version, 'Deployment', 'branchline')),
        ...flags,
      ];
      started += 1;
      const replica = await startReplica(
        { folder, args, env: { ...imageEnv, ...withNumbers(quickNumbers), ...env }, ca: '' },
        `10.99.3.${started}`,
      );
      replicas.push(replica);
      return replica;
    },
    async runUninstallHook() {
      const hook = startProcess({
        args: [...imageFlags, current.bundle, ...(await argumentsOf(current, 'Job', 'branchline-uninstall'))],
        env: imageEnv,
      });
      return hook.ended;
    },
    killAll: async () => void (await Promise.all(replicas.map((replica) => replica.process.kill()))),
  };
}

/** Resolves when branches are admitted with our label, and refused when nobody labels them. */
export async function untilEarned({ box }: Pick<Installation, 'box'>): Promise<void> {
  await waitFor('failurePolicy Fail', async () =>
    (await branchPolicies(box)) === 'FailFail' ? true : undefined,
  );
  await untilAdmitted(box);
}

/** Returns the failure policies of the webhooks for branches, one after the other. */
export async function branchPolicies(box: Box): Promise<string> {
  const { stdout } = await box.kubectl([
    'get',
    'mutatingwebhookconfiguration,validatingwebhookconfiguration',
    'branchline',
    '-o',
    'jsonpath={range .items[*]}{.webhooks[0].failurePolicy}{end}',
  ]);
  return stdout;
}

/** Returns what the API server trusts, as PEM. */
export async function trustedBundle({ api }: Pick<Installation, 'api'>): Promise<string> {
  const { body } = await api.send(
    'GET',
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/branchline',
  );
  return Buffer.from(textAt(body, 'webhooks', 0, 'clientConfig', 'caBundle') ?? '', 'base64').toString();
}
