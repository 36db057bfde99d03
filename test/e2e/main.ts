/**
 * `npm run test:e2e`: the Dockerfile's own steps; then the story of a branch against a real API server, that of routes in a real mesh, and
 * what `explain` says against real Envoys. Skips, and says why, what the machine cannot run. Each script ends with its own closing line, and
 * each story has a network of its own.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { runInside } from '../box/inside.ts';
import { ensureArtifacts } from '../box/binaries.ts';
import { missingTools } from '../box/missing-tools.ts';
import { clusterArtifacts, meshArtifacts } from '../box/recipes.ts';

const artifacts = [...clusterArtifacts, ...meshArtifacts, 'gateway-api-crds.yaml', 'helm'] as const;
const stories = [
  'story.ts',
  'controller-story.ts',
  'mesh-story.ts',
  'route-story.ts',
  'lifecycle-story.ts',
  'chart-story.ts',
  'gateway-api-story.ts',
  'routes/main.ts',
];
const imageStory = spawnSync(process.execPath, [join(import.meta.dirname, 'image-story.ts')], {
  stdio: 'inherit',
});
process.exitCode = imageStory.status ?? 1;
const missing = await missingTools(artifacts);
if (missing.length > 0) {
  console.log(`skipped: this machine lacks ${missing.join('; ')}`);
  console.log(`0 passed, 0 failed, ${stories.length} skipped`);
} else {
  await ensureArtifacts(artifacts);
  for (const story of stories)
    process.exitCode = Math.max(
      Number(process.exitCode ?? 0),
      await runInside(join(import.meta.dirname, story)),
    );
}
