/** What the controller does in a real cluster, step by step: objects, order, gates, reports, foreign hands, uninstall. Proxies are not part of it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { at, labelsAt, listAt, textAt } from '../../src/model/json.ts';
import type { Box } from '../box/start.ts';
import { service, tenant, workload } from './manifests.ts';
import type { Server } from './server.ts';
import { expectEqual, expectText, waitFor, type Story } from './steps.ts';

interface Scene {
  readonly story: Story;
  readonly box: Box;
  readonly server: Server;
}

const gate = 'branchline.dev/routed';
const status = 'branchline.dev/status';

/** Tells the controller's story in a fresh cluster. */
export async function controllerSteps(scene: Scene): Promise<void> {
  for (const part of [
    branchStory,
    readinessStory,
    foreignStory,
    quietStory,
    endStory,
    retireStory,
    uninstallStory,
  ])
    await part(scene);
}

async function get(box: Box, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await box.kubectl(['-n', 'ww-green', 'get', ...args, '-o', 'json']);
  return JSON.parse(stdout) as unknown;
}

async function apply(box: Box, manifest: string): Promise<void> {
  await box.kubectl(['apply', '-f', '-'], { stdin: manifest });
}

/** The subsets that the routes of a service name, in their order; undefined when there are no such routes. */
async function routesOf(box: Box, name: string): Promise<string | undefined> {
  const list = listAt(await get(box, 'virtualservices'), 'items');
  const found = list.find((one) => textAt(one, 'metadata', 'name') === name);
  return found === undefined
    ? undefined
    : listAt(found, 'spec', 'http')
        .map((route) => textAt(route, 'route', 0, 'destination', 'subset') ?? 'all')
        .join(' ');
}

async function subsetsOf(box: Box, name: string): Promise<string> {
  const list = listAt(await get(box, 'destinationrules'), 'items');
  return listAt(
    list.find((one) => textAt(one, 'metadata', 'name') === name),
    'spec',
    'subsets',
  )
    .map((subset) => textAt(subset, 'name') ?? '')
    .join(' ');
}

async function statusOf(box: Box, kind: string, name: string): Promise<string> {
  return textAt(await get(box, kind, name), 'metadata', 'annotations', status) ?? '';
}

