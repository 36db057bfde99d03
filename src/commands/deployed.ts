/** What was deployed, and where it is reached. */
import type { Settings } from '../config/settings.ts';
import type { Branch } from '../model/branch.ts';
import type { JsonObject } from '../model/json.ts';
import type { Service } from '../model/kubernetes.ts';
import type { Io } from './io.ts';

/** A service, its branch's manifest, and where it will be reached. */
export interface Deployed {
  readonly service: Service;
  readonly object: JsonObject;
  readonly url: string | undefined;
}

/** Where the branch is reached, a line a service. */
export function sayAddresses(
  deployed: readonly Deployed[],
  branch: Branch,
  { routingHeader }: Settings,
  io: Io,
): void {
  for (const { url, service } of deployed)
    io.out(`${url ?? `${routingHeader}: ${branch.id} (${service.name} is not public)`}\n`);
}
