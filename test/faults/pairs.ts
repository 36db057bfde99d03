/** Serving pairs of one CA, laid out like the volume of a Secret: a change is one atomic swap of a symbolic link. */
import { copyFile, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureSelfMadePair, type PemPair } from '../../src/webhook/self-made.ts';

/** A mounted Secret with `tls.crt` and `tls.key`. */
export interface SecretVolume {
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM of the CA that signed every pair of {@link SecretVolume.makePair}. */
  readonly ca: string;
  /** Makes another pair of the same CA and for the same names. */
  makePair(): Promise<PemPair>;
  /** Puts another pair in place, as the kubelet does. */
  swap(pair: PemPair): Promise<void>;
}

/** Makes a CA, a first pair for these names, and the volume. */
export async function mountPair(folder: string, names: readonly string[]): Promise<SecretVolume> {
  const volume = join(folder, 'volume');
  const root = join(folder, 'pair-0');
  await mkdir(volume, { recursive: true });
  const first = await ensureSelfMadePair(root, names, Date.now());
  let made = 0;
  let swaps = 0;

  const swap = async ({ cert, key }: PemPair): Promise<void> => {
    swaps += 1;
    const version = `..${swaps}`;
    await mkdir(join(volume, version));
    await writeFile(join(volume, version, 'tls.crt'), cert);
    await writeFile(join(volume, version, 'tls.key'), key, { mode: 0o600 });
    await symlink(version, join(volume, '..data_tmp'));
    await rename(join(volume, '..data_tmp'), join(volume, '..data'));
  };

  await swap(first);
  for (const file of ['tls.crt', 'tls.key']) await symlink(join('..data', file), join(volume, file));
  return {
    certFile: join(volume, 'tls.crt'),
    keyFile: join(volume, 'tls.key'),
    ca: await readFile(join(root, 'ca.crt'), 'utf8'),
    async makePair() {
      made += 1;
      const next = join(folder, `pair-${made}`);
      await mkdir(next);
      for (const file of ['ca.crt', 'ca.key']) await copyFile(join(root, file), join(next, file));
      return ensureSelfMadePair(next, names, Date.now());
    },
    swap,
  };
}
