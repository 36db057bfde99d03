/** Objects of the Gateway API beside Istio's, of the same facts; and who takes a request by the ones and by the others. */
import type { Settings } from '../../../src/config/settings.ts';
import { explain, type Hop } from '../../../src/explain/explain.ts';
import { textAt, toLabels, type JsonObject } from '../../../src/model/json.ts';
import { snapshotOf } from '../../../src/model/snapshot.ts';
import { gatewayApiObjects, type Rendered } from '../../../src/routing/gateway-api/objects.ts';
import { make, type Made } from '../golden.ts';
import { answerOf, headerAfter, type Asked } from './request.ts';

export interface Both extends Made, Rendered {
  readonly settings: Settings;
}

export function makeBoth(raw: readonly JsonObject[], settings: Settings): Both {
  const made = make(raw, settings);
  return {
    ...made,
    ...gatewayApiObjects({ desired: made.desired, snapshot: snapshotOf(raw), raw, settings }),
    settings,
  };
}

/** Says how the two differ on a request; undefined when they do not, or when a route of somebody else's takes it. */
export function differenceOn(both: Both, asked: Asked): string | undefined {
  const { world, desired, settings, objects } = both;
  const [namespace = ''] = asked.parent.name.split('/');
  const isGateway = asked.parent.kind === 'Gateway';
  const hop = explain(world, {
    host: asked.host,
    path: asked.path,
    method: 'GET',
    headers: asked.headers,
    port: isGateway ? undefined : asked.parent.port,
    namespace: isGateway ? '' : namespace,
    labels: toLabels([]),
    through: isGateway ? 'gateway' : 'sidecar',
    ...(isGateway ? { gateway: asked.parent.name } : {}),
  });
  const leaf = hop.route?.leaf;
  if (leaf !== undefined && !desired.objects.has(`${leaf.namespace}/VirtualService/${leaf.name}`))
    return undefined;
  if (hop.status === 502) return undefined; // no such port: nothing of the mesh takes it
  const answer = answerOf(objects, asked);
  if (hop.route === undefined)
    return answer === 'none' || (isGateway && answer === 'unmatched') ? undefined : said(hop, answer);
  if (answer === 'none' || answer === 'unmatched' || answer === 'tie') return said(hop, answer);
  const sent = asked.headers
    .filter(([key]) => key.toLowerCase() === settings.routingHeader)
    .map(([, value]) => value);
  const header = headerAfter(
    answer.rule,
    sent.length === 0 ? undefined : sent.join(','),
    settings.routingHeader,
  );
  if (header !== hop.header && hop.status === undefined)
    return `${said(hop, answer)}; the header is ${header ?? 'none'}, not ${hop.header ?? 'none'}`;
  return isSame(both, hop, answer) ? undefined : said(hop, answer);
}

function said(hop: Hop, answer: unknown): string {
  return `Istio: ${hop.service} ${hop.version} ${hop.status ?? ''} by ${JSON.stringify(hop.route)}; Gateway API: ${JSON.stringify(answer)}`;
}

function isSame(
  { desired, objects, settings }: Both,
  { service, version, status }: Hop,
  answer: { readonly namespace: string; readonly backend: string },
): boolean {
  const backend = objects.find(
    (object) =>
      textAt(object, 'kind') === 'Service' &&
      textAt(object, 'metadata', 'namespace') === answer.namespace &&
      textAt(object, 'metadata', 'name') === answer.backend,
  );
  const selected = textAt(backend, 'spec', 'selector', settings.versionLabel);
  const owner = textAt(backend, 'metadata', 'annotations', 'branchline.dev/version-of');
  if (backend !== undefined)
    return status === undefined
      ? owner === service && selected === version
      : selected ===
          desired.namespaces.get(answer.namespace)?.decided.get(owner ?? '')?.layout.baseline.version ||
          status === 503;
  const layouts = [...(desired.namespaces.get(answer.namespace)?.layout.services.values() ?? [])];
  const own = layouts.flatMap(({ service: of, branches }) =>
    branches.filter((one) => one.own?.name === answer.backend).map(({ branch }) => `${of.name} ${branch.id}`),
  );
  return (
    status === 503 ||
    own.includes(`${service} ${version}`) ||
    (own.length === 0 &&
      answer.backend === service &&
      (version === 'any' ||
        version === desired.namespaces.get(answer.namespace)?.decided.get(service)?.layout.baseline.version))
  );
}