async function until(
  what: string,
  probe: () => Promise<string | undefined>,
  wanted: string | undefined,
): Promise<void> {
  let last: string | undefined;
  await waitFor(`${what}: ${wanted ?? 'nothing'}`, async () => {
    last = await probe();
    return last === wanted ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; it is ${last ?? 'nothing'}`);
  });
}

const branch = workload({
  name: 'fact-find-ui-ops-1234',
  branch: 'OPS-1234',
  image: 'fact-find-ui:OPS-1234',
});

async function branchStory({ story, box }: Scene): Promise<void> {
  await story.step('a public baseline is reached by the domain, without a subset', async () => {
    await apply(box, tenant);
    await waitFor('the Namespace to be known', async () =>
      (await box.kubectl(['get', 'namespace', 'ww-green'])).stdout === '' ? undefined : true,
    );
    await apply(box, service('fact-find-ui'));
    await apply(box, workload());
    await until('routes from outside', () => routesOf(box, 'fact-find-ui-ingress'), 'all');
    expectEqual(await routesOf(box, 'fact-find-ui-mesh'), undefined, 'routes in the mesh');
  });
  await story.step('a branch is routed: subset, default route, gate, branch route', async () => {
    await apply(box, branch);
    await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'ops-1234 master');
    await until('routes from outside', () => routesOf(box, 'fact-find-ui-ingress'), 'ops-1234 master');
    expectEqual(await subsetsOf(box, 'fact-find-ui'), 'master ops-1234', 'subsets');
    await until('status', () => statusOf(box, 'deployment', 'fact-find-ui-ops-1234'), 'routed');
  });
  await story.step(
    "its pod has the gate, and the gate was opened by us; the baseline's has none",
    async () => {
      const pods = listAt(await get(box, 'pods'), 'items');
      const gates = pods.map(
        (pod) =>
          `${labelsAt(pod, 'metadata', 'labels')['version'] ?? ''}: ${listAt(pod, 'spec', 'readinessGates')
            .map((one) => textAt(one, 'conditionType'))
            .join()} ${listAt(pod, 'status', 'conditions')
            .filter((one) => textAt(one, 'type') === gate)
            .map((one) => textAt(one, 'status'))
            .join()}`,
      );
      expectEqual(gates.sort(), [`OPS-1234: ${gate} True`, 'master:  '], 'gates');
    },
  );
  await story.step('Events tell of it', async () => {
    await waitFor('the Event', async () =>
      listAt(await get(box, 'events'), 'items').some(
        (event) =>
          textAt(event, 'reason') === 'Routed' &&
          textAt(event, 'involvedObject', 'name') === 'fact-find-ui-ops-1234',
      )
        ? true
        : undefined,
    );
  });
}

async function readinessStory({ story, box }: Scene): Promise<void> {
  const scale = (replicas: number): Promise<unknown> =>
    box.kubectl(['-n', 'ww-green', 'scale', 'deployment', 'fact-find-ui-ops-1234', `--replicas=${replicas}`]);
  await story.step('scaled to zero the route goes and the subset stays; back again it returns', async () => {
    await scale(0);
    await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'master');
    expectEqual(await subsetsOf(box, 'fact-find-ui'), 'master ops-1234', 'subsets');
    await until(
      'status',
      () => statusOf(box, 'deployment', 'fact-find-ui-ops-1234'),
      'waiting: for ready pods',
    );
    await scale(1);
    await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'ops-1234 master');
  });
  await story.step('fifty branches at once', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `OPS-${2000 + index}`);
    await apply(
      box,
      ['api', 'web'].map((name) => `${service(name, '{}')}---${workload({ name, app: name })}`).join('---'),
    );
    await waitFor('the services to be known', () =>
      box
        .kubectl(['apply', '--dry-run=server', '-f', '-'], {
          stdin: workload({ name: 'api-x', app: 'api', branch: 'x' }),
        })
        .then(
          () => true,
          () => undefined,
        ),
    );
    await apply(
      box,
      names
        .map((name, index) =>
          workload({
            name: `${index % 2 === 0 ? 'api' : 'web'}-${name.toLowerCase()}`,
            app: index % 2 === 0 ? 'api' : 'web',
            branch: name,
          }),
        )
        .join('---'),
    );
    await until(
      'routes of api',
      async () => String((await routesOf(box, 'api-mesh'))?.split(' ').length),
      '26',
    );
    await until(
      'routes of web',
      async () => String((await routesOf(box, 'web-mesh'))?.split(' ').length),
      '26',
    );
    const ungated = listAt(await get(box, 'pods'), 'items').filter(
      (pod) =>
        labelsAt(pod, 'metadata', 'labels')['version'] !== 'master' &&
        listAt(pod, 'spec', 'readinessGates').length === 0,
    );
    expectEqual(ungated.length, 0, 'branch pods without the gate');
    await box.kubectl([
      '-n',
      'ww-green',
      'delete',
      'deployment',
      ...names.map((name, index) => `${index % 2 === 0 ? 'api' : 'web'}-${name.toLowerCase()}`),
    ]);
    await until('routes of api', () => routesOf(box, 'api-mesh'), undefined);
    await until('subsets of api', () => subsetsOf(box, 'api'), '');
  });
}

async function foreignStory({ story, box }: Scene): Promise<void> {
  const foreign = (name: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: ww-green }
spec: { hosts: [shop.ww-green.svc.cluster.local], http: [{ route: [{ destination: { host: shop.ww-green.svc.cluster.local, subset: theirs } }] }] }
`;
  await story.step('what others change of ours is put back, and said', async () => {
    await box.kubectl([
      '-n',
      'ww-green',
      'patch',
      'virtualservice',
      'fact-find-ui-mesh',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/http/0"}]',
    ]);
    await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'ops-1234 master');
    await box.kubectl(['-n', 'ww-green', 'delete', 'virtualservice', 'fact-find-ui-mesh']);
    await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'ops-1234 master');
    await waitFor('the Event', async () =>
      listAt(await get(box, 'events'), 'items').some((event) => textAt(event, 'reason') === 'PutBack')
        ? true
        : undefined,
    );
  });
  await story.step(
    'a foreign route for the same host is left alone and reported; deleting it lets ours in',
    async () => {
      await apply(
        box,
        `${service('shop', '{}')}---${workload({ name: 'shop', app: 'shop' })}---${foreign('theirs')}`,
      );
      await waitFor('the Service to be known', () =>
        box
          .kubectl(['apply', '--dry-run=server', '-f', '-'], {
            stdin: workload({ name: 'shop-x', app: 'shop', branch: 'x' }),
          })
          .then(
            () => true,
            () => undefined,
          ),
      );
      await apply(box, workload({ name: 'shop-ops-1', app: 'shop', branch: 'OPS-1' }));
      await waitFor('the report on the Service', async () =>
        (await statusOf(box, 'service', 'shop')).includes('[BL403]') ? true : undefined,
      );
      const before = await get(box, 'virtualservice', 'theirs');
      expectEqual(await routesOf(box, 'shop-mesh'), undefined, 'our routes');
      expectText(await statusOf(box, 'deployment', 'shop-ops-1'), 'withheld: ', 'status of the branch');
      expectEqual(
        at(await get(box, 'virtualservice', 'theirs'), 'metadata', 'resourceVersion'),
        at(before, 'metadata', 'resourceVersion'),
        'their object',
      );
      await box.kubectl(['-n', 'ww-green', 'delete', 'virtualservice', 'theirs']);
      await until('our routes', () => routesOf(box, 'shop-mesh'), 'ops-1 master');
      await until('the report on the Service', () => statusOf(box, 'service', 'shop'), '');
    },
  );
}

