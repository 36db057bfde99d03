/** The Kubernetes implementation on the fake API server, with times that tests can wait for. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKubernetes, type KubernetesOptions } from '../../src/cluster/kubernetes.ts';
import type { Cluster } from '../../src/cluster/port.ts';
import type { FakeApiServer } from './fake-apiserver.ts';

export function openFake(server: FakeApiServer, options: KubernetesOptions = {}): Cluster {
  const kubeconfig = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      clusters: [{ name: 'fake', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'fake', user: { token: 't' } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    }),
  );
  return openKubernetes({
    kubeconfig,
    pageSize: 2,
    absentMilliseconds: 20,
    backoffMilliseconds: [5, 50],
    silenceMilliseconds: 5000,
    ...options,
  });
}
