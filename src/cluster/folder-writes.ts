/** Writes into a folder in place of a cluster: route objects as files, one each; what has no place in manifests (Events, conditions, a Lease) is left out. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { textAt, type JsonObject } from '../model/json.ts';
import { ClusterError } from './port.ts';
import type { Target, Writes, Written } from './writes.ts';

/** Kinds that become files. */
const written: ReadonlySet<string> = new Set(['VirtualService', 'DestinationRule']);

/** Opens a folder to write into; it is made when the first object is. Files are replaced whole: nobody reads half of one. */
export function openFolderWrites(folder: string): Writes {
  const fileOf = ({ kind, namespace, name }: Target): string =>
    join(folder, namespace, `${kind.toLowerCase()}-${name}.yaml`);

  async function put(object: JsonObject): Promise<Written> {
    const target: Target = {
      kind: textAt(object, 'kind') ?? '',
      namespace: textAt(object, 'metadata', 'namespace') ?? '',
      name: textAt(object, 'metadata', 'name') ?? '',
    };
    if (!written.has(target.kind)) return { uid: '', revision: '', object };
    const file = fileOf(target);
    try {
      await mkdir(join(folder, target.namespace), { recursive: true });
      await writeFile(`${file}.new`, stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
      await rename(`${file}.new`, file);
    } catch (error) {
      throw new ClusterError(
        `${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        true,
        error,
      );
    }
    return { uid: '', revision: '', object };
  }

  return {
    apply: put,
    create: put,
    replace: put,
    read: () => Promise.resolve(undefined),
    async remove(target) {
      if (written.has(target.kind)) await rm(fileOf(target), { force: true });
    },
    setPodCondition: () => Promise.resolve(),
    close: () => undefined,
  };
}
