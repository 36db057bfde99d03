/** `branchline explain`: where a request goes and why, by the routes that manifests make and those that they hold. */
import type { Settings } from '../config/settings.ts';
import { toLabels } from '../model/json.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import { explain, requestFrom, worldOf, type Hop, type World } from '../explain/explain.ts';
import type { Request } from '../explain/match.ts';
import { explainAll } from '../explain/table.ts';
import { desiredOf } from '../routing/desired.ts';
import { admitted } from './admitted.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** What to explain and how to print it. */
export interface ExplainRequest {
  /** Files and folders; `-` is standard input. */
  readonly files: readonly string[];
  /** `gateway`, or who calls: `service`, or `namespace/service`. */
  readonly from: string;
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
  io.out(asked.output === 'json' ? `${JSON.stringify(hops.map(toJson), null, 2)}\n` : asked.all ? table(hops) : hops.map(sentence).join(''));
  const failed = !asked.all && hops.some(({ status }) => status !== undefined);
  return failed || facts.unreadable ? exitCodes.problemsFound : exitCodes.fine;
}

function hopsOf(world: World, { from, host, path, headers, all, settings }: ExplainRequest): readonly Hop[] | string {
  const pairs = headers.map((header) => /^([^\s:]+)\s*:\s*(.*?)\s*$/s.exec(header));
  if (pairs.includes(null)) return `a header is written 'name: value', e.g. --header '${settings.routingHeader}: OPS-1234'`;
  const rest = { method: 'GET', port: undefined, headers: pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? ''] as const) };
  if (all) return explainAll(world, { ...rest, host });
  if (host === undefined) return from === 'gateway' ? 'say which public host is asked, with --host; or use --from SERVICE' : 'say which service is called, with --host';
  const request: Pick<Request, 'host' | 'path' | 'method' | 'headers' | 'port'> = { ...rest, host, path: path.startsWith('/') ? path : `/${path}` };
  if (from === 'gateway') return [explain(world, { ...request, through: 'gateway', namespace: '', labels: toLabels([]) })];
  const caller = callerOf(world.snapshot, from);
  return typeof caller === 'string' ? caller : [explain(world, requestFrom(world, caller, request))];
}

function callerOf(snapshot: Snapshot, from: string): { readonly service: string; readonly namespace: string } | string {
  const [namespace, service] = from.includes('/') ? (from.split('/') as [string, string]) : [undefined, from];
  const found = [...snapshot.services.keys()].filter((name) => (namespace === undefined || name === namespace) && inNamespace(snapshot.services, name).has(service));
  const [only] = found;
  if (only === undefined) return `there is no Service ${from}`;
  return found.length === 1 ? { service, namespace: only } : `Service ${service} is in several namespaces (${found.sort().join(', ')}): write NAMESPACE/${service}`;
}

function toJson({ service, namespace, version, reason, route, status, header }: Hop): object {
  return { service, namespace, version, reason, route, ...(status === undefined ? {} : { status }), ...(header === undefined ? {} : { header }) };
}

function sentence(hop: Hop): string {
  const answer = hop.status === undefined ? `${hop.service} ${hop.version}` : `${hop.status} from the proxy, for ${hop.service}`;
  return `${answer}\n  why: ${hop.reason}\n  by:  ${hop.route === '' ? 'no route; the Service itself' : hop.route}\n`;
}

function table(hops: readonly Hop[]): string {
  const rows = [['NAMESPACE', 'SERVICE', 'VERSION', 'WHY'], ...hops.map(({ namespace, service, version, status, reason }) => [namespace, service, version === '' ? String(status ?? '') : version, reason])];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`).join('');
}
