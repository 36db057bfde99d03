/**
 * Pods that start without the header agent, told in Events. Admission may not: its review may be a dry run, and the pod has no name yet. It leaves the reason
 * on the pod, and here it is read while the pod is not ready, so that a controller that starts does not repeat what is long known.
 */
import { isObject, labelsAt } from '../model/json.ts';
import { podAgentKey } from '../model/keys.ts';
import type { Pod } from '../model/kubernetes.ts';
import type { Happening } from './events.ts';

/** Returns what is to be said of a pod: one for each container that is without. */
export function tellAgentless({ namespace, name, uid, declared, ready, leaving }: Pod): readonly Happening[] {
  if (ready || leaving) return [];
  return Object.entries(labelsAt(toldBy(declared[podAgentKey]), 'without')).map(([container, why]) => ({
    kind: 'Pod',
    apiVersion: 'v1',
    namespace,
    name,
    uid,
    type: 'Warning',
    reason: 'NoHeaderAgent',
    note: `container ${container} runs without the header agent: ${why}`,
  }));
}

/** Anybody may write there. */
function toldBy(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    const told: unknown = JSON.parse(text);
    return isObject(told) ? told : undefined;
  } catch {
    return undefined;
  }
}
