/** One request: what `explain` says, what a real Envoy does, and where they differ. */
import { explain, type Hop, type World } from '../../../src/explain/explain.ts';
import type { Proxy, Reply } from '../../box/proxy.ts';
import type { Labels } from '../../../src/model/json.ts';
import { toLabels } from '../../../src/model/json.ts';
import { truthLabel, type Asked } from './tenants.ts';

/** What a comparison found. */
export interface Comparison {
  readonly hop: Hop;
  /** In words; undefined when nothing differs. */
  readonly difference: string | undefined;
}

/** Sends the request, explains it, and says what differs. */
export async function compare(
  world: World,
  asked: Asked,
  proxy: Proxy,
  podLabels: (namespace: string, pod: string) => Labels | undefined,
): Promise<Comparison> {
  const hop = explain(world, {
    through: proxy.kind,
    gateway: proxy.kind === 'gateway' ? asked.from : undefined,
    namespace: proxy.namespace,
    labels: toLabels(Object.entries(proxy.labels)),
    host: asked.host,
    path: asked.path,
    method: asked.method,
    port: asked.port,
    headers: asked.headers,
  });
  const reply = await proxy.send(asked);
  const labels = reply.echo === undefined ? undefined : podLabels(reply.echo.namespace, reply.echo.pod);
  const wrong = differing(world, hop, { reply, labels });
  if (wrong === undefined) return { hop, difference: undefined };
  const answer =
    reply.echo === undefined
      ? `${reply.status} ${reply.body.slice(0, 120)}`
      : `${reply.echo.pod}, which is ${truth(labels)}, header ${reply.headers['x-variant-id'] ?? 'none'}`;
  const difference = `${wrong}\n  asked:   ${JSON.stringify({ ...asked, proxy: proxy.name })}\n  explain: ${hop.service} ${hop.version} ${hop.status ?? 'passed on'}, header ${hop.header ?? 'none'}; ${hop.reason}; ${JSON.stringify(hop.route)}\n  Envoy:   ${answer}`;
  return { hop, difference };
}

interface Seen {
  readonly reply: Reply;
  readonly labels: Labels | undefined;
}

function differing(world: World, hop: Hop, { reply, labels }: Seen): string | undefined {
  if (reply.echo === undefined || labels === undefined) return answers(hop, reply);
  if (hop.status !== undefined) return 'explain says that the proxy answers by itself';
  if (reply.echo.namespace !== hop.namespace) return 'the namespace differs';
  if (labels['app'] !== hop.service && !isOwn(world, hop, labels['app'] ?? '')) return 'the service differs';
  if (!isVersion(world, hop, truth(labels))) return 'the version differs';
  const header = reply.headers['x-variant-id']?.replaceAll(', ', ',');
  return header === hop.header ? undefined : 'the routing header that arrives differs';
}

function truth(labels: Labels | undefined): string {
  return labels?.[truthLabel] ?? labels?.['version'] ?? 'none';
}

/** A route that answers 503 by itself says why, and that is what explain says. */
function answers({ status, reason }: Hop, reply: Reply): string | undefined {
  if (status !== reply.status) return 'the status differs';
  return reply.body.startsWith('branchline: ') && reply.body !== reason
    ? 'the words of the 503 differ'
    : undefined;
}

/** What a hop shows, to count: a run in which nothing reached a branch would prove little. */
export function kindOf(hop: Hop, { desired }: World): string {
  if (hop.status === 418 || hop.status === 301) return 'answered by a foreign route';
  if (hop.status !== undefined)
    return hop.reason.startsWith('branchline: ') ? `${hop.status} that says why` : String(hop.status);
  const layout = desired.namespaces.get(hop.namespace)?.layout.services.get(hop.service);
  const branch = layout?.branches.find((one) => one.branch.id === hop.version);
  if (branch !== undefined)
    return branch.own === undefined ? 'branch by subset' : 'branch by its own Service';
  if (hop.reason.includes('is not ours and decides')) return 'by a foreign route';
  if (layout?.versions.some(({ version }) => version === hop.version) === true) return 'long-lived version';
  return hop.version === 'any' ? 'every pod' : 'baseline';
}

/** A branch's own Service has pods of its own. */
function isOwn({ desired }: World, { namespace, service, version }: Hop, app: string): boolean {
  return (
    desired.namespaces
      .get(namespace)
      ?.layout.services.get(service)
      ?.branches.some(({ branch, own }) => branch.id === version && own?.name === app) === true
  );
}

/** A Service whose versions nobody tells apart is one version, by whatever labels. */
function isVersion({ desired }: World, { namespace, service, version }: Hop, truth: string): boolean {
  if (version === truth || version === 'any') return true;
  const layout = desired.namespaces.get(namespace)?.layout.services.get(service);
  return (
    layout?.hasSubsets === false &&
    version === layout.baseline.version &&
    !layout.branches.some(({ branch }) => branch.id === truth)
  );
}
