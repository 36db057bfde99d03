/** Hooks into everything, each hook on its own: one that cannot be placed leaves the others. */
import { attempt } from './context.ts';
import type { Config } from './config.ts';
import { hookGrpc } from './grpc.ts';
import { hookHttp2Clients } from './http2-client.ts';
import { hookHttpClients } from './http-client.ts';
import { hookServers } from './inbound.ts';
import { hookModules } from './modules.ts';
import { hookQueues } from './queues.ts';
import { createUndiciHook } from './undici.ts';

/** Hooks the process. Call once. */
export function install(config: Config): void {
  let hookUndici: ReturnType<typeof createUndiciHook> | undefined;
  const hooks = [
    () => { hookServers(config); },
    () => { hookHttpClients(config); },
    () => { hookHttp2Clients(config); },
    () => { hookUndici = createUndiciHook(config); },
    () => {
      hookModules((exports, load) => {
        hookUndici?.(exports);
        hookGrpc(exports, config, load);
        hookQueues(exports, config);
      });
    },
  ];
  hooks.forEach(attempt);
}
