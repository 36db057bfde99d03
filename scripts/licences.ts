/** The licences of the packages that a bundle holds, as one text: whoever gets the bundle gets them too. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** Returns each package with its version, licence and the text of its licence file. @throws Error when a package names no licence. */
export async function licencesOf({ inputs }: Metafile): Promise<string> {
  const folders = new Set(
    Object.keys(inputs).flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  const texts = await Promise.all([...folders].map(licenceOf));
  return [...new Set(texts)].sort().join(`\n${'-'.repeat(80)}\n\n`);
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  if (license === undefined) throw new Error(`${folder}: package.json names no licence`);
  const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  return `${name} ${version}: ${license}\n\n${file === undefined ? '' : (await readFile(join(folder, file), 'utf8')).trim()}\n`;
}
