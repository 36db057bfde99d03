/** Which of our route objects still lead to a branch. */
import type { Settings } from '../config/settings.ts';
import { hostOfDestinationRule, resolveConfigHost, serviceOfHost } from '../model/hosts.ts';
import type { DestinationRule, Service, VirtualService } from '../model/kubernetes.ts';
import { chooseService } from '../model/membership.ts';
import { inNamespace, type Snapshot } from '../model/snapshot.ts';
import type { Life } from './life.ts';

/** Returns the names of our VirtualServices that send requests to a branch of a service, sorted. */
export function routesTo(
  life: Pick<Life, 'workload' | 'branch' | 'service'>,
  snapshot: Snapshot,
  settings: Settings,
): readonly string[] {
  const { namespace } = life.workload;
  const subsets = subsetsOf(life, snapshot, settings);
  const choice = chooseService(snapshot, life.workload, settings.versionLabel);
  const own = new Set((choice.found === 'one' ? choice.own : []).map((service: Service) => service.name));
  const leads = (one: VirtualService): boolean =>
    one.managed &&
    one.destinations.some(({ host, subset }) => {
      const service = resolveConfigHost(host, namespace, settings);
      if (service.kind !== 'service' || service.namespace !== namespace) return false;
      return (
        own.has(service.name) ||
        (service.name === life.service && subset !== undefined && subsets.has(subset))
      );
    });
  return [...inNamespace(snapshot.virtualServices, namespace).values()]
    .filter(leads)
    .map((one) => one.name)
    .sort();
}

/** Names of the subsets of a service that are a branch. */
function subsetsOf(
  { workload, branch, service }: Pick<Life, 'workload' | 'branch' | 'service'>,
  snapshot: Snapshot,
  settings: Settings,
): ReadonlySet<string> {
  const isOurs = (rule: DestinationRule): boolean =>
    rule.managed && serviceOfHost(hostOfDestinationRule(rule, settings), settings)?.name === service;
  const rules = [...inNamespace(snapshot.destinationRules, workload.namespace).values()].filter(isOurs);
  return new Set(
    rules
      .flatMap((rule) => rule.subsets)
      .filter(({ labels }) => labels[settings.versionLabel] === branch.id)
      .map(({ name }) => name),
  );
}
