/**
 * `explain` against real Envoys, inside a box's network: generated tenants are put into a real cluster, the routes that a pass makes of what the API server then
 * says are applied, and every generated request is both explained and sent. Fixed seeds: the same tenants, objects and requests in every run.
 */
import { readFile } from 'node:fs/promises';
import fc from '../../property.ts';
import { connect, type Api } from '../../box/api.ts';
import { startMesh, type Mesh } from '../../box/mesh.ts';
import type { Proxy } from '../../box/proxy.ts';
import { settingsWith } from '../../admission/golden.ts';
import { createStory, expectEqual, type Story } from '../steps.ts';
import { compare, kindOf } from './compare.ts';
import { earlierLabel, gatewayNames, tenants, type Asked, type Tenant } from './tenants.ts';
import { decide } from '../../../src/admission/decide.ts';
import { creationOf } from '../../../src/commands/admitted.ts';
import type { Settings } from '../../../src/config/settings.ts';
import { worldOf, type World } from '../../../src/explain/explain.ts';
import { isObject, labelsAt, listAt, textAt, type JsonObject, type Labels } from '../../../src/model/json.ts';
import { resourceOf, resources, snapshotOf } from '../../../src/model/snapshot.ts';
import { desiredOf } from '../../../src/routing/desired.ts';

/** Tenants of one row live in one mesh with the others, and their routes are made with these settings. */
const groups: readonly { readonly name: string; readonly settings: Settings }[] = [
  { name: 'defaults', settings: settingsWith() },
  {
    name: 'baggage and a response header',
    settings: settingsWith({ baggageMatches: 'true', responseHeader: 'x-served-by' }),
  },
  {
    name: 'the header of the public removed',
    settings: settingsWith({ publicHeader: 'remove', retryAttempts: 0 }),
  },
  {
    name: 'the header accepted at the inner Gateway only',
    settings: settingsWith({
      publicHeader: 'remove',
      publicHeaderGateways: [gatewayNames[1]],
      baggageMatches: 'true',
    }),
  },
  {
    name: 'baggage and a timeout',
    settings: settingsWith({ baggageMatches: 'true', routeTimeoutSeconds: 10 }),
  },
];
const tenantsPerGroup = 4;
/** For exploring: `node test/box/inside.ts test/e2e/routes/main.ts SEED REQUESTS`. */
const [seed = 20_261_123, requestsPerTenant = 100] = process.argv.slice(2).map(Number);

interface Scene {
  readonly mesh: Mesh;
  readonly api: Api;
  readonly proxies: ReadonlyMap<string, Proxy>;
  readonly all: readonly (readonly Tenant[])[];
}

async function main(): Promise<void> {
  const story = createStory();
  let mesh: Mesh | undefined;
  let api: Api | undefined;
  try {
    mesh = await startMesh();
    api = connect({
      url: mesh.box.apiUrl,
      certificate: await readFile(mesh.box.caFile, 'utf8'),
      token: mesh.box.token,
    });
    const all = groups.map((_, group) =>
      Array.from({ length: tenantsPerGroup }, (__, index) => tenantOf(group * tenantsPerGroup + index)),
    );
    const scene: Scene = { mesh, api, all, proxies: await startProxies(mesh, api, all) };
    await story.step(`${all.flat().length} tenants live in a cluster`, () => settle(scene));
    await compareAll(scene, story);
  } catch (error) {
    await story.step('the comparison could be made', () =>
      Promise.reject(error instanceof Error ? error : new Error(String(error))),
    );
  } finally {
    api?.close();
    await mesh?.stop();
  }
  process.exitCode = story.finish() ? 0 : 1;
}

function tenantOf(index: number): Tenant {
  const [tenant] = fc.sample(tenants(`t${index}`, requestsPerTenant), { seed: seed + index, numRuns: 1 });
  if (tenant === undefined) throw new Error('nothing was generated');
  return tenant;
}

/** The first tenant of each group has a client of its own; every tenant is called from outside. */
async function startProxies(mesh: Mesh, api: Api, all: Scene['all']): Promise<Scene['proxies']> {
  const namespaces = ['clients', ...all.flatMap(([first]) => (first === undefined ? [] : [first.namespace]))];
  await create(api, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'clients' } }]);
  await create(
    api,
    gatewayNames.map((name) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: { namespace: name.split('/')[0], name: name.split('/')[1] },
      spec: {
        selector: { gateway: name.split('/')[1] },
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      },
    })),
  );
  const gateways = gatewayNames.map(
    async (name) =>
      [
        name,
        await mesh.addGateway({
          namespace: 'istio-system',
          name: name.split('/')[1] ?? name,
          labels: { gateway: name.split('/')[1] ?? '' },
        }),
      ] as const,
  );
  const sidecars = namespaces.map(
    async (namespace) =>
      [
        namespace,
        await mesh.addSidecar({
          namespace,
          name: `client-${namespace}`,
          labels: { app: namespace === 'clients' ? 'client' : 'cart' },
          ports: [80, 9090],
        }),
      ] as const,
  );
  return new Map(await Promise.all([...gateways, ...sidecars]));
}

