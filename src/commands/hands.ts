/** What commands do to a cluster, by the rights of whoever runs them: endings, Events, and the words about them. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from '../cluster/client.ts';
import { ApiError } from '../cluster/api-server.ts';
import { ClusterError } from '../cluster/port.ts';
import type { Settings } from '../config/settings.ts';
import { carryOut, type EndingSite, type Hands, type Outcome, type Telling } from '../controller/ending.ts';
import type { Life } from '../lifecycle/life.ts';
import { routesTo } from '../lifecycle/routed.ts';
import type { Decision } from '../lifecycle/sweep.ts';
import type { JsonObject } from '../model/json.ts';
import { snapshotOf, type Snapshot } from '../model/snapshot.ts';
import type { Io } from './io.ts';

/** Endings that are carried out at one time. */
const atOnce = 8;

/** A decision and what became of it. */
export interface Ended {
  readonly decision: Decision;
  readonly outcome: Outcome | { readonly did: 'failed'; readonly note: string };
}

/** What an ending needs to know besides the decisions. */
export interface Ending {
  readonly client: Client;
  readonly snapshot: Snapshot;
  readonly settings: Settings;
  readonly force: boolean;
}

/** Carries out decisions, several at a time; one that fails does not stop the others. */
export async function carryOutAll(
  decisions: readonly Decision[],
  ending: Ending,
  io: Io,
): Promise<readonly Ended[]> {
  const site = siteOf(ending, io);
  const results: Ended[] = [];
  for (let start = 0; start < decisions.length; start += atOnce) {
    results.push(
      ...(await Promise.all(
        decisions.slice(start, start + atOnce).map((decision) => attempt(decision, site)),
      )),
    );
  }
  return results;
}

async function attempt(decision: Decision, site: EndingSite): Promise<Ended> {
  try {
    return { decision, outcome: await carryOut(decision, site) };
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return { decision, outcome: { did: 'failed', note: error.message } };
  }
}

function siteOf({ client, snapshot, settings, force }: Ending, io: Io): EndingSite {
  const hands: Hands = {
    read: client.read,
    patch: client.patch,
    remove: client.remove,
    tell: (life, telling) => tell(client, life, telling),
    isRouted: (life) => isRouted(client, life, snapshot, settings),
  };
  const sleep = (milliseconds: number): Promise<void> =>
    wait(milliseconds, undefined, { signal: io.stop }).catch(() => undefined);
  return { hands, settings, force, now: Date.now, sleep, stopped: () => io.stop.aborted };
}

/** Events are words: whoever may not write them may still end a branch. */
async function tell(client: Client, life: Life, telling: Telling): Promise<void> {
  await client.create(eventOf(life, telling, new Date())).catch((error: unknown) => {
    if (!(error instanceof ClusterError)) throw error;
  });
}

function eventOf({ workload }: Life, { type, reason, note }: Telling, now: Date): JsonObject {
  const { kind, namespace, name, uid } = workload;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: {
      namespace,
      name: `${name.slice(0, 200)}.${(now.getTime() * 1000 + Math.floor(Math.random() * 1000)).toString(16)}`,
    },
    eventTime: now.toISOString().replace('Z', '000Z'),
    reportingController: 'branchline.dev/cli',
    reportingInstance: 'branchline',
    action: reason,
    reason,
    type,
    note: note.slice(0, 1024),
    regarding: {
      apiVersion: kind === 'Rollout' ? 'argoproj.io/v1alpha1' : 'apps/v1',
      kind,
      namespace,
      name,
      ...(uid === '' ? {} : { uid }),
    },
  };
}

/** Looks at the route objects as they are now; undefined for who may not read them. */
async function isRouted(
  client: Client,
  life: Life,
  snapshot: Snapshot,
  settings: Settings,
): Promise<boolean | undefined> {
  const { namespace } = life.workload;
  const objects: JsonObject[] = [];
  const read = (kind: string): Promise<void> =>
    client.list(
      { kind, namespace, labelSelector: 'app.kubernetes.io/managed-by=branchline' },
      (object) => void objects.push(object),
    );
  try {
    await Promise.all([read('VirtualService'), read('DestinationRule')]);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    return undefined;
  }
  const { virtualServices, destinationRules } = snapshotOf(objects);
  return routesTo(life, { ...snapshot, virtualServices, destinationRules }, settings).length > 0;
}
