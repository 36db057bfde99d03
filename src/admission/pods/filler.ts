/** The init container that copies the agent into the pod, for `agentDelivery` initContainer. It may be in no pod's way: not by rights, not by quotas, not by its place. */
import { listAt, numberAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
import { agent } from '../../model/keys.ts';

/** Resources that quotas and limit ranges are about, and that a copy needs. */
const counted = ['cpu', 'memory', 'ephemeral-storage'];

/** User where the pod itself asks for root, which `runAsNonRoot` would refuse: nobody in distroless images. */
const plainUser = 65_532;

/**
 * Makes it. Its resources are those of `model`, one of the pod's own containers: what a limit range allows there it allows here; a pod needs the larger of its init
 * containers and the sum of its others, so quotas and the scheduler see no more than before; and the quality-of-service class stays.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
 */
export function fillerOf(image: string, pod: JsonObject, model: JsonObject): JsonObject {
  const resources = resourcesLike(model);
  return {
    name: agent.volume,
    image,
    command: ['cp', `/${agent.file}`, `${agent.mountPath}/${agent.file}`],
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    securityContext: securityIn(pod),
    volumeMounts: [{ name: agent.volume, mountPath: agent.mountPath }],
  };
}

/** Tells whether a container is one that {@link fillerOf} made. */
export function isFiller(container: unknown): boolean {
  return (
    textAt(container, 'name') === agent.volume &&
    listAt(container, 'volumeMounts').some((mount) => textAt(mount, 'name') === agent.volume)
  );
}

function resourcesLike(model: JsonObject): JsonObject {
  const kinds = ['requests', 'limits'].map(
    (kind) =>
      [
        kind,
        Object.fromEntries(
          Object.entries(objectAt(model, 'resources', kind)).filter(([name]) => counted.includes(name)),
        ),
      ] as const,
  );
  return Object.fromEntries(kinds.filter(([, amounts]) => Object.keys(amounts).length > 0));
}

/** All that the restricted Pod Security Standard asks for. The user is the pod's or the image's, so that it is one that the cluster allows. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
function securityIn(pod: JsonObject): JsonObject {
  const isRoot = numberAt(pod, 'spec', 'securityContext', 'runAsUser') === 0;
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    ...(isRoot ? { runAsUser: plainUser } : {}),
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
}
