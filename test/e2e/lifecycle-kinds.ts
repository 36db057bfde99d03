/** Branches that are not a Deployment, and branches that do not come up, in a real cluster. */
import { at, listAt, textAt } from '../../src/model/json.ts';
import { branchline, get, inDays, type LifecycleScene } from './lifecycle-steps.ts';
import { service, workload } from './manifests.ts';
import { expectEqual, expectText, waitFor } from './steps.ts';
import { readyAnnotation } from '../box/kubelet.ts';

/** Tells it. */
export async function lifecycleKinds(scene: LifecycleScene): Promise<void> {
  await statefulStory(scene);
  await crashStory(scene);
}

async function statefulStory(scene: LifecycleScene): Promise<void> {
  const { story, mesh, sidecar } = scene;
  const send = (header?: string): ReturnType<typeof sidecar.send> =>
    sidecar.send({
      host: 'ledger.ww-green.svc.cluster.local',
      ...(header === undefined ? {} : { headers: [['x-variant-id', header]] }),
    });
  const found = async (kind: string): Promise<readonly unknown[]> =>
    listAt(await get(scene, kind, '-n', 'ww-green'), 'items').filter((item) =>
      (textAt(item, 'metadata', 'name') ?? '').startsWith('ledger-ops-60'),
    );
  await story.step(
    'a StatefulSet is cloned as one, reached, and aged by its ControllerRevision',
    async () => {
      await mesh.box.kubectl(['apply', '-f', '-'], {
        stdin: [
          service('ledger', '{}'),
          workload({ name: 'ledger', app: 'ledger', kind: 'StatefulSet', image: 'ledger:1' }),
        ].join('---'),
      });
      await waitFor('the baseline', async () => ((await send()).version === 'master' ? true : undefined));
      const { code, out, err } = await branchline(
        scene,
        'deploy',
        'ledger',
        'ww-green',
        'OPS-60',
        '--wait',
        '60',
      );
      expectEqual([code, out], [0, 'x-variant-id: OPS-60 (ledger is not public)\n'], err);
      await mesh.settled();
      expectEqual([(await send('OPS-60')).version, (await send()).version], ['OPS-60', 'master'], 'versions');
      expectEqual((await found('statefulsets')).length, 1, 'StatefulSets');
      expectText(
        (await branchline(scene, 'list', '-n', 'ww-green')).out,
        /OPS-60 +ledger +1\/1 +yes +\S+ +in 2d23h/,
        'list',
      );
      // Its own revision, not its own age: it is made young again by a change of its pods.
      expectEqual((await found('controllerrevisions')).length, 1, 'ControllerRevisions');
      expectText(
        (
          await branchline(
            scene,
            'housekeep',
            '-n',
            'ww-green',
            '--dry-run',
            '--now',
            inDays(4),
            '--warn-first',
            'false',
          )
        ).out,
        /OPS-60 +ledger-ops-60 +would remove/,
        'dry run',
      );
    },
  );
  await story.step('a StatefulSet goes when its time is up, and the baseline takes over', async () => {
    expectEqual(
      (await branchline(scene, 'deploy', 'ledger', 'ww-green', 'OPS-60', '--ttl', '20s', '--wait', '60'))
        .code,
      0,
      'deploy',
    );
    await waitFor(
      'it to be gone',
      async () =>
        (await found('statefulsets')).length + (await found('pods')).length === 0 ? true : undefined,
      90_000,
    );
    expectEqual((await send('OPS-60')).version, 'master', 'version');
  });
}

/** A container's state, as a kubelet would report it. */
async function report({ mesh }: LifecycleScene, pod: string, status: object): Promise<void> {
  const containerStatuses = [
    { name: 'app', image: 'x', imageID: '', ready: false, restartCount: 3, ...status },
  ];
  await mesh.box.kubectl([
    '-n',
    'ww-green',
    'patch',
    'pod',
    pod,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status: { containerStatuses } }),
  ]);
}

const faults = [
  {
    branch: 'OPS-61',
    what: 'an image that is not there',
    status: {
      state: { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "risk:OPS-61"' } },
    },
    want: /does not come up: pod risk-ops-61-\S+: container app: ImagePullBackOff: Back-off pulling image "risk:OPS-61"/,
  },
  {
    branch: 'OPS-62',
    what: 'a container that crashes',
    status: {
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
      lastState: { terminated: { exitCode: 7 } },
    },
    want: /does not come up: pod risk-ops-62-\S+: container app: CrashLoopBackOff \(exit code 7\): back-off 10s\n {2}\S/,
  },
];

async function crashStory(scene: LifecycleScene): Promise<void> {
  const { story, mesh } = scene;
  await mesh.box.kubectl(['apply', '-f', '-'], {
    stdin: [service('risk', '{}'), workload({ name: 'risk', app: 'risk', image: 'risk:1' })]
      .join('---')
      .replace(
        'template:\n    metadata: {',
        `template:\n    metadata: { annotations: { ${readyAnnotation}: "false" },`,
      ),
  });
  for (const { branch, what, status, want } of faults) {
    await story.step(`deploy --wait ends with ${what}, and exit code 3`, async () => {
      const deploying = branchline(scene, 'deploy', 'risk', 'ww-green', branch, '--wait', '120');
      const pod = await waitFor('its pod to run', async () => {
        const [first] = listAt(
          await get(scene, 'pods', '-n', 'ww-green', '-l', `version=${branch}`),
          'items',
        );
        return at(first, 'status', 'phase') === 'Running' ? textAt(first, 'metadata', 'name') : undefined;
      });
      await report(scene, pod, status);
      const { code, out, err } = await deploying;
      expectEqual([code, out], [3, ''], err);
      expectText(err, want, 'what it said');
      expectEqual(
        (await branchline(scene, 'delete', branch, '-n', 'ww-green', '--settle-milliseconds', '0')).code,
        0,
        'delete',
      );
    });
  }
}
