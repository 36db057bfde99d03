/**
 * Which pods may be ready. A branch pod with our readiness gate is not before its service has a default route that leaves it out, and the proxies know that.
 *
 * | the pod's service | gate |
 * |---|---|
 * | its default routes name the baseline, and the proxies had time to learn them | open |
 * | they are not out yet (or were taken away a moment ago and are being put back) | stays as it is |
 * | it has no routes because its baseline is not labelled, or has no HTTP port | closed: the branch waits, nobody is hurt |
 * | somebody else's VirtualService has its mesh host | open when that names subsets only, else as it is |
 * | none selects the pod (a branch with a Service of its own), or its workload turns out to be no branch | open |
 * | the namespace is out of scope | closed: without routes it would take the baseline's traffic |
 */
import type { Settings } from '../config/settings.ts';
import { hostOfService, resolveConfigHost } from '../model/hosts.ts';
import { workloadKinds, type Pod } from '../model/kubernetes.ts';
import { branchOf } from '../model/membership.ts';
import { servicesSelecting } from '../model/selection.ts';
import { inNamespace, namespaceOf, workloadKey, type Snapshot } from '../model/snapshot.ts';
import { nameFor } from '../routing/claims.ts';
import { keyOf, type Desired } from '../routing/desired.ts';
import { versionIn } from '../routing/layout.ts';
import { subsetReference, type Ledger } from '../routing/ledger.ts';
import { blockedReason } from '../routing/messages.ts';
import type { ServiceRoutes } from '../routing/routes.ts';

/** A gate that is to be opened or closed. */
export interface GateChange {
  readonly pod: Pod;
  readonly open: boolean;
  readonly reason: string;
  readonly message: string;
}

/** What to change now, and when to look again. */
export interface Gates {
  readonly changes: readonly GateChange[];
  readonly nextAt: number | undefined;
}

/** What gates depend on. */
export interface GateFacts {
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly desired: Desired;
  readonly ledger: Ledger;
}

/** What one pod's gate is to be: open or closed, why, or when to ask again (undefined: when something happens). */
type Verdict =
  | { readonly open: boolean; readonly reason: string; readonly message: string }
  | { readonly waitUntil: number | undefined };

/** Decides the gates of all pods that have one. */
export function gatesOf(facts: GateFacts, now: number): Gates {
  const changes: GateChange[] = [];
  const times: number[] = [];
  for (const inside of facts.snapshot.pods.values()) {
    for (const pod of inside.values()) {
      if (pod.gate === 'none' || pod.leaving) continue;
      const verdict = verdictOf(pod, facts, now);
      if (!('open' in verdict)) times.push(...(verdict.waitUntil === undefined ? [] : [verdict.waitUntil]));
      else if (verdict.open !== (pod.gate === 'open')) changes.push({ pod, ...verdict });
    }
  }
  return { changes, nextAt: times.length === 0 ? undefined : Math.min(...times) };
}

function verdictOf(pod: Pod, facts: GateFacts, now: number): Verdict {
  const { snapshot, desired } = facts;
  if (namespaceOf(snapshot, pod.namespace)?.enabled !== true)
    return {
      open: false,
      reason: 'OutOfScope',
      message: 'branchline does not route here any more: this branch would take the traffic of its baseline',
    };
  const decided = desired.namespaces.get(pod.namespace)?.decided;
  const services = servicesSelecting(inNamespace(snapshot.services, pod.namespace), pod.labels);
  const verdicts = services
    .map(({ name }) => decided?.get(name))
    .map((routes) =>
      routes === undefined ? { waitUntil: undefined } : serviceVerdict(pod, routes, facts, now),
    );
  const closed = verdicts.find((verdict) => 'open' in verdict && !verdict.open);
  const waits = verdicts.flatMap((verdict) => ('open' in verdict ? [] : [verdict.waitUntil]));
  if (closed !== undefined) return closed;
  if (waits.length === 0)
    return {
      open: true,
      reason: 'DefaultRouteIsOut',
      message: "traffic without the branch's header or host does not come here",
    };
  return {
    waitUntil: waits.includes(undefined)
      ? undefined
      : Math.max(...waits.filter((time) => time !== undefined)),
  };
}

