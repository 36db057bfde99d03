/**
 * `npm run box`: makes once what the tests run against (recipes.ts) and keeps it outside the checkout, so that `npm test` finds helm
 * and the CRDs there. Leaves out, and says why, what this machine has no tools to make. Ends with one line for all of it.
 */
import { ensureArtifacts } from './binaries.ts';
import { missingBuildTools } from './missing-tools.ts';
import { recipes } from './recipes.ts';
import type { Artifact } from './recipes.ts';

type Outcome = 'made' | 'failed' | 'skipped';

const outcomes = new Set<Outcome>();
for (const name of Object.keys(recipes) as Artifact[]) outcomes.add(await make(name));
if (outcomes.has('failed')) console.log('0 passed, 1 failed');
else if (outcomes.has('skipped')) console.log('0 passed, 0 failed, 1 skipped');
else console.log('1 passed, 0 failed');
process.exitCode = outcomes.has('failed') ? 1 : 0;

async function make(name: Artifact): Promise<Outcome> {
  const missing = await missingBuildTools([name]);
  if (missing.length > 0) {
    console.log(`${name}: skipped: this machine lacks ${missing.join('; ')}`);
    return 'skipped';
  }
  try {
    const { [name]: path } = await ensureArtifacts([name], console.log);
    console.log(`${name}: ${path}`);
    return 'made';
  } catch (error) {
    console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return 'failed';
  }
}
