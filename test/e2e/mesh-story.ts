/** The talk's story through real Envoys, inside a box's network: three services in a chain, branches that come, change and go, and a foreign route. */
import { at, textAt } from '../../src/model/json.ts';
import { startMesh, type Mesh } from '../box/mesh.ts';
import type { Proxy } from '../box/proxy.ts';
import { meshTenant, service, workload } from './manifests.ts';
import { installServer, type Server } from './server.ts';
import { createStory, expectEqual, waitFor, type Story } from './steps.ts';
import { startTraffic, summary, wants, type Traffic } from './traffic.ts';

interface Scene {
  readonly story: Story;
  readonly mesh: Mesh;
  readonly gateway: Proxy;
  /** In another namespace than the services. */
  readonly sidecar: Proxy;
}

/** A request enters at fact-find-ui, which calls fact-find, which calls advice. */
const chain = ['fact-find-ui', 'fact-find', 'advice'] as const;
const domain = 'ww-green.example.io';

async function main(): Promise<void> {
  const mesh = await startMesh();
  const story = createStory();
  let server: Server | undefined;
  let traffic: Traffic | undefined;
  try {
    await mesh.box.kubectl(['apply', '-f', '-'], { stdin: meshTenant });
    server = await installServer(mesh.box, { settleMilliseconds: 500, flapSeconds: 2 });
    const [gateway, sidecar] = await Promise.all([
      mesh.addGateway({ namespace: 'istio-system', labels: { istio: 'ingressgateway' } }),
      mesh.addSidecar({ namespace: 'callers' }),
    ]);
    const scene: Scene = { story, mesh, gateway, sidecar };
    await baselineStory(scene);
    traffic = startTraffic(
      [
        {
          proxy: gateway,
          request: { host: domain, path: '/fact-find-ui/x' },
          judge: wants('fact-find-ui', 'master'),
        },
        ...chain.map((name) => ({
          proxy: sidecar,
          request: { host: `${name}.ww-green.svc.cluster.local` },
          judge: wants(name, 'master'),
        })),
      ],
      200,
    );
    for (const part of [branchStory, secondStory, redeployStory, foreignStory, deletionStory])
      await part(scene);
    await traffic.stop();
    const { faults, count } = traffic;
    await story.step(
      `baseline traffic through all of it: ${count()} requests, none failed, none misrouted`,
      () => Promise.resolve(expectEqual(summary(faults), '', 'faults')),
    );
  } catch (error) {
    await story.step('the story could be told', () =>
      Promise.reject(error instanceof Error ? error : new Error(String(error))),
    );
  } finally {
    await traffic?.stop();
    await server?.stop();
    if (!story.finish()) console.log(server?.log() ?? '');
    await mesh.stop();
  }
}

async function apply({ mesh }: Scene, manifest: string): Promise<void> {
  await mesh.box.kubectl(['apply', '-f', '-'], { stdin: manifest });
}

async function statusOf({ mesh }: Scene, kind: string, name: string): Promise<string> {
  const { stdout } = await mesh.box.kubectl(['-n', 'ww-green', 'get', kind, name, '-o', 'json']);
  return textAt(JSON.parse(stdout), 'metadata', 'annotations', 'branchline.dev/status') ?? '';
}

async function routed(scene: Scene, name: string): Promise<void> {
  await waitFor(`${name} to be routed`, async () =>
    (await statusOf(scene, 'deployment', name)) === 'routed' ? true : undefined,
  );
  await scene.mesh.settled();
}

/** Follows a request hop by hop, each service passing on the routing header that it received. @returns the versions that served it. */
async function follow({ gateway, sidecar }: Scene, host: string, variant?: string): Promise<string> {
  const header = (value: string | undefined) =>
    value === undefined ? [] : [['x-variant-id', value] as const];
  const first = await gateway.send({ host, path: '/fact-find-ui', headers: header(variant) });
  const versions = [first.version ?? String(first.status)];
  let carried = first.headers['x-variant-id'];
  for (const name of chain.slice(1)) {
    const reply = await sidecar.send({
      host: `${name}.ww-green.svc.cluster.local`,
      headers: header(carried),
    });
    versions.push(reply.version ?? String(reply.status));
    carried = reply.headers['x-variant-id'];
  }
  return versions.join(' ');
}

