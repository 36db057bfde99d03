/**
 * What must not cost an admission or a request, tried on a real API server and real Envoys: `npm run test:faults`, or `node test/faults/main.ts rotation upgrade …` after a build for some of it. What must
 * cost none is checked, what a sudden death costs is counted. Exit code 0 also when the machine cannot run a cluster, with the reason.
 */
import { join } from 'node:path';
import { ensureArtifacts } from '../box/binaries.ts';
import { runInside } from '../box/inside.ts';
import { missingTools } from '../box/missing-tools.ts';
import { clusterArtifacts, meshArtifacts } from '../box/recipes.ts';

/** Each run is a cluster of its own; its parts, in order. */
const runs: Readonly<Record<string, readonly string[]>> = {
  'example-run.ts': ['restarts', 'certificates', 'clients', 'kill', 'idle', 'api-server'],
  'chart-run.ts': ['rolling', 'rotation', 'upgrade', 'clock', 'kill-all', 'uninstall'],
  'routes.ts': ['routes'],
  'scale.ts': ['scale'],
};
const artifacts = [...clusterArtifacts, ...meshArtifacts, 'helm'] as const;

const wanted = process.argv.slice(2);
const known = Object.values(runs).flat();
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; there are ${known.join(', ')}`);

const missing = await missingTools(artifacts);
if (missing.length > 0) {
  console.log(`skipped, since this machine lacks:\n${missing.join('\n')}\n\n0 passed, 0 failed`);
} else {
  await ensureArtifacts(artifacts);
  for (const [script, all] of Object.entries(runs)) {
    const parts = wanted.length === 0 ? all : all.filter((name) => wanted.includes(name));
    if (parts.length > 0)
      process.exitCode = Math.max(
        Number(process.exitCode ?? 0),
        await runInside(join(import.meta.dirname, script), parts),
      );
  }
}
