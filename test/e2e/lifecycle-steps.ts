/** What the commands about branches, and the leader's sweeps, do in a real cluster. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../box/api.ts';
import type { Mesh } from '../box/mesh.ts';
import type { Proxy } from '../box/proxy.ts';
import { at, listAt, objectAt, textAt } from '../../src/model/json.ts';
import { callers, service, workload } from './manifests.ts';
import { expectEqual, expectText, waitFor, type Story } from './steps.ts';
import { withNumbers } from '../quick.ts';
import { startTraffic, wants, type Traffic } from './traffic.ts';

export interface LifecycleScene {
  readonly story: Story;
  readonly mesh: Mesh;
  readonly gateway: Proxy;
  readonly sidecar: Proxy;
  /** JSON lines of the API server, one a write. */
  readonly auditFile: string;
}

const domain = 'ww-green.example.io';

export const lifecycleFoundations = `
apiVersion: v1
kind: Namespace
metadata: { name: ww-green, labels: { branchline.dev/enabled: "true", istio-injection: enabled }, annotations: { branchline.dev/domain: ${domain} } }
---
apiVersion: v1
kind: Namespace
metadata: { name: old-green, labels: { branchline.dev/enabled: "true", istio-injection: enabled }, annotations: { branchline.dev/branches: by-label } }
---
apiVersion: v1
kind: Namespace
metadata: { name: old-red, labels: { branchline.dev/enabled: "true", istio-injection: enabled }, annotations: { branchline.dev/branches: by-label } }
---${callers}`;

/** Requests of everybody, by the public path and inside the mesh. */
export function steadyTraffic(gateway: Proxy, sidecar: Proxy): Traffic {
  return startTraffic(
    [
      {
        proxy: gateway,
        request: { host: domain, path: '/fact-find-ui/x' },
        judge: wants('fact-find-ui', 'master'),
      },
      ...['fact-find-ui', 'fact-find'].map((name) => ({
        proxy: sidecar,
        request: { host: `${name}.ww-green.svc.cluster.local` },
        judge: wants(name, 'master'),
      })),
    ],
    150,
  );
}

/** Tells the story; `onBaseline` is called when the baselines can be reached. */
export async function lifecycleSteps(scene: LifecycleScene, onBaseline: () => void): Promise<void> {
  await baselineStory(scene);
  onBaseline();
  for (const part of [deployStory, dryRunStory, endStory, keepStory, gitStory, housekeeperStory])
    await part(scene);
}

/** What a command line said. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const program = join(import.meta.dirname, '../../dist/branchline.js');

/** Runs the built program on the box's cluster. */
export function branchline({ mesh }: LifecycleScene, ...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      PATH: process.env['PATH'],
      KUBECONFIG: mesh.box.kubeconfig,
      ...withNumbers({ gitGraceSeconds: 1 }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, ...said });
    });
  });
}

/** Asks kubectl. */
export async function get({ mesh }: LifecycleScene, ...args: readonly string[]): Promise<unknown> {
  return JSON.parse((await mesh.box.kubectl(['get', ...args, '-o', 'json'])).stdout);
}

async function names(scene: LifecycleScene, namespace: string): Promise<readonly string[]> {
  return listAt(await get(scene, 'deployments', '-n', namespace), 'items')
    .map((item) => textAt(item, 'metadata', 'name') ?? '')
    .sort();
}

async function gone(scene: LifecycleScene, name: string, seconds = 60): Promise<void> {
  await waitFor(
    `${name} to be gone`,
    async () => ((await names(scene, 'ww-green')).includes(name) ? undefined : true),
    seconds * 1000,
  );
}

async function baselineStory({ story, mesh, gateway }: LifecycleScene): Promise<void> {
  await story.step('the baselines of two services', async () => {
    await mesh.box.kubectl(['apply', '-f', '-'], {
      stdin: [
        service('fact-find-ui'),
        service('fact-find', '{}'),
        workload({ image: 'registry.example.io:5000/fact-find-ui:1.2.3@sha256:0000' }),
        workload({ name: 'fact-find', app: 'fact-find', image: 'fact-find:1.2.3', replicas: 2 }),
      ].join('---'),
    });
    await waitFor('the public path', async () =>
      (await gateway.send({ host: domain, path: '/fact-find-ui' })).status === 200 ? true : undefined,
    );
    await mesh.settled();
  });
}