/** Writes the tenants, then, for what the API server says of them, the routes; resolves when every Envoy has all of it. */
async function settle({ mesh, api, all }: Scene): Promise<void> {
  const objects = all.flat().flatMap((tenant) => tenant.objects);
  for (const kind of ['Namespace', 'Service', 'VirtualService', 'Deployment']) {
    const snapshot = snapshotOf(objects);
    await create(
      api,
      objects
        .filter((object) => textAt(object, 'kind') === kind)
        .map((object) => admit(object, { snapshot, settings: groups[0]?.settings ?? settingsWith() })),
    );
  }
  await mesh.settled();
  for (const { world } of await worldsOf(api, all))
    await create(api, [...world.desired.objects.values()] as unknown as JsonObject[]);
  await mesh.settled();
}

function admit(object: JsonObject, facts: Parameters<typeof decide>[2]): JsonObject {
  if (
    textAt(object, 'kind') !== 'Deployment' ||
    textAt(object, 'metadata', 'labels', earlierLabel) !== undefined
  )
    return object;
  const decision = decide('/mutate/workloads', creationOf(object), facts);
  return decision.outcome === 'mutated' ? decision.after : object;
}

interface Group {
  readonly world: World;
  readonly tenants: readonly Tenant[];
}

/** What the API server says, through the eyes of each group: its own namespaces are in scope, everything else is somebody's. */
async function worldsOf(api: Api, all: Scene['all']): Promise<readonly Group[]> {
  const raw = (
    await Promise.all(
      resources
        .filter(({ kind }) => kind !== 'Rollout' && kind !== 'ConfigMap')
        .map(async (resource) => {
          const { status, body } = await api.send('GET', pathOf(resource));
          if (status !== 200) throw new Error(`${pathOf(resource)} answered ${status}`);
          return listAt(body, 'items')
            .filter(isObject)
            .map((object) => ({
              ...object,
              kind: resource.kind,
              apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
            }));
        }),
    )
  ).flat();
  return groups.map(({ settings }, index) => {
    const mine = new Set(all[index]?.map(({ namespace }) => namespace));
    const snapshot = snapshotOf(
      raw.filter(
        (object) => object.kind !== 'Namespace' || mine.has(textAt(object, 'metadata', 'name') ?? ''),
      ),
    );
    return { world: worldOf(snapshot, desiredOf(snapshot, settings), settings), tenants: all[index] ?? [] };
  });
}

function pathOf({ group, version, plural }: (typeof resources)[number], namespace?: string): string {
  return `/${group === '' ? 'api' : `apis/${group}`}/${version}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`;
}

async function create(api: Api, objects: readonly JsonObject[]): Promise<void> {
  await Promise.all(
    objects.map(async (object) => {
      const resource = resourceOf(object);
      if (resource === undefined)
        throw new Error(`${textAt(object, 'kind') ?? ''} is no kind that a snapshot holds`);
      const { status, body } = await api.send(
        'POST',
        pathOf(resource, textAt(object, 'metadata', 'namespace')),
        object,
      );
      if (status !== 201)
        throw new Error(
          `creating ${resource.kind} ${textAt(object, 'metadata', 'name') ?? ''} answered ${status}: ${textAt(body, 'message') ?? ''}`,
        );
    }),
  );
}

/** One step a group: all its requests, and every difference. */
async function compareAll({ mesh, api, all, proxies }: Scene, story: Story): Promise<void> {
  const pods = new Map(
    listAt((await api.send('GET', '/api/v1/pods')).body, 'items').map(
      (pod) =>
        [
          `${textAt(pod, 'metadata', 'namespace') ?? ''}/${textAt(pod, 'metadata', 'name') ?? ''}`,
          labelsAt(pod, 'metadata', 'labels'),
        ] as const,
    ),
  );
  const counts = new Map<string, number>();
  const labelsOf = (namespace: string, pod: string): Labels | undefined => pods.get(`${namespace}/${pod}`);
  for (const [index, { world, tenants: mine }] of (await worldsOf(api, all)).entries()) {
    const asked = mine.flatMap(({ namespace, requests }) =>
      requests.map((request) => [namespace, request] as const),
    );
    await story.step(
      `explain names what Envoy does: ${asked.length} requests, ${groups[index]?.name ?? ''}`,
      async () => {
        const wrong: string[] = [];
        for (const [namespace, request] of asked) {
          const { hop, difference } = await compare(
            world,
            request,
            proxyFor(proxies, namespace, request),
            labelsOf,
          );
          counts.set(kindOf(hop, world), (counts.get(kindOf(hop, world)) ?? 0) + 1);
          if (difference !== undefined) wrong.push(difference);
        }
        if (wrong.length > 0)
          throw new Error(
            `${wrong.length} of ${asked.length} differ:\n${wrong.join('\n')}\n${mesh.istiodLog(3)}`,
          );
      },
    );
  }
  console.log(
    `# ${[...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ')}`,
  );
  await story.step('the requests reached every kind of hop', () =>
    Promise.resolve(
      expectEqual(
        hopKinds.filter((kind) => (counts.get(kind) ?? 0) < fewest),
        [],
        `kinds of hop seen less than ${fewest} times`,
      ),
    ),
  );
}

/** What the requests of a run must have reached, each of them this often. */
const hopKinds = [
  'branch by subset',
  'branch by its own Service',
  'baseline',
  'long-lived version',
  'by a foreign route',
  'every pod',
  '503',
  '503 that says why',
  '404',
  '502',
  'answered by a foreign route',
];
const fewest = 5;

function proxyFor(proxies: Scene['proxies'], namespace: string, { from }: Asked): Proxy {
  const proxy = proxies.get(from === 'inside' ? namespace : from) ?? proxies.get('clients');
  if (proxy === undefined) throw new Error(`no proxy for ${from}`);
  return proxy;
}

await main();
