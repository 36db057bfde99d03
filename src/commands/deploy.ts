/** `branchline deploy`: clones the baseline of services as a branch, applies it, and waits until requests reach it. */
import { stringify } from 'yaml';
import type { Client } from '../cluster/client.ts';
import { readManifests } from '../cluster/manifests.ts';
import type { Settings } from '../config/settings.ts';
import { redeployPatch } from '../lifecycle/change.ts';
import { cloneBaseline } from '../lifecycle/clone.ts';
import { livesOf } from '../lifecycle/life.ts';
import { isSameId, parseBranch, type Branch } from '../model/branch.ts';
import { parseLifetimeSeconds } from '../model/duration.ts';
import { branchUrl } from '../model/exposure.ts';
import { commaList, textAt, type JsonObject } from '../model/json.ts';
import { readDeclared, type Namespace, type Service, type Workload } from '../model/kubernetes.ts';
import { baselineOf, branchOf } from '../model/membership.ts';
import { quote } from '../model/problem.ts';
import { workloadsBehind } from '../model/selection.ts';
import { inNamespace, namespaceOf, workloadKey } from '../model/snapshot.ts';
import { sayAddresses, type Deployed } from './deployed.ts';
import { gatherFacts, type Facts, type Source } from './facts.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import { waitUntilRouted } from './progress.ts';

/** What to deploy. */
export interface DeployRequest extends Omit<Source, 'namespaces'> {
  /** Separated by commas. */
  readonly services: string;
  readonly namespace: string;
  readonly branch: string;
  readonly images: readonly string[];
  readonly tag: string | undefined;
  readonly env: readonly string[];
  readonly replicas: number;
  readonly ttl: string | undefined;
  readonly owner: string | undefined;
  /** Waits for so many seconds; undefined: not at all. */
  readonly waitSeconds: number | undefined;
  /** Prints the manifests and applies nothing. */
  readonly output: 'yaml' | 'json' | undefined;
  readonly settings: Settings;
}

/** Deploys. @returns 1 when something cannot be cloned, 3 when the cluster refuses or the pods do not come up. */
export async function deploy(request: DeployRequest, io: Io): Promise<ExitCode> {
  const branch = parseBranch(request.branch);
  const fault =
    branch === undefined
      ? `${quote(request.branch)} is no branch name: nothing of it could stand in a label`
      : faultOf(request);
  if (branch === undefined || fault !== undefined) {
    io.err(`branchline: ${fault ?? ''}\n`);
    return exitCodes.wrongUse;
  }
  const facts = await gatherFacts({ ...request, namespaces: [request.namespace] }, request.settings, io);
  if (typeof facts === 'number') return facts;
  try {
    return await carryOut(request, branch, facts, io);
  } finally {
    facts.close();
  }
}

function isPrinted({ output, files }: DeployRequest): boolean {
  return output !== undefined || files.length > 0;
}

/** What is wrong with the command itself. */
function faultOf(request: DeployRequest): string | undefined {
  const { services, ttl, images, tag, replicas } = request;
  const checks: readonly (readonly [boolean, string])[] = [
    [commaList(services).length === 0, 'name a service, or several separated by commas'],
    [
      ttl !== undefined && parseLifetimeSeconds(ttl) === undefined,
      `--ttl ${quote(ttl ?? '')} is not a lifetime; write a whole number and m, h, d or w, e.g. 12h or 7d`,
    ],
    [images.length > 0 && tag !== undefined, '--image and --tag say the same thing twice; give one of them'],
    [
      sharesImage(request),
      '--image would give all these services one image; deploy them one by one, or give --tag',
    ],
    [
      tag !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(tag),
      `--tag ${quote(tag ?? '')} is no image tag`,
    ],
    [
      request.waitSeconds !== undefined && isPrinted(request),
      '--wait waits for what is deployed; with -o or -f it is only printed',
    ],
    [
      !Number.isInteger(replicas) || replicas < 0 || replicas > 100,
      '--replicas must be a whole number from 0 to 100',
    ],
  ];
  return checks.find(([isWrong]) => isWrong)?.[1];
}

function sharesImage({ images, services }: DeployRequest): boolean {
  return images.length > 0 && new Set(commaList(services)).size > 1;
}

async function carryOut(request: DeployRequest, branch: Branch, facts: Facts, io: Io): Promise<ExitCode> {
  const clones = await cloneAll(request, branch, facts);
  if (typeof clones === 'string') {
    io.err(`branchline: ${clones}\n`);
    return exitCodes.problemsFound;
  }
  const { client } = facts;
  const { namespace, settings, waitSeconds, output } = request;
  if (output !== undefined || client === undefined) {
    io.out(
      print(
        clones.map(({ object }) => object),
        output ?? 'yaml',
      ),
    );
    return exitCodes.fine;
  }
  // All or none: what one of them would be refused for is known before the first is written.
  for (const { object } of clones) await client.apply(object, deployManager, { dryRun: true });
  for (const { object, service } of clones) {
    await applyOne(client, object);
    io.err(
      `${textAt(object, 'kind') ?? ''} ${namespace}/${textAt(object, 'metadata', 'name') ?? ''} applied: ${branch.name} of ${service.name}\n`,
    );
  }
  if (waitSeconds !== undefined)
    return waitUntilRouted(
      { client, namespace, branch, deployed: clones, seconds: waitSeconds, settings },
      io,
    );
  sayAddresses(clones, branch, settings, io);
  return exitCodes.fine;
}

