/** The mount of the agent's volume in a container. */
import { at, listAt, textAt, type JsonObject } from '../../model/json.ts';
import { agent } from '../../model/keys.ts';
import { given, refused, type Outcome } from './outcome.ts';
import { withMember } from './lists.ts';

/** Mounts the volume, unless it is. Two mounts of one path would have the API server refuse the pod. */
export function mountAgent(container: JsonObject): Outcome {
  const inPlace = listAt(container, 'volumeMounts').filter(isInOurPlace);
  if (inPlace.length === 1 && isOurs(inPlace[0])) return given(container);
  if (inPlace.length > 0)
    return refused('BL303', `it mounts something of its own at ${agent.mountPath}; mount that elsewhere`);
  return given(
    withMember(container, ['volumeMounts'], {
      name: agent.volume,
      mountPath: agent.mountPath,
      readOnly: true,
    }),
  );
}

function isOurs(mount: unknown): boolean {
  return (
    textAt(mount, 'name') === agent.volume &&
    pathOf(mount) === agent.mountPath &&
    (at(mount, 'subPath') ?? at(mount, 'subPathExpr') ?? '') === ''
  );
}

function isInOurPlace(mount: unknown): boolean {
  const path = pathOf(mount);
  return path === '' || path === agent.mountPath || path.startsWith(`${agent.mountPath}/`);
}

/** Without slashes at its end: the root is empty. */
function pathOf(mount: unknown): string {
  return (textAt(mount, 'mountPath') ?? '').replace(/\/+$/, '');
}
