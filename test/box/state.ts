/** The files that a box's programs share: keys, tokens, stages, kubeconfig. */
import { generateKeyPair } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Access } from './api.ts';
import { stateFiles } from './programs.ts';

/** Writes what the first program needs before it starts. `stages` is YAML for kwok; `token` becomes an administrator's. */
export async function writeState(folder: string, stages: string, token: string): Promise<void> {
  const files = stateFiles(folder);
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  await writeFile(files.serviceAccountKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  await writeFile(files.tokens, `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  await writeFile(files.stages, stages);
}

/** Writes the kubeconfig: whole in one file (the certificate inline), as JSON, which is YAML. */
export async function writeKubeconfig(folder: string, access: Access): Promise<void> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'box',
        cluster: {
          server: access.url,
          'certificate-authority-data': Buffer.from(access.certificate).toString('base64'),
        },
      },
    ],
    users: [{ name: 'admin', user: { token: access.token } }],
    contexts: [{ name: 'box', context: { cluster: 'box', user: 'admin' } }],
    'current-context': 'box',
  };
  await writeFile(stateFiles(folder).kubeconfig, JSON.stringify(config, undefined, 2), { mode: 0o600 });
}
