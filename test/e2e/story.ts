/** The story, inside a box's network: a developer with kubectl, a real API server, our server with its own rights. */
import { ensureArtifacts } from '../box/binaries.ts';
import { startBox, type Box } from '../box/start.ts';
import { labelsAt, listAt, numberAt, objectAt, textAt } from '../../src/model/json.ts';
import { bookinfo, rolloutCrd, service, tenant, virtualService, workload } from './manifests.ts';
import { podSteps } from './pod-steps.ts';
import { installServer, type Server } from './server.ts';
import { createStory, expectEqual, expectText, waitFor, type Story } from './steps.ts';

const url = 'https://ops-1234.ww-green.example.io/fact-find-ui';
const branch = workload({
  name: 'fact-find-ui-ops-1234',
  branch: 'OPS-1234',
  image: 'fact-find-ui:OPS-1234',
  labels: '{ app: fact-find-ui, version: master }',
});

interface Scene {
  readonly story: Story;
  readonly box: Box;
  readonly server: Server;
  /** Applies manifests and returns what kubectl printed. */
  readonly apply: (manifest: string, ...flags: string[]) => Promise<string>;
  /** Applies manifests that must be refused, and returns what kubectl printed on standard error. */
  readonly refused: (manifest: string, ...flags: string[]) => Promise<string>;
  readonly run: (...args: string[]) => Promise<string>;
  readonly get: (kind: string, name: string, namespace?: string) => Promise<unknown>;
}

async function main(): Promise<void> {
  const { 'istio-crds.yaml': crds } = await ensureArtifacts(['istio-crds.yaml']);
  const box = await startBox();
  const story = createStory();
  let server: Server | undefined;
  try {
    await box.kubectl(['apply', '--server-side', '-f', crds]);
    await box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    server = await installServer(box);
    const scene = sceneOf(box, server, story);
    for (const part of [
      baselineStory,
      branchStory,
      changeStory,
      refusalStory,
      kindStory,
      scopeStory,
      routeStory,
      podSteps,
      outageStory,
    ])
      await part(scene);
  } catch (error) {
    await story.step('the story could be told', () =>
      Promise.reject(error instanceof Error ? error : new Error(String(error))),
    );
  } finally {
    const code = await server?.stop();
    if (code !== undefined)
      await story.step('the server ends with 0 on SIGTERM', () =>
        Promise.resolve(expectEqual(code, 0, 'exit code')),
      );
    await box.stop();
  }
  process.exitCode = story.finish() ? 0 : 1;
}

function sceneOf(box: Box, server: Server, story: Story): Scene {
  return {
    box,
    server,
    story,
    apply: async (manifest, ...flags) => {
      const { stdout, stderr } = await box.kubectl(['apply', ...flags, '-f', '-'], { stdin: manifest });
      return stdout + stderr;
    },
    refused: async (manifest, ...flags) =>
      (await box.kubectl(['apply', ...flags, '-f', '-'], { stdin: manifest, expectFailure: true })).stderr,
    run: async (...args) => {
      const { stdout, stderr } = await box.kubectl(args);
      return stdout + stderr;
    },
    get: async (kind, name, namespace = 'ww-green') =>
      JSON.parse((await box.kubectl(['-n', namespace, 'get', kind, name, '-o', 'json'])).stdout) as unknown,
  };
}

const templateLabels = (object: unknown): Record<string, string> => ({
  ...labelsAt(object, 'spec', 'template', 'metadata', 'labels'),
});
const annotations = (object: unknown): Record<string, string> => ({
  ...labelsAt(object, 'metadata', 'annotations'),
});
/** What a workload is to be. Its generation will not do: annotations, which its controllers write, count in it. */
const wanted = (object: unknown): string => JSON.stringify(objectAt(object, 'spec'));

/** Our server learns of new objects by watching; a developer's next command may come sooner than that in a script. */
async function known({ server }: Scene, kind: string, atLeast: number): Promise<void> {
  await waitFor(`${atLeast} ${kind} in the cache`, async () => {
    const metrics = await (await fetch(`${server.plainUrl}/metrics`)).text();
    const count = new RegExp(`branchline_cache_objects\\{kind="${kind}"\\} (\\d+)`).exec(metrics)?.[1];
    return Number(count) >= atLeast ? true : undefined;
  });
}

async function rolledOut({ box }: Scene, name: string, namespace = 'ww-green'): Promise<void> {
  await box.kubectl(['-n', namespace, 'rollout', 'status', name, '--timeout=60s']);
}

