/**
 * The story of routes, inside a box's network with istiod and Envoys: what is wrong is refused to whoever applies it, by us or by istiod, and of what is
 * let in no Envoy ever refuses the configuration.
 */
import { at, listAt, numberAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { isSaidByAdmission, problemKinds, type ProblemCode } from '../../src/model/problem.ts';
import { reviewOf } from '../admission/golden.ts';
import { ensureArtifacts } from '../box/binaries.ts';
import { istiodHttpPort } from '../box/mesh-programs.ts';
import { startMesh, type Mesh } from '../box/mesh.ts';
import type { Proxy } from '../box/proxy.ts';
import { goldenObjects, patternNamespace, patternObjects, type CorpusObject } from './route-corpus.ts';
import { installServer, type Server } from './server.ts';
import { createStory, expectEqual, waitFor, type Story } from './steps.ts';

const corpus = goldenObjects();
const patterns = patternObjects();

/** Refused by the CRDs before any webhook is asked: an empty answer of ours is no fault there. */
const bySchema = /is invalid:|strict decoding error|cannot be handled as a/;

interface Scene {
  readonly mesh: Mesh;
  readonly story: Story;
  readonly proxies: Proxy[];
}

async function main(): Promise<void> {
  const story = createStory();
  const mesh = await startMesh();
  let server: Server | undefined;
  try {
    server = await installServer(mesh.box);
    const { 'gateway-api-crds.yaml': crds } = await ensureArtifacts(['gateway-api-crds.yaml']);
    await mesh.box.kubectl(['apply', '--server-side', '-f', crds]);
    await mesh.box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    await mesh.box.kubectl(['apply', '-f', '-'], { stdin: foundations(), timeoutMs: 120_000 });
    const scene: Scene = { mesh, story, proxies: [] };
    for (const part of [refusals, structure, admissions, envoys, control]) await part(scene);
  } catch (error) {
    await story.step('the story of routes could be told', () =>
      Promise.reject(error instanceof Error ? error : new Error(String(error))),
    );
  } finally {
    await server?.stop();
    await mesh.stop();
  }
  process.exitCode = story.finish() ? 0 : 1;
}

function foundations(): string {
  const namespaces = [...corpus.map(({ namespace }) => namespace), patternNamespace, 'client'].map(
    (name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
  );
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'client' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
  const servers = [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }];
  const gateway = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'public', namespace: 'istio-system' },
    spec: { selector: { istio: 'ingressgateway' }, servers },
  };
  return manifestOf([...namespaces, service, gateway]);
}

