/** What every measurement needs: a folder with the bundle, a tenant and a serving pair; and the two servers that are compared, from it. */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import type { Endpoint } from './connection.ts';
import { divideCores, type Cores } from './cores.ts';
import { deployment, service } from './objects.ts';
import { readStart } from '../image.ts';
import { copyBundle, startProcess, type ServerProcess } from './server-process.ts';

/** Where things are. */
export interface Site {
  readonly folder: string;
  /** Path of the copied `branchline.js`. */
  readonly bundle: string;
  /** Folder of manifests: one tenant. */
  readonly tenant: string;
  /** Folder of `ca.crt`, `tls.crt`, `tls.key`. */
  readonly certificates: string;
  readonly cores: Cores;
  /** Removes the folder. */
  remove(): Promise<void>;
}

/** Workloads of the tenant, each with its Service. */
const tenantWorkloads = 100;
/** Environment variables of a container of the tenant. */
const tenantVariables = 12;

/** Both servers start as in the image. */
const image = readStart();

/** Makes the folder and pins this process to the loader's core. @throws Error when the bundle was not built. */
export async function prepareSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'));
  const site = {
    folder,
    tenant: join(folder, 'tenant'),
    certificates: join(folder, 'certs'),
    bundle: await copyBundle(folder),
    cores: divideCores(),
  };
  await mkdir(site.tenant);
  await writeFile(
    join(site.tenant, 'tenant.yaml'),
    tenantObjects()
      .map((object) => JSON.stringify(object))
      .join('\n---\n'),
  );
  await ensureSelfMadePair(site.certificates, ['localhost', '127.0.0.1'], Date.now());
  return { ...site, remove: () => rm(folder, { recursive: true, force: true }) };
}

function tenantObjects(): readonly object[] {
  const namespace = 'ww-green';
  const apps = [
    'fact-find-ui',
    ...Array.from({ length: tenantWorkloads - 1 }, (_, index) => `backend-${index}`),
  ];
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' },
        annotations: { 'branchline.dev/domain': 'ww-green.example.io' },
      },
    },
    ...apps.flatMap((app) => [
      service(namespace, app),
      deployment({ namespace, name: app, app, version: 'master', variables: tenantVariables }),
    ]),
  ];
}

/** A server that listens. */
export interface Server {
  readonly process: ServerProcess;
  readonly endpoint: Endpoint;
  readonly plainUrl: URL | undefined;
}

/** Starts the bundle; on the tenant and with the site's pair unless told otherwise. */
export function startOurs(
  site: Site,
  { cluster = ['--manifests', site.tenant], certificates = site.certificates } = {},
): Promise<Server> {
  const args = [
    ...image.flags,
    site.bundle,
    'serve',
    ...cluster,
    '--cert-directory',
    certificates,
    '--tls-names',
    'localhost',
    '--tls-names',
    '127.0.0.1',
    '--listen-port',
    '0',
    '--plain-port',
    '0',
  ];
  // With manifests it says on standard error where it listens, in a cluster only in its log.
  const isLogRead = !cluster.includes('--manifests');
  return listening(
    startProcess({ args, core: site.cores.server, env: image.env, stdout: isLogRead ? 'pipe' : 'ignore' }),
    certificates,
  );
}

/** Starts the bare server, whose answers have so many bytes. */
export function startBare(site: Site, answerBytes: number): Promise<Server> {
  const script = new URL('bare-server.ts', import.meta.url).pathname;
  return listening(
    startProcess({
      args: [...image.flags, script, site.certificates, String(answerBytes)],
      core: site.cores.server,
      env: image.env,
    }),
    site.certificates,
  );
}

async function listening(process: ServerProcess, certificates: string): Promise<Server> {
  const { url, plainUrl } = await process.listening();
  return {
    process,
    plainUrl,
    endpoint: {
      host: '127.0.0.1',
      port: Number(url.port),
      ca: readFileSync(join(certificates, 'ca.crt'), 'utf8'),
      serverName: 'localhost',
    },
  };
}
