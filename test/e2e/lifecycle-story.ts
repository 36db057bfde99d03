/** The life of a branch through real Envoys, inside a box's network: deploy, list, warning, end, git, and kube-housekeeper's settings. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMesh } from '../box/mesh.ts';
import { lifecycleKinds } from './lifecycle-kinds.ts';
import { lifecycleFoundations, lifecycleSteps, steadyTraffic } from './lifecycle-steps.ts';
import { installServer, type Server } from './server.ts';
import { createStory, expectEqual } from './steps.ts';
import { summary, type Fault, type Traffic } from './traffic.ts';

const folder = await mkdtemp(join(tmpdir(), 'audit-'));
const auditFile = join(folder, 'audit.log');
await writeFile(
  join(folder, 'policy.yaml'),
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n  - { level: Metadata, verbs: [create, update, patch, delete, deletecollection] }\n  - { level: None }\n',
);
const mesh = await startMesh({
  apiServerFlags: [`--audit-policy-file=${join(folder, 'policy.yaml')}`, `--audit-log-path=${auditFile}`],
});
const story = createStory();
let server: Server | undefined;
let traffic: Traffic | undefined;
/** Each with the step in which it happened. */
const told = (faults: readonly Fault[]): readonly Fault[] =>
  faults.map(({ atMilliseconds, reason }) => ({
    atMilliseconds,
    reason: `${reason}, during: ${story.during(atMilliseconds)}`,
  }));
try {
  await mesh.box.kubectl(['apply', '-f', '-'], { stdin: lifecycleFoundations });
  server = await installServer(mesh.box, { settleMilliseconds: 1500, flapSeconds: 2, sweepSeconds: 5 });
  const [gateway, sidecar] = await Promise.all([
    mesh.addGateway({ namespace: 'istio-system', labels: { istio: 'ingressgateway' } }),
    mesh.addSidecar({ namespace: 'callers' }),
  ]);
  const scene = { story, mesh, gateway, sidecar, auditFile };
  await lifecycleSteps(scene, () => {
    traffic = steadyTraffic(gateway, sidecar);
  });
  await lifecycleKinds(scene);
  await traffic?.stop();
  const { faults = [], count = () => 0 } = traffic ?? {};
  await story.step(
    `baseline traffic through all of it: ${count()} requests, none failed, none misrouted`,
    () => Promise.resolve(expectEqual([summary(told(faults)), count() > 1000], ['', true], 'faults')),
  );
} catch (error) {
  await story.step('the story could be told', () =>
    Promise.reject(error instanceof Error ? error : new Error(String(error))),
  );
} finally {
  await traffic?.stop();
  await server?.stop();
  if (!story.finish()) console.log(server?.log() ?? '');
  await mesh.stop();
}