async function baselineStory(scene: Scene): Promise<void> {
  await scene.story.step('the baseline of three services in a chain', async () => {
    await apply(
      scene,
      chain.map((name) => service(name, name === 'fact-find-ui' ? undefined : '{}')).join('---'),
    );
    await apply(scene, chain.map((name) => workload({ name, app: name, image: name })).join('---'));
    await waitFor('the public path', async () =>
      (await scene.gateway.send({ host: domain, path: '/fact-find-ui' })).status === 200 ? true : undefined,
    );
    await scene.mesh.settled();
    expectEqual(await follow(scene, domain), 'master master master', 'versions');
    expectEqual(
      (await scene.gateway.send({ host: domain, path: '/fact-find-uix' })).status,
      404,
      'a path that only begins alike',
    );
  });
}

async function branchStory(scene: Scene): Promise<void> {
  await scene.story.step(
    'a branch of the middle one: by header and by host, hop by hop; others never',
    async () => {
      await apply(scene, workload({ name: 'fact-find-ops-1234', app: 'fact-find', branch: 'OPS-1234' }));
      await routed(scene, 'fact-find-ops-1234');
      for (const [host, variant] of [
        [domain, 'OPS-1234'],
        [domain, 'ops-1234'],
        [`ops-1234.${domain}`, undefined],
        [`OPS-1234.${domain}:80`, undefined],
      ] as const) {
        expectEqual(await follow(scene, host, variant), 'master OPS-1234 master', `${host} ${variant ?? ''}`);
      }
      for (const variant of ['OPS-12345', 'OPS-123', 'master'])
        expectEqual(await follow(scene, domain, variant), 'master master master', variant);
      expectEqual(await follow(scene, domain), 'master master master', 'without a header');
    },
  );
}

async function secondStory(scene: Scene): Promise<void> {
  await scene.story.step('the same branch of another service, and another branch of a third', async () => {
    await apply(
      scene,
      `${workload({ name: 'fact-find-ui-ops-1234', branch: 'OPS-1234' })}---${workload({ name: 'advice-ops-77', app: 'advice', branch: 'feature/OPS-77' })}`,
    );
    await routed(scene, 'fact-find-ui-ops-1234');
    await routed(scene, 'advice-ops-77');
    expectEqual(await follow(scene, `ops-1234.${domain}`), 'OPS-1234 OPS-1234 master', 'the host of one');
    expectEqual(await follow(scene, domain, 'OPS-1234'), 'OPS-1234 OPS-1234 master', 'the header of one');
    expectEqual(
      await follow(scene, domain, 'feature-OPS-77'),
      'master master feature-OPS-77',
      'the header of the other',
    );
    expectEqual(
      await follow(scene, `feature-ops-77.${domain}`),
      'master master feature-OPS-77',
      'the host of the other, whose entry is the baseline',
    );
  });
}

async function redeployStory(scene: Scene): Promise<void> {
  const { story, mesh, sidecar } = scene;
  await story.step(
    'a redeployment of the branch: its own requests never fail and never leave it',
    async () => {
      await mesh.box.kubectl(['-n', 'ww-green', 'scale', 'deployment', 'fact-find-ops-1234', '--replicas=2']);
      await mesh.settled();
      const traffic = startTraffic(
        [
          {
            proxy: sidecar,
            request: {
              host: 'fact-find.ww-green.svc.cluster.local',
              headers: [['x-variant-id', 'OPS-1234']],
            },
            judge: wants('fact-find', 'OPS-1234'),
          },
        ],
        100,
      );
      await mesh.box.kubectl([
        '-n',
        'ww-green',
        'set',
        'image',
        'deployment/fact-find-ops-1234',
        'app=fact-find:next',
      ]);
      await mesh.box.kubectl([
        '-n',
        'ww-green',
        'rollout',
        'status',
        'deployment/fact-find-ops-1234',
        '--timeout=60s',
      ]);
      await mesh.settled();
      await traffic.stop();
      const misrouted = traffic.faults.filter(({ reason }) => reason.includes('in place of'));
      expectEqual(summary(misrouted), '', `misrouted of ${traffic.count()}`);
      console.log(
        `    ${traffic.count()} requests, failed: ${traffic.faults.length === 0 ? 'none' : summary(traffic.faults)}`,
      );
    },
  );
}

