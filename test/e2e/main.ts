/**
 * `npm run test:e2e`: the story of a branch against a real API server, that of routes in a real mesh, and what `explain` says against real Envoys; then the tests of the chart, which need helm. Skips, and
 * says why, where the machine cannot run them. Each script has a network of its own and ends with its own closing line.
 */
import { join } from 'node:path';
import { runInside } from '../box/inside.ts';
import { ensureArtifacts } from '../box/binaries.ts';
import { missingTools } from '../box/missing-tools.ts';
import { clusterArtifacts, meshArtifacts } from '../box/recipes.ts';
import { runChartTests } from './chart-tests.ts';

// The CRDs of the Gateway API are also for test/validation, which compares the table of known fields with them.
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
const missing = await missingTools(artifacts);
if (missing.length > 0) {
  console.log(`skipped: this machine lacks ${missing.join('; ')}`);
  console.log(`0 passed, 0 failed, ${stories.length + 1} skipped`);
} else {
  await ensureArtifacts(artifacts);
  for (const story of stories)
    process.exitCode = Math.max(
      Number(process.exitCode ?? 0),
      await runInside(join(import.meta.dirname, story)),
    );
  process.exitCode = Math.max(Number(process.exitCode ?? 0), await runChartTests());
}
