/** Services of versions: the Gateway API has no subsets, so each version that Istio would tell by a subset has a Service that selects its pods alone. */
import type { Settings } from '../../config/settings.ts';
import { at, listAt, textAt, type JsonObject } from '../../model/json.ts';
import { fullKey, managedByLabel, managedByValue } from '../../model/keys.ts';
import type { ServicePort } from '../../model/kubernetes.ts';
import { isVersionService } from '../../model/selection.ts';
import { inNamespace, type Snapshot } from '../../model/snapshot.ts';
import type { NamespaceRoutes } from '../desired.ts';
import { byCodeUnit, type ServiceLayout } from '../layout.ts';
import { withHash } from '../names.ts';

/** Longest name of a Service. @see https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4 */
const nameLengthMax = 63;

/** Returns the name of the Service of a subset. */
export type VersionNaming = (service: string, subset: string) => string;

/**
 * Names the version Services of a namespace: `<service>-<subset>`, with a hash where that is too long, another version's, or the name of a Service that is not ours.
 */
export function versionNames({ layout, decided }: NamespaceRoutes, snapshot: Snapshot): VersionNaming {
  const names = new Map<string, string>();
  const taken = new Set(
    [...inNamespace(snapshot.services, layout.namespace.name).values()]
      .filter((service) => !isVersionService(service))
      .map(({ name }) => name),
  );
  for (const service of [...decided.keys()].sort(byCodeUnit)) {
    for (const subset of subsetsOf(decided.get(service)?.layout).keys()) {
      const whole = `${service}/${subset}`;
      const plain = `${service}-${subset}`;
      const name = plain.length > nameLengthMax || taken.has(plain) ? withHash(plain, whole) : plain;
      taken.add(name);
      names.set(whole, name);
    }
  }
  return (service, subset) => names.get(`${service}/${subset}`) ?? service;
}

/** Subset → version, sorted by subset. */
function subsetsOf(layout: ServiceLayout | undefined): ReadonlyMap<string, string> {
  if (layout?.hasSubsets !== true) return new Map();
  const branches = layout.branches
    .filter(({ own }) => own === undefined)
    .map(({ subset, branch }) => ({ subset, version: branch.id }));
  return new Map(
    [layout.baseline, ...layout.versions, ...branches]
      .map(({ subset, version }) => [subset, version] as const)
      .sort(([a], [b]) => byCodeUnit(a, b)),
  );
}

/** Makes the version Services of one service. `raw` is the Service as it was read: the snapshot holds no target ports. */
export function versionServices(
  layout: ServiceLayout,
  raw: JsonObject | undefined,
  naming: VersionNaming,
  { versionLabel }: Settings,
): readonly JsonObject[] {
  const { service, ports } = layout;
  return [...subsetsOf(layout)].map(([subset, version]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: naming(service.name, subset),
      namespace: service.namespace,
      labels: { [managedByLabel]: managedByValue },
      annotations: { [fullKey('ingress')]: 'false', [fullKey('version-of')]: service.name },
    },
    spec: {
      selector: { ...service.selector, [versionLabel]: version },
      ports: ports.map((port) => portOf(port, raw)),
    },
  }));
}

function portOf({ name, port, protocol, appProtocol }: ServicePort, raw: JsonObject | undefined): JsonObject {
  const written = listAt(raw, 'spec', 'ports').find(
    (one) => at(one, 'port') === port && (textAt(one, 'protocol') ?? 'TCP') === protocol,
  );
  const targetPort = at(written, 'targetPort');
  return {
    ...(name === '' ? {} : { name }),
    port,
    protocol,
    targetPort: targetPort ?? port,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  };
}
