/**
 * What `helm install` makes, for a cluster without kubelets: the chart's pods are processes of the tests, so its Deployment is left out, its Service selects
 * nobody (its endpoints are the tests'), and the arguments of its containers are given files of this machine.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { listAt, textAt } from '../../src/model/json.ts';
import { rendered } from './helm.ts';

export const systemNamespace = 'branchline-system';

/** A rendering of the chart. */
export interface Release {
  /** Everything that was rendered. */
  readonly objects: readonly unknown[];
  /** What is applied, hooks and Deployment left out. */
  readonly manifest: string;
  find(kind: string, name?: string): unknown;
  /** The arguments of a Deployment's or Job's container; its settings are written into the folder. */
  argumentsOf(kind: 'Deployment' | 'Job', name: string, folder: string): Promise<readonly string[]>;
}

/** Renders the chart as `helm install` or, with flags, as an upgrade would. */
export async function renderRelease(values: object, ...flags: readonly string[]): Promise<Release> {
  const objects = await rendered(values, ...flags);
  const find = (kind: string, name = 'branchline'): unknown =>
    objects.find((object) => textAt(object, 'kind') === kind && textAt(object, 'metadata', 'name') === name);
  return {
    objects,
    find,
    manifest: documents(
      objects
        .filter(
          (object) =>
            textAt(object, 'metadata', 'annotations', 'helm.sh/hook') === undefined &&
            textAt(object, 'kind') !== 'Deployment',
        )
        .map(withoutSelector),
    ),
    async argumentsOf(kind, name, folder) {
      const settings = join(folder, 'settings.yaml');
      await writeFile(
        settings,
        textAt(find('ConfigMap', 'branchline-settings'), 'data', 'settings.yaml') ?? '',
      );
      return listAt(find(kind, name), 'spec', 'template', 'spec', 'containers', 0, 'args').map((arg) =>
        String(arg).replace('/etc/branchline/settings.yaml', settings),
      );
    },
  };
}

/** Returns objects as one YAML stream. */
export function documents(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
}

function withoutSelector(object: unknown): unknown {
  if (textAt(object, 'kind') !== 'Service') return object;
  const { selector, ...spec } = (object as { spec: Record<string, unknown> }).spec;
  return selector === undefined ? object : { ...(object as object), spec };
}