async function baselineStory(scene: Scene): Promise<void> {
  const { story, apply, get, run } = scene;
  await story.step('a new baseline gets its version label', async () => {
    await apply([tenant, service('fact-find-ui'), service('shop', '{}')].join('---'));
    await known(scene, 'Service', 4);
    await apply([workload({ replicas: 2 }), workload({ name: 'shop', app: 'shop' })].join('---'));
    expectEqual(
      templateLabels(await get('deployment', 'fact-find-ui')),
      { app: 'fact-find-ui', version: 'master' },
      'template labels',
    );
    await rolledOut(scene, 'deployment/fact-find-ui');
    expectText(await run('-n', 'ww-green', 'get', 'pods', '-l', 'version=master'), /fact-find-ui-/, 'pods');
  });
  await story.step('applying the baseline again changes nothing', async () => {
    const before = await get('deployment', 'fact-find-ui');
    expectText(await apply(workload({ replicas: 2 })), 'unchanged', 'kubectl');
    expectEqual(wanted(await get('deployment', 'fact-find-ui')), wanted(before), 'spec');
  });
}

async function branchStory(scene: Scene): Promise<void> {
  const { story, apply, get, run } = scene;
  await story.step('dry-run=server shows the branch and keeps nothing', async () => {
    expectText(await apply(branch, '--dry-run=server', '-o', 'yaml'), 'version: OPS-1234', 'kubectl');
    expectText(
      (
        await scene.box.kubectl(['-n', 'ww-green', 'get', 'deployment', 'fact-find-ui-ops-1234'], {
          expectFailure: true,
        })
      ).stderr,
      'NotFound',
      'kubectl',
    );
  });
  await story.step(
    'apply: a copied manifest becomes a branch, and its author reads where it is',
    async () => {
      const printed = await apply(branch);
      expectText(
        printed,
        `Warning: branchline: OPS-1234 of fact-find-ui -> ${url} once ready; expires in 3d`,
        'kubectl',
      );
      console.log(printed.trimEnd().replace(/^/gm, '    '));
      const made = await get('deployment', 'fact-find-ui-ops-1234');
      expectEqual(templateLabels(made), { app: 'fact-find-ui', version: 'OPS-1234' }, 'template labels');
      expectEqual(
        { ...labelsAt(made, 'spec', 'selector', 'matchLabels') },
        { app: 'fact-find-ui', version: 'OPS-1234' },
        'selector',
      );
      expectEqual(
        [
          annotations(made)['branchline.dev/header'],
          annotations(made)['branchline.dev/url'],
          annotations(made)['branchline.dev/service'],
        ],
        ['x-variant-id: OPS-1234', url, 'fact-find-ui'],
        'annotations',
      );
      await rolledOut(scene, 'deployment/fact-find-ui-ops-1234');
      expectText(
        await run('-n', 'ww-green', 'get', 'deploy', '-l', 'version'),
        'fact-find-ui-ops-1234',
        'kubectl get deploy -l version',
      );
      await known(scene, 'Deployment', 3);
    },
  );
  await story.step(
    'apply the copied manifest again: the live values come back, and nothing rolls',
    async () => {
      const before = await get('deployment', 'fact-find-ui-ops-1234');
      await apply(branch);
      const after = await get('deployment', 'fact-find-ui-ops-1234');
      expectEqual(wanted(after), wanted(before), 'spec');
      expectEqual(templateLabels(after), { app: 'fact-find-ui', version: 'OPS-1234' }, 'template labels');
    },
  );
  await story.step('apply another image: configured, with the address again', async () => {
    expectText(await apply(branch.replace(':OPS-1234"', ':next"')), url, 'kubectl');
    const made = await get('deployment', 'fact-find-ui-ops-1234');
    expectEqual(
      textAt(made, 'spec', 'template', 'spec', 'containers', 0, 'image'),
      'fact-find-ui:next',
      'image',
    );
    expectEqual(templateLabels(made)['version'], 'OPS-1234', 'version');
  });
  await story.step('server-side apply, twice, without a conflict', async () => {
    const other = workload({
      name: 'fact-find-ui-ops-2',
      branch: 'feature/OPS-2_x',
      image: 'fact-find-ui:OPS-2',
    });
    expectText(
      await apply(other, '--server-side'),
      'https://feature-ops-2-x.ww-green.example.io/fact-find-ui',
      'kubectl',
    );
    const before = await get('deployment', 'fact-find-ui-ops-2');
    await apply(other, '--server-side');
    expectEqual(wanted(await get('deployment', 'fact-find-ui-ops-2')), wanted(before), 'spec');
    await known(scene, 'Deployment', 4);
  });
  await story.step('a manifest that says nothing of versions is unchanged when applied again', async () => {
    const plain = workload({ name: 'fact-find-ui-ops-4', branch: 'OPS-4' });
    await apply(plain);
    expectText(await apply(plain), 'unchanged', 'kubectl');
  });
}