async function foreignStory(scene: Scene): Promise<void> {
  const { story, mesh, sidecar } = scene;
  const host = 'shop.ww-green.svc.cluster.local';
  const theirs = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: theirs, namespace: ww-green }
spec: { hosts: [${host}], http: [{ headers: { response: { set: { x-theirs: "yes" } } }, route: [{ destination: { host: ${host}, subset: theirs } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: theirs, namespace: ww-green }
spec: { host: ${host}, subsets: [{ name: theirs, labels: { version: master } }] }
`;
  await story.step(
    'a foreign route for the same host is never touched and is reported; deleting it lets ours in',
    async () => {
      await apply(scene, `${service('shop', '{}')}---${workload({ name: 'shop', app: 'shop' })}---${theirs}`);
      await waitFor('the Service to be known', () =>
        mesh.box
          .kubectl(['apply', '--dry-run=server', '-f', '-'], {
            stdin: workload({ name: 'shop-x', app: 'shop', branch: 'x' }),
          })
          .then(
            () => true,
            () => undefined,
          ),
      );
      await apply(scene, workload({ name: 'shop-ops-1', app: 'shop', branch: 'OPS-1' }));
      await waitFor('the report', async () =>
        (await statusOf(scene, 'service', 'shop')).includes('[BL403]') ? true : undefined,
      );
      await mesh.settled();
      const revision = async (): Promise<unknown> =>
        at(
          JSON.parse(
            (await mesh.box.kubectl(['-n', 'ww-green', 'get', 'virtualservice', 'theirs', '-o', 'json']))
              .stdout,
          ),
          'metadata',
          'resourceVersion',
        );
      const before = await revision();
      const ask = () => sidecar.send({ host, headers: [['x-variant-id', 'OPS-1']] });
      expectEqual(
        [(await ask()).version, (await ask()).responseHeaders['x-theirs']],
        ['master', 'yes'],
        'their route',
      );
      expectEqual(await revision(), before, 'their object');
      await mesh.box.kubectl(['-n', 'ww-green', 'delete', 'virtualservice,destinationrule', 'theirs']);
      await routed(scene, 'shop-ops-1');
      expectEqual((await ask()).version, 'OPS-1', 'our route');
      expectEqual((await sidecar.send({ host })).version, 'master', 'our default route');
    },
  );
}

async function deletionStory(scene: Scene): Promise<void> {
  const { story, mesh } = scene;
  await story.step(
    'deletion: the baseline answers where the branch was, hop by hop, and nothing is left',
    async () => {
      await mesh.box.kubectl([
        '-n',
        'ww-green',
        'delete',
        'deployment',
        'fact-find-ops-1234',
        'advice-ops-77',
        'shop-ops-1',
      ]);
      await waitFor('the subsets to go', async () => {
        const { stdout } = await mesh.box.kubectl([
          '-n',
          'ww-green',
          'get',
          'destinationrules',
          '-o',
          'name',
        ]);
        return stdout.trim() === 'destinationrule.networking.istio.io/fact-find-ui' ? true : undefined;
      });
      await mesh.settled();
      expectEqual(await follow(scene, `ops-1234.${domain}`), 'OPS-1234 master master', 'what is left of one');
      expectEqual(await follow(scene, domain, 'feature-OPS-77'), 'master master master', 'the other');
      await mesh.box.kubectl(['-n', 'ww-green', 'delete', 'deployment', 'fact-find-ui-ops-1234']);
      await waitFor('everything of the branch to go', async () =>
        (
          await mesh.box.kubectl(['-n', 'ww-green', 'get', 'destinationrules', '-o', 'name'])
        ).stdout.trim() === ''
          ? true
          : undefined,
      );
      await mesh.settled();
      expectEqual(
        await follow(scene, `ops-1234.${domain}`),
        'master master master',
        'the host of a branch that is gone',
      );
    },
  );
}

await main();
