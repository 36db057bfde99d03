/**
 * Which versions of a service are reached, how, and why: one service's layout and readiness → its routes, as values. The order of a list is the
 * order in which a proxy asks: branches by header (by id), then long-lived versions by path (longest first), last the baseline.
 */
import { contextsOf, isPublic } from '../model/exposure.ts';
import type { Service } from '../model/kubernetes.ts';
import { quote } from '../model/problem.ts';
import { branchStateOf, type Blocked, type BranchState, type Pending, type Target } from './branch-state.ts';
import { extraOf } from './istio.ts';
import { byCodeUnit, type BranchLayout, type RoutingProblem, type ServiceLayout } from './layout.ts';
import type { Readiness } from './readiness.ts';

/** Where requests come from: other services, or a Gateway. */
type Entry = 'mesh' | 'ingress';

/** One route of one service. */
export interface Route {
  readonly namespace: string;
  readonly service: string;
  readonly entry: Entry;
  /** Place among the service's routes of this entry, from 0. */
  readonly order: number;
  /** Branch id, long-lived version, or the baseline's name. */
  readonly version: string;
  readonly branch: BranchLayout | undefined;
  /** Path under which a long-lived version stands. */
  readonly path: string | undefined;
  readonly target: Target;
}

/** All that was decided about one service. */
export interface ServiceRoutes {
  readonly layout: ServiceLayout;
  readonly isPublic: boolean;
  readonly routes: readonly Route[];
  /** How each branch is served, by its id. */
  readonly branches: ReadonlyMap<string, BranchState>;
  /** Why the service has no routes for its versions; undefined when it has. */
  readonly blocked: Blocked | undefined;
  readonly problems: readonly RoutingProblem[];
}

/** What else the routes of a service depend on. */
export interface Circumstances {
  /** The foreign VirtualService that has the service's host in the mesh. */
  readonly meshOwner: string | undefined;
  readonly versionLabel: string;
  /** Ready versions that get their route later. */
  readonly pending: ReadonlyMap<string, Pending>;
  /** Tells whether the default route may name the baseline's subset; before, whoever has no route of ours sees the whole Service. */
  readonly isBaselineKnown: boolean;
}

/** Decides the routes of one service. */
export function routesOf(
  layout: ServiceLayout,
  readiness: Readiness,
  circumstances: Circumstances,
): ServiceRoutes {
  const { meshOwner, isBaselineKnown } = circumstances;
  const problems = [...problemsOf(layout, readiness, circumstances)];
  const blocked = blockedOf(layout, readiness);
  const reachable =
    layout.namespace.enabled && isPublic(layout.service, layout.namespace) && layout.ports.length > 0;
  const branches = branchStates(layout, readiness, circumstances, { blocked, isPublic: reachable });
  const plan =
    blocked === undefined
      ? versionRoutes(layout, branches, readiness, circumstances)
      : [baselineRoute(layout, { ...readiness, hasBaseline: true }, false)];
  const inMesh =
    blocked === undefined &&
    meshOwner === undefined &&
    hasVersions(layout) &&
    (isBaselineKnown || !layout.hasSubsets);
  const place = (entry: Entry): readonly Route[] =>
    plan.map((route, order) => ({
      ...route,
      namespace: layout.namespace.name,
      service: layout.service.name,
      entry,
      order,
    }));
  return {
    layout,
    isPublic: reachable,
    blocked,
    problems,
    branches,
    routes: [...(inMesh ? place('mesh') : []), ...(reachable ? place('ingress') : [])],
  };
}

function branchStates(
  layout: ServiceLayout,
  readiness: Readiness,
  { meshOwner, pending }: Circumstances,
  { blocked, isPublic }: Pick<ServiceRoutes, 'blocked' | 'isPublic'>,
): ReadonlyMap<string, BranchState> {
  const by =
    blocked ??
    (meshOwner === undefined || isPublic
      ? undefined
      : ({ kind: 'foreign-mesh-host', owner: meshOwner } as const));
  return new Map(
    layout.branches.map((one) => [
      one.branch.id,
      by === undefined ? branchStateOf(layout, one, readiness, pending) : { kind: 'blocked', by },
    ]),
  );
}

function hasVersions({ branches, versions, leaving }: ServiceLayout): boolean {
  return branches.length > 0 || versions.length > 0 || leaving.length > 0;
}

type Unplaced = Pick<Route, 'version' | 'branch' | 'path' | 'target'>;

