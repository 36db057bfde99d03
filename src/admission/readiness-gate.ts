/** The readiness gate of branch pods: no traffic of the baseline's before the controller says that the default route leaves them out. */
import type { Settings } from '../config/settings.ts';
import { at, labelsAt, listAt, textAt, type JsonObject, type Labels } from '../model/json.ts';
import { routedGate } from '../model/keys.ts';
import { baselineOf } from '../model/membership.ts';
import { servicesSelecting } from '../model/selection.ts';
import { inNamespace, namespaceOf, type Snapshot } from '../model/snapshot.ts';
import { withValue } from './json-patch.ts';

/** What tells whether a pod gets the gate. */
export interface GateFacts {
  readonly settings: Settings;
  readonly snapshot: Snapshot;
  readonly namespace: string;
  /** Key of the workload that it belongs to; undefined when it belongs to none. */
  readonly owner: string | undefined;
  /** Our annotations of the pod and that workload. */
  readonly declared: Labels;
}

/** Returns the pod of a branch with the gate; any other as it is. Without a controller nobody would open the gate, so there is none. */
export function withReadinessGate(pod: JsonObject, facts: GateFacts): JsonObject {
  const { settings, declared } = facts;
  if (!settings.readinessGate || !settings.controller) return pod;
  if (declared['branch'] === undefined && !mayBeBranch(pod, facts)) return pod;
  const gates = listAt(pod, 'spec', 'readinessGates');
  if (gates.some((gate) => textAt(gate, 'conditionType') === routedGate)) return pod;
  const listed =
    (at(pod, 'spec', 'readinessGates') ?? null) === null
      ? withValue(pod, ['spec', 'readinessGates'], [])
      : pod;
  return withValue(listed, ['spec', 'readinessGates', gates.length], { conditionType: routedGate });
}

/** Its workload is so new that we have not seen it yet, and it is not the baseline. If it turns out to be no branch, the controller opens the gate. */
function mayBeBranch(pod: JsonObject, { settings, snapshot, namespace, owner }: GateFacts): boolean {
  if (owner === undefined || inNamespace(snapshot.workloads, namespace).has(owner)) return false;
  const labels = labelsAt(pod, 'metadata', 'labels');
  const version = labels[settings.versionLabel];
  const [service] = servicesSelecting(inNamespace(snapshot.services, namespace), labels);
  return version !== undefined && version !== baselineOf(namespaceOf(snapshot, namespace), service, settings);
}
