/** Where an API server has the objects of a kind. */
import { resources, type Resource } from '../model/snapshot.ts';
import { ClusterError } from './port.ts';

/** A kind as an API server serves it. */
type ServedKind = Pick<Resource, 'kind' | 'group' | 'version' | 'plural'> & Partial<Pick<Resource, 'custom'>>;

/** Kinds that are asked for or written, and not watched. */
const unwatched: readonly ServedKind[] = [
  { kind: 'ReplicaSet', group: 'apps', version: 'v1', plural: 'replicasets' },
  { kind: 'ControllerRevision', group: 'apps', version: 'v1', plural: 'controllerrevisions' },
  { kind: 'Event', group: 'events.k8s.io', version: 'v1', plural: 'events' },
  { kind: 'Lease', group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  { kind: 'Secret', group: '', version: 'v1', plural: 'secrets' },
  {
    kind: 'MutatingWebhookConfiguration',
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'mutatingwebhookconfigurations',
  },
  {
    kind: 'ValidatingWebhookConfiguration',
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingwebhookconfigurations',
  },
];

/** Finds a kind by its name. @throws {@link ClusterError} when it is in no table. */
export function servedKind(kind: string): ServedKind {
  const found = [...resources, ...unwatched].find((one) => one.kind === kind);
  if (found === undefined) throw new ClusterError(`${kind} is no kind that is asked for or written`, false);
  return found;
}

/** Returns the `apiVersion` of a kind's objects. */
export function apiVersionOf({ group, version }: Pick<ServedKind, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Returns the path of a kind's objects: all of them, those of a namespace, or the one of that name. Empty is left out. */
export function resourcePath(kind: Omit<ServedKind, 'kind'>, namespace = '', name = ''): string {
  const inside = namespace === '' ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const one = name === '' ? '' : `/${encodeURIComponent(name)}`;
  return `${kind.group === '' ? '/api' : '/apis'}/${apiVersionOf(kind)}${inside}/${kind.plural}${one}`;
}
