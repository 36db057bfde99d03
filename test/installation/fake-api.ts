/** As much of an API server as the installation talks to: objects with versions, dry runs, a clock of its own, and our webhooks behind it when told so. */
import { ApiError } from '../../src/cluster/api-server.ts';
import { Conflict, type Target, type Writes, type Written } from '../../src/cluster/writes.ts';
import { labelsAt, objectAt, textAt, type JsonObject } from '../../src/model/json.ts';

export interface FakeApi extends Pick<Writes, 'read' | 'create' | 'replace'> {
  /** Milliseconds since 1970. */
  time: number;
  /** What webhooks do with probes: answer, are passed over, or the API server cannot be asked. */
  webhooks: 'answer' | 'absent' | 'broken';
  get(kind: string, name: string): JsonObject | undefined;
  put(object: JsonObject): void;
  remove(kind: string, name: string): void;
  readonly written: string[];
}

export function createFakeApi(time: number): FakeApi {
  const objects = new Map<string, JsonObject>();
  let version = 0;
  const keyOf = (kind: string, name: string): string => `${kind}/${name}`;
  const identify = (object: JsonObject): string =>
    keyOf(textAt(object, 'kind') ?? '', textAt(object, 'metadata', 'name') ?? '');
  const toWritten = (object: JsonObject): Written => ({
    uid: 'uid',
    revision: textAt(object, 'metadata', 'resourceVersion') ?? '',
    object,
  });
  const keep = (object: JsonObject): Written => {
    version += 1;
    const kept = {
      ...object,
      metadata: { ...objectAt(object, 'metadata'), resourceVersion: String(version) },
    };
    objects.set(identify(object), kept);
    api.written.push(identify(object));
    return toWritten(kept);
  };
  function dryRun(object: JsonObject): Written {
    if (api.webhooks === 'broken') throw new ApiError(503, '503 no');
    const label = labelsAt(object, 'metadata', 'labels')['branchline.dev/probe'];
    const answers = api.webhooks === 'answer' && label !== undefined;
    if (answers && textAt(object, 'data', 'refuse') === 'true')
      throw new ApiError(403, '403 admission webhook denied the request: in other words than today', {
        reason: 'BranchlineProbe',
      });
    const annotations = answers ? { 'branchline.dev/probed': label } : {};
    return toWritten({
      ...object,
      metadata: {
        ...objectAt(object, 'metadata'),
        annotations,
        creationTimestamp: new Date(Math.floor(api.time / 1000) * 1000).toISOString(),
      },
    });
  }
  const api: FakeApi = {
    time,
    webhooks: 'answer',
    written: [],
    get: (kind, name) => objects.get(keyOf(kind, name)),
    put: (object) => void keep(object),
    remove: (kind, name) => void objects.delete(keyOf(kind, name)),
    async read({ kind, name }: Target) {
      await Promise.resolve();
      const found = objects.get(keyOf(kind, name));
      return found === undefined ? undefined : toWritten(found);
    },
    async create(object, options) {
      await Promise.resolve();
      if (options?.dryRun === true) return dryRun(object);
      if (objects.has(identify(object))) throw new Conflict('it exists');
      return keep(object);
    },
    async replace(object) {
      await Promise.resolve();
      const before = objects.get(identify(object));
      if (textAt(before, 'metadata', 'resourceVersion') !== textAt(object, 'metadata', 'resourceVersion'))
        throw new Conflict('it was changed');
      return keep(object);
    },
  };
  return api;
}

/** The two configurations as the chart renders them, with one webhook for branches and one for others. */
export function putConfigurations(api: FakeApi): void {
  for (const action of ['mutate', 'validate']) {
    const kind = action === 'mutate' ? 'MutatingWebhookConfiguration' : 'ValidatingWebhookConfiguration';
    const webhooks = ['branches', 'workloads'].map((name) => ({
      name: `${name}.${action}.branchline.dev`,
      clientConfig: { service: { name: 'branchline' } },
      failurePolicy: 'Ignore',
    }));
    api.put({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: 'branchline' },
      webhooks,
    });
  }
}
