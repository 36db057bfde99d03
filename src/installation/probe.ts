/** One look at ourselves through the API server: a dry run that must come back changed, and one that must be refused. */
import { ApiError } from '../cluster/api-server.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Writes } from '../cluster/writes.ts';
import { labelsAt, textAt, type JsonObject } from '../model/json.ts';
import { probedAnnotation, probeLabel, probeRefusalKey, probeRefusalReason } from '../model/keys.ts';

/** Where to look: the namespace of the server, and the name of its webhook configurations. */
export interface ProbeSite {
  readonly writes: Pick<Writes, 'create'>;
  readonly namespace: string;
  readonly name: string;
}

/** `right`: mutated and refused, each as it must be. `wrong`: the API server admitted without us. `unknown`: it could not be asked. */
export interface Probe {
  readonly outcome: 'right' | 'wrong' | 'unknown';
  readonly reason: string;
}

/** Looks once. Never rejects. */
export async function probe(site: ProbeSite): Promise<Probe> {
  try {
    const created = await site.writes.create(configMap(site, {}), { dryRun: true });
    if (labelsAt(created.object, 'metadata', 'annotations')[probedAnnotation] !== site.name)
      return { outcome: 'wrong', reason: 'a probe that is to be mutated came back as it was' };
  } catch (error) {
    return { outcome: 'unknown', reason: `the probe that is to be mutated: ${describe(error)}` };
  }
  try {
    await site.writes.create(configMap(site, { [probeRefusalKey]: 'true' }), { dryRun: true });
    return { outcome: 'wrong', reason: 'a probe that is to be refused was admitted' };
  } catch (error) {
    return isOurRefusal(error)
      ? { outcome: 'right', reason: '' }
      : { outcome: 'unknown', reason: `the probe that is to be refused: ${describe(error)}` };
  }
}

/** Returns the API server's time, in milliseconds since 1970, to a second: what it writes on an object that it does not keep. @throws {ClusterError} */
export async function apiServerTime({ writes, namespace, name }: ProbeSite): Promise<number> {
  const created = await writes.create(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-time`, namespace } },
    { dryRun: true },
  );
  const time = Date.parse(textAt(created.object, 'metadata', 'creationTimestamp') ?? '');
  if (Number.isNaN(time)) throw new ClusterError('the API server does not tell its time', true);
  return time;
}

function configMap({ namespace, name }: ProbeSite, data: Readonly<Record<string, string>>): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${name}-probe`, namespace, labels: { [probeLabel]: name } },
    data,
  };
}

function isOurRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.reason === probeRefusalReason;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
