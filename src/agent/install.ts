/** Hooks into everything, each hook on its own: one that cannot be placed leaves the others. */
import { attempt } from './context.ts';
import type { Config } from './config.ts';
import { hookGrpc } from './grpc.ts';
import { hookHttp2Clients } from './http2-client.ts';
import { hookHttpClients } from './http-client.ts';
import { hookServers } from './inbound.ts';
import { hookModules } from './modules.ts';
import { hookChannels, hookKafka } from './queues.ts';
import { createUndiciHook } from './undici.ts';

/** Hooks the process. Call once. */
export function install(config: Config): void {
  for (const hook of [hookServers, hookHttpClients, hookHttp2Clients])
    attempt(() => {
      hook(config);
    });
  const hookUndici = attempt(() => createUndiciHook(config));
  attempt(() => {
    hookModules((exports, load) => {
      if (hookUndici) hookUndici(exports);
      hookGrpc(exports, config, load);
      hookChannels(exports, config);
      hookKafka(exports, config);
    });
  });
}