/** Deploying wakes: what a sweep wrote about an earlier end is void. */
async function applyOne(client: Client, object: JsonObject): Promise<void> {
  const applied = await client.apply(object, deployManager);
  const declared = readDeclared(applied);
  const name = {
    kind: textAt(object, 'kind') ?? '',
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: textAt(object, 'metadata', 'name') ?? '',
  };
  if (['asleep', 'retiring', 'warned'].some((key) => declared[key] !== undefined))
    await client.patch(name, redeployPatch());
}

/** Field manager of deployed branches: a later deploy takes away what it does not say any more, and nobody else's fields. */
const deployManager = 'branchline-deploy';

async function cloneAll(
  request: DeployRequest,
  branch: Branch,
  facts: Facts,
): Promise<readonly Deployed[] | string> {
  const namespace = namespaceOf(facts.snapshot, request.namespace);
  if (namespace === undefined) return `there is no namespace ${request.namespace}`;
  if (!namespace.enabled)
    return `namespace ${request.namespace} is not enabled; its owner labels it branchline.dev/enabled=true`;
  const deployed: Deployed[] = [];
  for (const name of new Set(commaList(request.services))) {
    const one = await cloneOne(name, { request, branch, namespace, facts });
    if (typeof one === 'string') return one;
    const other = deployed.find(({ object }) => nameOf(object) === nameOf(one.object));
    if (other !== undefined)
      return `${other.service.name} and ${name} have one baseline, so one branch serves both: deploy ${other.service.name} alone`;
    deployed.push(one);
  }
  return deployed;
}

/** Kind and name, which are one object's in a namespace. */
function nameOf(object: JsonObject): string {
  return workloadKey(textAt(object, 'kind') ?? '', textAt(object, 'metadata', 'name') ?? '');
}

interface Cloning {
  readonly request: DeployRequest;
  readonly branch: Branch;
  readonly namespace: Namespace;
  readonly facts: Facts;
}

async function cloneOne(
  name: string,
  { request, branch, namespace, facts }: Cloning,
): Promise<Deployed | string> {
  const { snapshot, settings } = facts;
  const services = inNamespace(snapshot.services, namespace.name);
  const service = services.get(name);
  if (service === undefined)
    return `there is no Service ${name} in ${namespace.name}; it has ${[...services.keys()].sort().join(', ')}`;
  if (isSameId(branch.id, baselineOf(namespace, service, settings)))
    return `${branch.name} is the baseline of ${name}: a branch needs another name`;
  const baseline = baselineFor(service, facts);
  if (typeof baseline === 'string') return baseline;
  const object = await readObject(baseline, facts, request);
  if (object === undefined) return `${baseline.kind} ${baseline.name} is gone`;
  const own = livesOf(facts).find(
    (life) => life.service === name && isSameId(life.branch.id, branch.id),
  )?.workload;
  const cloned = cloneBaseline(object, { ...request, branch, service: name, name: own?.name });
  return 'problem' in cloned
    ? `${name}: ${cloned.problem}`
    : placed(cloned.object, { own, baseline, service }, { request, branch, namespace, facts });
}

function placed(
  object: JsonObject,
  { own, baseline, service }: Place,
  { branch, namespace, facts }: Cloning,
): Deployed | string {
  // Through JSON: what is undefined is not there.
  const plain = JSON.parse(JSON.stringify(object)) as JsonObject;
  return (
    clash(plain, { own, baseline, service }, facts) ?? {
      service,
      object: plain,
      url: branchUrl(branch, service, namespace, facts.settings.urlScheme),
    }
  );
}

/** A service's baseline, and the workload that its branch has already. */
interface Place {
  readonly own: Workload | undefined;
  readonly baseline: Workload;
  readonly service: Service;
}

/** What is there already and is something else. */
function clash(object: JsonObject, { own, baseline }: Place, { snapshot }: Facts): string | undefined {
  if (own !== undefined)
    return own.kind === baseline.kind
      ? undefined
      : `${own.name} is a ${own.kind} and its baseline a ${baseline.kind}: delete the branch first`;
  const taken = inNamespace(snapshot.workloads, baseline.namespace).get(
    workloadKey(baseline.kind, textAt(object, 'metadata', 'name') ?? ''),
  );
  return taken === undefined
    ? undefined
    : `${taken.kind} ${taken.name} is there already and is another branch or none: rename or remove it`;
}

/** The one workload behind a Service that is no branch. */
function baselineFor(service: Service, { snapshot, settings }: Facts): Workload | string {
  const version = baselineOf(namespaceOf(snapshot, service.namespace), service, settings);
  const behind = workloadsBehind(inNamespace(snapshot.workloads, service.namespace), service).filter(
    (workload) => branchOf(workload, snapshot, settings) === undefined,
  );
  const named = behind.filter(({ templateLabels }) => templateLabels[settings.versionLabel] === version);
  const candidates =
    named.length > 0
      ? named
      : behind.filter(({ templateLabels }) => templateLabels[settings.versionLabel] === undefined);
  const [found] = candidates;
  if (found === undefined)
    return `${service.name} has no baseline (${settings.versionLabel}: ${version}) to clone`;
  return candidates.length === 1
    ? found
    : `${service.name} has several baselines: ${candidates.map(({ name }) => name).join(', ')}`;
}

async function readObject(
  { kind, namespace, name }: Workload,
  { client }: Facts,
  { files }: DeployRequest,
): Promise<JsonObject | undefined> {
  if (client !== undefined) return client.read({ kind, namespace, name });
  const { objects } = await readManifests(files);
  return objects
    .map(({ object }) => object)
    .find(
      (object) =>
        textAt(object, 'kind') === kind &&
        textAt(object, 'metadata', 'name') === name &&
        (textAt(object, 'metadata', 'namespace') ?? 'default') === namespace,
    );
}

function print(objects: readonly JsonObject[], output: 'yaml' | 'json'): string {
  if (output === 'json')
    return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`;
  return objects
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}
