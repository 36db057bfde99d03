/** `npm run test:e2e`: the story of a branch against a real API server. Skips, and says why, where the machine cannot run one. */
import { join } from 'node:path';
import { runInside } from '../box/inside.ts';
import { ensureArtifacts } from '../box/binaries.ts';
import { missingTools } from '../box/missing-tools.ts';
import { clusterArtifacts } from '../box/recipes.ts';

const artifacts = [...clusterArtifacts, 'istio-crds.yaml'] as const;
const missing = await missingTools(artifacts);
if (missing.length > 0) {
  console.log(`skipped: this machine lacks ${missing.join('; ')}`);
  console.log('0 passed, 0 failed, 1 skipped');
} else {
  await ensureArtifacts(artifacts);
  const codes: number[] = [];
  for (const story of ['story.ts', 'controller-story.ts']) codes.push(await runInside(join(import.meta.dirname, story)));
  process.exitCode = Math.max(...codes);
}
