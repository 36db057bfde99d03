/** Admissions through the real API server: creations of Deployments that are not carried out (`dryRun=All`), at a steady rate on kept connections. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { textAt } from '../../src/model/json.ts';
import { openConnection, post, type Endpoint, type Response } from '../bench/connection.ts';
import { startSteadyLoad, type SteadyLoad } from '../bench/load.ts';
import { boxAddress } from '../box/network.ts';
import { apiPort } from '../box/programs.ts';
import type { Box } from '../box/start.ts';
import type { Replica } from './replica.ts';
import { tenantNamespace } from './site.ts';

/** Creations a second; each is two calls of a webhook, one to mutate and one to validate. */
const creationsPerSecond = 50;
const connections = 30;

/** Starts creating the branch OPS-1234 of an example's service again and again. One that comes back without our label is a failure, too. */
export function startAdmissions(box: Box, perSecond = creationsPerSecond): SteadyLoad {
  const request = creation(box, tenantNamespace, branchDeployment('fact-find-ui'));
  return startSteadyLoad({ endpoint: apiEndpoint(box), request, connections, judge: judgeBranch }, perSecond);
}

/** Starts creating a baseline again and again, which is admitted whether or not anybody answers for us. */
export function startBaselines(box: Box, perSecond = creationsPerSecond): SteadyLoad {
  const object = branchDeployment('fact-find-ui') as { metadata: object };
  const request = creation(box, tenantNamespace, { ...object, metadata: { name: 'another-baseline' } });
  return startSteadyLoad(
    { endpoint: apiEndpoint(box), request, connections, judge: judgeCreated },
    perSecond,
  );
}

/** Returns how to reach the API server. */
export function apiEndpoint(box: Box): Endpoint {
  return { host: boxAddress, port: apiPort, ca: readFileSync(box.caFile, 'utf8') };
}

/** Returns the bytes of a request that creates a Deployment, but not really. */
export function creation(box: Box, namespace: string, object: object): Buffer {
  return post(
    `/apis/apps/v1/namespaces/${namespace}/deployments?dryRun=All`,
    Buffer.from(JSON.stringify(object)),
    { authorization: `Bearer ${box.token}` },
  );
}

/** Returns a copy of a service's manifest that declares a branch. */
export function branchDeployment(service: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${service}-ops-1234`, annotations: { 'branchline.dev/branch': 'OPS-1234' } },
    spec: {
      selector: { matchLabels: { app: service } },
      template: {
        metadata: { labels: { app: service, version: 'master' } },
        spec: {
          containers: [
            {
              name: 'app',
              image: `registry.example.io/${service}:OPS-1234`,
              ports: [{ containerPort: 8080 }],
            },
          ],
        },
      },
    },
  };
}

/** Says why a creation failed, or came back unmutated. */
export function judgeBranch(response: Response): string | undefined {
  const reason = judgeCreated(response);
  if (reason !== undefined) return reason;
  return textAt(JSON.parse(response.body.toString()), 'spec', 'template', 'metadata', 'labels', 'version') ===
    'OPS-1234'
    ? undefined
    : 'admitted without our label';
}

/** Says why a creation failed, in words that are the same for the same reason. */
export function judgeCreated({ status, body }: Response): string | undefined {
  if (status === 201) return undefined;
  return `${status}: ${messageOf(body.toString()).replaceAll(/10\.99\.\d+\.\d+:\d+/g, 'ADDRESS')}`;
}

function messageOf(text: string): string {
  try {
    return textAt(JSON.parse(text), 'message') ?? text;
  } catch {
    return text;
  }
}

/** Returns how many reviews a replica has answered so far. */
export async function reviewsOf(replica: Replica): Promise<number> {
  const { text } = await replica.plain('/metrics');
  return [...text.matchAll(/^branchline_webhook_requests_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
}

const askedMs = 15_000;

/** Resolves when a branch is admitted with our label: the API server follows its configurations and endpoints with a delay. @throws Error with what it says instead. */
export async function untilAdmitted(box: Box): Promise<void> {
  const request = creation(box, tenantNamespace, branchDeployment('fact-find-ui'));
  const connection = await openConnection(apiEndpoint(box));
  const deadline = performance.now() + askedMs;
  for (
    let reason = judgeBranch(await connection.send(request));
    reason !== undefined;
    reason = judgeBranch(await connection.send(request))
  ) {
    if (performance.now() > deadline) throw new Error(`no branch is admitted: ${reason}`);
    await sleep(50);
  }
  connection.close();
}
