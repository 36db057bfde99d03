/** Pods of every shape through a real API server, and then as real processes: three services in a row, on loopback, that know nothing of branches. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Box } from '../box/start.ts';
import { at, labelsAt, listAt, objectAt, textAt, type Labels } from '../../src/model/json.ts';
import { prepare, startHop, type Hop, type Sources } from './kubelet.ts';
import type { Server } from './server.ts';
import { expectEqual, expectText, waitFor, type Story } from './steps.ts';

interface Scene {
  readonly story: Story;
  readonly box: Box;
  readonly server: Server;
  readonly apply: (manifest: string, ...flags: string[]) => Promise<string>;
  readonly get: (kind: string, name: string, namespace?: string) => Promise<unknown>;
}

const root = join(import.meta.dirname, '../..');
const namespace = 'ww-pods';
const image = 'registry.example.io/branchline-agent:1.0.0';
const preload = '--require /branchline/agent.cjs';

/** The API server holds every pod to the restricted standard and a limit range: what we add must not break either. */
const tenant = `
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels: { branchline.dev/enabled: "true", istio-injection: enabled, pod-security.kubernetes.io/enforce: restricted }
---
apiVersion: v1
kind: Service
metadata: { name: hop, namespace: ${namespace} }
spec: { selector: { app: hop }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: LimitRange
metadata: { name: limits, namespace: ${namespace} }
spec: { limits: [{ type: Container, min: { memory: 32Mi }, max: { memory: 64Mi }, default: { memory: 64Mi }, defaultRequest: { memory: 64Mi } }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: options, namespace: ${namespace} }
data: { NODE_OPTIONS: --title=of-the-config, node: --title=of-the-key, OTHER: "1" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: others, namespace: ${namespace} }
data: { OTHER: "1" }
---
apiVersion: v1
kind: Secret
metadata: { name: hidden, namespace: ${namespace} }
stringData: { OPTIONS: --title=of-the-secret }
`;

interface Shape {
  readonly name: string;
  /** Fields of the container. */
  readonly container?: object;
  readonly spec?: object;
  readonly annotations?: Labels;
  /** Where the header is seen; default: everywhere. */
  readonly carries?: boolean;
  /** Title of the process: what NODE_OPTIONS of the application's own says. */
  readonly title?: string;
  /** Container that is started; default `app`. */
  readonly start?: string;
}

const shapes: readonly Shape[] = [
  { name: 'plain' },
  {
    name: 'literal-and-reference',
    container: {
      env: [
        { name: 'TITLE', value: 'of-the-variable' },
        { name: 'NODE_OPTIONS', value: '--title=$(TITLE)' },
      ],
    },
    title: 'of-the-variable',
  },
  {
    name: 'quoted',
    container: { env: [{ name: 'NODE_OPTIONS', value: '--title="of two words"' }] },
    title: 'of two words',
  },
  {
    name: 'preloaded-already',
    container: { env: [{ name: 'NODE_OPTIONS', value: `${preload} --title=twice` }] },
    title: 'twice',
  },
  {
    name: 'env-from-config',
    container: { envFrom: [{ configMapRef: { name: 'options' } }] },
    title: 'of-the-config',
  },
  {
    name: 'env-from-without-options',
    container: {
      envFrom: [{ configMapRef: { name: 'others' } }, { secretRef: { name: 'missing', optional: true } }],
    },
  },
  {
    name: 'env-from-secret-with-prefix',
    container: { envFrom: [{ secretRef: { name: 'hidden' }, prefix: 'NODE_' }] },
    title: 'of-the-secret',
  },
  {
    name: 'value-from',
    container: {
      env: [{ name: 'NODE_OPTIONS', valueFrom: { configMapKeyRef: { name: 'options', key: 'node' } } }],
    },
    carries: false,
    title: 'of-the-key',
  },
  {
    name: 'mount-path-taken',
    container: { volumeMounts: [{ name: 'cache', mountPath: '/branchline' }] },
    spec: { volumes: [{ name: 'cache', emptyDir: {} }] },
    carries: false,
  },
  {
    name: 'volume-name-taken',
    spec: { volumes: [{ name: 'branchline-agent', emptyDir: {} }] },
    carries: false,
  },
  { name: 'opted-out', annotations: { 'branchline.dev/inject': 'none' }, carries: false },
  { name: 'propagate-false', annotations: { 'branchline.dev/propagate': 'false' }, carries: false },
  {
    name: 'another-container',
    annotations: { 'branchline.dev/containers': 'worker' },
    spec: { containers: [member('app'), member('worker')] },
    carries: false,
  },
  {
    name: 'proxy',
    spec: { containers: [member('istio-proxy'), member('app')] },
    carries: false,
    start: 'istio-proxy',
  },
  {
    name: 'native-sidecar',
    spec: { initContainers: [{ ...member('gateway'), restartPolicy: 'Always' }] },
    start: 'gateway',
  },
  {
    name: 'named-init-container',
    annotations: { 'branchline.dev/containers': 'migrate' },
    spec: { initContainers: [member('migrate')] },
    start: 'migrate',
  },
  {
    name: 'unnamed-init-container',
    spec: { initContainers: [member('migrate')] },
    carries: false,
    start: 'migrate',
  },
];