async function changeStory(scene: Scene): Promise<void> {
  const { story, box, get, run } = scene;
  const name = 'fact-find-ui-ops-1234';
  await story.step('replace puts back what the manifest drops, without a rollout', async () => {
    await box.kubectl(['replace', '-f', '-'], { stdin: branch });
    const before = await get('deployment', name);
    await box.kubectl(['replace', '-f', '-'], { stdin: branch });
    const after = await get('deployment', name);
    expectEqual(objectAt(after, 'spec'), objectAt(before, 'spec'), 'spec');
    expectEqual(annotations(after)['branchline.dev/url'], url, 'url');
    expectEqual(templateLabels(after)['version'], 'OPS-1234', 'version');
  });
  await story.step('patch cannot take the label or the address away', async () => {
    const before = await get('deployment', name);
    await run(
      '-n',
      'ww-green',
      'patch',
      'deployment',
      name,
      '--type=merge',
      '-p',
      '{"metadata":{"annotations":{"branchline.dev/url":null,"branchline.dev/header":"x"}},"spec":{"template":{"metadata":{"labels":{"version":null}}}}}',
    );
    const after = await get('deployment', name);
    expectEqual(
      [
        templateLabels(after)['version'],
        annotations(after)['branchline.dev/url'],
        annotations(after)['branchline.dev/header'],
      ],
      ['OPS-1234', url, 'x-variant-id: OPS-1234'],
      'what we wrote',
    );
    expectEqual(wanted(after), wanted(before), 'spec');
  });
  await story.step('scale is not our business', async () => {
    await run('-n', 'ww-green', 'scale', 'deployment', name, '--replicas=2');
    await rolledOut(scene, `deployment/${name}`);
    expectEqual(numberAt(await get('deployment', name), 'spec', 'replicas'), 2, 'replicas');
  });
  await story.step('rollout restart of branch and baseline', async () => {
    await run('-n', 'ww-green', 'rollout', 'restart', 'deployment', name, 'fact-find-ui');
    await rolledOut(scene, `deployment/${name}`);
    await rolledOut(scene, 'deployment/fact-find-ui');
    expectEqual(templateLabels(await get('deployment', 'fact-find-ui'))['version'], 'master', 'version');
  });
}

