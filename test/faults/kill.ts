/** What no server can help: a replica that dies without a word. Counted, so that everybody knows what it costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from '../bench/load.ts';
import { startAdmissions, startBaselines } from './admissions.ts';
import type { Fleet } from './fleet.ts';
import { branchPolicies, untilEarned, type Installation } from './installation.ts';
import type { Site } from './site.ts';
import { counted, expectNone, failed, type Trial } from './trial.ts';

/** How long the endpoint of a dead pod stays: less than three failed probes, 10 s apart, would take. */
const endpointLagMs = 3000;

/** Kills one of two replicas under load, takes its endpoint away a little later, adds another. */
export async function tryKill(site: Pick<Site, 'box'>, fleet: Fleet): Promise<readonly Trial[]> {
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
    counted(
      'kill -9 of one of two replicas',
      lost,
      `its endpoint stays for ${endpointLagMs / 1000} s: ${Math.round((failed(lost) * 100) / lost.requests)} % of ${endpointLagMs / 1000 + 2} s fail`,
    ),
    expectNone('after that: its endpoint is gone, another replica comes', await after.stop(), ''),
  ];
}

/** Kills every replica of an installation: who waits for us, who does not, and what stands when nobody waits. */
export async function tryKillAll(installation: Installation): Promise<readonly Trial[]> {
  const { box, fleet } = installation;
  const dead = fleet.replicas();
  await Promise.all(dead.map((replica) => replica.process.kill()));
  for (const replica of dead) await fleet.remove(replica);
  const earned = await branchPolicies(box);
  const underFail = await bothLoads(installation);
  for (const kind of ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration']) {
    await box.kubectl([
      'patch',
      kind,
      'branchline',
      '--type=json',
      '-p',
      JSON.stringify([{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }]),
    ]);
  }
  await sleep(1000);
  const underIgnore = await bothLoads(installation);
  for (let index = 0; index < dead.length; index += 1) await fleet.add();
  await untilEarned(installation);
  const load = startAdmissions(box);
  await sleep(2000);
  const after = await load.stop();
  return [
    allRefused(
      'kill -9 of all, failurePolicy Fail: branches',
      underFail.branches,
      'failed calling webhook',
      earned === 'FailFail' ? [] : [`the policies were ${earned}`],
    ),
    expectNone('kill -9 of all, failurePolicy Fail: baselines', underFail.baselines, 'admitted as they are'),
    allRefused(
      'kill -9 of all, failurePolicy Ignore: branches',
      underIgnore.branches,
      'does not answer at the moment',
    ),
    expectNone(
      'kill -9 of all, failurePolicy Ignore: baselines',
      underIgnore.baselines,
      'admitted as they are',
    ),
    expectNone('after that: replicas come and earn Fail again', after, ''),
  ];
}

async function bothLoads({
  box,
}: Installation): Promise<{ readonly branches: LoadResult; readonly baselines: LoadResult }> {
  const [branches, baselines] = [startAdmissions(box), startBaselines(box)];
  await sleep(2000);
  return { branches: await branches.stop(), baselines: await baselines.stop() };
}

/** A branch that nobody labels would take its baseline's traffic: that none is admitted is what must be. */
function allRefused(what: string, load: LoadResult, by: string, problems: readonly string[] = []): Trial {
  const refused = [...load.failures]
    .filter(([reason]) => reason.includes(by))
    .reduce((sum, [, times]) => sum + times, 0);
  return counted(
    what,
    load,
    `refused: "${by}"`,
    refused === load.requests
      ? problems
      : [...problems, `${load.requests - refused} of ${load.requests} were not refused with "${by}"`],
  );
}