async function deployStory(scene: LifecycleScene): Promise<void> {
  const { story, mesh, gateway, sidecar } = scene;
  await story.step(
    'deploy of two services from their baselines ends with their addresses, and they are reached',
    async () => {
      const { code, out, err } = await branchline(
        scene,
        'deploy',
        'fact-find-ui,fact-find',
        'ww-green',
        'TS-4122-cms-live',
        '--env',
        'LOG=debug',
        '--owner',
        'ada',
        '--wait',
        '60',
      );
      expectEqual(code, 0, err);
      expectText(out, `https://ts-4122-cms-live.${domain}/fact-find-ui\n`, 'the address');
      expectText(out, 'x-variant-id: TS-4122-cms-live (fact-find is not public)', 'the header');
      await mesh.settled();
      const reply = await gateway.send({ host: `ts-4122-cms-live.${domain}`, path: '/fact-find-ui' });
      expectEqual(
        [reply.status, reply.service, reply.version],
        [200, 'fact-find-ui', 'TS-4122-cms-live'],
        'by its host',
      );
      expectEqual(
        (
          await sidecar.send({
            host: 'fact-find.ww-green.svc.cluster.local',
            headers: [['x-variant-id', 'TS-4122-cms-live']],
          })
        ).version,
        'TS-4122-cms-live',
        'by its header',
      );
      const made = await get(scene, 'deployment', '-n', 'ww-green', 'fact-find-ui-ts-4122-cms-live');
      expectEqual(
        at(made, 'spec', 'template', 'spec', 'containers', 0, 'image'),
        'registry.example.io:5000/fact-find-ui:TS-4122-cms-live',
        'image',
      );
    },
  );
  await story.step('list shows both, whose they are and until when', async () => {
    const { code, out, err } = await branchline(scene, 'list', '-n', 'ww-green', '-o', 'json');
    expectEqual(code, 0, err);
    const rows = listAt(JSON.parse(out), 'branches').map((row) =>
      ['branch', 'service', 'routed', 'owner'].map((key) => at(row, key)),
    );
    expectEqual(
      rows,
      [
        ['TS-4122-cms-live', 'fact-find', true, 'ada'],
        ['TS-4122-cms-live', 'fact-find-ui', true, 'ada'],
      ],
      'rows',
    );
    expectText(
      (await branchline(scene, 'list', '--all')).out,
      /ww-green +TS-4122-cms-live +fact-find-ui +1\/1 +yes +\S+ +in 2d23h/,
      'list --all',
    );
  });
  await story.step(
    'deploying again rolls out, and a branch whose workload would have the same name is refused with nothing written',
    async () => {
      expectEqual(
        (
          await branchline(
            scene,
            'deploy',
            'fact-find',
            'ww-green',
            'TS-4122-cms-live',
            '--tag',
            'again',
            '--wait',
            '60',
          )
        ).code,
        0,
        'exit code',
      );
      const refused = await branchline(
        scene,
        'deploy',
        'fact-find-ui,fact-find',
        'ww-green',
        'ts-4122.cms.live',
      );
      expectEqual(refused.code, 1, refused.err);
      expectText(refused.err, 'is there already and is another branch', 'the refusal');
      expectEqual(
        await names(scene, 'ww-green'),
        ['fact-find', 'fact-find-ts-4122-cms-live', 'fact-find-ui', 'fact-find-ui-ts-4122-cms-live'],
        'workloads',
      );
    },
  );
}

