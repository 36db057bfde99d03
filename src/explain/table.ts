/** One branch through the eyes of every service: which version serves it, and why. */
import { hostOfService } from '../model/hosts.ts';
import { toLabels } from '../model/json.ts';
import { carriersOf, edgeOf } from '../routing/edge.ts';
import { byCodeUnit } from '../routing/layout.ts';
import { pathsOf } from '../routing/routes.ts';
import { explain, type Hop, type World } from './explain.ts';
import type { Request } from './match.ts';

/** What a branch's request has: its headers, and the public host it came in by, if any. */
export type Entry = Pick<Request, 'headers' | 'method' | 'port' | 'gateway'> & {
  readonly host: string | undefined;
};

/** Explains the request at every service: those that the host shows by that host, the others by a call in the mesh with the header that they get. */
export function explainAll(world: World, entry: Entry): readonly Hop[] {
  const outside = entry.host === undefined ? new Map<string, Hop>() : fromOutside(world, entry, entry.host);
  const headers = headersInside(world, entry, [...outside.values()]);
  const layouts = [...world.desired.namespaces.values()]
    .flatMap(({ layout }) => [...layout.services.values()])
    .filter((layout) => layout.ports.length > 0);
  const owned = new Set(
    layouts.flatMap((layout) =>
      layout.branches.flatMap(({ own }) => (own === undefined ? [] : [`${own.namespace}/${own.name}`])),
    ),
  );
  return layouts
    .map(({ service }) => ({ service, key: `${service.namespace}/${service.name}` }))
    .filter(({ key }) => !owned.has(key))
    .sort((a, b) => byCodeUnit(a.key, b.key))
    .map(({ service, key }) => {
      const call: Request = {
        ...entry,
        headers,
        through: 'sidecar',
        namespace: service.namespace,
        labels: toLabels([]),
        host: hostOfService(service.name, service.namespace, world.settings),
        path: '/',
        port: service.ports.length === 1 ? service.ports[0]?.port : undefined,
      };
      return outside.get(key) ?? explain(world, call);
    });
}

/** What the first service gets, and so the ones behind it: the header that the host sets; else what was sent, without what the Gateway takes off. */
function headersInside(
  { settings }: World,
  { headers, gateway }: Entry,
  outside: readonly Hop[],
): Entry['headers'] {
  const header = outside.map((hop) => hop.header).find((value) => value !== undefined);
  if (header !== undefined) return [[settings.routingHeader, header]];
  if (outside.length === 0 || edgeOf([gateway ?? ''], settings).removing.length === 0) return headers;
  const removed = carriersOf(settings);
  return headers.filter(([name]) => !removed.includes(name.toLowerCase()));
}

function fromOutside(world: World, entry: Entry, host: string): ReadonlyMap<string, Hop> {
  const hops = new Map<string, Hop>();
  for (const { decided } of world.desired.namespaces.values()) {
    for (const { layout, isPublic } of decided.values()) {
      const hop = isPublic
        ? explain(world, {
            ...entry,
            host,
            through: 'gateway',
            namespace: '',
            labels: toLabels([]),
            path: pathsOf(layout.service)[0] ?? '/',
          })
        : undefined;
      if (
        hop !== undefined &&
        hop.service === layout.service.name &&
        hop.namespace === layout.service.namespace
      )
        hops.set(`${hop.namespace}/${hop.service}`, hop);
    }
  }
  return hops;
}