function member(name: string, more: object = {}): object {
  return {
    name,
    image: 'hop',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    ...more,
  };
}

function podManifest({ name, container = {}, spec = {}, annotations = {} }: Shape): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: 'hop', version: 'master' }, annotations },
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [member('app', container)],
      ...spec,
    },
  });
}

/** Tells the part of the story that is about pods. */
export async function podSteps(scene: Scene): Promise<void> {
  const { story, server, apply } = scene;
  const agent = await readFile(join(root, 'dist/agent.cjs'), 'utf8');
  await restart(server, '--controller', 'false');
  await apply(tenant);
  await inCache(scene, 'Namespace', 'namespaces');
  await story.step('a pod starts without the agent while nothing delivers it, and says why', async () => {
    const pod = await create(scene, { name: 'early' });
    expectText(toldOf(pod), 'no immutable ConfigMap branchline-agent-', 'annotation');
    expectEqual(variable(pod, 'NODE_OPTIONS'), undefined, 'NODE_OPTIONS');
    expectText(variable(pod, 'BRANCHLINE_AGENT_HEADERS') ?? '', 'x-variant-id', 'settings');
    expectText(
      await (await fetch(`${server.plainUrl}/metrics`)).text(),
      /branchline_problems_total\{code="BL301",severity="warn"\} [1-9]/,
      'metrics',
    );
    await expectChain(scene, pod, { name: 'early', carries: false });
  });
  await restart(server);
  const [first = ''] = await agentMaps(scene, 1);
  for (const shape of shapes) {
    await story.step(
      `pod, then process: ${shape.name.replaceAll('-', ' ')}${shape.carries === false ? ': left as it is' : ': the header goes on'}`,
      async () => {
        await expectChain(scene, await create(scene, shape), shape);
      },
    );
  }
  await eventStep(scene);
  const second = await upgradeSteps(scene, agent, first);
  await doctorSteps(scene, first, second);
  await deliverySteps(scene, agent);
}

async function restart(server: Server, ...flags: readonly string[]): Promise<void> {
  await server.stop();
  await server.start(...flags);
}

/** Waits until the controller keeps so many agents in the namespace, and the webhook knows of them. @returns their names, the oldest first. */
async function agentMaps(scene: Scene, count: number): Promise<readonly string[]> {
  const names = await waitFor(`${count} agents in ${namespace}`, async () => {
    const { stdout } = await scene.box.kubectl([
      '-n',
      namespace,
      'get',
      'configmaps',
      '-l',
      'app.kubernetes.io/managed-by=branchline',
      '--sort-by=.metadata.creationTimestamp',
      '-o',
      'json',
    ]);
    const found = listAt(JSON.parse(stdout), 'items').map((map) => textAt(map, 'metadata', 'name') ?? '');
    return found.length >= count + 1 && found.includes('branchline-node-options')
      ? found.filter((name) => name.startsWith('branchline-agent-'))
      : undefined;
  });
  await inCache(scene, 'ConfigMap', 'configmaps', '-l', 'app.kubernetes.io/managed-by=branchline');
  return names;
}

async function eventStep({ story, box }: Scene): Promise<void> {
  await story.step('an Event on the pod says why it runs without the agent', async () => {
    const note = await waitFor('the Event', async () => {
      const { stdout } = await box.kubectl([
        '-n',
        namespace,
        'get',
        'events',
        '--field-selector',
        'involvedObject.name=value-from,reason=NoHeaderAgent',
        '-o',
        'json',
      ]);
      return textAt(JSON.parse(stdout), 'items', 0, 'message');
    });
    expectText(note, 'container app runs without the header agent: its NODE_OPTIONS is a valueFrom', 'Event');
    expectText(
      (await box.kubectl(['-n', namespace, 'describe', 'pod', 'value-from'])).stdout,
      'NoHeaderAgent',
      'kubectl describe',
    );
  });
}

