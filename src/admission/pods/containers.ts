/** Which containers of a pod are given anything. */
import { isObject, listAt, textAt, type JsonObject } from '../../model/json.ts';
import { agent } from '../../model/keys.ts';

/** A container and where it stands in its pod. */
export interface Placed {
  readonly list: 'containers' | 'initContainers';
  readonly index: number;
  readonly name: string;
  readonly container: JsonObject;
}

/**
 * | container | |
 * |---|---|
 * | a proxy, or the one that brings the agent | never |
 * | named, where names are given (an init container too) | chosen |
 * | where none are: one that runs beside the others | chosen; a variable for node is nothing to other programs |
 * | where none are: a native sidecar (an init container that is always restarted) | the same |
 * | where none are: any other init container | not |
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
 */
export function chooseContainers(
  pod: JsonObject,
  named: readonly string[] | undefined,
  proxies: readonly string[],
): readonly Placed[] {
  return containersOf(pod).filter(({ list, name, container }) => {
    if (proxies.includes(name) || (list === 'initContainers' && name === agent.volume)) return false;
    if (named !== undefined) return named.includes(name);
    return list === 'containers' || textAt(container, 'restartPolicy') === 'Always';
  });
}

function containersOf(pod: JsonObject): readonly Placed[] {
  return (['containers', 'initContainers'] as const).flatMap((list) =>
    listAt(pod, 'spec', list).flatMap((container, index): readonly Placed[] =>
      isObject(container) ? [{ list, index, name: textAt(container, 'name') ?? '', container }] : [],
    ),
  );
}