function versionRoutes(
  layout: ServiceLayout,
  states: ReadonlyMap<string, BranchState>,
  { ready, hasBaseline }: Readiness,
  { pending, isBaselineKnown }: Circumstances,
): readonly Unplaced[] {
  const branches = layout.branches.flatMap((branch): readonly Unplaced[] => {
    const { id } = branch.branch;
    const state = states.get(id);
    return state?.kind === 'routed' ? [{ version: id, branch, path: undefined, target: state.target }] : [];
  });
  const versions = layout.versions
    .filter(({ version }) => ready.has(version) && !pending.has(version))
    .flatMap(({ version, subset }) =>
      pathsOf(layout.service).map((context): Unplaced => ({
        version,
        branch: undefined,
        path: below(context, version),
        target: { kind: 'subset', service: layout.service.name, subset },
      })),
    );
  return [
    ...branches,
    ...[...versions].sort((a, b) => longerFirst(a.path ?? '', b.path ?? '')),
    baselineRoute(layout, { hasBaseline }, layout.hasSubsets && isBaselineKnown),
  ];
}

/** Orders paths: longer first, then by code units. */
export function longerFirst(a: string, b: string): number {
  return b.length - a.length || byCodeUnit(a, b);
}

/** Returns the public paths of a Service without repeats, each beginning with `/` and ending without; what is no path is left out. */
export function pathsOf(service: Service): readonly string[] {
  return [
    ...new Set(
      contextsOf(service)
        .map(pathOf)
        .filter((path) => path !== undefined),
    ),
  ];
}

/** Returns a path as proxies compare it; undefined when it can be none. */
export function pathOf(written: string): string | undefined {
  const path = `/${written.replace(/^\/+|\/+$/g, '')}`;
  return /^(?:\/|(?:\/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+)$/.test(path) ? path : undefined;
}

function below(context: string, version: string): string {
  return `${context === '/' ? '' : context}/${version}`;
}

function baselineRoute(
  { service, baseline }: ServiceLayout,
  { hasBaseline }: Pick<Readiness, 'hasBaseline'>,
  bySubset: boolean,
): Unplaced {
  const { version, subset } = baseline;
  const target: Target = !hasBaseline
    ? { kind: 'unavailable' }
    : bySubset
      ? { kind: 'subset', service: service.name, subset }
      : { kind: 'service', service: service.name };
  return { version, branch: undefined, path: undefined, target };
}

function blockedOf({ ports, hasSubsets }: ServiceLayout, { strangers }: Readiness): Blocked | undefined {
  if (ports.length === 0) return { kind: 'no-http-port' };
  if (hasSubsets && strangers.length > 0) return { kind: 'baseline-unlabelled', versions: strangers };
  return undefined;
}

function* problemsOf(
  layout: ServiceLayout,
  readiness: Readiness,
  { meshOwner, versionLabel }: Circumstances,
): Generator<RoutingProblem> {
  const { service, baseline, branches } = layout;
  const at = { path: '', kind: 'Service', namespace: service.namespace, name: service.name };
  if (branches.length > 0 && layout.ports.length === 0)
    yield {
      ...at,
      code: 'BL411',
      message: `${service.name} has branches and no HTTP port: no header can be read there; name its port http`,
    };
  if (layout.hasSubsets && readiness.strangers.length > 0) {
    yield {
      ...at,
      code: 'BL401',
      message: `${service.name} has no routes: ready pods carry ${readiness.strangers.map(quote).join(', ')} and not the baseline's version ${quote(baseline.version)}; restart the baseline, or annotate the Service with branchline.dev/baseline`,
    };
  }
  if (extraOf(layout) === undefined)
    yield {
      ...at,
      code: 'BL408',
      message: `branchline.dev/http of ${service.name} is left out: it is not a YAML mapping of route settings, e.g. timeout: 5s`,
    };
  yield* unlabelled(layout, versionLabel);
  if (meshOwner !== undefined && (branches.length > 0 || layout.versions.length > 0)) {
    yield {
      ...at,
      code: 'BL403',
      message: `VirtualService ${meshOwner} has the host of ${service.name} in the mesh: no mesh routes of ours; remove it, or route there yourself`,
    };
  }
}

function* unlabelled({ branches, service }: ServiceLayout, versionLabel: string): Generator<RoutingProblem> {
  for (const { branch, own, workloads } of branches) {
    for (const workload of own === undefined ? workloads : []) {
      if (workload.templateLabels[versionLabel] === branch.id) continue;
      yield {
        code: 'BL410',
        path: 'spec.template.metadata.labels',
        kind: workload.kind,
        namespace: workload.namespace,
        name: workload.name,
        message: `Pods of branch ${branch.id} of ${service.name} do not carry ${versionLabel}=${branch.id}: no request reaches them as the branch; apply the workload again, so that admission labels it`,
      };
    }
  }
}
