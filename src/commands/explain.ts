/** `branchline explain`: where a request goes and why, by the routes that manifests make and those that they hold. */
import type { Settings } from '../config/settings.ts';
import { toLabels } from '../model/json.ts';
import { inNamespace } from '../model/snapshot.ts';
import { entrancesOf, gatewaysIn, leadAlike } from '../explain/entrances.ts';
import { explain, requestFrom, worldOf, type Hop, type World } from '../explain/explain.ts';
import { headerOf, type Request } from '../explain/match.ts';
import { explainAll } from '../explain/table.ts';
import { desiredOf } from '../routing/desired.ts';
import { admitted } from './admitted.ts';
import { hintsFor, servicesIn } from './explain-hints.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What to explain and how to print it. */
export interface ExplainRequest {
  /** Files and folders; `-` is standard input. */
  readonly files: readonly string[];
  /** `gateway`, or who calls: `service`, or `namespace/service`. */
  readonly from: string;
  /** As `namespace/name`; undefined where it makes no difference. */
  readonly gateway: string | undefined;
  readonly host: string | undefined;
  readonly path: string;
  /** As `name: value`, in the order sent. */
  readonly headers: readonly string[];
  /** A table of every service, in place of one hop. */
  readonly all: boolean;
  readonly output: 'text' | 'json';
  readonly settings: Settings;
}

/** Prints the hop, or with `all` one for every service. @returns 1 when a proxy would answer by itself (no route, no ready pod), 2 when it is not clear what is asked. */
export async function explainRequest(asked: ExplainRequest, io: Io): Promise<ExitCode> {
  const facts = await admitted(asked.files, asked.settings, io);
  if (typeof facts === 'number') return facts;
  const world = worldOf(facts.snapshot, desiredOf(facts.snapshot, asked.settings), asked.settings);
  const hops = hopsOf(world, asked);
  if (typeof hops === 'string') {
    io.err(`branchline: ${hops}\n`);
    return exitCodes.wrongUse;
  }
  const sent = headerOf({ headers: pairsOf(asked.headers) }, asked.settings.routingHeader);
  io.err(
    hintsFor(world, { from: asked.from, host: asked.host, header: sent }, hops)
      .map((hint) => `branchline: ${hint}\n`)
      .join(''),
  );
  io.out(
    asked.output === 'json'
      ? `${JSON.stringify(hops.map(toJson), null, 2)}\n`
      : asked.all
        ? table(hops)
        : hops.map(sentence).join(''),
  );
  const failed = !asked.all && hops.some(({ status }) => status !== undefined);
  return failed || facts.unreadable ? exitCodes.problemsFound : exitCodes.fine;
}

type Question = Pick<Request, 'method' | 'headers' | 'port'>;

function hopsOf(world: World, asked: ExplainRequest): readonly Hop[] | string {
  const { from, host, headers, all, gateway, settings } = asked;
  const pairs = pairsOf(headers);
  if (pairs.length < headers.length)
    return `a header is written 'name: value', e.g. --header '${settings.routingHeader}: OPS-1234'`;
  if (gateway !== undefined && (host === undefined || from !== 'gateway'))
    return '--gateway goes with --host and without --from SERVICE: requests between services pass no Gateway';
  const question: Question = { method: 'GET', port: undefined, headers: pairs };
  return all ? tableOf(world, asked, question) : hopOf(world, asked, question);
}

