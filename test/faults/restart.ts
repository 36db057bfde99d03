/** Graceful restarts, as a Deployment does them: the new replica is ready first, then the old one is told to go while requests still reach it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../bench/connection.ts';
import { startSteadyLoad } from '../bench/load.ts';
import { reviewOf } from '../bench/reviews.ts';
import { startAdmissions } from './admissions.ts';
import type { Fleet } from './fleet.ts';
import type { Replica } from './replica.ts';
import type { Site } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

/** How long the API server goes on using a replica that was told to stop: SIGTERM and the removal of the endpoint start at the same time in a cluster. */
const endpointLagMs = 1000;
/** The kubelet kills what is still there. @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination */
const graceMs = 30_000;

/** Which replicas restart how often. */
export interface Rolling {
  readonly what: string;
  readonly times: number;
  readonly flags: readonly string[];
  readonly perSecond?: number;
}

/** Tries rolling restarts under load: with the settings' own drain, and often with a short one. */
export async function tryRestarts(site: Site, fleet: Fleet): Promise<readonly Trial[]> {
  return [
    await roll(site, fleet, { what: 'both replicas restart, drain as by default', times: 1, flags: [] }),
    await roll(site, fleet, {
      what: 'both replicas restart, five times, drain of 2 s',
      times: 5,
      flags: ['--drain-seconds', '2'],
    }),
    await stopUnderDirectLoad(site),
  ];
}

/** Restarts all under load. Those that come with these flags also go with them, so one more restart than is counted comes first. */
export async function roll(
  site: Pick<Site, 'box'>,
  fleet: Fleet,
  { what, times, flags, perSecond }: Rolling,
): Promise<Trial> {
  await fleet.replaceAll(flags);
  const load = startAdmissions(site.box, perSecond);
  await sleep(1000);
  const ends: Promise<End>[] = [];
  for (let time = 0; time < times; time += 1) {
    for (const old of fleet.replicas()) {
      await fleet.add(flags);
      ends.push(
        end(old, async () => {
          await fleet.remove(old);
        }),
      );
      await sleep(endpointLagMs * 1.5);
    }
  }
  const ended = await Promise.all(ends);
  await sleep(500);
  const result = await load.stop();
  const slowest = Math.max(...ended.map(({ milliseconds }) => milliseconds));
  const problems = ended.filter(({ how }) => how !== 0).map(({ how }) => `a replica ended with ${how}`);
  return expectNone(
    what,
    result,
    `${Math.round(result.requests / result.seconds)}/s; ${ended.length} replicas; requests for ${endpointLagMs / 1000} s after SIGTERM; all gone ${Math.round(slowest)} ms after it`,
    slowest > graceMs ? [...problems, 'too slow'] : problems,
  );
}

interface End {
  readonly how: number | string;
  readonly milliseconds: number;
}

async function end(old: Replica, removeEndpoint: () => Promise<void>): Promise<End> {
  const signalled = performance.now();
  old.process.signal('SIGTERM');
  await sleep(endpointLagMs);
  await removeEndpoint();
  const how = await Promise.race([old.process.ended, sleep(graceMs, 'no end within 30 s')]);
  return { how, milliseconds: performance.now() - signalled };
}

const directPerSecond = 150;
const directConnections = 50;

/** Without the API server between: a client that keeps its connections and is faster than any API server, until shortly before the end of the drain. */
async function stopUnderDirectLoad(site: Site): Promise<Trial> {
  const drainSeconds = 2;
  const replica = await site.startReplica('--drain-seconds', String(drainSeconds));
  const request = post('/mutate/workloads?timeout=5s', reviewOf('branch', 8192));
  const load = startSteadyLoad(
    { endpoint: replica.endpoint, request, connections: directConnections },
    directPerSecond,
  );
  await sleep(2000);
  const signalled = performance.now();
  replica.process.signal('SIGTERM');
  await sleep(drainSeconds * 1000 - 100);
  const result = await load.stop();
  const how = await replica.process.ended;
  return expectNone(
    `SIGTERM under ${directPerSecond} reviews/s of one client with kept connections`,
    result,
    `gone ${Math.round(performance.now() - signalled)} ms after SIGTERM, exit code ${how}`,
    how === 0 ? [] : [`it ended with ${how}`],
  );
}