/** Writes of the command line, as the API server saw them. */
function writesOfCli({ auditFile }: LifecycleScene): readonly string[] {
  const events = readFileSync(auditFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
  return events
    .filter(
      (event) =>
        textAt(event, 'user', 'username') === 'admin' &&
        (textAt(event, 'userAgent') ?? '').startsWith('branchline'),
    )
    .map(
      (event) =>
        `${textAt(event, 'verb') ?? ''} ${textAt(event, 'objectRef', 'resource') ?? ''}/${textAt(event, 'objectRef', 'name') ?? ''}`,
    );
}

async function dryRunStory(scene: LifecycleScene): Promise<void> {
  await scene.story.step(
    "a dry run says what is due and writes nothing, as the API server's audit shows",
    async () => {
      const before = writesOfCli(scene);
      expectEqual(before.length > 0, true, 'the audit sees our writes');
      const { code, out, err } = await branchline(
        scene,
        'housekeep',
        '--all',
        '--dry-run',
        '--now',
        inDays(4),
        '--warn-first',
        'false',
      );
      expectEqual(code, 0, err);
      expectText(out, /fact-find-ui-ts-4122-cms-live +would remove .* lives for 3d/, 'what it would do');
      expectEqual(writesOfCli(scene), before, 'writes');
    },
  );
}

/** The time so many days from now. */
export const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

/** What happened to a branch, in order: watched, not asked for. */
async function watchEnd(
  { mesh }: LifecycleScene,
  subset: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const api = connect({
    url: mesh.box.apiUrl,
    certificate: readFileSync(mesh.box.caFile, 'utf8'),
    token: mesh.box.token,
  });
  const seen: string[] = [];
  const note = (text: string): void => {
    if (!seen.includes(text)) seen.push(text);
  };
  let wasRouted = false;
  await Promise.all([
    api.watch(
      '/apis/networking.istio.io/v1/namespaces/ww-green/virtualservices?watch=1',
      (event) => {
        if (textAt(event, 'object', 'metadata', 'name') !== 'fact-find-mesh') return;
        const isRouted =
          textAt(event, 'type') !== 'DELETED' &&
          JSON.stringify(objectAt(event, 'object', 'spec')).includes(subset);
        if (wasRouted && !isRouted) note('routes away');
        wasRouted = isRouted;
      },
      signal,
    ),
    api.watch(
      '/apis/apps/v1/namespaces/ww-green/deployments?watch=1',
      (event) => {
        if (textAt(event, 'object', 'metadata', 'name') === name && textAt(event, 'type') === 'DELETED')
          note('workload deleted');
      },
      signal,
    ),
    api.watch(
      '/api/v1/namespaces/ww-green/pods?watch=1',
      (event) => {
        const isGoing =
          textAt(event, 'type') === 'DELETED' ||
          at(event, 'object', 'metadata', 'deletionTimestamp') !== undefined;
        if (isGoing && (textAt(event, 'object', 'metadata', 'name') ?? '').startsWith(name)) note('pods end');
      },
      signal,
    ),
  ]).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  api.close();
  return seen;
}

async function endStory(scene: LifecycleScene): Promise<void> {
  const { story, sidecar } = scene;
  await story.step(
    'a lifetime of seconds: warned about, then gone, routes before pods, and not one request of it failed',
    async () => {
      expectEqual(
        (await branchline(scene, 'deploy', 'fact-find', 'ww-green', 'OPS-55', '--ttl', '40s', '--wait', '60'))
          .code,
        0,
        'exit code',
      );
      const stop = new AbortController();
      const seen = watchEnd(scene, 'ops-55', 'fact-find-ops-55', stop.signal);
      const traffic = startTraffic(
        [
          {
            proxy: sidecar,
            request: { host: 'fact-find.ww-green.svc.cluster.local', headers: [['x-variant-id', 'OPS-55']] },
            judge: (reply) => (reply.status === 200 ? undefined : `status ${reply.status}`),
          },
        ],
        50,
      );
      try {
        await waitFor(
          'the warning',
          async () => {
            const events = listAt(await get(scene, 'events.events.k8s.io', '-n', 'ww-green'), 'items');
            return events.some(
              (event) =>
                textAt(event, 'reason') === 'BranchExpiring' &&
                textAt(event, 'regarding', 'name') === 'fact-find-ops-55',
            )
              ? true
              : undefined;
          },
          60_000,
        );
        expectText(
          (await branchline(scene, 'list', '-n', 'ww-green')).out,
          /OPS-55 +fact-find +1\/1 +yes +\d+s +(?:in \d+s|now)/,
          'the countdown',
        );
        await gone(scene, 'fact-find-ops-55');
        await waitFor('its pods to end', async () =>
          listAt(await get(scene, 'pods', '-n', 'ww-green', '-l', 'version=OPS-55'), 'items').length === 0
            ? true
            : undefined,
        );
      } finally {
        await traffic.stop();
        stop.abort();
      }
      expectEqual(await seen, ['routes away', 'workload deleted', 'pods end'], 'order');
      expectEqual([traffic.faults.length, traffic.count() > 100], [0, true], 'requests with its header');
    },
  );
}

async function keepStory(scene: LifecycleScene): Promise<void> {
  const { story } = scene;
  await story.step('keep keeps it beyond its time, delete ends it', async () => {
    expectEqual(
      (await branchline(scene, 'deploy', 'fact-find', 'ww-green', 'OPS-56', '--ttl', '10s', '--wait', '60'))
        .code,
      0,
      'deploy',
    );
    expectEqual((await branchline(scene, 'keep', 'OPS-56', '-n', 'ww-green')).code, 0, 'keep');
    await new Promise((resolve) => {
      setTimeout(resolve, 20_000);
    });
    expectEqual((await names(scene, 'ww-green')).includes('fact-find-ops-56'), true, 'kept');
    const { code, err } = await branchline(
      scene,
      'delete',
      'OPS-56',
      '-n',
      'ww-green',
      '--settle-milliseconds',
      '500',
    );
    expectEqual(code, 0, err);
    await gone(scene, 'fact-find-ops-56');
  });
}

async function gitStory(scene: LifecycleScene): Promise<void> {
  await scene.story.step(
    'a branch that is merged in a real repository is found and ended, one that is open is not',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'git-'));
      const git = (...args: readonly string[]): void =>
        void execFileSync(
          'git',
          [
            '-C',
            folder,
            '-c',
            'user.name=t',
            '-c',
            'user.email=t@example.io',
            '-c',
            'init.defaultBranch=main',
            '-c',
            'commit.gpgsign=false',
            ...args,
          ],
          { stdio: 'ignore' },
        );
      const commit = (file: string): void => {
        writeFileSync(join(folder, file), file);
        git('add', file);
        git('commit', '-qm', file);
      };
      git('init', '-q');
      commit('a');
      git('checkout', '-qb', 'feature/OPS-57');
      commit('b');
      git('checkout', '-qb', 'feature/OPS-58', 'main');
      commit('c');
      git('checkout', '-q', 'main');
      git('merge', '-q', '--no-ff', '--no-edit', 'feature/OPS-57');
      for (const name of ['feature/OPS-57', 'feature/OPS-58'])
        expectEqual(
          (await branchline(scene, 'deploy', 'fact-find', 'ww-green', name, '--wait', '60')).code,
          0,
          name,
        );
      const { code, out, err } = await branchline(
        scene,
        'housekeep',
        '-n',
        'ww-green',
        '--merged-into',
        'main',
        '--repo',
        folder,
        '--settle-milliseconds',
        '500',
      );
      expectEqual(code, 0, err);
      expectText(out, /feature\/OPS-57 .* removed .* merged into main/, 'what it did');
      await gone(scene, 'fact-find-feature-ops-57');
      expectEqual(
        (await names(scene, 'ww-green')).includes('fact-find-feature-ops-58'),
        true,
        'the open one',
      );
    },
  );
}

