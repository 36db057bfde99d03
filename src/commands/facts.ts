/** What a command about branches knows: from manifests, or from a cluster with the rights of whoever runs it. Read once, nothing is watched. */
import { openClient, type Client } from '../cluster/client.ts';
import { ApiError } from '../cluster/api-server.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { readRevisions } from '../controller/revisions.ts';
import type { LifeFacts, Revisions } from '../lifecycle/life.ts';
import { revisionsIn } from '../lifecycle/revisions.ts';
import { textAt, type JsonObject } from '../model/json.ts';
import { resourceOf, snapshotOf } from '../model/snapshot.ts';
import { parseTime } from '../model/time.ts';
import { admitted } from './admitted.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** Where facts come from. */
export interface Source {
  /** Manifests in place of a cluster; empty: the cluster. */
  readonly files: readonly string[];
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** Branches may be ended by their age: it has to be known. */
  readonly ends?: true;
  /** Namespaces to look at; empty: the context's; `*` is every one. */
  readonly namespaces: readonly string[];
  /** The clock, as RFC 3339; undefined: this machine's. */
  readonly now: string | undefined;
}

/** Facts and where they are from. */
export interface Facts extends LifeFacts {
  /** Where changes go; undefined for manifests. */
  readonly client: Client | undefined;
  /** The API server's clock. */
  readonly server: number | undefined;
  /** The clock was given. */
  readonly isGiven: boolean;
  /** Whose branches are, by {@link workloadName}, as `ownerAnnotation` says. */
  readonly owners: ReadonlyMap<string, string>;
  /** Something could not be read; it was said. */
  readonly incomplete: boolean;
  readonly namespaces: readonly string[];
  readonly close: () => void;
}

/** Kinds that lives, routes and readiness depend on. */
const kinds = [
  'Service',
  'Deployment',
  'StatefulSet',
  'Rollout',
  'Pod',
  'EndpointSlice',
  'VirtualService',
  'DestinationRule',
  'Gateway',
] as const;

/** Gathers facts. @returns an exit code when that cannot be; it was said. @throws {@link ClusterError} when the cluster refuses. */
export async function gatherFacts(source: Source, settings: Settings, io: Io): Promise<Facts | ExitCode> {
  const given = source.now === undefined ? undefined : parseTime(source.now);
  if (source.now !== undefined && given === undefined) {
    io.err(`branchline: --now ${JSON.stringify(source.now)} is no time; write it as 2026-12-24T18:00:00Z\n`);
    return exitCodes.wrongUse;
  }
  return source.files.length > 0
    ? fromFiles(source, { settings, now: given ?? Date.now(), isGiven: given !== undefined }, io)
    : fromCluster(source, { settings, given }, io);
}

async function fromFiles(
  source: Source,
  {
    settings,
    now,
    isGiven,
  }: { readonly settings: Settings; readonly now: number; readonly isGiven: boolean },
  io: Io,
): Promise<Facts | ExitCode> {
  const read = await admitted(source.files, settings, io);
  if (typeof read === 'number') return read;
  return {
    snapshot: read.snapshot,
    revisions: revisionsIn(read.objects),
    settings,
    now,
    isGiven,
    server: undefined,
    client: undefined,
    incomplete: read.unreadable,
    owners: ownersOf(read.objects, settings),
    namespaces: source.namespaces,
    close: () => undefined,
  };
}

async function fromCluster(
  source: Source,
  { settings, given }: { readonly settings: Settings; readonly given: number | undefined },
  io: Io,
): Promise<Facts> {
  const client = await openFor(source, settings, io);
  const namespaces = source.namespaces.includes('*')
    ? ['*']
    : source.namespaces.length > 0
      ? source.namespaces
      : [client.namespace];
  try {
    const { objects, problems } = await listAll(client, namespaces);
    const snapshot = snapshotOf(objects);
    const now = given ?? Date.now();
    const revisions = await readRevisions(client, { snapshot, settings, now }).catch(
      (error: unknown): Revisions => {
        if (!(error instanceof ClusterError) || source.ends === true) throw error;
        problems.push(
          `revisions cannot be read, so branches look as old as their workloads: ${error.message}`,
        );
        return new Map();
      },
    );
    for (const problem of problems) io.err(`branchline: ${problem}\n`);
    return {
      snapshot,
      revisions,
      settings,
      now,
      client,
      server: client.serverTime(),
      isGiven: given !== undefined,
      incomplete: problems.length > 0,
      owners: ownersOf(objects, settings),
      namespaces,
      close: client.close,
    };
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Names a workload across namespaces. */
export function workloadName({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}): string {
  return `${kind}/${namespace}/${name}`;
}

function ownersOf(
  objects: readonly JsonObject[],
  { ownerAnnotation }: Settings,
): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const object of objects) {
    const owner = textAt(object, 'metadata', 'annotations', ownerAnnotation);
    if (owner === undefined || resourceOf(object)?.collection !== 'workloads') continue;
    owners.set(
      workloadName({
        kind: textAt(object, 'kind') ?? '',
        namespace: textAt(object, 'metadata', 'namespace') ?? 'default',
        name: textAt(object, 'metadata', 'name') ?? '',
      }),
      owner,
    );
  }
  return owners;
}

/** Connects as kubectl does: its flags, then ours, then `KUBECONFIG`. */
function openFor(
  { kubeconfig, context }: Pick<Source, 'kubeconfig' | 'context'>,
  settings: Settings,
  io: Io,
): Promise<Client> {
  return openClient(
    { kubeconfig: kubeconfig ?? settings.kubeconfig, context: context ?? settings.kubeContext },
    io.stop,
  );
}

interface Listed {
  readonly objects: readonly JsonObject[];
  /** What could not be read, and was not needed for sure. */
  readonly problems: string[];
}

/** Lists everything that matters, side by side. Workloads and Services have to be readable; the rest may not be. */
async function listAll(client: Client, namespaces: readonly string[]): Promise<Listed> {
  const objects: JsonObject[] = [];
  const problems: string[] = [];
  const add = (object: JsonObject): void => void objects.push(object);
  await Promise.all(
    namespaces.flatMap((namespace) => [
      readNamespaces(client, namespace, add),
      ...kinds.map((kind) =>
        client.list({ kind, namespace: namespace === '*' ? '' : namespace }, add).catch((error: unknown) => {
          if (!(error instanceof ClusterError) || needed.has(kind)) throw error;
          problems.push(
            `${kind}s of ${namespace === '*' ? 'all namespaces' : namespace} cannot be read, so routes and readiness may be unknown: ${error.message}`,
          );
        }),
      ),
    ]),
  );
  return { objects, problems };
}

const needed: ReadonlySet<string> = new Set(['Service', 'Deployment']);

async function readNamespaces(
  client: Client,
  namespace: string,
  add: (object: JsonObject) => void,
): Promise<void> {
  if (namespace === '*') {
    await client.list({ kind: 'Namespace', namespace: '' }, add).catch((error: unknown) => {
      throw error instanceof ApiError && error.status === 403
        ? new ClusterError(
            `${error.message}; name the namespaces that you may read: -n ww-green,ww-red`,
            false,
            error,
          )
        : error;
    });
    return;
  }
  const found = await client.read({ kind: 'Namespace', namespace: '', name: namespace });
  if (found === undefined) throw new ClusterError(`there is no namespace ${namespace}`, false);
  add(found);
}
