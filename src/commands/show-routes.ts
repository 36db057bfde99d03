/** Folder mode's view of routes: whenever manifests change they are planned anew, and what that changes is said, a line for each version of a service. */
import type { Cluster } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { branchUrl } from '../model/exposure.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Change } from '../routing/changes.ts';
import { desiredOf, problemsOf, type Desired } from '../routing/desired.ts';
import type { RouteObject } from '../routing/istio.ts';
import { byCodeUnit } from '../routing/layout.ts';
import { routeReason, servedReason } from '../routing/messages.ts';
import { planOf, type Plan } from '../routing/plan.ts';
import type { Route, ServiceRoutes } from '../routing/routes.ts';
import { admitted } from './admitted.ts';
import type { Io } from './io.ts';
import { sayProblems, showWait } from './render.ts';

/** Files of one save arrive one after the other; they are planned together when nothing has changed for so long. */
const quietMilliseconds = 50;

/** More lines than this at the start are counted, not printed. */
const firstLinesMax = 40;

/** Keeps showing until closed. */
export interface RouteView {
  /** Resolves when nothing is being read any more. */
  close(): Promise<void>;
}

/** What was shown last. */
interface Shown {
  readonly lines: ReadonlyMap<string, string>;
  readonly objects: ReadonlyMap<string, RouteObject>;
  readonly problems: ReadonlySet<string>;
}

/** Says on `io.err` which routes the manifests make, now and after each change. Manifests count as `render` takes them: as admission would leave them. */
export function showRoutes(cluster: Cluster, settings: Settings, io: Io): RouteView {
  let shown: Shown | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const look = async (): Promise<void> => {
    const facts = await admitted(settings.manifests, settings, { ...io, err: () => undefined });
    if (typeof facts === 'number') return; // a path is away for a moment; the cluster says so
    shown = say(facts.snapshot, shown, settings, io);
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(look);
    }, quietMilliseconds);
  };
  const unsubscribe = cluster.onChange(soon);
  cluster.synced.then(soon, () => undefined);
  return {
    close() {
      unsubscribe();
      clearTimeout(timer);
      return running;
    },
  };
}

function say(snapshot: Snapshot, before: Shown | undefined, settings: Settings, io: Io): Shown {
  const desired = desiredOf(snapshot, settings);
  const lines = linesOf(desired, settings);
  const said =
    before === undefined
      ? [...lines].map(([key, line]) => `+ ${key}: ${line}`)
      : differences(before.lines, lines);
  const tooMany = before === undefined && said.length > firstLinesMax;
  for (const line of tooMany ? [] : said) io.err(`${line}\n`);
  const plan = planOf(snapshot, settings, before?.objects ?? new Map());
  if (plan.phases.length > 0) io.err(`routes: ${summary(plan)}\n`);
  const problems = problemsOf(desired);
  sayProblems(
    problems.filter((problem) => before?.problems.has(JSON.stringify(problem)) !== true),
    settings,
    io,
  );
  return {
    lines,
    objects: plan.objects,
    problems: new Set(problems.map((problem) => JSON.stringify(problem))),
  };
}

/** Service and version → how it is reached and why; only what somebody declared: a service without branches, versions and public path has no routes. */
function linesOf({ namespaces }: Desired, settings: Settings): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  for (const { decided } of namespaces.values()) {
    for (const one of [...decided.values()].sort((a, b) =>
      byCodeUnit(a.layout.service.name, b.layout.service.name),
    )) {
      const { name, namespace } = one.layout.service;
      for (const [version, line] of versionLines(one, settings))
        lines.set(`${namespace}/${name} ${version}`, line);
    }
  }
  return lines;
}

function versionLines(one: ServiceRoutes, settings: Settings): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  for (const route of one.routes)
    lines.set(
      route.version,
      [
        ...new Set([...(lines.get(route.version)?.split('; ') ?? []), ...describe(route, one, settings)]),
      ].join('; '),
    );
  const service = one.layout.service.name;
  for (const [id, state] of one.branches)
    if (state.kind !== 'routed' && !lines.has(id))
      lines.set(id, `no route; ${servedReason(state, { id, service })}`);
  return lines;
}

function describe(route: Route, { layout }: ServiceRoutes, settings: Settings): readonly string[] {
  const { branch, path, target } = route;
  const reason = routeReason(route);
  if (branch === undefined)
    return [
      path === undefined
        ? `everybody else${target.kind === 'unavailable' ? ' is answered 503' : ''}`
        : `path ${path}`,
      reason,
    ].filter((part) => part !== 'baseline');
  const url =
    route.entry === 'ingress'
      ? branchUrl(branch.branch, layout.service, layout.namespace, settings.urlScheme)
      : undefined;
  return [
    `${settings.routingHeader}: ${branch.values.join(' or ')}`,
    ...(url === undefined ? [] : [url]),
    reason,
  ];
}

function differences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort(byCodeUnit);
  return keys
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => {
      const now = after.get(key);
      if (now === undefined) return `- ${key}: not declared any more; was ${before.get(key) ?? ''}`;
      return `${before.has(key) ? '~' : '+'} ${key}: ${now}`;
    });
}

/** E.g. `2 created (DestinationRule fact-find-ui, VirtualService fact-find-ui-ingress); after 5 s 1 created (VirtualService fact-find-ui-mesh)`. */
function summary({ phases }: Plan): string {
  const times = [...new Set(phases.map(({ afterMilliseconds }) => afterMilliseconds))];
  return times
    .map((time) => {
      const changes = phases
        .filter(({ afterMilliseconds }) => afterMilliseconds === time)
        .flatMap((phase) => phase.changes);
      return `${time === 0 ? '' : `after ${showWait(time)} `}${countsOf(changes)}`;
    })
    .join('; ');
}

function countsOf(changes: readonly Change[]): string {
  const words = { create: 'created', configure: 'configured', delete: 'deleted' } as const;
  const parts = (['create', 'configure', 'delete'] as const).map((action) => {
    const names = [
      ...new Set(
        changes.filter((change) => change.action === action).map(({ kind, name }) => `${kind} ${name}`),
      ),
    ];
    const shownNames = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
    return names.length === 0 ? '' : `${names.length} ${words[action]} (${shownNames.join(', ')})`;
  });
  return parts.filter((part) => part !== '').join(', ');
}