async function quietStory({ story, box, server }: Scene): Promise<void> {
  await story.step('nothing is written while nothing changes, nor by a new leader', async () => {
    const written = async (): Promise<unknown> => {
      const all = await Promise.all(
        ['virtualservices', 'destinationrules', 'deployments', 'services'].map((kind) => get(box, kind)),
      );
      return all.flatMap((list) =>
        listAt(list, 'items').map((one) => textAt(one, 'metadata', 'resourceVersion')),
      );
    };
    await until('status', () => statusOf(box, 'deployment', 'shop-ops-1'), 'routed');
    await new Promise((resolve) => {
      setTimeout(resolve, 1000);
    });
    const before = await written();
    await new Promise((resolve) => {
      setTimeout(resolve, 2000);
    });
    expectEqual(await written(), before, 'revisions');
    await server.stop();
    await server.start();
    await leads(server);
    await new Promise((resolve) => {
      setTimeout(resolve, 1000);
    });
    expectEqual(await written(), before, 'revisions after a restart');
  });
}

async function leads(server: Server): Promise<void> {
  await waitFor('it to lead', async () =>
    /^branchline_leader 1$/m.test(await (await fetch(`${server.plainUrl}/metrics`)).text())
      ? true
      : undefined,
  );
}

async function endStory({ story, box }: Scene): Promise<void> {
  await story.step(
    'a deleted branch leaves its routes at once, its subset later, and nothing behind',
    async () => {
      await box.kubectl(['-n', 'ww-green', 'delete', 'deployment', 'fact-find-ui-ops-1234', 'shop-ops-1']);
      await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), undefined);
      await until('routes from outside', () => routesOf(box, 'fact-find-ui-ingress'), 'all');
      await until('subsets', () => subsetsOf(box, 'fact-find-ui'), '');
    },
  );
}

async function retireStory({ story, box }: Scene): Promise<void> {
  await story.step(
    'a namespace that is taken out of scope: gates close first, then the routes go',
    async () => {
      await apply(box, branch);
      await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'ops-1234 master');
      await box.kubectl(['label', 'namespace', 'ww-green', 'branchline.dev/enabled-']);
      await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), undefined);
      await until(
        'all of ours',
        async () =>
          String(
            listAt(
              await get(
                box,
                'virtualservices,destinationrules',
                '-l',
                'app.kubernetes.io/managed-by=branchline',
              ),
              'items',
            ).length,
          ),
        '0',
      );
      const ready = listAt(await get(box, 'pods', '-l', 'version=OPS-1234'), 'items').flatMap((pod) =>
        listAt(pod, 'status', 'conditions')
          .filter((one) => textAt(one, 'type') === 'Ready')
          .map((one) => textAt(one, 'status')),
      );
      expectEqual(ready, ['False'], 'readiness of the branch');
      expectEqual(await statusOf(box, 'deployment', 'fact-find-ui-ops-1234'), '', 'status');
    },
  );
}

