/** What every measurement needs: a folder with the bundle, a tenant and a serving pair; and the two servers that are compared, from it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSelfMadePair } from '../../src/webhook/self-made.ts';
import { readFileSync } from 'node:fs';
import type { Endpoint } from './connection.ts';
import { divideCores, type Cores } from './cores.ts';
import { deployment, service } from './objects.ts';
import { copyBundle, startServer, type ServerProcess } from './server-process.ts';

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

/** Makes the folder and pins this process to the loader's core. @throws Error when the bundle was not built. */
export async function prepareSite(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'));
  const site = { folder, tenant: join(folder, 'tenant'), certificates: join(folder, 'certs'), bundle: await copyBundle(folder), cores: divideCores() };
  await mkdir(site.tenant);
  await writeFile(join(site.tenant, 'tenant.yaml'), tenantObjects().map((object) => JSON.stringify(object)).join('\n---\n'));
  await ensureSelfMadePair(site.certificates, ['localhost', '127.0.0.1'], Date.now());
  return { ...site, remove: () => rm(folder, { recursive: true, force: true }) };
}

function tenantObjects(): readonly object[] {
  const namespace = 'ww-green';
  const apps = ['fact-find-ui', ...Array.from({ length: tenantWorkloads - 1 }, (_, index) => `backend-${index}`)];
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'branchline.dev/enabled': 'true', 'istio-injection': 'enabled' }, annotations: { 'branchline.dev/domain': 'ww-green.example.io' } } },
    ...apps.flatMap((app) => [service(namespace, app), deployment({ namespace, name: app, app, version: 'master', variables: tenantVariables })]),
  ];
}

/** Starts the bundle on the tenant, or with other arguments than those that say where the cluster and the certificates are. */
export function startOurs(site: Site, { cluster = ['--manifests', site.tenant], certificates = site.certificates } = {}): Promise<ServerProcess> {
  const args = [site.bundle, 'serve', ...cluster, '--cert-directory', certificates, '--tls-names', 'localhost', '--tls-names', '127.0.0.1', '--listen-port', '0', '--plain-port', '0'];
  return startServer({ args, core: site.cores.server });
}

/** Starts the bare server, whose answers have so many bytes. */
export function startBare(site: Site, answerBytes: number): Promise<ServerProcess> {
  const script = new URL('bare-server.ts', import.meta.url).pathname;
  return startServer({ args: [script, site.certificates, String(answerBytes)], core: site.cores.server });
}

/** Returns how to reach a server of the site. */
export function endpointOf({ url }: ServerProcess, certificates: string): Endpoint {
  return { host: '127.0.0.1', port: Number(url.port), ca: readFileSync(join(certificates, 'ca.crt'), 'utf8'), serverName: 'localhost' };
}