async function refusalStory(scene: Scene): Promise<void> {
  const { story, box, apply, refused } = scene;
  // What CEL can judge is refused by the API server's own policy, before any webhook is asked.
  const denied =
    /^Error from server \(Forbidden\)[^]*(?:admission webhook "\w+\.validate\.branchline\.dev" denied the request: |ValidatingAdmissionPolicy 'branchline' with binding 'branchline' denied request: branchline: )/m;
  const refusals: readonly (readonly [string, string, string])[] = [
    ['a name without a letter', workload({ name: 'x', branch: '"///"' }), 'BL101'],
    ['a branch named like the baseline', workload({ name: 'x', branch: 'master' }), 'BL102'],
    [
      'a second workload for the same branch',
      workload({ name: 'fact-find-ui-copy', branch: 'OPS-1234' }),
      'BL105',
    ],
    [
      'a branch with the host of another',
      workload({ name: 'fact-find-ui-other', branch: 'ops-1234' }),
      'BL106',
    ],
    [
      'a ttl in words',
      workload({ name: 'x', branch: 'OPS-7', annotations: 'branchline.dev/ttl: soon' }),
      'BL117',
    ],
    ['a context without slash', service('shop', '{ branchline.dev/context: shop }'), 'BL131'],
  ];
  for (const [what, manifest, code] of refusals) {
    await story.step(`refused in plain words: ${what}`, async () => {
      const printed = await refused(manifest);
      expectText(printed, denied, 'kubectl');
      expectText(printed, `[${code}]`, 'kubectl');
      expectEqual(printed.includes('once ready'), false, 'no address for what is refused');
      console.log(printed.trimEnd().replace(/^/gm, '    '));
    });
  }
  await story.step('refused: turning the baseline into a branch, and nothing changed', async () => {
    const { stderr } = await box.kubectl(
      ['-n', 'ww-green', 'annotate', 'deployment', 'fact-find-ui', 'branchline.dev/branch=OPS-9'],
      { expectFailure: true },
    );
    expectText(stderr, '[BL103]', 'kubectl');
    expectEqual(
      templateLabels(await scene.get('deployment', 'fact-find-ui'))['version'],
      'master',
      'version',
    );
  });
  await story.step('refused: a live branch under another name, or without one', async () => {
    for (const change of ['branchline.dev/branch=OPS-9', 'branchline.dev/branch-']) {
      const { stderr } = await box.kubectl(
        ['-n', 'ww-green', 'annotate', '--overwrite', 'deployment', 'fact-find-ui-ops-1234', change],
        { expectFailure: true },
      );
      expectText(stderr, '[BL104]', 'kubectl');
    }
  });
  await story.step('refused: a Service that Istio does not route by HTTP', async () => {
    await apply(service('queue', '{}', 'tcp'));
    await apply(workload({ name: 'queue', app: 'queue' }));
    await rolledOut(scene, 'deployment/queue');
    await known(scene, 'Service', 5);
    expectText(
      await refused(workload({ name: 'queue-ops-1', app: 'queue', branch: 'OPS-1' })),
      '[BL114]',
      'kubectl',
    );
  });
}

async function kindStory(scene: Scene): Promise<void> {
  const { story, apply, get, run } = scene;
  await story.step('a StatefulSet is a branch too', async () => {
    expectText(
      await apply(workload({ name: 'shop-ops-1234', app: 'shop', branch: 'OPS-1234', kind: 'StatefulSet' })),
      'OPS-1234 of shop -> header x-variant-id: OPS-1234',
      'kubectl',
    );
    expectEqual(templateLabels(await get('statefulset', 'shop-ops-1234'))['version'], 'OPS-1234', 'version');
    await rolledOut(scene, 'statefulset/shop-ops-1234');
    await run('-n', 'ww-green', 'rollout', 'restart', 'statefulset/shop-ops-1234');
  });
  await story.step(
    'a cluster without Rollouts is served, and Rollouts installed later are branches',
    async () => {
      expectText(await (await fetch(`${scene.server.plainUrl}/readyz`)).text(), 'ok', 'readyz');
      await apply(rolloutCrd);
      await scene.box.kubectl([
        'wait',
        '--for=condition=Established',
        'crd/rollouts.argoproj.io',
        '--timeout=30s',
      ]);
      await apply(workload({ name: 'shop-ops-3', app: 'shop', branch: 'OPS-3', kind: 'Rollout' }));
      expectEqual(templateLabels(await get('rollout', 'shop-ops-3'))['version'], 'OPS-3', 'version');
    },
  );
}

