/** The chart in a real cluster: its rendering applied as Helm and GitOps tools do, two servers started from the rendered pod with the rendered rights, and nothing else. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { listAt, textAt } from '../../src/model/json.ts';
import { boxAddress } from '../box/network.ts';
import { startBox, type Box } from '../box/start.ts';
import { rendered } from '../chart/helm.ts';
import { readStart } from '../image.ts';
import { service, tenant, workload } from './manifests.ts';
import { withNumbers } from '../quick.ts';
import { createStory, expectEqual, expectText, waitFor } from './steps.ts';

const namespace = 'branchline-system';
const root = join(import.meta.dirname, '../..');
const ports = [
  { https: 9443, http: 9080 },
  { https: 9444, http: 9081 },
] as const;
/** Quick looks, so that the story is short; addresses that every process of this machine can have. */
const values = { settings: { drainSeconds: 0 } };
const quickNumbers = { probeSeconds: 1, certReloadSeconds: 1, caOverlapSeconds: 2 } as const;

const box = await startBox();
const story = createStory();
const folder = await mkdtemp(join(tmpdir(), 'chart-'));
const objects = await rendered(values);
const installed = objects.filter(
  (object) => textAt(object, 'metadata', 'annotations', 'helm.sh/hook') === undefined,
);
const children: ChildProcess[] = [];
const logFile = join(folder, 'log');

const find = (kind: string, name = 'branchline'): unknown =>
  objects.find((object) => textAt(object, 'kind') === kind && textAt(object, 'metadata', 'name') === name);
const manifest = (list: readonly unknown[]): string =>
  list.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
const apply = (stdin: string, ...flags: readonly string[]): ReturnType<Box['kubectl']> =>
  box.kubectl(['apply', '-f', '-', ...flags], { stdin });
const read = async (...args: readonly string[]): Promise<string> =>
  (await box.kubectl(['get', ...args])).stdout.trim();
const branchPolicies = (): Promise<string> =>
  read(
    'mutatingwebhookconfiguration,validatingwebhookconfiguration',
    'branchline',
    '-o',
    'jsonpath={range .items[*]}{.webhooks[0].failurePolicy}{end}',
  );
/** What each webhook trusts, as PEM. */
const bundles = async (): Promise<readonly string[]> =>
  (
    await read(
      'mutatingwebhookconfiguration,validatingwebhookconfiguration',
      'branchline',
      '-o',
      'jsonpath={range .items[*].webhooks[*]}{.clientConfig.caBundle}{"\\n"}{end}',
    )
  )
    .split('\n')
    .map((one) => Buffer.from(one, 'base64').toString());
const authorities = (pems: readonly string[]): readonly string[] => [
  ...new Set(pems.flatMap((pem) => pem.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g) ?? [])),
];
const branch = workload({ name: 'fact-find-ui-ops-1', branch: 'OPS-1' });
const dryRun = (): ReturnType<Box['kubectl']> =>
  box.kubectl(
    ['create', '--dry-run=server', '-o', 'jsonpath={.spec.template.metadata.labels.version}', '-f', '-'],
    { stdin: branch },
  );

/** Starts a server as the kubelet would: the image's ENTRYPOINT, the pod's args; only ports and the kubeconfig are this machine's. */
async function start(index: 0 | 1): Promise<ChildProcess> {
  const { stdout: token } = await box.kubectl([
    '-n',
    namespace,
    'create',
    'token',
    'branchline',
    '--duration=1h',
  ]);
  const config = parse(readFileSync(box.kubeconfig, 'utf8')) as { users: { user: object }[] };
  const kubeconfig = join(folder, `kubeconfig-${index}`);
  await writeFile(
    kubeconfig,
    stringify({ ...config, users: config.users.map((user) => ({ ...user, user: { token: token.trim() } })) }),
  );
  const settings = join(folder, 'settings.yaml');
  await writeFile(settings, textAt(find('ConfigMap', 'branchline-settings'), 'data', 'settings.yaml') ?? '');
  const args = listAt(find('Deployment'), 'spec', 'template', 'spec', 'containers', 0, 'args').map((arg) =>
    String(arg)
      .replace('/etc/branchline/settings.yaml', settings)
      .replace('--listen-port=8443', `--listen-port=${ports[index].https}`)
      .replace('--plain-port=8080', `--plain-port=${ports[index].http}`),
  );
  const { flags, env } = readStart();
  const log = openSync(logFile, 'a');
  const child = spawn(
    process.execPath,
    [...flags, join(root, 'dist/branchline.js'), ...args, '--kubeconfig', kubeconfig],
    { stdio: ['ignore', log, log], env: { ...env, ...withNumbers(quickNumbers), HOME: folder } },
  );
  closeSync(log);
  children.push(child);
  const isReady = async (): Promise<true | undefined> =>
    (await fetch(`http://127.0.0.1:${ports[index].http}/readyz`).catch(() => undefined))?.ok === true
      ? true
      : undefined;
  await waitFor(`server ${index} to be ready`, isReady);
  return child;
}

async function stop(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** No kubelet runs the Deployment's pods here, so their addresses are written by hand. */
const endpoints = (indexes: readonly (0 | 1)[]): string =>
  manifest(
    ports.map(({ https }, index) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      addressType: 'IPv4',
      metadata: {
        name: `branchline-${index}`,
        namespace,
        labels: { 'kubernetes.io/service-name': 'branchline' },
      },
      ports: [{ name: 'https', port: https, protocol: 'TCP' }],
      endpoints: indexes.includes(index as 0 | 1)
        ? [{ addresses: [boxAddress], conditions: { ready: true } }]
        : [],
    })),
  );

