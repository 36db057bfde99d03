/**
 * What must not cost an admission, tried on a real API server: `npm run test:faults`. Restarts, certificates and idle connections must cost none; what a
 * replica's sudden death costs is counted. Takes some three minutes. Exit code 0 also when the machine cannot run a cluster, with the reason.
 */
import { ensureArtifacts } from '../box/binaries.ts';
import { runInside } from '../box/inside.ts';
import { missingTools } from '../box/missing-tools.ts';
import { isInside } from '../box/network.ts';
import { clusterArtifacts } from '../box/recipes.ts';
import { toTable } from '../bench/table.ts';
import { untilAdmitted } from './admissions.ts';
import { tryApiServer } from './api-server.ts';
import { tryCertificates } from './certificate.ts';
import { createFleet } from './fleet.ts';
import { startIdling } from './idle.ts';
import { tryKill } from './kill.ts';
import { tryRestarts } from './restart.ts';
import { createService } from './service.ts';
import { startSite } from './site.ts';
import { failed, isPassed, type Trial } from './trial.ts';

async function story(): Promise<void> {
  const site = await startSite();
  try {
    const fleet = createFleet(site, await createService(site.api, 'branchline', [{ name: 'https', port: 443 }]));
    await fleet.add();
    await fleet.add();
    await untilAdmitted(site.box);
    const idling = await startIdling(site); // most of the time that it takes is waiting, on replicas of its own
    const trials = [...await tryRestarts(site, fleet), ...await tryCertificates(site, fleet), ...await tryKill(site, fleet), ...await idling.finish(), ...await tryApiServer(site, fleet)];
    report(trials);
  } finally {
    await site.close();
  }
}

function report(trials: readonly Trial[]): void {
  const rows = trials.map((trial) => ({ 'what was tried': trial.what, requests: trial.requests, failed: failed(trial), '': verdict(trial), notes: trial.notes }));
  console.log(toTable('Admissions while things go wrong', rows));
  for (const { what, failures, problems } of trials) {
    for (const [reason, times] of failures) console.log(`${what}: ${times} × ${reason}`);
    for (const problem of problems) console.log(`${what}: ${problem}`);
  }
  const passed = trials.filter(isPassed).length;
  console.log(`\n${passed} passed, ${trials.length - passed} failed`);
  process.exitCode = passed === trials.length ? 0 : 1;
}

function verdict(trial: Trial): string {
  if (!isPassed(trial)) return 'FAILED';
  return trial.expected === 'counted' ? 'counted' : 'ok';
}

async function main(): Promise<void> {
  if (isInside()) return story();
  const missing = await missingTools(clusterArtifacts);
  if (missing.length > 0) {
    console.log(`skipped, since this machine lacks:\n${missing.join('\n')}\n\n0 passed, 0 failed`);
    return;
  }
  await ensureArtifacts(clusterArtifacts);
  process.exitCode = await runInside(import.meta.filename);
}

await main();
