/** What a VirtualService refers to, as a value. */
import { listAt, textAt } from '../model/json.ts';
import type { RouteObject } from './istio.ts';

/** Pods of one version of a Service, all pods of a Service, or the VirtualService that a root delegates to. */
export type Reference =
  | SubsetReference
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'delegate'; readonly namespace: string; readonly name: string };

/** A subset of a host. */
interface SubsetReference {
  readonly kind: 'subset';
  readonly host: string;
  readonly subset: string;
}

/** Returns what tells references apart, as a key of maps; nothing is read out of it. */
export function referenceKey(reference: Reference): string {
  switch (reference.kind) {
    case 'subset':
      return `subset ${reference.host} ${reference.subset}`;
    case 'host':
      return `host ${reference.host}`;
    case 'delegate':
      return `delegate ${reference.namespace}/${reference.name}`;
  }
}

/** Returns everything that a VirtualService refers to, by {@link referenceKey}. */
export function referencesOf({ spec, metadata }: RouteObject): ReadonlyMap<string, Reference> {
  const references = listAt(spec, 'http').flatMap((route): readonly Reference[] => {
    const name = textAt(route, 'delegate', 'name');
    const namespace = textAt(route, 'delegate', 'namespace') ?? metadata.namespace;
    return [
      ...(name === undefined ? [] : [{ kind: 'delegate', namespace, name } as const]),
      ...listAt(route, 'route').map((target) =>
        destinationOf(textAt(target, 'destination', 'host') ?? '', textAt(target, 'destination', 'subset')),
      ),
    ];
  });
  return new Map(references.map((reference) => [referenceKey(reference), reference]));
}

function destinationOf(host: string, subset: string | undefined): Reference {
  return subset === undefined ? { kind: 'host', host } : { kind: 'subset', host, subset };
}
