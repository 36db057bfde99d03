/** An API server that goes away and comes back: what it asks us afterwards is answered, and we learn again what happens in the cluster. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openConnection } from '../bench/connection.ts';
import { apiEndpoint, branchDeployment, creation, judgeBranch, startAdmissions } from './admissions.ts';
import type { Fleet } from './fleet.ts';
import { send } from './service.ts';
import { tenantNamespace, type Site } from './site.ts';
import { expectNone, type Trial } from './trial.ts';

/** Restarts it under load. Requests that did not get as far as a webhook are not counted as failed. */
export async function tryApiServer(site: Site, fleet: Fleet): Promise<readonly Trial[]> {
  const load = startAdmissions(site.box);
  await sleep(1500);
  await site.box.restartApiServer();
  await sleep(4000);
  const result = await load.stop();
  const isOurs = ([reason]: readonly [string, number]): boolean =>
    reason.includes('webhook') || reason.includes('our label');
  const ours = new Map([...result.failures].filter(isOurs));
  const away = [...result.failures]
    .filter((entry) => !isOurs(entry))
    .reduce((sum, [, times]) => sum + times, 0);
  const unready = (await Promise.all(fleet.replicas().map((replica) => replica.plain('/readyz')))).filter(
    ({ status }) => status !== 200,
  );
  return [
    expectNone(
      'API server restart (SIGKILL)',
      { requests: result.requests - away, failures: ours },
      `${away} more found no API server`,
      unready.map(({ text }) => `a replica is ${text}`),
    ),
    await learnAgain(site),
  ];
}

const learnMs = 30_000;

/** A Service that is new since the restart is known when its first branch comes. */
async function learnAgain({ box, api }: Site): Promise<Trial> {
  const app = 'late';
  const baseline = { ...branchDeployment(app), metadata: { name: app } };
  await send(api, 'POST', `/api/v1/namespaces/${tenantNamespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app },
    spec: { selector: { app }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  await send(api, 'POST', `/apis/apps/v1/namespaces/${tenantNamespace}/deployments`, baseline);
  const started = performance.now();
  const connection = await openConnection(apiEndpoint(box));
  const request = creation(box, tenantNamespace, branchDeployment(app));
  let reason = judgeBranch(await connection.send(request));
  while (reason !== undefined && performance.now() - started < learnMs) {
    await sleep(100);
    reason = judgeBranch(await connection.send(request));
  }
  connection.close();
  const milliseconds = Math.round(performance.now() - started);
  return expectNone(
    'after that: a branch of a Service that is new',
    { requests: 1, failures: new Map(reason === undefined ? [] : [[reason, 1]]) },
    `admitted ${milliseconds} ms after the Service and its baseline were made`,
  );
}