async function scopeStory(scene: Scene): Promise<void> {
  const { story, apply, get, run } = scene;
  const namespace = 'late';
  await story.step('a namespace enabled late: no rollout until its author changes something', async () => {
    await run('create', 'namespace', namespace);
    await apply(workload({ name: 'app', app: 'app', namespace, branch: 'ignored' }));
    await apply(workload({ name: 'plain', app: 'plain', namespace }));
    expectEqual(
      templateLabels(await get('deployment', 'app', namespace)),
      { app: 'app' },
      'labels outside the scope',
    );
    await run('label', 'namespace', namespace, 'branchline.dev/enabled=true', 'istio-injection=enabled');
    const before = await get('deployment', 'plain', namespace);
    await run('-n', namespace, 'annotate', 'deployment', 'plain', 'note=x');
    await run('-n', namespace, 'scale', 'deployment', 'plain', '--replicas=2');
    expectEqual(
      templateLabels(await get('deployment', 'plain', namespace)),
      templateLabels(before),
      'labels after changes that are none of the template',
    );
    await run('-n', namespace, 'set', 'image', 'deployment/plain', 'app=other');
    expectEqual(
      templateLabels(await get('deployment', 'plain', namespace))['version'],
      'master',
      'version after a change of the template',
    );
  });
  await story.step('Bookinfo is enabled without any change', async () => {
    await apply(bookinfo);
    await rolledOut(scene, 'deployment/reviews-v3', 'bookinfo');
    const all = async (): Promise<unknown> => {
      const list = JSON.parse(
        await run(
          '-n',
          'bookinfo',
          'get',
          'deployments,services,virtualservices,destinationrules,pods',
          '-o',
          'json',
        ),
      ) as unknown;
      return listAt(list, 'items').map((item) => ({
        kind: textAt(item, 'kind'),
        name: textAt(item, 'metadata', 'name'),
        spec: objectAt(item, 'spec'),
        labels: labelsAt(item, 'metadata', 'labels'),
      }));
    };
    const before = await all();
    await run('label', 'namespace', 'bookinfo', 'branchline.dev/enabled=true');
    expectText(
      await apply(
        bookinfo.replace(
          'labels: { istio-injection: enabled }',
          'labels: { istio-injection: enabled, branchline.dev/enabled: "true" }',
        ),
      ),
      'unchanged',
      'kubectl',
    );
    for (const name of ['reviews-v1', 'reviews-v2', 'reviews-v3', 'details'])
      await run('-n', 'bookinfo', 'annotate', 'deployment', name, 'seen=yes');
    expectEqual(await all(), before, 'everything in bookinfo');
  });
  await story.step("a branch of Bookinfo's reviews is refused until its baseline has a name", async () => {
    await known(scene, 'VirtualService', 1);
    const reviews = workload({
      name: 'reviews-ops-1',
      app: 'reviews',
      namespace: 'bookinfo',
      branch: 'OPS-1',
    });
    expectText(await scene.refused(reviews), '[BL113]', 'kubectl');
  });
}

async function routeStory({ story, apply, refused }: Scene): Promise<void> {
  const bad: readonly (readonly [string, string])[] = [
    ['(?=x)OPS', 'look-ahead'],
    ['(a)\\1', 'a backreference'],
    ['*', 'nothing to repeat'],
    ['\\p{L}{28}', "a program over the proxies' limit"],
  ];
  for (const [regex, what] of bad) {
    await story.step(`VirtualService refused: ${what}`, async () => {
      const printed = await refused(virtualService(regex));
      expectText(
        printed,
        'admission webhook "routes.validate.branchline.dev" denied the request: ',
        'kubectl',
      );
      expectText(printed, /\[BL20[1-4]\]/, 'kubectl');
      console.log(printed.trimEnd().replace(/^/gm, '    '));
    });
  }
  await story.step('VirtualService refused in every served version, accepted when right', async () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha3'])
      expectText(await refused(virtualService('(?!x)', version)), '[BL201]', version);
    await apply(virtualService('(OPS-1234|ops-1234)'));
  });
}

async function outageStory(scene: Scene): Promise<void> {
  const { story, box, server, apply, refused, run, get } = scene;
  await story.step('after an API server restart the cache follows again', async () => {
    await box.restartApiServer();
    await apply(service('late', '{}'));
    await known(scene, 'Service', 7);
    expectText(
      await apply(workload({ name: 'fact-find-ui-ops-8', branch: 'OPS-8' })),
      'OPS-8 of fact-find-ui',
      'kubectl',
    );
  });
  await story.step(
    'while we are down, baselines and routes go through and a branch is refused, not admitted unseen',
    async () => {
      await server.earned();
      await server.stop();
      await run('-n', 'ww-green', 'set', 'image', 'deployment/shop', 'app=shop:next');
      await rolledOut(scene, 'deployment/shop');
      await apply(virtualService('OPS-1', 'v1', 'other'));
      expectText(
        await refused(workload({ name: 'fact-find-ui-ops-5', branch: 'OPS-5' })),
        'failed calling webhook "branches.mutate.branchline.dev"',
        'kubectl',
      );
      await server.start();
      await apply(workload({ name: 'fact-find-ui-ops-5', branch: 'OPS-5' }));
    },
  );
  await story.step('delete ends the branch', async () => {
    await run('-n', 'ww-green', 'delete', 'deployment', 'fact-find-ui-ops-1234', '--wait=true');
    const { stderr } = await box.kubectl(['-n', 'ww-green', 'get', 'deployment', 'fact-find-ui-ops-1234'], {
      expectFailure: true,
    });
    expectText(stderr, 'NotFound', 'kubectl');
    expectEqual(templateLabels(await get('deployment', 'fact-find-ui'))['version'], 'master', 'the baseline');
  });
}

await main();
