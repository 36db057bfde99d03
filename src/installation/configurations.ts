/** Our two webhook configurations, by name: what they trust, and what happens when nobody answers. Everything else in them is somebody else's. */
import { Conflict, type Writes, type Written } from '../cluster/writes.ts';
import { isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { branchWebhookNames } from '../model/keys.ts';

/** What reading and changing them needs. */
export interface ConfigurationSite {
  readonly writes: Pick<Writes, 'read' | 'replace'>;
  readonly name: string;
}

/** Both kinds, in the order in which the API server asks. */
const configurationKinds = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const;
/** One of {@link configurationKinds}. */
type ConfigurationKind = (typeof configurationKinds)[number];

/** A configuration as it is; undefined when it is not there. */
export type Configurations = readonly {
  readonly kind: ConfigurationKind;
  readonly found: Written | undefined;
}[];

/** Reads both. @throws {ClusterError} */
export async function readConfigurations({ writes, name }: ConfigurationSite): Promise<Configurations> {
  return Promise.all(
    configurationKinds.map(async (kind) => ({
      kind,
      found: await writes.read({ kind, namespace: '', name }),
    })),
  );
}

/** Returns every distinct CA bundle in them, as PEM. */
export function bundlesIn(configurations: Configurations): readonly string[] {
  const encoded = configurations.flatMap(({ found }) =>
    listAt(found?.object, 'webhooks').map((webhook) => textAt(webhook, 'clientConfig', 'caBundle') ?? ''),
  );
  return [...new Set(encoded)]
    .filter((text) => text !== '')
    .map((text) => Buffer.from(text, 'base64').toString());
}

/** Tells whether both are there and trust exactly this bundle. */
export function isTrusted(configurations: Configurations, bundle: string): boolean {
  const wanted = Buffer.from(bundle).toString('base64');
  return configurations.every(
    ({ found }) =>
      found !== undefined &&
      listAt(found.object, 'webhooks').every(
        (webhook) => textAt(webhook, 'clientConfig', 'caBundle') === wanted,
      ),
  );
}

/** Writes this bundle where another one is. @returns whether something was written. @throws {ClusterError}, but not for a conflict: the next look sees what there is. */
export async function trust(
  site: ConfigurationSite,
  configurations: Configurations,
  bundle: string,
): Promise<boolean> {
  const caBundle = Buffer.from(bundle).toString('base64');
  return change(site, configurations, (webhook) => ({
    ...webhook,
    clientConfig: { ...objectAt(webhook, 'clientConfig'), caBundle },
  }));
}

/** The webhooks whose failure policy is earned: those of workloads that declare a branch. */
const isOfBranches = (webhook: unknown): boolean =>
  branchWebhookNames.includes(textAt(webhook, 'name') ?? '');

/** Returns the failure policies of the webhooks for branches. */
export function branchPolicies(configurations: Configurations): readonly string[] {
  return configurations.flatMap(({ found }) =>
    listAt(found?.object, 'webhooks')
      .filter(isOfBranches)
      .map((webhook) => textAt(webhook, 'failurePolicy') ?? 'Fail'),
  );
}

/** Gives the webhooks for branches another failure policy. @returns whether something was written. @throws as {@link trust}. */
export async function setBranchPolicy(
  site: ConfigurationSite,
  configurations: Configurations,
  failurePolicy: 'Fail' | 'Ignore',
): Promise<boolean> {
  return change(site, configurations, (webhook) =>
    isOfBranches(webhook) ? { ...webhook, failurePolicy } : webhook,
  );
}

async function change(
  { writes }: ConfigurationSite,
  configurations: Configurations,
  edit: (webhook: JsonObject) => JsonObject,
): Promise<boolean> {
  const written = await Promise.all(
    configurations.map(async ({ found }) => {
      if (found === undefined || !isObject(found.object)) return false;
      const before = listAt(found.object, 'webhooks');
      const after = before.map((webhook) => (isObject(webhook) ? edit(webhook) : webhook));
      if (JSON.stringify(after) === JSON.stringify(before)) return false;
      try {
        await writes.replace({ ...found.object, webhooks: after });
        return true;
      } catch (error) {
        if (error instanceof Conflict) return false;
        throw error;
      }
    }),
  );
  return written.includes(true);
}