/** Returns names and values; headers that are not written so are left out. */
function pairsOf(headers: readonly string[]): Request['headers'] {
  return headers.flatMap((header) => {
    const [, name, value] = /^([^\s:]+)\s*:\s*(.*?)\s*$/s.exec(header) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
}

function tableOf(
  world: World,
  { host, gateway }: ExplainRequest,
  question: Question,
): readonly Hop[] | string {
  if (host === undefined) return explainAll(world, { ...question, host });
  return throughGateways(world, gateway, host, (entrance) =>
    explainAll(world, { ...question, host, gateway: entrance }),
  );
}

function hopOf(
  world: World,
  { from, host, path, gateway }: ExplainRequest,
  question: Question,
): readonly Hop[] | string {
  if (host === undefined)
    return from === 'gateway'
      ? 'say which public host is asked, with --host; or use --from SERVICE'
      : 'say which service is called, with --host';
  const request = { ...question, host, path: path.startsWith('/') ? path : `/${path}` };
  if (from === 'gateway')
    return throughGateways(world, gateway, host, (entrance) => [
      explain(world, {
        ...request,
        through: 'gateway',
        gateway: entrance,
        namespace: '',
        labels: toLabels([]),
      }),
    ]);
  const caller = callerOf(world, from);
  return typeof caller === 'string' ? caller : [explain(world, requestFrom(world, caller, request))];
}

/** Where no Gateway is said, those of the host must lead to the same; else which is a part of the question. */
function throughGateways(
  world: World,
  gateway: string | undefined,
  host: string,
  ask: (gateway: string | undefined) => readonly Hop[],
): readonly Hop[] | string {
  if (gateway !== undefined) {
    const known = gatewaysIn(world);
    return known.includes(gateway)
      ? ask(gateway)
      : `no route names a Gateway ${gateway}; ${known.length === 0 ? 'none names any' : `those that routes name: ${known.join(', ')}`}`;
  }
  const answers = entrancesOf(world, host).map((entrance) => ({ entrance, hops: ask(entrance) }));
  const [first] = answers;
  if (first === undefined) return ask(undefined);
  if (answers.every(({ hops }) => leadAlike(hops, first.hops))) return first.hops;
  const each = answers.map(({ entrance, hops: [hop, ...others] }) =>
    hop === undefined || others.length > 0 ? entrance : `${entrance} (${answerIn(hop)})`,
  );
  return `the Gateways of ${host} differ, say which with --gateway: ${each.join(', ')}`;
}

function answerIn({ status, service, version }: Hop): string {
  return status === undefined ? `${service} ${version}` : `${status} from the proxy`;
}

function callerOf(
  world: World,
  from: string,
): { readonly service: string; readonly namespace: string } | string {
  const [namespace, service] = from.includes('/') ? (from.split('/') as [string, string]) : [undefined, from];
  const { services } = world.snapshot;
  const found = [...services.keys()].filter(
    (name) => (namespace === undefined || name === namespace) && inNamespace(services, name).has(service),
  );
  const [only] = found;
  if (only === undefined) return `no Service ${from} is in these manifests; there are: ${servicesIn(world)}`;
  return found.length === 1
    ? { service, namespace: only }
    : `Service ${service} is in several namespaces (${found.sort().join(', ')}): write NAMESPACE/${service}`;
}

function toJson({ service, namespace, version, reason, route, status, header }: Hop): object {
  return {
    service,
    namespace,
    version,
    reason,
    route: routeText(route),
    ...(status === undefined ? {} : { status }),
    ...(header === undefined ? {} : { header }),
  };
}

function sentence(hop: Hop): string {
  const answer =
    hop.status === undefined
      ? `${hop.service} ${hop.version}`
      : `${hop.status} from the proxy, for ${hop.service}`;
  return `${answer}\n  why: ${hop.reason}\n  by:  ${routeText(hop.route) || noRoute(hop)}\n`;
}

/** Returns where a route is written, e.g. `VirtualService green/one-ingress http[1] by VirtualService green/one http[0]`; empty without a route. */
export function routeText(route: Hop['route']): string {
  if (route === undefined) return '';
  return [route.leaf, route.root]
    .flatMap((one) =>
      one === undefined ? [] : [`VirtualService ${one.namespace}/${one.name} http[${one.index}]`],
    )
    .join(' by ');
}

function noRoute({ status }: Hop): string {
  return status === undefined ? 'no route; the Service itself' : 'no route';
}

function table(hops: readonly Hop[]): string {
  const rows = [
    ['NAMESPACE', 'SERVICE', 'VERSION', 'WHY'],
    ...hops.map(({ namespace, service, version, status, reason }) => [
      namespace,
      service,
      version === '' ? String(status ?? '') : version,
      reason,
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