let first: ChildProcess | undefined;
let second: ChildProcess | undefined;
try {
  await story.step(
    'the rendering is taken by server-side apply, and a second one changes nothing',
    async () => {
      await apply(
        manifest([
          {
            apiVersion: 'v1',
            kind: 'Namespace',
            metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
          },
        ]),
      );
      await apply(manifest(installed), '--server-side', '--field-manager=gitops', '--validate=strict');
      // Its pods are processes of this story.
      await box.kubectl(['-n', namespace, 'delete', 'deployment', 'branchline']);
      await apply(
        manifest([
          {
            ...(find('Service') as object),
            spec: { ports: [{ name: 'https', port: 443, targetPort: ports[0].https }] },
          },
        ]),
        '--server-side',
        '--force-conflicts',
        '--field-manager=gitops',
      );
      await apply(tenant + '---' + service('fact-find-ui'));
    },
  );
  await story.step('the hook and test pods are taken by Pod Security "restricted"', async () => {
    for (const object of (await rendered({ ...values, uninstall: { enabled: true } })).filter((one) =>
      ['Pod', 'Job'].includes(textAt(one, 'kind') ?? ''),
    )) {
      const { stderr } = await apply(manifest([object]), '--dry-run=server');
      if (stderr.includes('PodSecurity')) throw new Error(stderr);
    }
  });
  await story.step(
    "with no server, the policy of the API server itself refuses what would take the baseline's traffic",
    async () => {
      const { stderr } = await waitFor('the policy', async () => {
        const result = await dryRun().catch((error: unknown) => ({
          stderr: String(error),
          stdout: '',
          code: 1,
        }));
        return result.code === 0 ? undefined : result;
      });
      expectText(stderr, /carry no label version/, 'refusal');
    },
  );
  await story.step(
    "two servers start at once with the chart's rights, share one CA, and earn failurePolicy Fail",
    async () => {
      const started = Promise.all([start(0), start(1)]);
      await apply(endpoints([0, 1]));
      [first, second] = await started;
      await waitFor('Fail', async () => ((await branchPolicies()) === 'FailFail' ? true : undefined));
      expectEqual(new Set(await bundles()).size, 1, 'caBundles');
    },
  );
  await story.step('a branch is labelled, and a later sync of the rendering takes nothing back', async () => {
    expectEqual((await dryRun()).stdout, 'OPS-1', 'label');
    const before = await bundles();
    const webhooks = (await rendered(values, '--is-upgrade')).filter((object) =>
      (textAt(object, 'kind') ?? '').endsWith('WebhookConfiguration'),
    );
    await apply(manifest(webhooks), '--server-side', '--field-manager=gitops');
    expectEqual(await bundles(), before, 'caBundles');
    expectEqual(await branchPolicies(), 'FailFail', 'failure policies');
  });
  await story.step('the CA is replaced under admissions, none of which fails', async () => {
    const before = authorities(await bundles());
    await box.kubectl(['-n', namespace, 'annotate', 'secret', 'branchline-ca', 'branchline.dev/rotate=now']);
    await waitFor(
      'another CA alone',
      async () => {
        expectEqual((await dryRun()).stdout, 'OPS-1', 'label');
        const now = authorities(await bundles());
        return now.length === 1 && now[0] !== before[0] ? true : undefined;
      },
      40_000,
    );
  });
  await story.step('a deleted Secret is put back, and no admission fails', async () => {
    const before = authorities(await bundles());
    await box.kubectl(['-n', namespace, 'delete', 'secret', 'branchline-ca']);
    await waitFor('the Secret', async () => {
      expectEqual((await dryRun()).stdout, 'OPS-1', 'label');
      return (await read('-n', namespace, 'secret', '--ignore-not-found', 'branchline-ca')) === ''
        ? undefined
        : true;
    });
    // A replica may have put it back that still trusts the CA before, for the rest of its overlap.
    await waitFor('the same CA, alone', async () =>
      JSON.stringify(authorities(await bundles())) === JSON.stringify(before) ? true : undefined,
    );
  });
  await story.step('doctor --installation finds it whole', async () => {
    const child = spawn(
      process.execPath,
      [
        join(root, 'dist/branchline.js'),
        'doctor',
        '--installation',
        '--webhook-configuration=branchline',
        '--kubeconfig',
        join(folder, 'kubeconfig-0'),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const out: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => void out.push(text));
    const [code] = (await once(child, 'close')) as [number];
    expectEqual(code, 0, out.join(''));
  });
  await story.step(
    'what the API server does not reach any more loses Fail; with no server left, the policy still refuses',
    async () => {
      await apply(endpoints([]));
      await waitFor(
        'Ignore',
        async () => ((await branchPolicies()) === 'IgnoreIgnore' ? true : undefined),
        40_000,
      );
      for (const child of [first, second]) if (child !== undefined) await stop(child, 'SIGTERM');
      const { stderr } = await box.kubectl(['create', '--dry-run=server', '-f', '-'], {
        stdin: branch,
        expectFailure: true,
      });
      expectText(stderr, /carry no label version/, 'refusal');
    },
  );
} finally {
  if (!story.finish()) {
    console.log(readFileSync(logFile, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(-25).join('\n'));
    process.exitCode = 1;
  }
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) await stop(child, 'SIGKILL');
  await box.stop();
}