/** @returns the name of the newer agent. */
async function upgradeSteps(scene: Scene, agent: string, first: string): Promise<string> {
  const { story, server, get } = scene;
  const folder = await mkdtemp(join(tmpdir(), 'agent-'));
  const file = join(folder, 'agent.cjs');
  await writeFile(file, `${agent}\n// another`);
  let second = '';
  await story.step(
    'a new agent has a new name: new pods get it, the old ones keep theirs, and both carry the header',
    async () => {
      await restart(server, '--agent-file', file);
      second = (await agentMaps(scene, 2)).find((name) => name !== first) ?? '';
      const [older, newer] = [await get('pod', 'plain', namespace), await create(scene, { name: 'newer' })];
      expectEqual([volumeOf(older), volumeOf(newer)], [first, second], 'ConfigMaps');
      await expectChain(scene, older, { name: 'plain' });
      await expectChain(scene, newer, { name: 'newer' });
    },
  );
  await story.step('after a way back new pods get the older agent again', async () => {
    await restart(server);
    expectEqual(volumeOf(await create(scene, { name: 'back' })), first, 'ConfigMap');
  });
  await story.step(
    'a pod whose ConfigMap is away does not start, and never starts without its file',
    async () => {
      const { message } = await prepare(await get('pod', 'plain', namespace), 'app', {
        ...sourcesOf(scene),
        data: () => Promise.resolve(undefined),
      }).then(
        () => ({ message: 'it started' }),
        (error: unknown) => error as Error,
      );
      expectText(message, `configmap "${first}" not found`, 'kubelet');
    },
  );
  await rm(folder, { recursive: true, force: true });
  return second;
}

async function doctorSteps(scene: Scene, first: string, second: string): Promise<void> {
  await scene.story.step(
    'doctor tells who carries the agent, who needs a restart, and who cannot have it',
    async () => {
      const { code, out } = await doctor(scene, '-n', namespace);
      expectEqual(code, 1, 'exit code');
      expectText(out, new RegExp(`plain +master +app \\(${first}\\)`), 'doctor');
      expectText(
        out,
        `note: Pod ww-pods/plain: carries the older agent ${first}; new pods get ${second}`,
        'doctor',
      );
      expectText(
        out,
        'problem: Pod ww-pods/value-from: container app runs without the header agent: its NODE_OPTIONS is a valueFrom',
        'doctor',
      );
      expectText(out, /opted-out +master +not asked for/, 'doctor');
      console.log(
        out
          .split('\n')
          .filter((line) => line.includes('value-from') || line.includes('/plain'))
          .join('\n')
          .replace(/^/gm, '    '),
      );
    },
  );
  await scene.story.step(
    'doctor reads as JSON, and exits with 3 when the cluster cannot be read',
    async () => {
      const { out } = await doctor(scene, '-n', namespace, '-o', 'json');
      expectEqual(listAt(JSON.parse(out), 'pods').length, shapes.length + 3, 'pods');
      expectEqual(
        (await doctor({ ...scene, box: { ...scene.box, kubeconfig: '/nowhere' } })).code,
        3,
        'exit code',
      );
    },
  );
}