async function uninstallStory({ story, box, server }: Scene): Promise<void> {
  const run = async (): Promise<string> =>
    (
      await promisify(execFile)(process.execPath, [
        join(import.meta.dirname, '../../dist/branchline.js'),
        'uninstall',
        '--kubeconfig',
        server.kubeconfig,
        '--settle-milliseconds',
        '300',
        '--timeout-seconds',
        '30',
      ])
    ).stderr;
  await story.step(
    'uninstall: gates, routes, subsets, annotations and the Lease go, while a replica still runs',
    async () => {
      await box.kubectl(['label', 'namespace', 'ww-green', 'branchline.dev/enabled=true']);
      await until('routes in the mesh', () => routesOf(box, 'fact-find-ui-mesh'), 'ops-1234 master');
      expectText(await run(), 'nothing is left but what running pods read', 'uninstall');
      expectEqual(
        listAt(
          await get(box, 'virtualservices,destinationrules', '-l', 'app.kubernetes.io/managed-by=branchline'),
          'items',
        ).length,
        0,
        'objects of ours',
      );
      expectEqual(await statusOf(box, 'deployment', 'fact-find-ui-ops-1234'), '', 'status');
      const leases = JSON.parse(
        (await box.kubectl(['-n', 'branchline-system', 'get', 'leases', '-o', 'json'])).stdout,
      ) as unknown;
      expectEqual(listAt(leases, 'items').length, 0, 'Leases');
      const ready = listAt(await get(box, 'pods', '-l', 'version=OPS-1234'), 'items').flatMap((pod) =>
        listAt(pod, 'status', 'conditions')
          .filter((one) => textAt(one, 'type') === 'Ready')
          .map((one) => textAt(one, 'status')),
      );
      expectEqual(ready, ['False'], 'readiness of the branch');
    },
  );
  await story.step(
    'what pods read is theirs; pods that come now do without, and with the last old one it is gone',
    async () => {
      const pods = listAt(await get(box, 'pods'), 'items').map((pod) => textAt(pod, 'metadata', 'uid') ?? '');
      expectEqual(
        await ownersOf(box),
        { agent: pods.sort(), options: [...pods].sort() },
        'owners of the ConfigMaps',
      );
      await box.kubectl(['-n', 'ww-green', 'delete', 'pod', '-l', 'app!=shop']);
      await until('owners', async () => String((await ownersOf(box)).agent?.length), '1');
      expectEqual((await agentsOf(box, 'app!=shop')).join(), '', 'the agent in new pods');
      await box.kubectl(['-n', 'ww-green', 'delete', 'pod', '-l', 'app=shop']);
      await until('ConfigMaps', async () => JSON.stringify(await ownersOf(box)), '{}');
    },
  );
  await story.step(
    'uninstall again finds nothing, and the replica that still runs writes nothing',
    async () => {
      expectText(await run(), 'nothing is left;', 'uninstall');
      expectText(
        await (await fetch(`${server.plainUrl}/metrics`)).text(),
        /^branchline_leader 0$/m,
        'metrics',
      );
      expectEqual(await routesOf(box, 'fact-find-ui-ingress'), undefined, 'routes');
    },
  );
  await story.step(
    'installed again it routes again; after another uninstall it takes back what pods own, and that stays when they go',
    async () => {
      for (const round of ['first', 'second']) {
        await server.stop();
        await server.start();
        await until(
          `routes in the mesh, ${round} time`,
          () => routesOf(box, 'fact-find-ui-mesh'),
          'ops-1234 master',
        );
        await until(
          'ConfigMaps',
          async () => JSON.stringify(await ownersOf(box)),
          '{"agent":[],"options":[]}',
        );
        await box.kubectl(['-n', 'ww-green', 'delete', 'pod', '--all']);
        expectText(
          (await agentsOf(box, 'app')).join(),
          /^(branchline-agent-[0-9a-f]+,)+branchline-agent-[0-9a-f]+$/,
          'the agent in new pods',
        );
        if (round === 'first') expectText(await run(), 'nothing is left but', 'uninstall');
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 1000);
      });
      expectEqual(await ownersOf(box), { agent: [], options: [] }, 'ConfigMaps');
    },
  );
}

/** Uids of the owners of our two ConfigMaps; those that are not there are left out. */
async function ownersOf(box: Box): Promise<{ agent?: readonly string[]; options?: readonly string[] }> {
  const maps = listAt(await get(box, 'configmaps', '-l', 'app.kubernetes.io/managed-by=branchline'), 'items');
  return Object.fromEntries(
    maps.map((map) => [
      textAt(map, 'metadata', 'name') === 'branchline-node-options' ? 'options' : 'agent',
      listAt(map, 'metadata', 'ownerReferences')
        .map((owner) => textAt(owner, 'uid') ?? '')
        .sort(),
    ]),
  );
}

/** The ConfigMaps that deliver the agent to pods. */
async function agentsOf(box: Box, selector: string): Promise<readonly string[]> {
  const pods = listAt(await get(box, 'pods', '-l', selector), 'items').filter(
    (pod) => at(pod, 'metadata', 'deletionTimestamp') === undefined,
  );
  return pods.flatMap((pod) =>
    listAt(pod, 'spec', 'volumes').flatMap((volume) => textAt(volume, 'configMap', 'name') ?? []),
  );
}
