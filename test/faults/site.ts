/** A cluster whose API server asks our replicas about every branch, with `failurePolicy: Fail`, so that nothing that goes wrong stays unseen. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { at } from '../../src/model/json.ts';
import { copyBundle } from '../bench/server-process.ts';
import { connect, type Api } from '../box/api.ts';
import { startBox, type Box } from '../box/start.ts';
import { mountPair, type SecretVolume } from './pairs.ts';
import { withNumbers } from '../quick.ts';
import { serviceHost, startReplica, type Replica } from './replica.ts';

/** The cluster, and what is needed to add replicas to it. */
export interface Site {
  readonly box: Box;
  readonly api: Api;
  readonly pair: SecretVolume;
  /** Starts a replica under an address of its own, as a new pod has; nobody sends it anything yet. */
  startReplica(...extra: readonly string[]): Promise<Replica>;
  close(): Promise<void>;
}

/** Where our Services, and the ServiceAccount with our rights, are. */
export const systemNamespace = 'branchline-system';
/** The Service of the replicas that nobody restarts. */
export const idleService = 'idle';
/** The tenant of `examples/tenant`. */
export const tenantNamespace = 'ww-green';

const root = new URL('../../', import.meta.url);

/** Starts it, with the example tenant in it but without any replica: nothing that declares a branch is admitted yet. */
export async function startSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  const bundle = await copyBundle(folder);
  const pair = await mountPair(folder, [serviceHost, `${idleService}.${systemNamespace}.svc`]);
  const box = await startBox();
  const api = connect({ url: box.apiUrl, certificate: await readFile(box.caFile, 'utf8'), token: box.token });
  for (const file of [
    'kubernetes/rbac.yaml',
    'tenant/namespace.yaml',
    'tenant/fact-find.yaml',
    'tenant/fact-find-ui.yaml',
  ]) {
    await box.kubectl(['apply', '-f', new URL(`examples/${file}`, root).pathname]);
  }
  await box.kubectl(['apply', '-f', '-'], { stdin: await webhooks(pair.ca) });
  const args = [
    bundle,
    'serve',
    '--kubeconfig',
    await ownKubeconfig(box, folder),
    '--tls-cert-file',
    pair.certFile,
    '--tls-key-file',
    pair.keyFile,
  ];
  let started = 0;
  const replicas: Replica[] = [];
  return {
    box,
    api,
    pair,
    async startReplica(...extra) {
      started += 1;
      const replica = await startReplica(
        { folder, ca: pair.ca, args: [...args, ...extra], env: withNumbers({ certReloadSeconds: 1 }) },
        `10.99.2.${started}`,
      );
      replicas.push(replica);
      return replica;
    },
    async close() {
      await Promise.all(replicas.map((replica) => replica.process.kill()));
      api.close();
      await box.stop();
    },
  };
}

/** The example's configurations with our CA, and with `Fail` everywhere. */
async function webhooks(ca: string): Promise<string> {
  const text = await readFile(new URL('examples/kubernetes/webhooks.yaml', root), 'utf8');
  return parseAllDocuments(text)
    .map((document) => {
      const configuration = document.toJS() as { webhooks: object[] };
      const asked = configuration.webhooks.map((webhook) => ({
        ...webhook,
        failurePolicy: 'Fail',
        clientConfig: {
          ...(at(webhook, 'clientConfig') as object),
          caBundle: Buffer.from(ca).toString('base64'),
        },
      }));
      return stringify({ ...configuration, webhooks: asked }, { aliasDuplicateObjects: false });
    })
    .join('---\n');
}

/** Writes a kubeconfig with the rights of our ServiceAccount and no others. @returns its path. */
export async function ownKubeconfig(box: Box, folder: string): Promise<string> {
  const { stdout } = await box.kubectl([
    'create',
    'token',
    'branchline',
    '--namespace',
    systemNamespace,
    '--duration',
    '2h',
  ]);
  const config = parse(await readFile(box.kubeconfig, 'utf8')) as { users: { user: object }[] };
  const path = join(folder, 'kubeconfig');
  await writeFile(
    path,
    stringify({ ...config, users: config.users.map((one) => ({ ...one, user: { token: stdout.trim() } })) }),
    { mode: 0o600 },
  );
  return path;
}