const open: Verdict = { open: true, reason: '', message: '' };

/** What one Service that selects the pod means for it. */
function serviceVerdict(pod: Pod, routes: ServiceRoutes, facts: GateFacts, now: number): Verdict {
  const { layout, blocked } = routes;
  const version = versionIn(pod.labels, facts.settings);
  if (version === layout.baseline.version)
    return {
      open: false,
      reason: 'LooksLikeTheBaseline',
      message: `this branch pod carries the baseline's version ${version}`,
    };
  if (blocked !== undefined && layout.hasSubsets)
    return { open: false, reason: 'Blocked', message: blockedReason(blocked, layout.service.name) };
  const isTold = layout.branches.some(
    ({ branch, own }) => (branch.id === version && own === undefined) || own?.name === layout.service.name,
  );
  if (!isTold) return isOwn(routes, facts) || isNoBranch(pod, facts) ? open : { waitUntil: undefined };
  const times = defaultRouteTimes(routes, facts);
  if (times.includes(undefined)) return { waitUntil: undefined };
  const outAt = Math.max(-Infinity, ...times.filter((time) => time !== undefined));
  return outAt <= now ? open : { waitUntil: outAt };
}

/** Tells whether the workload of a pod is known and is no branch: the pod was made when that was not known yet. */
function isNoBranch({ namespace, name, labels }: Pod, { snapshot, settings }: GateFacts): boolean {
  const hash = labels['rollouts-pod-template-hash'] ?? labels['pod-template-hash'];
  const end = hash === undefined ? name.lastIndexOf('-') : name.lastIndexOf(`-${hash}-`);
  const workloads = inNamespace(snapshot.workloads, namespace);
  const owner = workloadKinds
    .map((kind) => workloads.get(workloadKey(kind, name.slice(0, Math.max(0, end)))))
    .find((workload) => workload !== undefined);
  return owner !== undefined && branchOf(owner, snapshot, settings) === undefined;
}

/** Tells whether a Service is some branch's own: its pods serve nobody else. */
function isOwn({ layout }: ServiceRoutes, { desired }: GateFacts): boolean {
  const { namespace, name } = layout.service;
  return [...(desired.namespaces.get(namespace)?.decided.values() ?? [])].some(({ layout: other }) =>
    other.branches.some(({ own }) => own?.name === name),
  );
}

/** When the proxies know each default route of a service; undefined for one that is not out. */
function defaultRouteTimes(
  { layout, isPublic, routes }: ServiceRoutes,
  { snapshot, settings, desired, ledger }: GateFacts,
): readonly (number | undefined)[] {
  const { namespace, name } = layout.service;
  const host = hostOfService(name, namespace, settings);
  const baseline = subsetReference(host, layout.baseline.subset);
  const outAt = (object: string): number | undefined => {
    const key = keyOf({
      kind: 'VirtualService',
      metadata: { namespace, name: nameFor(snapshot, 'VirtualService', namespace, object), labels: {} },
    });
    // Without a baseline the default is a plain 503, which names nothing.
    const since =
      ledger.namedSince(key, baseline) ??
      (routes.some(({ target }) => target.kind === 'unavailable') ? ledger.existsSince(key) : undefined);
    return since === undefined ? undefined : since + settings.settleMilliseconds;
  };
  const mesh = desired.claims.mesh.has(host) ? foreignTime(host, snapshot, settings) : outAt(`${name}-mesh`);
  return [mesh, ...(isPublic ? [outAt(`${name}-ingress`)] : [])];
}

/** Somebody else's routes leave the branch out when every one of them names a subset. */
function foreignTime(host: string, snapshot: Snapshot, settings: Settings): number | undefined {
  const foreign = [...snapshot.virtualServices.values()]
    .flatMap((inside) => [...inside.values()])
    .filter(({ managed }) => !managed);
  const here = foreign.flatMap(({ namespace, destinations }) =>
    destinations.filter(
      (destination) => resolveConfigHost(destination.host, namespace, settings).host === host,
    ),
  );
  return here.length > 0 && here.every(({ subset }) => subset !== undefined) ? -Infinity : undefined;
}