/** The cluster that kube-housekeeper's documentation speaks of: several versions of a deployment, told apart by their label. */
async function housekeeperStory(scene: LifecycleScene): Promise<void> {
  const { story, mesh } = scene;
  const old = (namespace: string): string =>
    [
      service('cms', '{}').replace('namespace: ww-green', `namespace: ${namespace}`),
      ...[
        ['cms', 'master', 'web'],
        ['cms-ts-1', 'TS-1', 'web'],
        ['cms-ts-2', 'TS-2', 'db'],
      ].map(([name = '', version = '', tier = '']) =>
        workload({ name, app: 'cms', namespace, labels: `{ app: cms, version: ${version} }` }).replace(
          `namespace: ${namespace}`,
          `namespace: ${namespace}\n  labels: { app: cms, tier: ${tier}, version: ${version} }`,
        ),
      ),
    ].join('---');
  const sweep = (...args: readonly string[]): Promise<Ran> =>
    branchline(
      scene,
      'housekeep',
      '--warn-first',
      'false',
      '--settle-milliseconds',
      '500',
      '--now',
      inDays(4),
      ...args,
    );
  await story.step('kube-housekeeper: MAX_DAYS and DRY_RUN', async () => {
    for (const namespace of ['old-green', 'old-red'])
      await mesh.box.kubectl(['apply', '-f', '-'], { stdin: old(namespace) });
    expectEqual((await sweep('-n', 'old-green', '--max-days', '5')).code, 0, 'exit code');
    expectEqual((await sweep('-n', 'old-green', '--max-days', '3', '--dry-run')).code, 0, 'exit code');
    expectEqual(
      await names(scene, 'old-green'),
      ['cms', 'cms-ts-1', 'cms-ts-2'],
      'nothing is old enough, nothing is done',
    );
  });
  await story.step('kube-housekeeper: NAMESPACES and DEPLOYMENT_LABEL_FILTER', async () => {
    const first = await sweep(
      '-n',
      'old-green',
      '--max-days',
      '3',
      '--label-filter',
      'version,version!=master,tier=web',
    );
    expectEqual(first.code, 0, first.err);
    expectEqual(await names(scene, 'old-green'), ['cms', 'cms-ts-2'], 'by the filter');
    expectEqual(await names(scene, 'old-red'), ['cms', 'cms-ts-1', 'cms-ts-2'], 'the other namespace');
    const second = await sweep(
      '-n',
      'old-green,old-red',
      '--max-days',
      '3',
      '--label-filter',
      'version,version!=master',
    );
    expectEqual(second.code, 0, second.err);
    expectEqual(
      [await names(scene, 'old-green'), await names(scene, 'old-red')],
      [['cms'], ['cms']],
      'the default filter',
    );
  });
}
