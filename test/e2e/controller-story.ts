/** The controller's story, inside a box's network: real API server, our server with its own rights, pods whose gates count. */
import { ensureArtifacts } from '../box/binaries.ts';
import { readFile } from 'node:fs/promises';
import { connect } from '../box/api.ts';
import { runningOnly, startKubelet } from '../box/kubelet.ts';
import { startBox } from '../box/start.ts';
import { controllerSteps } from './controller-steps.ts';
import { installServer, type Server } from './server.ts';
import { createStory, expectEqual } from './steps.ts';

const { 'istio-crds.yaml': crds, 'kwok-stages.yaml': stages } = await ensureArtifacts([
  'istio-crds.yaml',
  'kwok-stages.yaml',
]);
const box = await startBox({ stages: runningOnly(await readFile(stages, 'utf8')) });
const api = connect({ url: box.apiUrl, certificate: await readFile(box.caFile, 'utf8'), token: box.token });
const kubelet = startKubelet(api);
const story = createStory();
let server: Server | undefined;
try {
  await box.kubectl(['apply', '--server-side', '-f', crds]);
  await box.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
  server = await installServer(box, { settleMilliseconds: 300, flapSeconds: 2 });
  await controllerSteps({ story, box, server });
} catch (error) {
  await story.step('the story could be told', () =>
    Promise.reject(error instanceof Error ? error : new Error(String(error))),
  );
} finally {
  const code = await server?.stop();
  if (code !== undefined)
    await story.step('the server ends with 0 on SIGTERM', () =>
      Promise.resolve(expectEqual(code, 0, 'exit code')),
    );
  if (!story.finish()) console.log(server?.log() ?? '');
  await kubelet.close();
  api.close();
  await box.stop();
}