/** JSON: YAML takes some characters of the patterns for line breaks. */
function manifestOf(objects: readonly JsonObject[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n');
}

/** The API server drops what is null before it asks anybody. */
const mended: ReadonlySet<string> = new Set(['BL211-match-header-that-is-null']);

/** Every object with a problem that is refused for what the object alone shows, by code. */
const bad = Object.entries(problemKinds)
  .filter(([code, { severity }]) => code < 'BL260' && severity === 'deny')
  .map(([code]) => ({
    code: code as ProblemCode,
    cases: corpus.filter((one) => one.code === code && !one.passes && !mended.has(one.name)),
  }))
  .filter(({ cases }) => cases.length > 0);

/** What kubectl prints, whether or not the object is refused. */
async function tryOut({ box }: Mesh, object: JsonObject): Promise<string> {
  return box
    .kubectl(['apply', '--validate=false', '--dry-run=server', '-f', '-'], { stdin: JSON.stringify(object) })
    .then(
      ({ stdout, stderr }) => stdout + stderr,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
}

/** What admission says of an object alone. */
async function refusals({ mesh, story }: Scene): Promise<void> {
  const ours = bad.filter(({ code }) => isSaidByAdmission(code));
  const seen = new Set<string>();
  for (const { code, cases } of ours) {
    await story.step(`kubectl apply shows why: ${problemKinds[code].rule}`, async () => {
      for (const { object, name } of cases) {
        const printed = await tryOut(mesh, object);
        if (printed.includes(`[${code}]`) && printed.includes('denied the request')) seen.add(code);
        else if (!bySchema.test(printed)) throw new Error(`${name}: expected [${code}] in:\n${printed}`);
      }
    });
  }
  await story.step('the CRDs know little of what Envoy refuses', () =>
    Promise.resolve(expectEqual(seen.size >= ours.length - 1, true, `${seen.size} of ${ours.length} codes`)),
  );
}

/** What istiod takes and `check` does not: by Istio's reference all other fields should be empty in this mode, and they have no effect. */
const stricter: readonly string[] = ['BL211-policy-istio-mutual-with-certificate'];

/** What admission leaves to istiod, which judges it in the same request, and to the CRDs. */
async function structure({ mesh, story }: Scene): Promise<void> {
  const left = bad.filter(({ code }) => !isSaidByAdmission(code));
  const seen = new Set<string>();
  const taken: string[] = [];
  for (const { code, cases } of left) {
    await story.step(`istiod refuses it, and we are silent: ${problemKinds[code].rule}`, async () => {
      for (const { object, name } of cases) {
        const printed = await tryOut(mesh, object);
        if (printed.includes(`[${code}]`)) throw new Error(`${name}: said by us, too:\n${printed}`);
        const refusal = await istiodRefusal(object);
        if (refusal !== undefined) seen.add(code);
        else if (!bySchema.test(printed)) taken.push(name);
      }
    });
  }
  await story.step('nobody takes it but where check is known to be stricter', () =>
    Promise.resolve(expectEqual(taken, stricter, 'objects that nobody refuses')),
  );
  await story.step('nearly all of it is refused by istiod itself', () =>
    Promise.resolve(expectEqual(seen.size >= left.length - 2, true, `${seen.size} of ${left.length} codes`)),
  );
}

/** Asks istiod's own webhook, which is there at its HTTP port: why an object is refused, undefined when it is not. Of other APIs than Istio's it knows nothing. */
async function istiodRefusal(object: JsonObject): Promise<string | undefined> {
  if (!(textAt(object, 'apiVersion') ?? '').startsWith('networking.istio.io/')) return undefined;
  const answer = await fetch(`http://127.0.0.1:${istiodHttpPort}/validate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(reviewOf(object)),
  });
  const body: unknown = await answer.json();
  const isAllowed = at(body, 'response', 'allowed');
  if (typeof isAllowed !== 'boolean')
    throw new Error(`istiod answered ${answer.status}: ${JSON.stringify(body)}`);
  return isAllowed ? undefined : (textAt(body, 'response', 'status', 'message') ?? 'refused');
}

/** Everything that istiod takes is created for real: what gets in is what the mesh has to live with. */
async function admissions({ mesh, story }: Scene): Promise<void> {
  await story.step('of everything that is right, nothing is refused', async () => {
    const refusals = await Promise.all(corpus.map(({ object }) => istiodRefusal(object)));
    const accepted = await create(
      mesh,
      corpus.flatMap(({ object }, index) => (refusals[index] === undefined ? [object] : [])),
    );
    const isIn = ({ object }: CorpusObject): boolean =>
      accepted.has(textAt(object, 'metadata', 'name') ?? '');
    const wrongly = corpus
      .filter((one) => one.passes && (one.code ?? '') < 'BL260' && !isIn(one))
      .map(({ name }) => name);
    expectEqual(wrongly, [], 'refused');
    console.log(`    ${accepted.size} of ${corpus.length} objects are in`);
  });
  await story.step('patterns that every reader takes are let in', async () => {
    expectEqual(
      (await create(mesh, patterns.objects)).size,
      patterns.objects.length,
      'objects with patterns',
    );
    console.log(`    ${patterns.patterns.length} patterns in ${patterns.objects.length} objects`);
  });
}

/** Creates objects and returns the names of those that got in. */
async function create(mesh: Mesh, objects: readonly JsonObject[]): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  // kubectl goes on after a refusal, and fails in the end with all that it printed.
  const printed = await mesh.box
    .kubectl(['create', '--validate=false', '-f', '-', '-o', 'name'], {
      stdin: manifestOf(objects),
      timeoutMs: 120_000,
    })
    .then(
      ({ stdout }) => stdout,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  for (const [, name] of printed.matchAll(
    /^(?:virtualservice|destinationrule|httproute|grpcroute)\.(?:gateway\.networking\.k8s|networking\.istio)\.io\/(\S+)$/gm,
  ))
    if (name !== undefined) names.add(name);
  return names;
}

async function envoys(scene: Scene): Promise<void> {
  const { mesh, story, proxies } = scene;
  await story.step('a sidecar and a gateway start with all of it', async () => {
    proxies.push(await mesh.addSidecar({ namespace: 'client', labels: { app: 'client' } }));
    proxies.push(await mesh.addGateway({ namespace: 'istio-system', labels: { istio: 'ingressgateway' } }));
    await mesh.settled();
  });
  await story.step('no Envoy has refused any configuration', async () => {
    for (const proxy of proxies) expectEqual(await rejections(proxy), 0, `rejected by the ${proxy.kind}`);
  });
  await story.step('the sidecar matches by every pattern', async () => {
    const [sidecar] = proxies;
    const known =
      sidecar === undefined
        ? new Set<string>()
        : regexesIn(await sidecar.admin('/config_dump?resource=dynamic_route_configs'));
    expectEqual(
      patterns.patterns.filter((pattern) => !known.has(pattern)),
      [],
      'patterns that it lacks',
    );
  });
}

/** What would be found if we were not there: without our webhook the same mesh takes an object that its Envoys refuse. */
async function control({ mesh, story, proxies: [sidecar] }: Scene): Promise<void> {
  await story.step(
    'without us a pattern gets in that Envoy refuses, with every route of its port',
    async () => {
      if (sidecar === undefined) throw new Error('there is no sidecar');
      const bad = {
        ...patterns.objects[0],
        metadata: { name: 'bad', namespace: patternNamespace },
        spec: {
          hosts: ['bad.example.io'],
          http: [
            {
              match: [{ headers: { 'x-any': { regex: '\\p{Letter}' } } }],
              route: [{ destination: { host: 'bad.example.io' } }],
            },
          ],
        },
      };
      expectEqual((await create(mesh, [bad])).size, 0, 'let in while we are there');
      await mesh.box.kubectl(['delete', 'validatingwebhookconfiguration', 'branchline']);
      await waitFor('the API server to forget the webhook', async () =>
        (await create(mesh, [bad])).size === 1 ? true : undefined,
      );
      await waitFor('the refusal', async () => ((await rejections(sidecar)) > 0 ? true : undefined));
    },
  );
}

/** How often an Envoy has refused clusters or routes since it started. */
async function rejections(proxy: Proxy): Promise<number> {
  const stats = await proxy.admin('/stats?format=json&filter=update_rejected');
  const counters = listAt(stats, 'stats');
  if (counters.length === 0) throw new Error('Envoy has no such counters');
  return counters.reduce<number>((sum, counter) => sum + (numberAt(counter, 'value') ?? 0), 0);
}

function regexesIn(dump: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const left: unknown[] = [dump];
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    const regex = textAt(value, 'safe_regex', 'regex');
    if (regex !== undefined) found.add(regex);
    if (typeof value === 'object' && value !== null)
      left.push(...Object.keys(value).map((key) => at(value, key) ?? null));
  }
  return found;
}

await main();
