/** What no server can help: a replica that dies without a word. Counted, so that everybody knows what it costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startAdmissions } from './admissions.ts';
import type { Fleet } from './fleet.ts';
import type { Site } from './site.ts';
import { expectNone, failed, type Trial } from './trial.ts';

/** How long the endpoint of a dead pod stays: less than three failed probes, 10 s apart, would take. */
const endpointLagMs = 3000;

/** Kills one of two replicas under load, takes its endpoint away a little later, adds another. */
export async function tryKill(site: Site, fleet: Fleet): Promise<readonly Trial[]> {
  const [victim] = fleet.replicas();
  if (victim === undefined) throw new Error('no replica');
  const during = startAdmissions(site.box);
  await sleep(2000);
  await victim.process.kill();
  await sleep(endpointLagMs);
  const lost = await during.stop();
  await fleet.remove(victim);
  await sleep(200);
  const after = startAdmissions(site.box);
  await sleep(1500);
  await fleet.add();
  await sleep(1500);
  return [
    { what: 'kill -9 of one of two replicas', ...lost, expected: 'counted', notes: `its endpoint stays for ${endpointLagMs / 1000} s: ${Math.round((failed(lost) * 100) / lost.requests)} % of ${(endpointLagMs / 1000 + 2)} s fail`, problems: [] },
    expectNone('after that: its endpoint is gone, another replica comes', await after.stop(), ''),
  ];
}
