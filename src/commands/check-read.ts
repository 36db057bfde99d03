/** What `branchline check` looks at: manifests, and what they stand among. */
import { findFiles } from '../cluster/files.ts';
import {
  namespaceFor,
  parseManifests,
  placed,
  readManifestFile,
  readStdin,
  stdinName,
  type Manifest,
  type Manifests,
  type Source,
} from '../cluster/manifests.ts';
import { ClusterError } from '../cluster/port.ts';
import type { ListedKind } from '../cluster/read-once.ts';
import type { Settings } from '../config/settings.ts';
import { textAt, type JsonObject } from '../model/json.ts';
import { snapshotOf, type Snapshot } from '../model/snapshot.ts';
import type { Io } from './io.ts';

/** The kinds that are checked. Istio's are those of the resource table, too. */
const routeKinds: readonly ListedKind[] = [
  {
    kind: 'VirtualService',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'virtualservices',
    custom: true,
  },
  {
    kind: 'DestinationRule',
    group: 'networking.istio.io',
    version: 'v1',
    plural: 'destinationrules',
    custom: true,
  },
  {
    kind: 'HTTPRoute',
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    plural: 'httproutes',
    custom: true,
  },
  {
    kind: 'GRPCRoute',
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    plural: 'grpcroutes',
    custom: true,
  },
];

/** Tells whether an object is of a kind that is checked. */
export function isRoute(object: JsonObject): boolean {
  const group = (textAt(object, 'apiVersion') ?? '').split('/')[0];
  return routeKinds.some((known) => known.kind === object['kind'] && known.group === group);
}

/** What to read. */
interface ReadRequest {
  readonly files: readonly string[];
  readonly cluster: boolean;
  readonly settings: Settings;
}

/** What the objects are checked among. */
export interface Facts {
  readonly snapshot: Snapshot;
  /** What is checked: the manifests, or the routes of the cluster. */
  readonly checked: readonly Manifest[];
  /** What the cluster has in place of a manifest. */
  readonly before: ReadonlyMap<string, JsonObject>;
  readonly notes: readonly string[];
}

/** Where an object stands that was read in a cluster. */
const inCluster = { file: '', line: 0, document: { start: 0, end: 0 }, member: undefined };

/** Reads what the objects are checked among: themselves, or a cluster, whose client is loaded only then. @throws {@link ClusterError} when it cannot be read. */
export async function readFacts(
  { files, cluster, settings }: ReadRequest,
  { objects }: Read,
  io: Io,
): Promise<Facts> {
  if (!cluster)
    return {
      snapshot: snapshotOf(objects.map(({ object }) => placed(object))),
      before: new Map(),
      checked: objects,
      notes: [],
    };
  const { readCluster } = await import('../cluster/read-once.ts');
  const { snapshot, kept, problems } = await readCluster({
    kubeconfig: settings.kubeconfig,
    context: settings.kubeContext,
    keep: routeKinds,
    over: objects.map(({ object }) => object),
    signal: io.stop,
    silenceMilliseconds: settings.watchSilenceSeconds * 1000,
  });
  const live = kept.map((object) => ({ object, ...inCluster }));
  return {
    snapshot,
    checked: files.length === 0 ? live : objects,
    before: new Map(kept.map((object) => [identityOf(object), object])),
    notes: problems.map(({ message }) => message),
  };
}

/** Tells objects apart within one set of manifests. */
export function identityOf(object: JsonObject): string {
  return `${textAt(object, 'kind') ?? ''}/${namespaceFor(object, true)}/${textAt(object, 'metadata', 'name') ?? ''}`;
}

/** A path that was named cannot be read. */
export class FilesError extends ClusterError {}

/** The manifests, and standard input where it was one of them. */
export interface Read extends Manifests {
  readonly stdin: Source | undefined;
}

/** Reads the manifests of files, folders and standard input. @throws {@link FilesError} when a path that was named cannot be read. */
export async function readAll(paths: readonly string[], io: Io): Promise<Read> {
  const { files, unreadable: gone } = await findFiles(paths.filter((path) => path !== '-'));
  if (gone[0] !== undefined) throw new FilesError(gone[0].reason, false);
  const stdin = paths.includes('-') ? await readInput(io) : undefined;
  const parts = stdin === undefined ? [] : [parseManifests(stdin.content, stdinName)];
  for (const { path } of files) parts.push(await readManifestFile(path));
  return {
    objects: parts.flatMap(({ objects }) => objects),
    problems: parts.flatMap(({ problems }) => problems),
    stdin,
  };
}

async function readInput(io: Io): Promise<Source> {
  return readStdin(io.stdin).catch((error: unknown) => {
    throw error instanceof ClusterError ? new FilesError(error.message, false) : error;
  });
}