/** The same server with the other two deliveries. */
async function deliverySteps(scene: Scene, agent: string): Promise<void> {
  const { story, server } = scene;
  const folder = await mkdtemp(join(tmpdir(), 'image-'));
  await writeFile(join(folder, 'agent.cjs'), agent);
  try {
    for (const delivery of ['initContainer', 'image']) {
      await story.step(
        `agentDelivery ${delivery}: the API server takes the pod within its limits, and the header goes on`,
        async () => {
          await restart(server, '--agent-delivery', delivery, '--agent-image', image);
          if (delivery === 'initContainer') await limitMemory(scene);
          const shape: Shape = {
            name: `by-${delivery.toLowerCase()}`,
            annotations: { 'branchline.dev/containers': 'app,migrate' },
            spec: { initContainers: [member('migrate')] },
          };
          const pod = await waitFor(`a pod by ${delivery}`, async () => {
            const made = await create(scene, shape);
            return listAt(made, 'spec', 'volumes').some(
              (volume) => textAt(volume, 'name') === 'branchline-agent',
            )
              ? made
              : undefined;
          });
          expectEqual(
            listAt(pod, 'spec', 'initContainers').map((container) => textAt(container, 'name')),
            delivery === 'image' ? ['migrate'] : ['branchline-agent', 'migrate'],
            'init containers',
          );
          await expectChain(scene, pod, shape, { [image]: folder });
          await expectChain(scene, pod, { ...shape, start: 'migrate' }, { [image]: folder });
          await scene.box.kubectl(['-n', namespace, 'delete', 'resourcequota', '--all']);
        },
      );
    }
  } finally {
    await restart(server);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A quota with room for one container's memory, which is what the pod asks for without us. No controller counts here, so we say what is used. */
async function limitMemory({ box }: Scene): Promise<void> {
  await box.kubectl(['-n', namespace, 'create', 'quota', 'memory', '--hard=requests.memory=64Mi']);
  await box.kubectl([
    '-n',
    namespace,
    'patch',
    'resourcequota',
    'memory',
    '--subresource=status',
    '--type=merge',
    '-p',
    '{"status":{"hard":{"requests.memory":"64Mi"},"used":{"requests.memory":"0"}}}',
  ]);
}

/** Creates a pod anew. */
async function create({ box, get }: Scene, shape: Shape): Promise<unknown> {
  await box.kubectl([
    '-n',
    namespace,
    'delete',
    'pod',
    shape.name,
    '--ignore-not-found',
    '--force',
    '--grace-period=0',
    '--wait=true',
  ]);
  await box.kubectl(['create', '-f', '-'], { stdin: podManifest(shape) });
  return get('pod', shape.name, namespace);
}

/** Starts three processes from one pod, each calling the next, and asks the first with the header and without. */
async function expectChain(
  scene: Scene,
  pod: unknown,
  { carries = true, title, start = 'app' }: Shape,
  images: Sources['images'] = {},
): Promise<void> {
  const room = await prepare(pod, start, { ...sourcesOf(scene), images });
  const hops: Hop[] = [];
  try {
    for (let hop = 0; hop < 3; hop += 1) hops.push(await startHop(room.environment, hops.at(-1)?.url));
    const ask = async (headers: Record<string, string>): Promise<readonly unknown[]> =>
      (await (await fetch(hops.at(-1)?.url ?? '', { headers })).json()) as readonly unknown[];
    const variants = (seen: readonly unknown[]): readonly unknown[] =>
      seen.map((one) => textAt(one, 'variant'));
    const answers = await Promise.all([
      ask({ 'x-variant-id': 'OPS-1' }),
      ask({}),
      ask({ 'x-variant-id': 'OPS-2' }),
    ]);
    const wanted = carries
      ? [
          ['OPS-1', 'OPS-1', 'OPS-1'],
          ['', '', ''],
          ['OPS-2', 'OPS-2', 'OPS-2'],
        ]
      : [
          ['OPS-1', '', ''],
          ['', '', ''],
          ['OPS-2', '', ''],
        ];
    expectEqual(answers.map(variants), wanted, 'x-variant-id at each service');
    if (title !== undefined) expectEqual(textAt(answers[0]?.[0], 'title'), title, 'title of the process');
  } finally {
    await Promise.all(hops.map((hop) => hop.stop()));
    await room.clear();
  }
}

function sourcesOf({ box }: Scene): Sources {
  return {
    images: {},
    async data(kind, name) {
      const { stdout } = await box.kubectl([
        '-n',
        namespace,
        'get',
        kind,
        name,
        '-o',
        'json',
        '--ignore-not-found',
      ]);
      if (stdout === '') return undefined;
      const data = labelsAt(JSON.parse(stdout), 'data');
      return kind === 'configmap'
        ? data
        : Object.fromEntries(
            Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
          );
    },
  };
}

function doctor(
  { box }: Scene,
  ...flags: readonly string[]
): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'dist/branchline.js'), 'doctor', '--kubeconfig', box.kubeconfig, ...flags],
      (error, stdout) => {
        resolve({ code: Number(error?.code ?? 0), out: stdout });
      },
    );
  });
}

/** Waits until our server has heard of as many objects of a kind as there are. */
async function inCache({ server, box }: Scene, kind: string, ...selection: readonly string[]): Promise<void> {
  const { stdout } = await box.kubectl(['get', ...selection, '--all-namespaces', '-o', 'json']);
  const atLeast = listAt(JSON.parse(stdout), 'items').length;
  await waitFor(`${atLeast} ${kind} in the cache`, async () => {
    const count = new RegExp(`branchline_cache_objects\\{kind="${kind}"\\} (\\d+)`).exec(
      await (await fetch(`${server.plainUrl}/metrics`)).text(),
    )?.[1];
    return Number(count) >= atLeast ? true : undefined;
  });
}

function toldOf(pod: unknown): string {
  return textAt(objectAt(pod, 'metadata', 'annotations'), 'branchline.dev/agent') ?? '';
}

function volumeOf(pod: unknown): string | undefined {
  return textAt(
    listAt(pod, 'spec', 'volumes').find((volume) => textAt(volume, 'name') === 'branchline-agent'),
    'configMap',
    'name',
  );
}

function variable(pod: unknown, name: string): string | undefined {
  return textAt(
    listAt(at(pod, 'spec', 'containers', 0), 'env').find((one) => textAt(one, 'name') === name),
    'value',
  );
}
